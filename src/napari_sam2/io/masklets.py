"""Masklets of a movie as JSON, in the form of the SA-V data set, and their statistics.

A masklet is one object through all frames (paper §5). The keys are those of SA-V, so that its tools
read the files; ``masklet_object`` and ``masklet_verdict`` are added. Masks are run lengths as
pycocotools reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.rle import encode_rle

SMALL_PIXELS, MEDIUM_PIXELS = 32**2, 96**2  # limits of SA-V for the mean area of a masklet
Bucket = Literal["small", "medium", "large"]


@dataclass(frozen=True)
class MaskletSource:
    """An object of a project whose masks a person found satisfactory.

    Attributes
    ----------
    object_id : int
        Its value in the labels of the project.
    edited_frames : int
        Frames on which a person changed its mask.
    judged_by : str or None
        Who found it satisfactory; None if that is not known.
    judged_at : str or None
        When, in ISO 8601.
    """

    object_id: int
    edited_frames: int
    judged_by: str | None
    judged_at: str | None


@dataclass(frozen=True)
class Masklet:
    """Figures of one masklet.

    Attributes
    ----------
    source : MaskletSource
        The object.
    frames : int
        Frames of the movie.
    first : int
        First frame with a mask.
    masks : int
        Frames with a mask.
    area : float
        Mean area of its masks in pixels.
    area_share : float
        The same as a share of the image, 0..1.
    changes : int
        How often it appears or disappears after its first frame.
    """

    source: MaskletSource
    frames: int
    first: int
    masks: int
    area: float
    area_share: float
    changes: int

    @property
    def reappears(self) -> bool:
        """Whether it disappears and comes back, which is what the disappearance rate counts."""
        return self.changes > 1

    @property
    def bucket(self) -> Bucket:
        """Size as SA-V names it."""
        if self.area < SMALL_PIXELS:
            return "small"
        return "medium" if self.area < MEDIUM_PIXELS else "large"


def measure(labels: ArrayLike, sources: Sequence[MaskletSource]) -> tuple[Masklet, ...]:
    """Figures of the masklets of a movie.

    Parameters
    ----------
    labels : (T, Y, X) integers
        The object at place `k` of `sources` is labelled ``k + 1``. Read one frame at a time.
    sources : sequence of MaskletSource
        The objects.
    """
    length, height, width = labels.shape
    areas = np.zeros((length, len(sources) + 1), np.int64)
    for t in range(length):
        areas[t] = np.bincount(np.asarray(labels[t]).ravel(), minlength=len(sources) + 1)
    return tuple(
        _measured(source, area, height * width)
        for source, area in zip(sources, areas.T[1:], strict=True)
    )


def _measured(source: MaskletSource, areas: NDArray[np.int64], pixels: int) -> Masklet:
    is_there = areas > 0
    there = np.flatnonzero(is_there)
    area = float(areas[is_there].mean()) if len(there) else 0.0
    first = int(there[0]) if len(there) else 0
    changes = int(np.count_nonzero(np.diff(is_there[first:].astype(np.int8))))
    return Masklet(source, len(areas), first, len(there), area, area / pixels, changes)


def write_masklets(
    path: Path, video_id: str, labels: ArrayLike, masklets: Sequence[Masklet], **more: Any
) -> None:
    """Write the masklets of a movie.

    Parameters
    ----------
    path : Path
        .json file.
    video_id : str
        Name of the movie.
    labels : (T, Y, X) integers
        As in `measure`.
    masklets : sequence of Masklet
        Figures from `measure`.
    **more
        Further entries of the file.
    """
    length, height, width = (int(size) for size in labels.shape)
    head = {
        "video_id": video_id,
        "video_frame_count": length,
        "video_height": height,
        "video_width": width,
        "video_resolution": height * width,
        **more,
        **_columns(masklets),
    }
    with path.open("w", encoding="utf-8") as file:
        file.write(json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}"))
        file.write(',\n "masklet": [')
        for t, runs in enumerate(_runs(labels, len(masklets))):
            file.write(",\n" if t else "\n")
            file.write(json.dumps(runs))
        file.write("\n]\n}\n")


def _columns(masklets: Sequence[Masklet]) -> Mapping[str, Any]:
    """A list per figure, with an entry for each masklet, as SA-V has it."""
    sources = [masklet.source for masklet in masklets]
    return {
        "masklet_num": len(masklets),
        "masklet_id": list(range(len(masklets))),
        "masklet_object": [source.object_id for source in sources],
        "masklet_type": ["manual"] * len(masklets),
        "masklet_size_abs": [masklet.area for masklet in masklets],
        "masklet_size_rel": [masklet.area_share for masklet in masklets],
        "masklet_size_bucket": [masklet.bucket for masklet in masklets],
        "masklet_visibility_changes": [masklet.changes for masklet in masklets],
        "masklet_first_appeared_frame": [masklet.first for masklet in masklets],
        "masklet_frame_count": [masklet.frames for masklet in masklets],
        "masklet_edited_frame_count": [source.edited_frames for source in sources],
        "masklet_verdict": [{"by": s.judged_by, "at": s.judged_at} for s in sources],
    }


def _runs(labels: ArrayLike, count: int) -> Iterator[list[dict[str, Any]]]:
    """Run lengths of all masklets on each frame; a masklet that is not visible is empty."""
    for t in range(labels.shape[0]):
        frame = np.asarray(labels[t])
        nothing = encode_rle(np.zeros(frame.shape, bool), compressed=True)
        there = set(np.unique(frame).tolist())
        yield [
            encode_rle(frame == k, compressed=True) if k in there else nothing
            for k in range(1, count + 1)
        ]


def statistics(masklets: Iterable[Masklet]) -> dict[str, Any]:
    """Figures of a data set: counts, disappearance rate and sizes.

    Returns
    -------
    dict
        ``disappearance_rate`` is the share of masklets that disappear on at least one frame and
        come back (paper §5.2); areas are means of masklets in pixels. Values that do not exist are
        None.
    """
    all_of_them = list(masklets)
    areas = [masklet.area for masklet in all_of_them]
    buckets = [masklet.bucket for masklet in all_of_them]
    masks = sum(masklet.masks for masklet in all_of_them)
    edited = sum(masklet.source.edited_frames for masklet in all_of_them)
    return {
        "masklets": len(all_of_them),
        "masks": masks,
        "disappearance_rate": _share(sum(m.reappears for m in all_of_them), len(all_of_them)),
        "area_percentiles": {
            str(share): float(np.percentile(areas, share)) if areas else None
            for share in (10, 50, 90)
        },
        "sizes": {name: buckets.count(name) for name in ("small", "medium", "large")},
        "edited_frames": edited,
        "edited_share": _share(edited, masks),
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
