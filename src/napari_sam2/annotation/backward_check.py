"""Backward check: tracks each object back from its end, and compares with its masks.

Where tracking went wrong, the way back often leads elsewhere. Every stretch of tracked masks is
checked from its far end: from the next prompt, or else from its last mask. This is done by a
tracker of its own, so that no mask, prompt or label changes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.actions import Group, SetBackwardIou
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.undo_texts import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.document import Document
    from napari_sam2.tracking import FrameResult
    from napari_sam2.tracking.masks import Direction
    from napari_sam2.tracking.protocol import AnnotationTracker

Agreement = dict[int, dict[int, float]]  # IoU by object and frame


@dataclass(frozen=True)
class Stretch:
    """Frames of an object that are checked from one end.

    Attributes
    ----------
    start : int
        Frame from whose mask the check starts.
    frames : range
        Frames to check, without `start`.
    direction : str
        Direction from `start` to the frames.
    """

    start: int
    frames: range
    direction: Direction

    @property
    def span(self) -> range:
        """The frames with `start`."""
        first, last = min(self.start, self.frames[0]), max(self.start, self.frames[-1])
        return range(first, last + 1)


@dataclass(frozen=True)
class CheckStep:
    """How far a backward check is.

    Attributes
    ----------
    done, total : int
        Frames that were tracked back, and all of them.
    t : int or None
        The frame that was tracked; None before the first one.
    problem : str or None
        Reason why the frame was skipped; None if it was read.
    """

    done: int
    total: int
    t: int | None = None
    problem: str | None = None


def stretches_of(has_mask: NDArray[np.bool_], is_fixed: NDArray[np.bool_]) -> list[Stretch]:
    """Stretches of an object to check.

    A stretch between two frames that a person prompted or locked is checked from the later one. One
    behind the last of them is checked from its last mask, and one before the first of them from its
    first mask.

    Parameters
    ----------
    has_mask : (T,) bool
        Where the object has a mask.
    is_fixed : (T,) bool
        Where a person prompted or locked the object.
    """
    anchors = np.flatnonzero(has_mask & is_fixed).tolist()
    visible = np.flatnonzero(has_mask).tolist()
    if not anchors:
        return []
    ahead = Stretch(visible[0], range(visible[0] + 1, anchors[0]), "forward")
    after = [*anchors[1:], visible[-1]]
    behind = [
        Stretch(end, range(begin + 1, end), "backward")
        for begin, end in zip(anchors, after, strict=True)
    ]
    is_tracked = has_mask & ~is_fixed
    return [one for one in (ahead, *behind) if one.frames and is_tracked[one.frames].any()]


class BackwardCheck:
    """Compares the masks of objects with those that tracking back from their end gives.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    def check_backward(self, object_ids: Iterable[int] | None = None) -> Iterator[CheckStep]:
        """Track objects back from their end, and note how far their masks agree.

        The result stands in ``timeline(object_id).backward_iou``, and masks that disagree are
        doubtful. Stretches that were checked and have not changed are left out. The check takes
        about as long as tracking. It is done step by step as the result is iterated over; one that
        is closed before its end notes nothing. Noting the result is one undo step.

        Parameters
        ----------
        object_ids : iterable of int, optional
            Objects to check; all by default.

        Yields
        ------
        CheckStep
            The first one comes before any work.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        self._state.check_movie("backward check")
        chosen = self._state.objects if object_ids is None else object_ids
        plan = [(key, one) for key in list(chosen) for one in self._open_stretches(key)]
        return self._check(plan)

    def _open_stretches(self, object_id: int) -> list[Stretch]:
        """Stretches of an object that were not checked, or have changed since."""
        self._state.known(object_id)
        found = self._state.object_state(object_id)
        if found is None:
            return []
        has_mask, is_fixed = np.zeros((2, len(self._state.labels)), bool)
        has_mask[list(self._state.visible_frames(object_id))] = True
        is_fixed[[*found.prompted, *self._state.locked_frames(object_id)]] = True
        is_open = has_mask & ~is_fixed
        is_open[[t for t in found.records if self._noted(t, object_id) is not None]] = False
        return [one for one in stretches_of(has_mask, is_fixed) if is_open[one.frames].any()]

    def _check(self, plan: list[tuple[int, Stretch]]) -> Generator[CheckStep]:
        tracker, checked = self._state.tracker.without_objects(), dict(enumerate(plan, start=1))
        self._prompt(tracker, checked)
        ways: dict[Direction, list[int]] = {"backward": [], "forward": []}
        for number, (_, one) in checked.items():
            ways[one.direction].append(number)
        total = sum(tracker.total_steps(None, None, way, ids) for way, ids in ways.items())
        records = {key: dict(self._records(key)) for key, _ in plan}
        found: Agreement = {}
        done = 0
        yield CheckStep(0, total)
        for way, ids in ways.items():
            for result in tracker.propagate(None, None, way, ids):
                done += 1
                if result.problem is None:
                    self._compare(result, checked, found)
                yield CheckStep(done, total, result.t, result.problem)
        self.note_backward_check(self._of_same_masks(found, records))

    def _prompt(
        self, tracker: AnnotationTracker, checked: Mapping[int, tuple[int, Stretch]]
    ) -> None:
        """Give the tracker one object for each stretch, with its mask at the start."""
        by_frame: dict[int, dict[int, NDArray[np.bool_]]] = {}
        for number, (object_id, one) in checked.items():
            mask = self._state.labels[one.start] == object_id
            by_frame.setdefault(one.start, {})[number] = mask
            tracker.set_span(number, one.span)
        for t, masks in by_frame.items():
            tracker.import_masks(t, masks)

    def _compare(
        self, result: FrameResult, checked: Mapping[int, tuple[int, Stretch]], found: Agreement
    ) -> None:
        """IoU of the masks of a frame with those of the document."""
        for number, mask in zip(result.object_ids, result.masks, strict=True):
            object_id, one = checked[number]
            ours = self._state.result(result.t, object_id)
            if result.t not in one.frames or ours is None or not ours.masks[0].any():
                continue
            shared, union = (ours.masks[0] & mask).sum(), (ours.masks[0] | mask).sum()
            found.setdefault(object_id, {})[result.t] = float(shared / union)

    def _records(self, object_id: int) -> Mapping[int, object]:
        found = self._state.object_state(object_id)
        return {} if found is None else found.records

    def _of_same_masks(
        self, found: Agreement, before: Mapping[int, Mapping[int, object]]
    ) -> Agreement:
        """The part of a result whose masks did not change while they were checked."""
        kept: Agreement = {}
        for object_id, values in found.items():
            now = self._records(object_id)
            same = {t: v for t, v in values.items() if now.get(t) is before[object_id].get(t)}
            if same:
                kept[object_id] = same
        return kept

    def _noted(self, t: int, object_id: int) -> float | None:
        signs = self._state.tracker.signs(t, object_id)
        return None if signs is None else signs.backward_iou

    @journaled
    def note_backward_check(self, agreement: Mapping[int, Mapping[int, float]]) -> None:
        """Note the result of a backward check with the masks.

        Parameters
        ----------
        agreement : mapping of int to mapping of int to float
            IoU of each mask with the one of the check, 0 to 1, by object and frame. Frames on which
            an object has no tracked mask are ignored. A mask that is tracked again loses it.

        Raises
        ------
        ValueError
            If there is no such object or frame, or a value is not within 0 and 1.
        """
        actions = []
        for object_id, values in agreement.items():
            self._state.known(object_id)
            frames = self._state.checked_frames(values) & self._records(object_id).keys()
            if not all(0 <= values[t] <= 1 for t in frames):
                raise ValueError(f"an IoU is from 0 to 1; got {sorted(values.values())}")
            before = {t: self._noted(t, object_id) for t in sorted(frames)}
            after = {t: float(values[t]) for t in before}
            if before != after:
                actions.append(SetBackwardIou(object_id, before, after))
        if actions:
            text = f"check {counted(len(actions), 'cell')} backward"
            self._document.perform(Group(text, tuple(actions)))
