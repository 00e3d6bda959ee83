"""The lanes as a picture file: all lanes that are listed, not only those on the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtSvg import QSvgGenerator

from napari_sam2.io.atomic import atomic_path
from napari_sam2.plugin.widgets.lane_paint import ROW, RULER

if TYPE_CHECKING:
    from napari_sam2.plugin.widgets.lanes_view import LanesView

PICTURE_WIDTH = 1200  # of the names and the lanes together, in pixels
PICTURE_SCALE = 2  # pixels of a PNG for each pixel of the screen, so that text prints well
TALLEST = 30_000  # pixels of a PNG; Qt paints no further than 32767
PICTURE_FILTERS = "PNG image (*.png);;SVG drawing (*.svg)"


def save_picture(view: LanesView, path: str | Path) -> None:
    """Write the listed lanes with names, divisions and ruler as PNG or SVG.

    Parameters
    ----------
    view : LanesView
        Its lanes are drawn over all frames, in the order in which they are listed.
    path : path
        Ends with ``.png`` or ``.svg``.

    Raises
    ------
    ValueError
        If the name ends otherwise.
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".svg"):
        raise ValueError(f"the name of a picture ends with .png or .svg; got {path.name}")
    drawn = view.copy()
    drawn.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    drawn.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    drawn.resize(PICTURE_WIDTH, RULER + ROW * max(1, view.lanes_listed))
    with atomic_path(path) as temporary:
        write = _write_svg if path.suffix.lower() == ".svg" else _write_png
        write(drawn, temporary)
    drawn.deleteLater()


def _write_svg(view: LanesView, path: Path) -> None:
    drawing = QSvgGenerator()
    drawing.setFileName(str(path))
    drawing.setSize(view.size())
    drawing.setViewBox(view.rect())
    drawing.setTitle("Cells over time")
    painter = QPainter()
    if not painter.begin(drawing):
        raise OSError(f"cannot write {path}")
    view.render(painter)
    painter.end()


def _write_png(view: LanesView, path: Path) -> None:
    scale = min(PICTURE_SCALE, TALLEST / view.height())
    size = QSize(round(view.width() * scale), round(view.height() * scale))
    image = QImage(size, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(scale)
    view.render(image)
    if not image.save(str(path), "PNG"):
        raise OSError(f"cannot write {path}")
