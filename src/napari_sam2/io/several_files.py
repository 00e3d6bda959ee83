"""A movie of which each frame is a file that was chosen by itself, in the order of the choice."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from napari_sam2.io.image_folder import files_stack
from napari_sam2.io.movie import Movie
from napari_sam2.io.stack import movie_of


def open_files(paths: Sequence[str | os.PathLike[str]]) -> Movie:
    """Open files of one image each as a movie; no frame but the first is read.

    Parameters
    ----------
    paths : sequence of path
        TIFF, PNG, JPEG and others, in the order of the frames.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the first file cannot be read, or holds several channels.
    """
    files = [Path(path) for path in paths]
    for file in files:
        if not file.exists():
            raise FileNotFoundError(f"there is no image {file}")
    return movie_of(files_stack(files))


def files_read_by(data: Any) -> tuple[str, ...]:
    """Files that a dask array reads, in the order of its tasks, as a stack of napari does.

    Parameters
    ----------
    data : Any
        Arrays of other kinds read no files that could be known.
    """
    graph = getattr(data, "__dask_graph__", None)
    if graph is None:
        return ()
    texts = dict.fromkeys(text for task in dict(graph()).values() for text in _texts(task))
    return tuple(text for text in texts if os.path.isfile(text))


def _texts(task: Any) -> Iterator[str]:
    """The strings that a task of dask is called with; tasks are tuples in older versions."""
    if isinstance(task, str):
        yield task
        return
    parts = task if isinstance(task, tuple | list) else getattr(task, "args", ())
    for part in parts:
        if isinstance(part, str | tuple | list):
            yield from _texts(part)
