"""Instance masks as JSON of the COCO data set (https://cocodataset.org/#format-data)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import ndimage

from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.rle import encode_rle
from napari_sam2.io.tracked import TrackedLabels, compact_labels
from napari_sam2.version import __version__

_CATEGORY = {"id": 1, "name": "cell", "supercategory": "cell"}


def write_coco(
    path: str | os.PathLike[str], tracked: TrackedLabels, file_name: str = "frame{t:05d}.png"
) -> None:
    """Write an image per frame and an annotation per object and frame.

    Masks are run lengths, compressed as COCO's tools do it. Each annotation says in ``track_id``
    which object it is; ``tracks`` lists the objects with their mothers and names, which readers of
    plain COCO pass over.

    Parameters
    ----------
    path : path
        .json file.
    tracked : TrackedLabels
        Read one frame at a time, once; annotations are written as they come.
    file_name : str
        Name of the image of a frame, with ``{t}`` for the frame.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    length, height, width = tracked.shape
    images = [
        {"id": t + 1, "file_name": file_name.format(t=t), "height": height, "width": width,
         "frame": t}
        for t in range(length)
    ]  # fmt: skip
    head = {
        "info": {"description": f"napari-sam2 {__version__}", "version": "1.0"},
        "licenses": [],
        "categories": [_CATEGORY],
        "images": images,
    }
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "annotations": [')
        seen: set[int] = set()
        for number, annotation in enumerate(_annotations(tracked), start=1):
            seen.add(annotation["track_id"])
            file.write(",\n" if number > 1 else "\n")
            file.write(json.dumps({"id": number, **annotation}))
        tracks = [_track(object_id, tracked) for object_id in sorted(seen)]
        file.write(f'\n], "tracks": {json.dumps(tracks, ensure_ascii=False)}}}\n')


def _annotations(tracked: TrackedLabels) -> Iterator[dict[str, Any]]:
    for t, frame in enumerate(tracked.frames()):
        ids, compact = compact_labels(frame)
        for index, window in enumerate(ndimage.find_objects(compact), start=1):
            mask = np.zeros(frame.shape, bool)
            mask[window] = compact[window] == index
            rows, columns = window
            yield {
                "image_id": t + 1,
                "category_id": _CATEGORY["id"],
                "track_id": ids[index - 1],
                "segmentation": encode_rle(mask, compressed=True),
                "area": int(mask[window].sum()),
                "bbox": [
                    columns.start,
                    rows.start,
                    columns.stop - columns.start,
                    rows.stop - rows.start,
                ],
                "iscrowd": 0,
            }


def _track(object_id: int, tracked: TrackedLabels) -> dict[str, Any]:
    track: dict[str, Any] = {"id": object_id, "category_id": _CATEGORY["id"]}
    if object_id in tracked.parents:
        track["parent_id"] = tracked.parents[object_id]
    if tracked.names.get(object_id):
        track["name"] = tracked.names[object_id]
    return track
