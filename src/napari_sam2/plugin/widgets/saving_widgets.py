"""The widgets for saving and opening projects, and the actions of their buttons."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Layer
from qtpy.QtWidgets import QWidget

from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.plugin.layers.image_axes import PART
from napari_sam2.plugin.layers.source_image import FILE_PATHS, image_path, image_source
from napari_sam2.plugin.napari_io.layer_data import large_movie_layer
from napari_sam2.plugin.startup.error_notifications import show_error
from napari_sam2.plugin.widgets.save_box import (
    RestoreOffer,
    SaveBox,
    ask_what_to_open,
    ask_where_to_save,
)
from napari_sam2.plugin.widgets.start_box import StartBox

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.io.project.shelf import Unsaved
    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.window.controller import Controller


class SavingWidgets:
    """The buttons that open and save, and the restore offer.

    Parameters
    ----------
    controller : Controller
        State of the window.
    parent : QWidget
        The panel.
    """

    def __init__(self, controller: Controller, parent: QWidget) -> None:
        self._controller = controller
        self._parent = parent
        self.box = SaveBox()
        self.offer = RestoreOffer()
        self.start = StartBox(self.box.recent)
        self.box.save_asked.connect(self.save)
        self.box.save_as_asked.connect(self.save_as)
        self.box.open_asked.connect(self.ask_and_open)
        self.box.recent_chosen.connect(lambda name: self.open(Path(name)))
        self.start.movie_chosen.connect(self.open_movie)
        self.start.project_asked.connect(self.ask_and_open)
        self.start.sample_asked.connect(self.open_sample)
        self.offer.restore_asked.connect(self.restore)
        self.offer.discard_asked.connect(self.discard)

    def render(self) -> None:
        """Show the state of the controller."""
        saving = self._controller.saving
        state = saving.state
        if state is None:
            self.box.show_state(None, is_saved=False, can_save=False)
        else:
            self.box.show_state(state.path, state.is_saved, can_save=True)
        self.box.show_recent(saving.recent)
        self.start.show_recent()
        work = self._controller.saving.offered
        self.offer.show_offer(None if work is None else describe(work))

    # Actions of the buttons

    def save(self) -> None:
        """Save the project; ask for its folder the first time."""
        state = self._controller.saving.state
        if state is not None and state.path is None:
            self.save_as()
        elif state is not None:
            self._controller.saving.save()

    def save_as(self) -> None:
        """Ask for a folder and save the project there."""
        image_state = self._controller.image_state
        if image_state is None:
            return
        image = image_state.image
        source = image_state.saving.path or image_path(image)
        folder = Path(source).parent if source else Path.home()
        path = ask_where_to_save(self._parent, folder / f"{Path(image.name).stem}{PROJECT_SUFFIX}")
        if path is not None:
            self._controller.saving.save(path)

    def ask_and_open(self) -> None:
        """Ask for a project and open it."""
        recent = self._controller.saving.recent
        path = ask_what_to_open(self._parent, recent[0].parent if recent else Path.home())
        if path is not None:
            self.open(path)

    def open(self, path: Path) -> None:
        """Open a project on the open image that it belongs to, or else with its image."""

        def go_on(image: Image | None) -> None:
            if image is not None and self._controller.take_up(image, path):
                self._controller.show_image()
            else:
                self._open_with_image(path)

        self._find_open(path, go_on)

    def _open_with_image(self, path: Path) -> bool:
        """Add the image of a project; the panel then shows it. Returns whether it was found."""
        from napari_sam2.plugin.napari_io.open_project import opened_image  # loads the readers

        try:
            data, options, _ = opened_image(str(path))
            self._controller.viewer.add_image(data, **options)
        except (OSError, ValueError) as error:
            show_error(" ".join(str(error).split()))
            return False
        return True

    def open_movie(self, paths: list[str]) -> None:
        """Open a movie; napari chooses the reader, unless the file is large.

        Several files become one stack, of which napari keeps no frames in memory.
        """
        viewer = self._controller.viewer
        if len(paths) == 1 and (layer := large_movie_layer(Path(paths[0]))) is not None:
            viewer.add_layer(Layer.create(*layer))
            return
        stacked = {"stack": True, "cache": False} if len(paths) > 1 else {}
        try:
            layers = viewer.open(paths, **stacked)
        except (OSError, ValueError) as error:
            show_error(" ".join(str(error).split()))
            return
        if len(paths) > 1:
            for layer in layers:
                layer.metadata[FILE_PATHS] = tuple(paths)

    def open_sample(self) -> None:
        """Open the drawn movie, on its first frame."""
        viewer = self._controller.viewer
        viewer.open_sample("napari-sam2", "synthetic")
        viewer.dims.set_current_step(0, 0)

    def restore(self) -> None:
        """Restore the offered work, on its image if that is open."""
        work = self._controller.saving.offered
        if work is not None:
            self._find_open(work.path, lambda image: self._go_on(work, image))

    def _find_open(self, folder: Path, then: Callable[[Image | None], None]) -> None:
        """Find the image of a project among the open ones, by its pixels; None if it is none."""
        images = [layer for layer in self._controller.view.layers if isinstance(layer, Image)]
        sources = [image_source(image) for image in images]

        def take(index: int | None, part: Selection | None) -> None:
            image = None if index is None else images[index]
            if image not in self._controller.view.layers:
                image = None
            if image is not None and part is not None:
                image.metadata[PART] = part
            then(image)

        if images:
            self._controller.saving.find_image(folder, sources, take)
        else:
            then(None)

    def _go_on(self, work: Unsaved, image: Image | None) -> None:
        """Restore work on the open image, or open its image file if none is given."""
        controller = self._controller
        is_open = image is not None and image in controller.view.layers
        if image is not None and is_open and controller.take_up(image, work.path):
            controller.show_image()
        elif work.image_path is not None and Path(work.image_path).exists():
            if not self._open_with_image(work.path):
                return  # the work is still offered
        elif is_open:
            show_error(f"“{work.name}” has other cells now. Undo them all, then press Restore.")
            return
        else:
            show_error(f"The image “{work.name}” was not found. Open it, then press Restore.")
            return
        controller.saving.forget(work)
        self.render()

    def discard(self) -> None:
        """Move the offered work into the folder of discarded work."""
        work = self._controller.saving.offered
        if work is not None:
            self._controller.saving.discard(work)
            self.render()


def describe(work: Unsaved) -> str:
    """Describe unsaved work in one line: "Unsaved work on cells.tif from 12:03"."""
    then = time.localtime(work.time)
    is_today = time.localtime()[:3] == then[:3]
    moment = time.strftime("%H:%M" if is_today else "%d %b %Y, %H:%M", then)
    return f"Unsaved work on {work.name} from {moment}"
