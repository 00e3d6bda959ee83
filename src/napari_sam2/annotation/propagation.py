"""Propagation: the model carries masks from frame to frame."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import TYPE_CHECKING

from napari_sam2.annotation.journal_entries import Advanced, Began, Request
from napari_sam2.annotation.open_propagation import OpenPropagation
from napari_sam2.tracking.propagation import Propagation

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document
    from napari_sam2.tracking import FrameResult
    from napari_sam2.tracking.plan import Sweep


class Propagator:
    """Runs the tracker over the stack and records the masks that it writes.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "both",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> Iterator[FrameResult]:
        """Carry masks to other frames, writing the labels frame by frame.

        Each frame is tracked when its result is taken, so the results must be iterated over; a
        propagation that is dropped before its first result warns.

        The model writes neither prompted nor locked frames, and no frame before the birth or after
        the division of an object. A reviewed mask that changes is no longer reviewed.

        The iterator may be closed at any moment; the frames that it has yielded stay. They are one
        undo step, however the iterator ends. If another change is made between two frames, the
        frames before and after it are two undo steps. Undo and redo end the iterator.

        Parameters
        ----------
        start, stop : int, optional
            Range of frames ``[start, stop)`` to write; the whole stack by default.
        direction : str
            ``"forward"``, ``"backward"`` or ``"both"`` (the default, as in the window and in a
            shell).
        object_ids : iterable of int, optional
            Objects to carry; all by default. Those that never had a prompt are left out.
        until_locked : bool
            Each object stops before the first locked frame that it meets on its way.
        only_changed : bool
            Skip masks that are newer than the last change of the prompts and locks of their object.
            Corrections are carried on, and a run that was stopped is continued.

        Yields
        ------
        FrameResult
            Masks of the objects on one frame, which may overlap. Of volumes, results without
            objects only show how far the work is. Frames with prompts keep their
            mask.

        Raises
        ------
        ValueError
            If the range is outside the stack, or the direction or an object is unknown.

        Warns
        -----
        RuntimeWarning
            If it is dropped before the first result, and was not closed.
        """
        chosen = self._with_masklet(object_ids)
        request = Request.checked(start, stop, direction, chosen, until_locked)
        results = self._state.tracker.propagate(
            request.start,
            request.stop,
            direction,
            request.object_ids,
            until_locked=request.until_locked,
            only_changed=only_changed,
        )
        return Propagation(self._follow(results, request, self._document.rewinds), results)

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "both",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> int:
        """How many results `propagate` yields at most with these arguments."""
        chosen = self._with_masklet(object_ids)
        tracker = self._state.tracker
        return tracker.total_steps(
            start,
            stop,
            direction,
            chosen,
            until_locked=until_locked,
            only_changed=only_changed,
        )

    def objects_to_track(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "forward",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
    ) -> tuple[int, ...]:
        """Objects for which `propagate` with `only_changed` has something to do.

        An object is one of them if any mask in the range is missing, or older than the prompts and
        locks of the object. This is read from the masks themselves, so it is also right after an
        undo and for a project that was opened.

        Parameters
        ----------
        start, stop, direction, object_ids, until_locked
            As for `propagate`.

        Returns
        -------
        tuple of int
            The objects, in the order of their ids.

        Raises
        ------
        ValueError
            If the range is outside the stack, or the direction or an object is unknown.
        """
        chosen = self._with_masklet(self._state.objects if object_ids is None else object_ids)
        return tuple(
            object_id
            for object_id in sorted(chosen or ())
            if self.total_steps(
                start,
                stop,
                direction,
                [object_id],
                until_locked=until_locked,
                only_changed=True,
            )
        )

    # A running propagation

    def _with_masklet(self, object_ids: Iterable[int] | None) -> tuple[int, ...] | None:
        """The objects without those that never had a prompt."""
        if object_ids is None:
            return None
        waiting = self._state.objects.keys() - self._state.tracker.object_ids
        return tuple(object_id for object_id in object_ids if object_id not in waiting)

    def _follow(
        self, results: Iterator[FrameResult], request: Request, rewinds: int
    ) -> Generator[FrameResult, None, None]:
        """Write results as they come, until an undo or redo; record them however it ends."""
        run: OpenPropagation | None = None
        try:
            while self._document.rewinds == rewinds:
                if run is None or run is not self._document.propagation:
                    run = self._begin(request)
                result = next(results, None)
                if result is None:
                    break
                batch = self._with_volume(result, results)
                for one in batch:
                    if one.object_ids or one.problem is not None:
                        self._show(run, one)
                yield from batch
        finally:
            if isinstance(results, Generator):
                results.close()
            if run is self._document.propagation:
                self._document.seal()

    def _with_volume(
        self, result: FrameResult, results: Iterator[FrameResult]
    ) -> list[FrameResult]:
        """A result; in 3D with those of the other planes, whose masks the tracker has already."""
        batch, planes = [result], self._state.planes
        while result.object_ids and batch[-1].t % planes != planes - 1:
            batch.append(next(results))
        return batch

    def _begin(self, request: Request) -> OpenPropagation:
        """Open a new undo step for the following frames."""
        self._document.seal()
        run = self._document.propagation = OpenPropagation(self._state, request)
        self._document.journal.tell(Began(request))
        return run

    def _show(self, run: OpenPropagation, result: FrameResult) -> None:
        """Write one result to the labels, record and announce it."""
        is_first = run.is_empty
        run.add(result.t, result.object_ids)
        self._state.stale.update(result.object_ids)
        outdated = self._state.withdrawals(self._state.compose((result.t,), result.object_ids))
        for withdrawal in outdated:
            withdrawal.apply(self._state)
        if is_first:
            self._document.journal.forget_undone()
        states = {key: self._state.object_state(key, (result.t,)) for key in result.object_ids}
        self._document.journal.tell(Advanced(result.t, states))
        self._document.events.frame_changed.emit(result.t)
        for object_id in sorted({withdrawal.object_id for withdrawal in outdated}):
            self._document.events.review_changed.emit(object_id)
        if is_first:
            self._document.events.history_changed.emit()
