"""Frames of an opened movie, for a tracker."""

from __future__ import annotations

from napari_sam2.io.movie import Movie
from napari_sam2.tracking import Frames


class MovieFrames(Frames):
    """Frames that know the movie that they belong to, with its file and scale.

    Parameters
    ----------
    movie : Movie
        The movie.
    contrast_limits : tuple of float, optional
        As in `Frames`. Default: the limits that the file names, if a person chose them.

    Attributes
    ----------
    movie : Movie
        The movie.
    """

    def __init__(self, movie: Movie, *, contrast_limits: tuple[float, float] | None = None) -> None:
        super().__init__(
            movie.data,
            contrast_limits=contrast_limits,
            rgb=movie.rgb,
            shown_limits=movie.shown_limits,
        )
        self.movie = movie
