"""Paths and opened movies as stacks for a tracker.

Importing this module registers them with `as_frames`, so that ``Tracker(model, "movie.tif")``
works; the public name ``napari_sam2.Tracker`` imports it.
"""

from __future__ import annotations

import os

from napari_sam2.io.movie import Movie
from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.movies import open_movie
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.frames import as_frames

__all__ = ["Tracker"]


@as_frames.register
def _(movie: Movie) -> Frames:
    return MovieFrames(movie)


@as_frames.register(str)
@as_frames.register(os.PathLike)
def _(path: str | os.PathLike[str]) -> Frames:
    return MovieFrames(open_movie(path))
