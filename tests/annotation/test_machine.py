"""Random sequences of what a person may do, with what must hold after each step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import astuple
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from napari_sam2.annotation import Annotation, Status
from napari_sam2.annotation.calibration import fit_calibration
from napari_sam2.annotation.measures import Measures
from napari_sam2.annotation.packed_labels import PackedLabels
from napari_sam2.annotation.timelines import make_timeline, verdicts_of
from napari_sam2.tracking import FrameResult
from tests.packing import pack_labels

from .helpers import seen
from .stand_in import SHAPE, StandInTracker, disc_centres

frames = st.integers(0, SHAPE[0] - 1)
ids = st.integers(1, 4)
points = st.tuples(st.integers(0, SHAPE[1] - 1), st.integers(0, SHAPE[2] - 1))
reviews = st.sampled_from(["lock", "unlock", "accept", "unaccept", "mark_wrong", "clear_masks"])
operations = st.sampled_from(
    [
        "split_object",
        "divide_object",
        "swap_objects",
        "merge_objects",
        "set_parent",
        "link_daughters",
        "move_division",
    ]
)
directions = st.sampled_from(["forward", "backward", "both"])


class AnnotationMachine(RuleBasedStateMachine):
    """A person with a document; `past` and `future` are what they saw before and after steps."""

    @initialize(seed=st.integers(0, 3))
    def open_with_two_objects(self, seed: int) -> None:
        self.tracker = self.make_tracker(seed)
        self.annotation = self.make_annotation()
        self.given_ids: set[int] = set()
        self.past: list[dict[str, Any]] = []
        self.future: list[dict[str, Any]] = []
        self.now = seen(self.annotation)
        self.running: Iterator[FrameResult] | None = None
        self.is_open = False
        for object_id in (1, 2):
            self.click(0, object_id, disc_centres(seed=seed)[0, object_id - 1], 1, 0)

    def make_tracker(self, seed: int) -> Any:
        return StandInTracker(seed=seed)

    def make_annotation(self) -> Annotation:
        return Annotation(self.tracker)

    def did(self, steps: int = 1) -> None:
        """Remember that something was done, and that it is a step of its own if `steps` says so."""
        if steps:
            self.past.append(self.now)
            self.future.clear()
            self.is_open = False
        self.now = seen(self.annotation)

    def attempt(self, change: Callable[..., Any], *args: Any, moves_locks: bool = False) -> None:
        """Do what may be refused, or make no difference."""
        steps, locked = len(self.annotation.history), self.locked_masks()
        with contextlib.suppress(ValueError):
            change(*args)
        self.did(len(self.annotation.history) - steps)
        if not moves_locks:
            left = self.locked_masks()
            assert all(left[place] == locked[place] for place in left.keys() & locked.keys())

    # Rules

    @rule(t=frames, object_id=ids, point=points, sign=st.integers(0, 1), tracked=st.integers(0, 2))
    def click(self, t: int, object_id: int, point: Any, sign: int, tracked: int) -> None:
        """A click, often one that a running propagation has to wait for."""
        if tracked:
            self.track_on("both", tracked)
        self.attempt(self.annotation.add_points, t, object_id, [point], [sign])

    @rule(t=frames, object_id=ids, point=points)
    def click_daughter(self, t: int, object_id: int, point: Any) -> None:
        self.attempt(self.annotation.add_daughter, t, object_id, [point], [1])

    @rule(t=frames, object_id=ids, corner=points, other=points)
    def box(self, t: int, object_id: int, corner: tuple[int, int], other: tuple[int, int]) -> None:
        (y0, y1), (x0, x1) = sorted([corner[0], other[0]]), sorted([corner[1], other[1]])
        self.attempt(self.annotation.add_box, t, object_id, (y0, x0, y1 + 1, x1 + 1))

    @rule(t=frames, object_id=ids, corner=points)
    def paint(self, t: int, object_id: int, corner: tuple[int, int]) -> None:
        mask = np.zeros(SHAPE[1:], bool)
        mask[corner[0] :, corner[1] :] = True
        self.attempt(self.annotation.add_mask, t, object_id, mask)

    @rule()
    def add_object(self) -> None:
        object_id = self.annotation.add_object()
        assert object_id not in self.given_ids
        self.did()

    @precondition(lambda self: self.annotation.prompts())
    @rule(data=st.data())
    def take_back_a_prompt(self, data: st.DataObject) -> None:
        prompt = data.draw(st.sampled_from(sorted(self.annotation.prompts(), key=_place)))
        if len(prompt.points):
            index = data.draw(st.integers(0, len(prompt.points) - 1))
            self.attempt(self.annotation.remove_point, prompt.t, prompt.object_id, index)
        else:
            self.attempt(self.annotation.clear_prompts, prompt.t, prompt.object_id)

    @precondition(lambda self: self.annotation.objects)
    @rule(data=st.data())
    def remove_object(self, data: st.DataObject) -> None:
        object_id = data.draw(st.sampled_from(sorted(self.annotation.objects)))
        self.annotation.remove_object(object_id)
        assert not (self.annotation.labels == object_id).any()
        self.did()

    @rule(object_id=ids, chosen=st.sets(frames), what=reviews)
    def review(self, object_id: int, chosen: set[int], what: str) -> None:
        self.attempt(getattr(self.annotation, what), object_id, chosen)

    @rule(object_id=ids, is_locking=st.booleans())
    def lock_or_unlock_all(self, object_id: int, is_locking: bool) -> None:
        change = self.annotation.lock if is_locking else self.annotation.unlock
        self.attempt(change, object_id)

    @rule(object_id=ids, status=st.sampled_from(Status))
    def set_status(self, object_id: int, status: Status) -> None:
        self.attempt(self.annotation.set_status, object_id, status)

    @rule(object_id=ids, status=st.sampled_from(Status))
    def judge(self, object_id: int, status: Status) -> None:
        self.attempt(self.annotation.judge, object_id, status, "Ada", 1000.0)

    @rule(data=st.data(), t=frames, what=operations)
    def operate(self, data: st.DataObject, t: int, what: str) -> None:
        """Cut, join, exchange or relate objects."""
        known = st.sampled_from(sorted(self.annotation.objects) or [1])
        one, other = data.draw(known), data.draw(known)
        arguments: dict[str, tuple[int | None, ...]] = {
            "split_object": (one, t),
            "divide_object": (one, t),
            "swap_objects": (one, other, t),
            "merge_objects": (one, other),
            "set_parent": (one, None if t == 0 else other),
            "link_daughters": ([one, other], None, t or None),
            "move_division": (one, t),
        }
        self.attempt(getattr(self.annotation, what), *arguments[what], moves_locks=True)

    @rule(t=frames, corner=points, label=ids)
    def adopt(self, t: int, corner: tuple[int, int], label: int) -> None:
        labels = np.zeros(SHAPE[1:], int)
        labels[corner[0] :, corner[1] :] = label
        self.attempt(self.annotation.import_labels, labels, t)

    @rule(direction=directions, count=st.integers(1, 9), start=frames, until_locked=st.booleans())
    def propagate(self, direction: str, count: int, start: int, until_locked: bool) -> None:
        """Ends by itself if `count` is large, else closed early."""
        approved = self.approved_masks()
        results = self.annotation.propagate(start, None, direction, until_locked=until_locked)
        written = [result.t for _, result in zip(range(count), results, strict=False)]
        results.close()
        assert self.approved_masks() == approved
        self.did(len(written))
        self.is_open = False  # what another propagation writes later is a step of its own

    @rule(direction=directions)
    def track_what_changed(self, direction: str) -> None:
        written = list(self.annotation.propagate(direction=direction, only_changed=True))
        assert self.annotation.objects_to_track(direction=direction) == ()
        self.did(len(written))
        self.is_open = False

    @precondition(lambda self: isinstance(self.tracker, StandInTracker))
    @rule(t=frames)
    def propagate_until_it_fails(self, t: int) -> None:
        self.tracker.fail_on = t
        written = []
        try:
            for result in self.annotation.propagate(direction="both"):
                written.append(result.t)
        except RuntimeError:
            pass
        self.tracker.fail_on = None
        self.did(len(written))
        self.is_open = False

    @rule(direction=directions, count=st.integers(1, 3))
    def track_on(self, direction: str, count: int) -> None:
        """Let a propagation go on, between other changes; begin one if none is running."""
        if self.running is None:
            self.running = self.annotation.propagate(direction=direction)
            self.is_open = False
        for _ in range(count):
            if next(self.running, None) is None:
                self.running, self.is_open = None, False
                break
            self.did(0 if self.is_open else 1)
            self.is_open = True

    @rule(t=frames, object_id=ids)
    def try_what_is_wrong(self, t: int, object_id: int) -> None:
        try:
            self.annotation.add_points(t, object_id, [(-5, 0)], [1])
        except ValueError:
            pass
        else:
            raise AssertionError("a point outside was accepted")
        self.did(0)

    @rule(object_id=ids, t=frames, point=points, is_wrong=st.booleans())
    def group(self, object_id: int, t: int, point: tuple[int, int], is_wrong: bool) -> None:
        if not (self.is_writable(t, object_id) and self.is_writable(t, 4)):
            return
        try:
            with self.annotation.grouped("both"):
                self.annotation.add_points(t, object_id, [point], [1])
                self.annotation.add_points(t, 4, [(-9, 0) if is_wrong else (3, 3)], [1])
        except ValueError:
            self.future.clear()
            self.running, self.is_open = None, False
        else:
            self.did()

    @rule(count=st.integers(1, 4))
    def undo(self, count: int) -> None:
        for _ in range(count):
            assert (self.annotation.undo() is not None) == bool(self.past)
            if self.past:
                self.future.append(self.now)
                self.now = self.past.pop()
                self.nothing_runs()

    @rule(count=st.integers(1, 4))
    def redo(self, count: int) -> None:
        for _ in range(count):
            assert (self.annotation.redo() is not None) == bool(self.future)
            if self.future:
                self.past.append(self.now)
                self.now = self.future.pop()
                self.nothing_runs()

    def is_writable(self, t: int, object_id: int) -> bool:
        known = self.annotation.objects.get(object_id)
        if known is None:
            return True
        span = known.span(SHAPE[0])
        is_locked = t in self.annotation.locked_frames(object_id)
        return not is_locked and (span is None or t in span)

    def nothing_runs(self) -> None:
        assert list(self.running or ()) == []
        self.running, self.is_open = None, False

    # Invariants

    def approved_masks(self) -> dict[tuple[int, int], list[list[bool]]]:
        """What is seen of every object on the frames on which it is prompted or locked."""
        labels = self.annotation.labels
        prompted = {
            _place(prompt): (labels[prompt.t] == prompt.object_id).tolist()
            for prompt in self.annotation.prompts()
        }
        return prompted | self.locked_masks()

    def locked_masks(self) -> dict[tuple[int, int], list[list[bool]]]:
        """What is seen of every object on the frames on which it is locked."""
        labels = self.annotation.labels
        return {
            (t, object_id): (labels[t] == object_id).tolist()
            for object_id in self.annotation.objects
            for t in self.annotation.locked_frames(object_id)
        }

    @invariant()
    def what_is_seen_is_what_was_seen(self) -> None:
        assert seen(self.annotation) == self.now

    @invariant()
    def labels_are_what_the_tracker_composes(self) -> None:
        for t, labels in enumerate(self.annotation.labels):
            assert np.array_equal(labels, self.tracker.labels(t))

    @invariant()
    def nobody_is_seen_outside_of_a_life(self) -> None:
        for object_id, known in self.annotation.objects.items():
            frames = np.flatnonzero((self.annotation.labels == object_id).any(axis=(1, 2)))
            assert set(frames.tolist()) <= set(known.span(SHAPE[0]) or range(SHAPE[0]))

    @invariant()
    def families_are_consistent(self) -> None:
        objects = self.annotation.objects
        for known in objects.values():
            if known.parent is not None and known.birth is not None:
                end = objects[known.parent].end
                assert end is not None
                assert end < known.birth

    @invariant()
    def timelines_are_what_they_would_be_from_scratch(self) -> None:
        document_state = self.annotation._document.state
        kept = document_state.measures
        timelines = {key: self.annotation.timeline(key) for key in self.annotation.objects}
        document_state.measures = Measures(SHAPE[0])
        document_state.measures.mark(range(SHAPE[0]))
        document_state.measures.update(document_state.labels)
        calibration = fit_calibration(
            [verdicts_of(document_state, key) for key in sorted(timelines)]
        )
        for key, timeline in timelines.items():
            afresh = make_timeline(document_state, key, calibration)
            for one, other in zip(astuple(timeline), astuple(afresh), strict=True):
                np.testing.assert_equal(one, other)
        document_state.measures = kept

    @invariant()
    def labels_have_no_stray_ids(self) -> None:
        known = {0, *self.annotation.objects}
        assert set(np.unique(self.annotation.labels)) <= known
        assert set(self.tracker.object_ids) <= known

    @invariant()
    def new_ids_are_new(self) -> None:
        self.given_ids |= self.annotation.objects.keys()
        assert self.annotation.new_object_id() > max(self.given_ids, default=0)

    @invariant()
    def history_has_a_step_for_each_undo(self) -> None:
        assert len(self.annotation.history) == len(self.past)
        assert self.annotation.can_redo == bool(self.future)


def _place(prompt: Any) -> tuple[int, int]:
    return prompt.t, prompt.object_id


TestAnnotationMachine = AnnotationMachine.TestCase
TestAnnotationMachine.settings = settings(
    max_examples=settings.default.max_examples // 10, stateful_step_count=40, deadline=None
)


class PackedMachine(AnnotationMachine):
    """The same with the labels of a long movie, of which all frames but one are compressed."""

    def make_annotation(self) -> Annotation:
        with pytest.MonkeyPatch.context() as monkeypatch:
            pack_labels(monkeypatch)
            annotation = super().make_annotation()
        assert isinstance(annotation.labels, PackedLabels)
        return annotation


TestPackedMachine = PackedMachine.TestCase
TestPackedMachine.settings = settings(
    max_examples=max(1, settings.default.max_examples // 60), stateful_step_count=40, deadline=None
)
