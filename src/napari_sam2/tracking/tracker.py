"""Promptable visual segmentation of one stack (paper §3 and §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.passes import Passes
from napari_sam2.tracking.results import ObjectState
from napari_sam2.tracking.windows import Window


class Tracker(Passes):
    """The whole engine for one stack: prompts in, masklets out.

    Every object is independent: it may be added, corrected or removed at any moment. Objects are
    computed as one batch all the same. A prompted frame always conditions the others and keeps its
    mask (§4 "Memory bank"; corrections included, as in the training of §D.2).

    Parameters
    ----------
    model : Sam2
        From `load_model`.
    frames : array_like, path, Movie or Frames
        (T, Y, X), (T, Y, X, 3 or 4) or (Y, X), read one frame at a time. A path is opened by
        `open_movie`.
    max_prompted_frames : int
        M: at most this many prompted frames, the nearest ones, condition a frame.
    clean : bool
        Fill small holes and remove specks.
    cache_bytes : int
        Budget of the features kept in memory, in bytes.
    disk_bytes : int
        Budget of the features kept on the disk when memory has no room for them; 0 keeps none.
    cache_folder : Path, optional
        Where they are put until the tracker is gone. Default: the user's cache folder.
    memory_bytes : int
        Budget of encoded memories kept, in bytes; those that are gone are made again.
    object_batch : int
        Most objects in one run of the network.
    windows : str, optional
        `whole`: the network always sees the whole frame. `auto`: it sees a square about each object
        that suits its size, small objects enlarged up to twice. Default: what the model was
        made for.
    area_guard : bool
        An object whose mask suddenly covers several times its usual area counts as lost on that
        frame, and nothing is written.

    Raises
    ------
    ValueError, TypeError
        If the stack or a setting does not fit.
    FileNotFoundError
        If there is nothing at the path.

    Notes
    -----
    Not thread safe: one thread uses it.
    """

    # -- limits --------------------------------------------------------------------------------

    def lock(
        self,
        object_id: int,
        frames: Iterable[int],
        labels: Callable[[int], NDArray[np.integer]] | None = None,
    ) -> None:
        """Fix an object on some frames as it is seen there: no propagation writes them.

        There it wins the pixels that it has in the labels, and no others, over all other objects.
        A mask that was merely tracked conditions other frames like that of a prompted one.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int
            Frames, also those without a mask.
        labels : callable, optional
            Gives the (Y, X) labels of a frame where they are at hand; composed anew by default.

        Raises
        ------
        ValueError
            If the object or a frame is unknown.
        """
        masklet = self._masklet(object_id)
        chosen = sorted(set(frames) - masklet.locked.keys())
        for t in chosen:
            self._check_frame(t)
        self._embedding = None
        for t in chosen:
            record = masklet.records.get(t)
            region = None if record is None else self._region(record)
            seen = None
            if region is not None:
                has_pixel = (labels or self.labels)(t)[region.window] == object_id
                if not np.array_equal(has_pixel, region.mask):
                    seen = np.zeros(self._renderer.shape, bool)
                    seen[region.window] = has_pixel
            masklet.lock(t, seen)

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        """Let an object go on some frames, which are then as they were before the lock.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        masklet = self._masklet(object_id)
        self._embedding = None
        for t in masklet.locked.keys() & set(frames):
            masklet.unlock(t)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        return frozenset(self._masklet(object_id).locked)

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the frames that a propagation may write of an object, which may be unknown yet.

        Parameters
        ----------
        object_id : int
            The object.
        span : range or None
            The frames; None is no limit.
        """
        put(self._spans, object_id, span)

    # -- undo ----------------------------------------------------------------------------------

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> ObjectState:
        """Everything of an object, or of some of its frames, to be restored later.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        return self._masklet(object_id).snapshot(frames)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Bring an object back to a snapshot, without running the model.

        Parameters
        ----------
        object_id : int
            May be unknown: it is made again.
        state : ObjectState or None
            None removes the object, if it is there.
        """
        self._embedding = None
        if state is None:
            self._masklets.pop(object_id, None)
        else:
            self._masklets.setdefault(object_id, Masklet()).restore(state)

    # -- caches --------------------------------------------------------------------------------

    def encode(self, t: int) -> None:
        """Compute the features of a frame ahead of a click."""
        self._check_frame(t)
        self._runner.features.load(self._views(t))

    def input_of(self, t: int, object_id: int, frames: Frames | None = None) -> NDArray[np.float32]:
        """What the network gets of a frame.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Seen through its window there; the whole frame where it has no mask.
        frames : Frames, optional
            The stack with another contrast.

        Returns
        -------
        ndarray
            (S, S, 3) float32 in 0..1, S the side of the network's input.
        """
        self._check_frame(t)
        masklet = self._masklets.get(object_id)
        record = masklet.records.get(t) if masklet else None
        window = record.window if record else self._runner.grid.whole
        return self._runner.input_of((frames or self._frames).read(t), window)

    def features_cached(self, t: int) -> bool:
        """Whether the features of a frame are at hand."""
        return all(view in self._runner.features for view in self._views(t))

    def _views(self, t: int) -> list[tuple[int, Window]]:
        """What a click on a frame is likely to look at: objects that are there, and all of it."""
        records = [m.records[t] for m in self._masklets.values() if t in m.records]
        windows = {record.window: None for record in records}
        return [(t, window) for window in (*windows, self._runner.grid.whole)]
