"""A result into a file, in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.layers.source_image import data_of, scale_source
from napari_sam2.plugin.protocol.messages import ExportEnded, Report

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_sam2.annotation import AnnotatedObject


def start_export(
    number: int,
    images: list[Image],
    labels: NDArray[Any],
    objects: Mapping[int, AnnotatedObject],
    path: Path,
    post: Callable[[Report], None],
) -> None:
    """Write labels as they are now, with the scale of their image; returns at once.

    Parameters
    ----------
    number : int
        Names the image in the report.
    images : list of Image
        The image, whose layer or file gives axes and scale, and others of the same shape; all are
        measured.
    labels : (T, Y, X) or (Y, X) array of integers
    objects : mapping of int to AnnotatedObject
        Give names and mothers; rejected objects are not written.
    path : Path
        File or folder to write, in the format that its name stands for; an existing one is replaced
        when the new one is complete.
    post : callable
        Gets an `ExportEnded`, in another thread.
    """
    scale = scale_source(images[0])
    channels = {image.name: data_of(image) for image in images}

    def export() -> None:
        from napari_sam2.io.exports import write_export
        from napari_sam2.io.tracked import TrackedLabels, rejected_ids

        try:
            tracked = TrackedLabels.of_objects(labels.copy(), objects, scale.read(), channels)
            write_export(path, tracked)
        except Exception as error:  # the border of the thread
            post(ExportEnded(number, path, str(error) or type(error).__name__))
        else:
            post(ExportEnded(number, path, left_out=len(rejected_ids(objects))))

    # not a daemon: the file gets complete even if the window is closed meanwhile
    threading.Thread(target=export, name="napari-sam2 export").start()
