"""Saving and loading of an annotation, which the floor `io` implements."""

from __future__ import annotations

import os
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from napari_sam2.model import Sam2
    from napari_sam2.tracking.frames import Stack


Held = TypeVar("Held")
Held_co = TypeVar("Held_co", covariant=True)


class Project(Protocol[Held_co]):
    """A folder that holds an annotation; the floor `io` makes and opens it."""

    @property
    def path(self) -> Path:
        """The folder."""
        ...

    @property
    def annotation(self) -> Held_co:
        """The annotation in the folder."""
        ...

    def save(self) -> None:
        """Save the present state."""
        ...

    def close(self) -> None:
        """Release the folder."""
        ...


@singledispatch
def save_project(
    path: Any, annotation: Held, before: Project[Held] | None, *, overwrite: bool
) -> Project[Held]:
    """Save an annotation in a folder, by the type of `path`.

    `napari_sam2.io.project.saving` registers paths, so that this floor does not depend on files.

    Parameters
    ----------
    path : path
        Folder to save to.
    annotation : Annotation
        What to save.
    before : Project, optional
        The project that has held the annotation so far.
    overwrite : bool
        Whether another project at `path` may be replaced.

    Raises
    ------
    TypeError
        If no function is registered for the type of `path`.
    """
    raise TypeError(_unregistered(path))


@singledispatch
def open_project(path: Any, model: Sam2 | None, movie: Stack | None) -> Project[Any]:
    """Open a project, by the type of `path`; registered like `save_project`.

    Parameters
    ----------
    path : path
        Folder of the project.
    model : Sam2, optional
        The network.
    movie : array_like, path or Movie, optional
        The images.

    Raises
    ------
    TypeError
        If no function is registered for the type of `path`.
    """
    raise TypeError(_unregistered(path))


def _unregistered(path: object) -> str:
    if isinstance(path, str | os.PathLike):
        return f"import Annotation from napari_sam2 to save and load projects such as {path}"
    return f"expected the path of a project; got {type(path).__name__}"
