"""Labels into a file, in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.images import image_scale
from napari_sam2.plugin.messages import ExportEnded, Report

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray


def start_export(
    number: int, image: Image, labels: NDArray[Any], path: Path, post: Callable[[Report], None]
) -> None:
    """Write labels as they are now, with the scale of their image; returns at once.

    Parameters
    ----------
    number : int
        Names the image in the report.
    image : Image
        Gives scale and units.
    labels : (T, Y, X) or (Y, X) array of integers
    path : Path
        File to write; an existing one is replaced when the new one is complete.
    post : callable
        Gets an `ExportEnded`, in another thread.
    """
    scale, units = tuple(image.scale), tuple(str(unit) for unit in image.units)

    def export() -> None:
        from napari_sam2.io.tiff import write_labels

        try:
            write_labels(path, labels.copy(), image_scale(scale, units))
        except Exception as error:  # the border of the thread
            post(ExportEnded(number, path, str(error) or type(error).__name__))
        else:
            post(ExportEnded(number, path))

    # not a daemon: the file gets complete even if the window is closed meanwhile
    threading.Thread(target=export, name="napari-sam2 export").start()
