"""Divisions: two daughters, one mother, and nothing that a user did not ask for."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.families import family_of, lineage_names
from napari_sam2.annotation.objects import AnnotatedObject

from .helpers import mask, seen
from .stand_in import SHAPE, StandInTracker

BIRTH = 2
MOTHER, FIRST, SECOND, FAR = (12.0, 9.0), (6.0, 8.0), (18.0, 8.0), (12.0, 26.0)
AWAY = (-40.0, -40.0)


@pytest.fixture
def tracker() -> StandInTracker:
    """A disc that becomes two discs on frame 2, and another one far away."""
    tracker = StandInTracker()
    before = [MOTHER, AWAY, FAR, AWAY]
    after = [FIRST, SECOND, FAR, AWAY]
    tracker.centres = np.array([before] * BIRTH + [after] * (SHAPE[0] - BIRTH))
    return tracker


@pytest.fixture
def tracked(annotation: Annotation) -> Annotation:
    """Object 1 is the mother, tracked on into the first daughter; object 2 is far away."""
    annotation.add_points(0, 1, [MOTHER], [1])
    annotation.add_points(0, 2, [FAR], [1])
    list(annotation.propagate())
    return annotation


def frames_of(annotation: Annotation, object_id: int) -> list[int]:
    return np.flatnonzero((annotation.labels == object_id).any(axis=(1, 2))).tolist()


def divide(annotation: Annotation) -> None:
    """Click both daughters on their first frame."""
    annotation.add_daughter(BIRTH, 3, [FIRST], [1])
    annotation.add_daughter(BIRTH, 4, [SECOND], [1])


# Two clicks


def test_two_clicks_make_two_daughters_of_the_cell_that_was_there(tracked: Annotation) -> None:
    divide(tracked)
    objects = tracked.objects
    assert {objects[key].parent for key in (3, 4)} == {1}
    assert {objects[key].birth for key in (3, 4)} == {BIRTH}
    assert objects[1].end == BIRTH - 1
    assert frames_of(tracked, 1) == [0, 1]
    assert mask(tracked, BIRTH, 3)[6, 8]
    assert mask(tracked, BIRTH, 4)[18, 8]


def test_daughters_are_never_tracked_before_their_birth(tracked: Annotation) -> None:
    mother = [mask(tracked, t, 1).copy() for t in range(BIRTH)]
    divide(tracked)
    list(tracked.propagate(direction="both"))
    for key in (3, 4):
        assert frames_of(tracked, key) == [2, 3, 4]
    assert frames_of(tracked, 1) == [0, 1]
    for t in range(BIRTH):
        assert np.array_equal(mask(tracked, t, 1), mother[t])


def test_each_click_on_a_daughter_is_one_undo_step(tracked: Annotation) -> None:
    before = seen(tracked)
    tracked.add_daughter(BIRTH, 3, [FIRST], [1])
    between = seen(tracked)
    tracked.add_daughter(BIRTH, 4, [SECOND], [1])
    after = seen(tracked)
    tracked.undo()
    assert seen(tracked) == between
    tracked.undo()
    assert seen(tracked) == before
    tracked.redo()
    tracked.redo()
    assert seen(tracked) == after


def test_second_click_on_the_same_mask_is_excluded_from_the_first_daughter(
    tracked: Annotation,
) -> None:
    whole = np.zeros(SHAPE[1:], bool)
    whole[2:23, 4:13] = True
    tracked.add_daughter(BIRTH, 3, [FIRST], [1])
    tracked.add_mask(BIRTH, 3, whole)  # the mask of the first daughter covers both cells
    tracked.add_daughter(BIRTH, 4, [SECOND], [1])
    prompt = tracked.prompt(BIRTH, 3)
    assert prompt is not None
    assert prompt.labels.tolist() == [0]
    assert np.allclose(prompt.points, [SECOND])
    assert mask(tracked, BIRTH, 4)[18, 8]


def test_withdrawn_division_leaves_nothing(tracked: Annotation) -> None:
    before = seen(tracked)
    divide(tracked)
    tracked.add_points(BIRTH, 4, [(20, 8)], [1])
    tracked.withdraw_division([3, 4])
    assert seen(tracked) == before


def test_withdrawal_keeps_steps_that_were_made_before(tracked: Annotation) -> None:
    tracked.rename_object(1, "mother")
    tracked.add_daughter(BIRTH, 3, [FIRST], [1])
    tracked.withdraw_division([3, 4])
    assert tracked.objects[1].name == "mother"
    assert 3 not in tracked.objects


def test_withdrawal_undoes_no_step_of_other_objects(tracked: Annotation) -> None:
    tracked.add_daughter(BIRTH, 3, [FIRST], [1])
    tracked.rename_object(2, "neighbour")
    tracked.withdraw_division([3])
    assert tracked.objects[2].name == "neighbour"
    assert 3 in tracked.objects


def test_click_far_from_every_cell_makes_no_daughter(tracked: Annotation) -> None:
    tracked.remove_object(2)
    before = seen(tracked)
    with pytest.raises(ValueError, match="no mother is near"):
        tracked.add_daughter(BIRTH, 3, [FAR], [1])
    assert seen(tracked) == before


def test_click_that_fails_changes_nothing(tracked: Annotation) -> None:
    before = seen(tracked)
    with pytest.raises(ValueError, match="inside the image"):
        tracked.add_daughter(BIRTH, 3, [(6, -30)], [1], mother=1)
    assert seen(tracked) == before


def test_locked_mother_is_not_divided(tracked: Annotation) -> None:
    tracked.lock(1, [3])
    with pytest.raises(ValueError, match="locked on frame 3"):
        tracked.add_daughter(BIRTH, 3, [FIRST], [1])


def test_daughters_of_one_mother_begin_on_one_frame(tracked: Annotation) -> None:
    tracked.add_daughter(BIRTH, 3, [FIRST], [1])
    with pytest.raises(ValueError, match="divides at frame 2 already"):
        tracked.add_daughter(3, 4, [SECOND], [1], mother=1)


def test_there_is_no_daughter_on_the_first_frame(tracked: Annotation) -> None:
    with pytest.raises(ValueError, match="no mother is near"):
        tracked.add_daughter(0, 3, [FIRST], [1])


# The mother


def test_mother_is_the_cell_under_the_click_before_any_other(tracked: Annotation) -> None:
    assert tracked.find_mother(BIRTH, FIRST, likely=2) == 1
    assert tracked.find_mother(BIRTH, (12, 9), likely=2) == 1  # her mask of the frame before
    assert tracked.find_mother(BIRTH, FAR) == 2


def test_mother_beside_the_click_is_the_likely_one_if_near(tracked: Annotation) -> None:
    between = (12, 17)
    assert tracked.find_mother(BIRTH, between, likely=1) == 1
    assert tracked.find_mother(BIRTH, between, likely=2) == 2


def test_only_a_cell_of_the_frame_before_is_a_mother(tracked: Annotation) -> None:
    tracked.add_points(BIRTH, 3, [SECOND], [1])
    assert tracked.mother_at(BIRTH, SECOND) is None
    assert tracked.mother_at(BIRTH + 1, SECOND) == 3
    assert tracked.mother_at(0, MOTHER) is None


def test_sister_tells_the_mother_before_the_place_does(tracked: Annotation) -> None:
    tracked.add_daughter(BIRTH, 3, [FIRST], [1])
    tracked.add_daughter(BIRTH, 4, [(12, 22)], [1], sister=3)
    assert tracked.objects[4].parent == 1


# Objects that exist already


def test_new_object_beside_a_cell_that_goes_on_makes_both_daughters(tracked: Annotation) -> None:
    tracked.add_points(BIRTH, 3, [SECOND], [1])
    was = [mask(tracked, t, 1).copy() for t in range(SHAPE[0])]
    assert tracked.link_daughters([3], 1) == 1
    objects = tracked.objects
    assert [key for key in objects if objects[key].parent == 1] == [3, 4]
    assert frames_of(tracked, 1) == [0, 1]
    for t in range(BIRTH, SHAPE[0]):
        assert np.array_equal(mask(tracked, t, 4), was[t])


def test_mother_of_two_objects_is_proposed_by_overlap(tracked: Annotation) -> None:
    tracked.clear_masks(1, range(BIRTH, SHAPE[0]))
    tracked.add_points(BIRTH, 3, [FIRST], [1])
    tracked.add_points(BIRTH, 4, [SECOND], [1])
    assert tracked.propose_mother([3, 4]) == 1
    assert tracked.link_daughters([3, 4]) == 1
    assert tracked.objects[1].end == BIRTH - 1


def test_dividing_cell_that_went_on_in_a_daughter_is_the_mother(tracked: Annotation) -> None:
    tracked.add_points(BIRTH, 3, [SECOND], [1])
    assert tracked.link_daughters([1, 3]) == 1
    assert {key for key, known in tracked.objects.items() if known.parent == 1} == {3, 4}


def test_link_gives_the_mother_back_what_a_daughter_took(tracked: Annotation) -> None:
    """A daughter that was tracked backward has eaten her mother."""
    mother = [mask(tracked, t, 1).copy() for t in range(BIRTH)]
    tracked.clear_masks(1, range(BIRTH, SHAPE[0]))
    tracked.add_points(BIRTH, 3, [FIRST], [1])
    tracked.add_points(BIRTH, 4, [SECOND], [1])
    list(tracked.propagate(direction="both", object_ids=[3, 4]))
    tracked.link_daughters([3, 4], 1)
    for t in range(BIRTH):
        assert np.array_equal(mask(tracked, t, 1), mother[t])
    assert frames_of(tracked, 3) == frames_of(tracked, 4) == [2, 3, 4]


def test_link_is_one_undo_step(tracked: Annotation) -> None:
    tracked.add_points(BIRTH, 3, [SECOND], [1])
    before = seen(tracked)
    tracked.link_daughters([3], 1)
    after = seen(tracked)
    tracked.undo()
    assert seen(tracked) == before
    tracked.redo()
    assert seen(tracked) == after


def test_prompt_before_the_division_is_not_lost(tracked: Annotation) -> None:
    tracked.add_points(1, 3, [SECOND], [1])
    with pytest.raises(ValueError, match="has a prompt on frame 1"):
        tracked.link_daughters([3], 1, t=3)


def test_nobody_descends_from_herself(tracked: Annotation) -> None:
    divide(tracked)
    list(tracked.propagate())
    with pytest.raises(ValueError, match="descends"):
        tracked.link_daughters([1], 3, t=3)


# Changing a division


def test_division_moves_to_a_later_frame(tracked: Annotation) -> None:
    divide(tracked)
    list(tracked.propagate())
    both = np.isin(tracked.labels[BIRTH], [3, 4])
    tracked.move_division(1, BIRTH + 1)
    assert tracked.objects[1].end == BIRTH
    assert frames_of(tracked, 1) == [0, 1, 2]
    assert np.array_equal(mask(tracked, BIRTH, 1), both)
    assert frames_of(tracked, 3) == frames_of(tracked, 4) == [3, 4]
    list(tracked.propagate(direction="both"))
    assert frames_of(tracked, 3) == frames_of(tracked, 4) == [3, 4]


def test_division_moves_to_an_earlier_frame(tracked: Annotation) -> None:
    divide(tracked)
    tracked.move_division(1, BIRTH - 1)
    assert tracked.objects[1].end == BIRTH - 2
    assert frames_of(tracked, 1) == [0]
    assert tracked.objects[3].birth == BIRTH - 1


@pytest.mark.parametrize("t", [BIRTH - 1, BIRTH + 1])
def test_moving_a_division_is_one_undo_step(tracked: Annotation, t: int) -> None:
    divide(tracked)
    list(tracked.propagate())
    before = seen(tracked)
    tracked.move_division(1, t)
    tracked.undo()
    assert seen(tracked) == before


def test_division_cannot_move_to_where_the_mother_has_no_mask(tracked: Annotation) -> None:
    divide(tracked)
    with pytest.raises(ValueError, match="has no mask before frame 0"):
        tracked.move_division(1, 0)


def test_only_a_division_can_be_moved(tracked: Annotation) -> None:
    with pytest.raises(ValueError, match="no daughters"):
        tracked.move_division(1, 3)


def test_mother_goes_on_in_a_daughter_when_her_division_is_dissolved(tracked: Annotation) -> None:
    divide(tracked)
    list(tracked.propagate())
    tracked.merge_objects(1, 3)
    assert frames_of(tracked, 1) == [0, 1, 2, 3, 4]
    assert tracked.objects[4].parent is None
    assert tracked.objects[1].end is None


# Names


def test_names_follow_the_family() -> None:
    parents = {1: None, 2: 1, 3: 1, 4: None, 5: 2, 6: 2, 8: 9}
    objects = {key: AnnotatedObject(key, parent=parent) for key, parent in parents.items()}
    assert lineage_names(objects) == {
        1: "1",
        2: "1.1",
        3: "1.2",
        4: "4",
        5: "1.1.1",
        6: "1.1.2",
        8: "8",
    }


def test_a_family_has_ancestors_sisters_and_descendants() -> None:
    parents = {1: None, 2: 1, 3: 1, 4: None, 5: 2, 6: 4, 8: 9}
    objects = {key: AnnotatedObject(key, parent=parent) for key, parent in parents.items()}
    assert family_of(objects, 3) == family_of(objects, 5) == {1, 2, 3, 5}
    assert family_of(objects, 8) == {8}


def test_tracks_have_paths_and_families(tracked: Annotation) -> None:
    divide(tracked)
    rows, parents = tracked.tracks()
    assert parents == {3: 1, 4: 1}
    of_mother = rows[rows[:, 0] == 1]
    assert of_mother[:, 1].tolist() == [0, 1]
    assert np.allclose(of_mother[:, 2:], MOTHER, atol=0.5)
