"""Open a project in napari: add its image as a layer, and dock the panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import napari
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox

from napari_sam2.io.project.images import FoundImage, ImageMovedError, find_image
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.selection import IN_3D, Selection
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.plugin.layers.image_axes import PART
from napari_sam2.plugin.layers.source_image import FILE_PART, FILE_PATHS, IMAGE_PATH, PROJECT
from napari_sam2.plugin.napari_io.layer_data import keeps_frames, layer_scale, volume_layer_scale
from napari_sam2.plugin.widgets.save_box import SaveBox

if TYPE_CHECKING:
    from napari_sam2.io.project.manifest import Manifest
    from napari_sam2.plugin.napari_io.layer_data import LayerData

PANEL = "SAM 2"


def opened_image(folder: str) -> LayerData:
    """Image layer of a project, with the project folder in its metadata.

    If the image was moved, a dialog asks the user for its new location.

    Parameters
    ----------
    folder : str
        Folder of the project.

    Raises
    ------
    ValueError
        If the project is damaged, or the image is not the image of the project.
    OSError
        If the image or the project cannot be read.
    """
    path = Path(folder)
    manifest = read_manifest(path)
    found = _find(path, manifest)
    image = manifest.image
    data, scale = found.data, layer_scale(found.scale, len(image.axes.replace("C", "")))
    part: dict[str, Any] = {}
    if image.planes > 1:  # the layer has the volumes, of which the project has all planes
        data, scale = found.data.whole, volume_layer_scale(VolumeScale.of_planes(found.scale))
        part = {PART: Selection("TZYX", z=IN_3D)}
    options: dict[str, Any] = {
        "name": image.name,
        "rgb": image.rgb,
        "cache": keeps_frames(found.path),
        "metadata": {
            PROJECT: str(path.absolute()),
            IMAGE_PATH: str(found.path),
            FILE_PART: found.movie.selection,
            **part,
            **({FILE_PATHS: tuple(map(str, found.paths))} if found.paths else {}),
        },
        **scale,
    }
    if image.has_user_contrast:
        options["contrast_limits"] = image.contrast_limits
    return data, options, "image"


def _find(folder: Path, manifest: Manifest) -> FoundImage:
    try:
        return find_image(folder, manifest)
    except ImageMovedError as error:
        path = ask_for_image(str(error), folder.parent)
        if path is None:
            raise
        return find_image(folder, manifest, path)


def ask_for_image(why: str, folder: Path) -> Path | None:
    """Ask the user for the location of an image; None without a window or an answer."""
    if QApplication.instance() is None:
        return None
    kind = ask_kind(f"{why}.\n\nDo you want to locate the image?")
    parent, name = QApplication.activeWindow(), ""
    if kind == "file":
        name, _ = QFileDialog.getOpenFileName(parent, "Locate the image", str(folder))
    elif kind == "folder":
        name = QFileDialog.getExistingDirectory(parent, "Locate the image", str(folder))
    return Path(name) if name else None


def ask_kind(text: str) -> Literal["file", "folder"] | None:
    """Ask whether the user will choose a file or a folder, such as zarr; None for neither."""
    box = QMessageBox(QApplication.activeWindow())
    box.setWindowTitle(PANEL)
    box.setText(text)
    file = box.addButton("File…", QMessageBox.ButtonRole.AcceptRole)
    folder = box.addButton("Folder or zarr…", QMessageBox.ButtonRole.AcceptRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.exec()
    if box.clickedButton() is file:
        return "file"
    return "folder" if box.clickedButton() is folder else None


def let_panel_open(folder: str) -> bool:
    """Let the panel of the viewer open a project; returns whether there is a panel."""
    viewer = napari.current_viewer()
    if viewer is None or QApplication.instance() is None:
        return False
    docked = [widget.findChild(SaveBox) for widget in viewer.window.dock_widgets.values()]
    box = next((one for one in docked if one is not None and one.isVisible()), None)
    if box is None:
        return False
    QTimer.singleShot(0, lambda: box.recent_chosen.emit(folder))
    return True


def show_panel() -> None:
    """Dock the panel after napari has added the layer, unless the panel is docked already."""
    viewer = napari.current_viewer()
    if viewer is not None and QApplication.instance() is not None:
        QTimer.singleShot(0, lambda: _dock(viewer))


def _dock(viewer: napari.Viewer) -> None:
    if not any(PANEL in name for name in viewer.window.dock_widgets):
        viewer.window.add_plugin_dock_widget("napari-sam2", PANEL)
