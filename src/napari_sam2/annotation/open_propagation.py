"""The undo step of a propagation that is still running."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from napari_sam2.annotation.actions import MaskVerdict, Propagate, SetMasklet
from napari_sam2.annotation.undo_texts import counted

if TYPE_CHECKING:
    from napari_sam2.annotation.journal_entries import Request
    from napari_sam2.annotation.state import DocumentState
    from napari_sam2.tracking import ObjectState


class OpenPropagation:
    """Collects the changes of a running propagation for one undo step.

    Parameters
    ----------
    document_state : DocumentState
        State of the document before the first frame is written.
    request : Request
        Arguments of the propagation.
    """

    def __init__(self, document_state: DocumentState, request: Request) -> None:
        self._state = document_state
        self._request = request
        self._scope = request.frames_in(len(document_state.labels))
        chosen = request.object_ids
        self._before = self._states(document_state.tracker.object_ids if chosen is None else chosen)
        self._frames: list[int] = []
        self._frames_of: dict[int, set[int]] = {}
        self._verdicts = [dict(frames_of) for _, frames_of in document_state.verdicts]

    @property
    def is_empty(self) -> bool:
        """Whether no frame has been written yet."""
        return not self._frames

    @property
    def text(self) -> str:
        """Text of the undo step in a menu."""
        objects, frames = len(self._frames_of), len(set(self._frames))
        return f"track {counted(objects, 'cell')} over {counted(frames, 'frame')}"

    def add(self, t: int, object_ids: Iterable[int]) -> None:
        """Add frame `t`, on which the tracker wrote the masks of some objects."""
        self._frames.append(t)
        for object_id in object_ids:
            self._frames_of.setdefault(object_id, set()).add(t)

    def group(self) -> Propagate | None:
        """All frames so far as one undo step; None if there are none."""
        if self.is_empty:
            return None
        return Propagate(
            text=self.text,
            actions=(*self._masklets(), *self._withdrawals()),
            start=self._request.start,
            stop=self._request.stop,
            direction=self._request.direction,
            frames=tuple(self._frames),
        )

    def _masklets(self) -> tuple[SetMasklet, ...]:
        after = self._states(self._frames_of)
        return tuple(
            SetMasklet(object_id, self._before[object_id], after[object_id], frozenset(frames))
            for object_id, frames in self._frames_of.items()
        )

    def _withdrawals(self) -> tuple[MaskVerdict, ...]:
        """Verdicts on masks that were replaced."""
        return tuple(
            change(object_id, before, now.get(object_id, frozenset()))
            for (change, now), then in zip(self._state.verdicts, self._verdicts, strict=True)
            for object_id, before in then.items()
            if before != now.get(object_id)
        )

    def _states(self, object_ids: Iterable[int]) -> dict[int, ObjectState | None]:
        return {
            object_id: self._state.object_state(object_id, self._scope) for object_id in object_ids
        }
