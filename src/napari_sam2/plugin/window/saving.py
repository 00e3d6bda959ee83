"""Saving and restoring projects: commands of the window and reports of the inference thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_sam2.plugin.layers.source_image import scale_source
from napari_sam2.plugin.protocol.saving_messages import (
    DiscardUnsaved,
    FindOpenImage,
    ImageOutOfReach,
    ListSaved,
    OpenImageFound,
    SavedListed,
    SaveDocument,
    SavingChanged,
    SavingState,
)
from napari_sam2.plugin.startup.error_notifications import show_info, show_warning

if TYPE_CHECKING:
    from napari_sam2.io.project.shelf import Unsaved
    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.protocol.sources import ImageSource
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers


class Saving:
    """State of saved and unsaved projects in the window; sends the commands for them.

    Parameters
    ----------
    current : callable
        Gives the state of the chosen image.
    send : callable
        Takes commands to the inference thread.
    """

    def __init__(
        self, current: Callable[[], ImageState | None], send: Callable[[Command], None]
    ) -> None:
        self._current = current
        self._send = send
        self.unsaved: tuple[Unsaved, ...] = ()
        self.recent: tuple[Path, ...] = ()
        self._searches: dict[Path, Callable[[int | None, Selection | None], None]] = {}
        self._problems: dict[
            int, str | None
        ] = {}  # last problem of each image that the user has seen
        self.handlers: Handlers = {
            SavedListed: self._take_list,
            OpenImageFound: self._take_found,
            SavingChanged: self._warn,
            ImageOutOfReach: lambda report: show_info(report.text),
        }

    @property
    def offered(self) -> Unsaved | None:
        """The unsaved work to offer: that on the chosen image, or else the latest."""
        image_state = self._current()
        wanted = None if image_state is None else image_state.unsaved_work
        mine = (work for work in self.unsaved if work.path == wanted)
        return next(mine, self.unsaved[0] if self.unsaved else None)

    @property
    def state(self) -> SavingState | None:
        """Saving state of the chosen image; None if there is nothing to save."""
        image_state = self._current()
        return image_state.saving if image_state is not None and image_state.objects else None

    def ask(self) -> None:
        """Ask for the lists of unsaved work and recent projects."""
        self._send(ListSaved())

    def save(self, path: Path | None = None) -> None:
        """Save the project of the chosen image, in another folder if one is given."""
        image_state = self._current()
        if image_state is not None:
            scale = scale_source(image_state.image)
            self._send(SaveDocument(image_state.number, path, scale))
            self.ask()

    def discard(self, work: Unsaved) -> None:
        """Move unsaved work into the folder of discarded work."""
        self.forget(work)
        self._send(DiscardUnsaved(work.path))

    def forget(self, work: Unsaved) -> None:
        """Stop offering this work."""
        self.unsaved = tuple(other for other in self.unsaved if other.path != work.path)

    def find_image(
        self,
        folder: Path,
        sources: Sequence[ImageSource],
        then: Callable[[int | None, Selection | None], None],
    ) -> None:
        """Find the image of a project among open ones; `then` gets its index and part."""
        self._searches[folder] = then
        self._send(FindOpenImage(folder, tuple(sources)))

    def _take_list(self, report: SavedListed) -> None:
        self.unsaved, self.recent = report.unsaved, report.recent

    def _take_found(self, report: OpenImageFound) -> None:
        if (then := self._searches.pop(report.path, None)) is not None:
            then(report.index, report.part)

    def _warn(self, report: SavingChanged) -> None:
        """Warn once when changes cannot be kept in case of a crash."""
        before = self._problems.get(report.image)
        problem = self._problems[report.image] = report.state.problem
        if problem is not None and problem != before:
            show_warning(problem)
