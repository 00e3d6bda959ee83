"""Annotations of volumes over time: the planes are frames, and timelines count time points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.io.volume_samples import VolumeSample, synthetic_volumes
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker, volume_recipe
from napari_sam2.tracking.volume_planes import Planes
from tests.tracking.tiny import build_tiny_model

SHAPE = (3, 5, 40, 56)
DEPTH = SHAPE[1]


@pytest.fixture(scope="module")
def sample() -> VolumeSample:
    return synthetic_volumes(SHAPE[0], SHAPE[1], SHAPE[2:], cells=2, seed=3)


@pytest.fixture(scope="module")
def tiny_model() -> Sam2:
    return build_tiny_model()


@pytest.fixture
def annotation(
    tiny_model: Sam2, sample: VolumeSample, monkeypatch: pytest.MonkeyPatch
) -> Annotation:
    """The true middle plane of cell 1, tracked through all volumes."""
    monkeypatch.setattr(volume_recipe, "LEAST_CONTRAST", -np.inf)
    tracker = Tracker(tiny_model, Frames(Planes(sample.images)), area_guard=False)
    made = Annotation(tracker)
    z = int((sample.labels[0] == 1).sum((1, 2)).argmax())
    made.add_mask(z, 1, sample.labels[0, z] == 1)
    for _ in made.propagate():
        pass
    return made


def volumes(annotation: Annotation) -> np.ndarray:
    return np.asarray(annotation.labels).reshape(SHAPE)


def test_labels_are_those_of_the_tracker_and_one_undo_takes_tracking_back(annotation):
    tracked = volumes(annotation).copy()
    assert (tracked == 1).any((1, 2, 3)).all()
    annotation.undo()
    assert (volumes(annotation) == 1).any((2, 3)).sum() == 1
    annotation.redo()
    assert np.array_equal(volumes(annotation), tracked)


def test_tracking_is_one_undo_step_of_the_frames_that_changed(annotation):
    assert len(annotation.history) == 2
    assert annotation.undo_text.startswith("track 1 cell over ")


def test_stopped_tracking_leaves_the_labels_of_whole_volumes(annotation):
    annotation.undo()
    clicked = volumes(annotation).copy()
    results = annotation.propagate()
    next(one for one in results if one.object_ids)
    results.close()
    tracker = annotation._document.state.tracker
    composed = [tracker.labels(frame) for frame in range(len(annotation.labels))]
    assert np.array_equal(annotation.labels, composed)
    assert (volumes(annotation) == 1).any((1, 2, 3)).tolist() == [True, False, False]
    annotation.undo()
    assert np.array_equal(volumes(annotation), clicked)


def test_timeline_counts_volumes(annotation):
    line = annotation.timeline(1)
    labels = volumes(annotation)
    assert line.has_mask.tolist() == [True, True, True]
    assert line.is_prompted.tolist() == [True, False, False]
    assert line.measurements["area"].values.tolist() == (labels == 1).sum((1, 2, 3)).tolist()
    assert ((line.quality > 0) & (line.quality <= 1)).all()
    assert np.isnan(line.error_probability).all()


def test_centre_of_a_volume_is_that_of_its_voxels(annotation):
    from napari_sam2.annotation.volume_timeline import volume_trace

    state = annotation._document.state
    state.measures.update(state.labels)
    trace = volume_trace(state.measures.trace(1), DEPTH)
    places = np.argwhere(volumes(annotation)[1] == 1)
    assert (trace.y[1], trace.x[1]) == pytest.approx(places.mean(0)[1:], abs=1e-3)
    one, two = (volumes(annotation)[t] == 1 for t in (0, 1))
    assert trace.shared_1[1] == (one & two).sum()


def test_volume_is_reviewed_when_all_planes_of_the_cell_are(annotation):
    planes = DEPTH + np.flatnonzero((volumes(annotation)[1] == 1).any((1, 2)))
    annotation.accept(1, planes[:-1].tolist())
    assert annotation.timeline(1).is_reviewed.tolist() == [False, False, False]
    annotation.accept(1, planes[-1:].tolist())
    assert annotation.timeline(1).is_reviewed.tolist() == [False, True, False]


def test_doubtful_volume_is_shown_on_the_largest_plane(annotation):
    areas = (volumes(annotation)[1] == 1).sum((1, 2))
    largest = int(areas.argmax())
    annotation.clear_masks(1, [DEPTH + z for z in range(DEPTH) if z != largest])
    assert annotation.timeline(1).doubts[1]
    place = (DEPTH + largest, 1)
    found = [annotation.next_doubtful()]
    while found[-1] is not None:
        found.append(annotation.next_doubtful(found[-1]))
    assert place in found


def test_split_begins_with_the_first_plane_of_a_volume(annotation):
    before = volumes(annotation).copy()
    new = annotation.split_object(1, DEPTH + 3)
    after = volumes(annotation)
    assert np.array_equal(after[0], before[0])
    assert np.array_equal(after[1:] == new, before[1:] == 1)


@pytest.mark.parametrize(
    "act",
    [
        lambda one: one.add_daughter(DEPTH, 2, [(5, 5)], [1]),
        lambda one: one.divide_object(1, DEPTH),
        lambda one: one.link_daughters([1]),
        lambda one: one.propose_divisions(),
        lambda one: one.propose_swaps(),
        lambda one: one.check_backward(),
        lambda one: one.draw_sample(),
    ],
)
def test_what_there_is_not_in_3d_is_refused_in_words(
    annotation: Annotation, act: Callable[[Annotation], object]
):
    before = volumes(annotation).copy()
    with pytest.raises(ValueError, match=r"there is no .* in 3D"):
        act(annotation)
    assert np.array_equal(volumes(annotation), before)


def test_no_click_is_taken_for_a_daughter(annotation):
    assert annotation.mother_at(DEPTH, (20.0, 20.0)) is None
