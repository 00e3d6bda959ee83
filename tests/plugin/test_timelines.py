"""What is counted and coloured of a timeline."""

from types import SimpleNamespace

import numpy as np
import pytest

from napari_sam2.annotation import AnnotatedObject, Status
from napari_sam2.annotation.error_probability import starts_of_stretches
from napari_sam2.plugin.window.image_state import ImageState
from napari_sam2.plugin.window.timelines import (
    BAR,
    LOCK,
    LOST,
    UNUSUAL,
    Summary,
    extent_text,
    frames_text,
    lane_picture,
    lineage_order,
    outlook_text,
    quality_colour,
    run_around,
    summarise,
)

from .drawn_timelines import timeline

INK = (10, 20, 30)


def test_summary_counts_frames():
    expected = Summary(first=1, last=8, prompts=1, doubtful=3, reviewed=1, length=7)
    assert summarise(timeline(".p=??xv==..")) == expected


def test_summary_of_an_object_without_masks():
    assert summarise(timeline("....")) == Summary()


def test_picture_has_a_bar_where_there_is_a_mask():
    picture = lane_picture(timeline("..==xx=."), 8, INK)
    assert (picture[BAR] > 0).tolist() == [False, False, True, True, False, False, True, False]
    assert (picture[LOST] > 0).tolist() == [False] * 4 + [True] * 2 + [False] * 2


def test_locked_frames_are_drawn_in_ink():
    assert lane_picture(timeline("=LL="), 4, INK)[LOCK].tolist() == [0, 0xFF0A141E, 0xFF0A141E, 0]


def test_doubtful_frames_have_a_colour_of_their_own_until_accepted():
    good, doubtful, accepted = lane_picture(timeline("=?v"), 3, INK)[BAR]
    assert len({good, doubtful, accepted}) == 3


@pytest.mark.parametrize("width", [1, 3, 40])
def test_one_doubtful_frame_shows_however_many_share_its_pixel(width):
    drawing = "=" * 57 + "?" + "=" * 62
    doubtful = lane_picture(timeline("?"), 1, INK)[BAR, 0]
    assert doubtful in lane_picture(timeline(drawing), width, INK)[BAR]


def test_colours_go_from_red_to_green():
    bad, good = quality_colour(0.0), quality_colour(1.0)
    assert bad[0] > bad[1]
    assert good[1] > good[0]


def test_daughters_stand_below_their_mother():
    parents = {1: None, 2: None, 3: 1, 4: 1, 5: 3, 6: 99}
    objects = {i: AnnotatedObject(i, parent=parent) for i, parent in parents.items()}
    assert lineage_order(objects) == [1, 3, 5, 4, 2, 6]


@pytest.mark.parametrize(
    ("t", "run"), [(0, range(2)), (3, range(3, 6)), (5, range(3, 6)), (2, range(2, 3))]
)
def test_run_around_a_frame(t, run):
    assert run_around(np.array([1, 1, 0, 1, 1, 1], bool), t) == run


def test_frames_in_words():
    assert [frames_text(3, 12), frames_text(3, 3), frames_text(None, None)] == ["3–12", "3", "–"]
    summaries = (Summary(0, 14, length=15), Summary(3, 3, length=1), Summary())
    assert [extent_text(one) for one in summaries] == ["0–14 (15)", "3 (1)", "–"]


def test_progress_of_the_review_leaves_out_rejected_objects():
    objects = {1: AnnotatedObject(1), 2: AnnotatedObject(2, status=Status.REJECTED)}
    summaries = {k: Summary(doubtful=3 * k, reviewed=k) for k in objects}
    state = SimpleNamespace(objects=objects, summaries=summaries)
    assert ImageState.review_progress.fget(state) == (1, 3)


def with_chances(drawing: str, chances: list[float]) -> SimpleNamespace:
    """A timeline whose masks have known chances of an error."""
    drawn, chance = timeline(drawing), np.array(chances, np.float32)
    is_open = (chance >= 0.5) & ~drawn.is_reviewed
    known = {"error_probability": chance, "is_likely_wrong": chance >= 0.5}
    return SimpleNamespace(**vars(drawn) | known | {"is_stop": starts_of_stretches(is_open)})


def test_lanes_are_coloured_by_the_chance_of_an_error_where_it_is_known():
    picture = lane_picture(with_chances("??=", [0.0, 1.0, 0.0]), 3, INK)[BAR]
    assert [int(colour) for colour in picture] == [
        0xFF000000 + 256**2 * red + 256 * green + blue
        for red, green, blue in map(quality_colour, (1.0, 0.0, 1.0))
    ]


def test_unusual_masks_have_a_mark_until_reviewed():
    unusual = timeline("==v")
    unusual.is_unusual = np.array([False, True, True])
    assert (lane_picture(unusual, 3, INK)[UNUSUAL] > 0).tolist() == [False, True, False]


def test_the_outlook_tells_how_many_errors_the_doubtful_frames_hold():
    summary = summarise(with_chances("?===v", [0.8, 0.7, 0.1, 0.4, 0.9]))
    assert outlook_text([summary]) == "1 of 5 frames worth a look: about 75 % of the errors"
    assert outlook_text([summarise(timeline("?=="))]) == ""


def test_the_outlook_counts_other_doubts_apart():
    unusual = summarise(with_chances("?==?", [0.8, 0.7, 0.1, 0.4]))
    assert outlook_text([unusual]) == (
        "1 of 4 frames worth a look: about 75 % of the errors; 1 more is doubtful for other reasons"
    )
    likely_right = summarise(with_chances("=?=?", [0.1, 0.1, 0.1, 0.1]))
    assert outlook_text([likely_right]) == (
        "No mask is likely wrong; 2 are doubtful for other reasons"
    )
