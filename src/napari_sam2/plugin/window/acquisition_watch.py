"""A thread that looks for new frames of a movie that is being acquired."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.selection import EVERYTHING
from napari_sam2.plugin.protocol.growth_messages import FollowingFailed, MovieGrew

if TYPE_CHECKING:
    from napari_sam2.io.movie import Movie
    from napari_sam2.plugin.protocol.messages import Report
    from napari_sam2.plugin.protocol.sources import ImageSource

logger = logging.getLogger(__name__)


class AcquisitionWatch:
    """Looks for new frames, and reports them, until it is stopped or the movie cannot be followed.

    Parameters
    ----------
    image : int
        Number of the image.
    source : ImageSource
        The image as it is open, with the folder that it came from.
    post : callable
        Delivers reports to the window; it is called in the thread.
    """

    def __init__(self, image: int, source: ImageSource, post: Callable[[Report], None]) -> None:
        assert source.path is not None
        self._image = image
        self._path = Path(source.path)
        self._source = source
        self._post = post
        self._end = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name="napari-sam2 acquisition", daemon=True
        )
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended yet."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End the thread after the look in which it is; it reports nothing any more."""
        self._end.set()

    def _tell(self, report: Report) -> None:
        if not self._end.is_set():
            self._post(report)

    def _run(self) -> None:
        try:
            self._watch()
        except Exception as error:  # an exception must not end the thread without a report
            logger.info("%s is not followed", self._path, exc_info=True)
            reason = " ".join(str(error).split()) or type(error).__name__
            text = f"The acquisition is not followed any more: {reason}."
            self._tell(FollowingFailed(self._image, text))

    def _watch(self) -> None:
        from napari_sam2.io.growing import LOOK_EVERY_S, GrowingMovie

        growing = GrowingMovie(self._path, self._source.selection or EVERYTHING)
        known = _frames_of(self._source.data)
        _check_same(self._source, growing.movie)
        movie: Movie | None = growing.movie
        while True:
            if movie is not None and movie.shape[0] > known:
                known = movie.shape[0]
                self._tell(MovieGrew(self._image, _as_layer_data(movie)))
            if self._end.wait(LOOK_EVERY_S):
                return
            movie = growing.look_if_reachable()


def _frames_of(data: Any) -> int:
    return int(data.shape[0])


def _as_layer_data(movie: Movie) -> Any:
    """The frames of a movie as an array that napari can index in every way; nothing is read."""
    from napari_sam2.io.movie import lazy_stack

    return lazy_stack(movie.frame, tuple(movie.data.shape), np.dtype(movie.data.dtype))


def _check_same(source: ImageSource, movie: Movie) -> None:
    """Raise a ValueError if an open image does not show the first frames of a movie."""
    data, path = source.data, source.path
    shown, there = _frames_of(data), movie.shape[0]
    if shown > there + 1:  # the last one may be half written
        raise ValueError(
            f"the image “{source.name}” has {shown} frames already, and {there} of them are "
            f"complete in {path}. Only a folder or an array that gets longer can be followed"
        )
    kinds = [(tuple(one.shape[1:]), np.dtype(one.dtype)) for one in (data, movie.data)]
    both = {0, min(shown, there) - 1}
    if kinds[0] != kinds[1] or any((np.asarray(data[t]) != movie.frame(t)).any() for t in both):
        raise ValueError(
            f"the image “{source.name}” does not show the frames that are in {path}. Open the "
            "folder again, and follow that image"
        )
