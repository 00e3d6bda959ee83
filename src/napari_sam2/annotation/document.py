"""The document that a person works on."""

from __future__ import annotations

import os
from functools import singledispatch
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, overload

from napari_sam2.annotation.journal import UNDO_BYTES
from napari_sam2.annotation.label_import import LabelImport
from napari_sam2.annotation.masklets import Masklets
from napari_sam2.annotation.model_change import ModelChange
from napari_sam2.annotation.prompting import Prompting
from napari_sam2.annotation.review import Review
from napari_sam2.annotation.track_edits import TrackEdits
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.frames import Stack


class Project(Protocol):
    """A folder that keeps an annotation; the floor `io` makes and opens it."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def annotation(self) -> Annotation:
        """The annotation that is kept."""
        ...

    def save(self) -> None:
        """Save the present state."""
        ...

    def close(self) -> None:
        """Release the folder."""
        ...


@singledispatch
def save_project(
    path: Any, annotation: Annotation, before: Project | None, *, overwrite: bool
) -> Project:
    """Save an annotation in a folder, by the type of `path`.

    `napari_sam2.io.project.saving` registers paths, so that this floor needs no files.

    Parameters
    ----------
    path : path
        Folder to save to.
    annotation : Annotation
        What to save.
    before : Project, optional
        The project that keeps the annotation so far.
    overwrite : bool
        Whether a project that is at `path` may be replaced.
    """
    raise TypeError(_without_files(path))


@singledispatch
def open_project(path: Any, model: Sam2 | None, movie: Stack | None) -> Project:
    """Open a project, by the type of `path`; as `Annotation.load`, and registered alike.

    Parameters
    ----------
    path : path
        Folder of the project.
    model : Sam2, optional
        The network.
    movie : array_like, path or Movie, optional
        The images.
    """
    raise TypeError(_without_files(path))


def _without_files(path: object) -> str:
    if isinstance(path, str | os.PathLike):
        return f"import Annotation from napari_sam2 to save and load projects such as {path}"
    return f"expected the path of a project; got {type(path).__name__}"


class Annotation(Prompting, Masklets, Review, TrackEdits, LabelImport, ModelChange):
    """Objects, their prompts, labels and scores for one stack, with undo over everything.

    It drives a tracker, which nothing else may change from then on, and is used from one thread.
    Each change is a group of actions in its journal. A call that raises leaves everything as it
    was. In a ``with`` block it is closed at the end.

    Parameters
    ----------
    tracker : Tracker or Sam2
        Tracker of the stack, whose objects become objects of the document; or a network from
        `load_model`, with a `movie`.
    movie : array_like, path, Movie or Frames, optional
        The stack to track, where a network is given; as for `Tracker`.
    undo_bytes : int
        Memory that undo and redo may take, 1 GiB by default; where it is not enough the oldest
        steps are forgotten. The document itself loses nothing, and the last step stays.

    Attributes
    ----------
    events : AnnotationEvents
        Signals that tell what changed.

    Raises
    ------
    TypeError
        If a tracker and a movie are given, or a network without a movie.
    ValueError, FileNotFoundError
        If the movie cannot be opened, as for `Tracker`.

    Notes
    -----
    Labels are what the tracker composes of the masks of all objects: no two objects ever share a
    pixel, and a change writes only pixels that an object loses or wins by it.
    """

    @overload
    def __init__(self, tracker: Tracker, *, undo_bytes: int = UNDO_BYTES) -> None: ...

    @overload
    def __init__(self, tracker: Sam2, movie: Stack, *, undo_bytes: int = UNDO_BYTES) -> None: ...

    def __init__(
        self, tracker: Tracker | Sam2, movie: Stack | None = None, *, undo_bytes: int = UNDO_BYTES
    ) -> None:
        if isinstance(tracker, Sam2) and movie is not None:
            driven = Tracker(tracker, movie)
        elif not isinstance(tracker, Sam2) and movie is None:
            driven = tracker
        else:
            raise TypeError("expected Annotation(tracker) or Annotation(model, movie)")
        super().__init__(driven, undo_bytes=undo_bytes)
        self._project: Project | None = None

    # On disk

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model: Sam2 | None = None,
        *,
        movie: Stack | None = None,
    ) -> Annotation:
        """Open an annotation that was saved here, in the window or by another program.

        Labels, prompts, names, locks and reviews are as they were. Changes made after the last save
        are there too, and can be undone. The project is locked until `close`, and keeps every
        further change at once.

        Parameters
        ----------
        path : path
            The project, a folder ``NAME.sam2``.
        model : Sam2, optional
            The network that the project was made with. Default: it is loaded by its name.
        movie : path, array_like or Movie, optional
            The images, where they are neither where they were nor beside the project.

        Raises
        ------
        FileNotFoundError
            If there is no project, or the model must be downloaded first.
        ValueError
            If the project is damaged, in use elsewhere, or was made with other images or another
            model; the message says which.
        """
        project = open_project(path, model, movie)
        project.annotation._project = project
        return project.annotation

    def save(self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False) -> None:
        """Save everything as a project, which the window opens too.

        A save that fails leaves what was saved before. From the first save on the project is locked
        until `close`, and keeps every further change at once, so that nothing is lost in a crash.

        Parameters
        ----------
        path : path, optional
            Folder to make, ``NAME.sam2``. Default: the project saved to, or loaded from, before.
        overwrite : bool
            Replace another project that is there.

        Raises
        ------
        FileExistsError
            If something else is there and `overwrite` is not set.
        ValueError
            If there is no `path` yet, or its name does not end with ``.sam2``.
        OSError
            If it cannot be written.
        """
        if path is None and self._project is None:
            raise ValueError('this annotation has no project yet: give one, as save("NAME.sam2")')
        place = self._project.path if path is None and self._project is not None else path
        self._project = save_project(place, self, self._project, overwrite=overwrite)

    def close(self) -> None:
        """Release the project, if there is one.

        Changes that were not saved stay in the project and are there when it is loaded again.
        """
        if self._project is not None:
            self._project.close()
            self._project = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
