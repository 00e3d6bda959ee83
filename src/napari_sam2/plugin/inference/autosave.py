"""Autosave: record every change of a document on disk, and save the document on request.

All of this code runs in the inference thread.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.history import History
from napari_sam2.io.project.last_view import LastView, write_last_view
from napari_sam2.io.project.manifest import ChosenPart, KeptCellSize, Manifest, read_manifest
from napari_sam2.io.project.parts import Batch, Deed
from napari_sam2.io.project.reading import is_same_model, make_tracker
from napari_sam2.io.project.shelf import is_unsaved, new_unsaved, note_recent
from napari_sam2.io.project.subject import ImageOrigin, Subject, subject_of, with_scale
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.selection import EVERYTHING
from napari_sam2.plugin.protocol.saving_messages import SavingState

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.annotation.journal_entries import Entry
    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.project.manifest import ModelInfo
    from napari_sam2.model import Sam2
    from napari_sam2.plugin.protocol.sources import ImageSource
    from napari_sam2.tracking import Tracker

logger = logging.getLogger(__name__)

_LATER = (
    "To continue the project later, open the same image first, as you did this time, then the "
    "project. If the image is not open, you will be asked where it is."
)
NO_FILE = f"“{{0}}” was not opened from a file, so the project does not know where it is. {_LATER}"
OTHER_PIXELS = f"The layer “{{0}}” has other pixels than {{1}}, from which it came. {_LATER}"
UNREADABLE = f"The project cannot open {{1}} by itself. {_LATER}"


class OtherModelError(ValueError):
    """A project needs a model that is not loaded."""

    def __init__(self, model: ModelInfo) -> None:
        super().__init__(
            f"this project was made with the model “{model}”: choose that model above, and "
            "download it if it is missing"
        )


class Autosave:
    """Records the document of an image in a folder, starting with its first change.

    Until the user saves the document, the folder lies in the data folder of the user's account.

    Parameters
    ----------
    tracker : Tracker
        The tracker of the annotation.
    annotation : Annotation
        The document.
    source : ImageSource
        The image.

    Attributes
    ----------
    model_name : str
        Name by which the model was loaded.
    target : Path or None
        Folder to which the user saves; None before the first save.
    on_change : callable or None
        Called with each new `SavingState`.
    """

    def __init__(self, tracker: Tracker, annotation: Annotation, source: ImageSource) -> None:
        self.annotation = annotation
        self.model_name = tracker.model.config.name
        self.target: Path | None = None
        self.on_change: Callable[[SavingState], None] | None = None
        self._tracker = tracker
        self._source = source
        self._folder: ProjectFolder | None = None
        self._subject: Subject | None = None
        self._view: LastView | None = None  # in the folder
        self._problem: str | None = None
        self._missed: list[Deed] = []  # changes made while no folder could be created
        self._later: Autosave | None = None  # has this history already, and continues it
        self._told = self.state
        annotation.follow_journal(self._listen)

    @classmethod
    def reopen(cls, model: Sam2, source: ImageSource) -> tuple[Tracker, Autosave]:
        """Open the project of a source.

        Raises
        ------
        OtherModelError
            If the project was made with another model.
        ProjectError, OSError
            If the project cannot be opened.
        """
        assert source.project is not None
        path = Path(source.project)
        made: list[Tracker] = []

        def make(manifest: Manifest) -> Tracker:
            made.append(make_tracker(manifest, model, source.data))
            return made[-1]

        manifest = read_manifest(path)
        if not is_same_model(manifest, model):
            raise OtherModelError(manifest.model)
        folder = ProjectFolder.open(path, make)
        self = cls(made[-1], folder.annotation, source)
        self._take(folder)
        image = folder.subject.image
        if source.path is not None and source.path != image.path:
            image = image.model_copy(update={"path": source.path, "paths": source.paths})
        self._subject = folder.subject = replace(folder.subject, image=image)
        self.model_name = folder.subject.model.name
        if not is_unsaved(path):
            self.target = path
            note_recent(path)
        self._told = self.state
        return made[-1], self

    # State for display

    @property
    def state(self) -> SavingState:
        """Where the user saves the document, and whether all changes are saved there."""
        folder = self._folder
        has_news = folder is not None and folder.unsaved_since is not None
        is_saved = self.target is not None and folder is not None and folder.path == self.target
        return SavingState(self.target, is_saved and not has_news, self._problem)

    def _tell(self) -> None:
        if self.state != self._told:
            self._told = self.state
            if self.on_change is not None:
                self.on_change(self.state)

    # Recording changes

    def _listen(self, entries: Sequence[Entry]) -> None:
        if self._folder is not None:
            self._folder.keep(entries)
        else:
            self._begin(entries)
        self._tell()

    def _begin(self, entries: Sequence[Entry]) -> None:
        """Create the folder at the first change; after a failure, retry at the next change."""
        try:
            path = new_unsaved(self._source.name)
            if self._missed:
                self._missed += _deeds(entries)
                folder = ProjectFolder.create(path, self.annotation, self._about(), self._missed)
            else:
                folder = ProjectFolder.create(path, self.annotation, self._about(), news=entries)
        except (OSError, ValueError) as error:
            logger.warning("the folder for the journal could not be created", exc_info=True)
            self._missed = self._missed or _deeds(entries)
            self._problem = f"changes cannot be recovered after a crash: {error}"
        else:
            self._problem = None
            self._take(folder)

    def _take(self, folder: ProjectFolder) -> None:
        """Record all further changes in this folder."""
        self._folder, self._view = folder, None
        folder.on_problem = self._on_problem
        self.annotation.follow_journal(self._listen)

    def prepare(self) -> None:
        """Load what the first change needs to be saved: the readers of image files.

        An image that is opened does not need them, and the user waits for it.
        """
        import napari_sam2.io.project.images
        import napari_sam2.io.prompt_files  # noqa: F401

    def _on_problem(self, problem: str | None) -> None:
        self._problem = problem

    def _about(self) -> Subject:
        """Describe the image and the model; the first call reads three frames."""
        from napari_sam2.io.several_files import files_read_by  # see `prepare`

        if self._subject is None:
            source = self._source
            has_contrast = source.model_limits is not None
            scale = ImageScale() if source.scale is None else source.scale.read()
            part = source.selection or EVERYTHING
            files = source.paths or _frames_in(files_read_by(source.layer_data), source.data)
            origin = ImageOrigin(source.name, source.path, scale, has_contrast, part, files)
            self._subject = subject_of(self._tracker, source.data, origin, self.model_name)
        return self._subject

    # Saving

    def locate_image(self) -> str | None:
        """Note in which file, or channel of it, the image is; why it is in none, or None.

        Opens the file and reads three frames.
        """
        about = self._about()
        image, folder = about.image, self.target or Path.cwd()
        if image.path is None:
            return NO_FILE.format(image.name)
        from napari_sam2.io.project.images import find_pixels  # see `prepare`

        try:
            found = find_pixels(folder, image)
        except (ProjectError, ValueError, OSError) as error:
            logger.info("the image cannot be opened again", exc_info=True)
            is_other = isinstance(error, ProjectError) and Path(image.path).exists()
            text = OTHER_PIXELS if is_other else UNREADABLE
            return text.format(image.name, Path(image.path).name)
        part = ChosenPart.of(found.movie.selection, image.planes)
        if part != image.part:
            self._subject = replace(about, image=image.model_copy(update={"part": part}))
            if self._folder is not None:
                self._folder.subject = self._subject
        return None

    def save(self, path: Path | None = None, scale: ScaleSource | None = None) -> None:
        """Save the document to `path`, or to its current folder if `path` is None.

        The project gets the scale that the image has now, if `scale` is given.

        Raises
        ------
        ValueError
            If `path` is None and the document was never saved, or if `path` exists and is not a
            project.
        OSError
            If the document cannot be written; an earlier save is left unchanged.
        """
        target = path or self.target
        if target is None:
            raise ValueError("choose a folder to save in")
        if scale is not None:
            self._subject = with_scale(self._about(), scale.read())
            if self._folder is not None:
                self._folder.subject = self._subject
        if self._folder is not None and self._folder.path == target:
            self._folder.save()
        else:
            self._save_as(target)
        self.target, self._problem = target, None
        note_recent(target)
        self._tell()

    def copy_to(self, target: Path) -> None:
        """Write a copy of the document with its history; changes are kept where they were before.

        Parameters
        ----------
        target : Path
            Folder of the copy; a project that is there is replaced.

        Raises
        ------
        ValueError
            If something else is there.
        OSError
            If the copy cannot be written.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            ProjectFolder.create(target, self.annotation, self._about(), self.deeds).close()
        finally:
            self.annotation.follow_journal(self._listen)

    def _save_as(self, target: Path) -> None:
        before = self._folder
        deeds = self._missed if before is None else before.deeds
        folder = ProjectFolder.create(target, self.annotation, self._about(), deeds)
        if before is not None:
            self._leave(before)
        self._take(folder)

    def _leave(self, folder: ProjectFolder) -> None:
        """Close a folder after saving elsewhere; it keeps the state of its last save.

        A folder of unsaved work is removed.
        """
        if is_unsaved(folder.path):
            folder.remove()
        else:
            folder.leave()

    @property
    def deeds(self) -> Sequence[Deed]:
        """All that was done to the document since it was begun."""
        return self._missed if self._folder is None else self._folder.deeds

    def keep_view(self, view: LastView) -> None:
        """Keep what the window shows beside the document, where that has a folder."""
        if self._folder is None or view == self._view:
            return
        try:
            write_last_view(self._folder.path, view)
        except OSError:  # it is only a convenience
            logger.info("the view could not be kept", exc_info=True)
        else:
            self._view = view

    @property
    def cell_size(self) -> KeptCellSize | None:
        """Size of the cells that was kept; None if it is unknown."""
        return None if self._subject is None else self._subject.cell_size

    def keep_cell_size(self, cell_size: KeptCellSize | None) -> None:
        """Keep the size of the cells with the document, for the next search."""
        if cell_size == self.cell_size:
            return
        self._subject = replace(self._about(), cell_size=cell_size)
        if self._folder is None:
            return
        try:
            self._folder.keep_cell_size(cell_size)
        except (OSError, ProjectError):  # it is only a convenience, and the next save has it
            logger.info("the size of the cells could not be kept", exc_info=True)

    # Ending

    def close(self) -> None:
        """Close the folder; unsaved changes stay in it and can be recovered later."""
        self.annotation.follow_journal(None)
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def resume(self) -> None:
        """Record again in a folder, after `hand_over`; the whole document is written at once.

        The history comes from the document that is handed over to this one.
        """
        try:
            path = new_unsaved(self._source.name)
            folder = ProjectFolder.create(path, self.annotation, self._about(), self._missed)
        except (OSError, ValueError) as error:
            logger.warning("the folder for the journal could not be created", exc_info=True)
            self._problem = f"changes cannot be recovered after a crash: {error}"
            self.annotation.follow_journal(self._listen)
        else:
            self._take(folder)

    def begin_before(self, deeds: Sequence[Deed], later: Autosave) -> None:
        """Begin with a part of the history of another document of the image.

        Parameters
        ----------
        deeds : sequence of Deed
            The first deeds of the other document.
        later : Autosave
            That of the other document. Undo and redo go from the one document to the other, and
            each of them keeps its own history.
        """
        self._missed, self._later = list(deeds), later

    def hand_over(self, successor: Autosave) -> None:
        """Transfer save folder and history to another document of the image, and close this one."""
        successor.target = self.target
        successor.keep_cell_size(self.cell_size)
        is_known = self._later is successor or successor._later is self
        kept = list(self.deeds) if is_known else []
        if self._folder is not None and successor._folder is not None and not is_known:
            successor._folder.prepend(self._folder.deeds)
        folder, self._folder = self._folder, None
        self._missed = kept
        self.annotation.follow_journal(None)
        if folder is not None and is_unsaved(folder.path) and successor.is_begun:
            folder.remove()
        elif folder is not None:
            folder.close()

    @property
    def is_begun(self) -> bool:
        """Whether a folder records the changes."""
        return self._folder is not None


def _frames_in(files: Sequence[str], data: Any) -> Sequence[str]:
    """The files of which each is a frame of an image; empty if there are more or fewer."""
    return files if len(files) > 1 and len(data.shape) > 2 and len(files) == data.shape[0] else ()


def _deeds(entries: Sequence[Entry]) -> list[Deed]:
    return list(History().deeds(Batch(time.time(), tuple(entries))))
