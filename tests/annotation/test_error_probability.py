"""The error probability is high where evidence speaks against a mask, unknown without any."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.annotation.error_probability import (
    NEIGHBOURS,
    TrackingScores,
    error_model,
    find_error_probability,
    gather_evidence,
    sum_of_stretches,
)
from napari_sam2.annotation.measures import Trace
from napari_sam2.annotation.quality import Doubt, Timeline, find_doubts

LENGTH = 8
NOTHING = np.zeros(LENGTH, bool)


def numbers(value: float) -> np.ndarray:
    return np.full(LENGTH, value, np.float32)


def steady_trace() -> Trace:
    """A round cell of 100 pixels that hardly moves."""
    trace = Trace.empty(LENGTH)
    return replace(trace, area=numbers(100), shared_1=numbers(95), hull_area=numbers(106))


def sure_scores() -> TrackingScores:
    return TrackingScores(numbers(0.9), numbers(0.95), numbers(0.9), numbers(100))


def chance_of(scores: TrackingScores, trace: Trace | None = None) -> np.ndarray:
    return find_error_probability(trace or steady_trace(), scores, NOTHING)[0]


def test_masks_with_good_evidence_are_likely_right() -> None:
    assert (chance_of(sure_scores()) < 0.2).all()


@pytest.mark.parametrize(
    "worse",
    [
        {"cell_overlap": numbers(0.2)},
        {"agreement": numbers(0.6)},
        {"drawn_area": numbers(200)},
    ],
    ids=["cell head", "guesses", "claims"],
)
def test_each_evidence_against_a_mask_raises_its_chance_of_an_error(worse: dict) -> None:
    assert (chance_of(replace(sure_scores(), **worse)) > chance_of(sure_scores())).all()


@pytest.mark.parametrize("cell_overlap", [0.9, np.nan], ids=["with head", "without head"])
def test_an_outline_with_dents_raises_the_chance_of_an_error(cell_overlap: float) -> None:
    scores = replace(sure_scores(), cell_overlap=numbers(cell_overlap))
    dented = replace(steady_trace(), hull_area=numbers(160))
    assert (chance_of(scores, dented) > chance_of(scores)).all()


def test_a_mask_whose_hull_is_unknown_has_a_chance() -> None:
    assert not np.isnan(
        chance_of(sure_scores(), replace(steady_trace(), hull_area=numbers(0)))
    ).any()


def test_a_mask_of_a_network_without_a_cell_head_has_a_chance_too() -> None:
    good = replace(sure_scores(), cell_overlap=numbers(np.nan))
    bad = replace(good, agreement=numbers(0.5))
    assert (chance_of(good) < chance_of(bad)).all()


def test_the_chance_is_unknown_without_scores_and_without_a_mask() -> None:
    assert np.isnan(chance_of(TrackingScores.unknown(LENGTH))).all()
    assert np.isnan(chance_of(sure_scores(), Trace.empty(LENGTH))).all()


def test_the_chance_is_0_where_a_person_made_the_mask() -> None:
    is_fixed = NOTHING.copy()
    is_fixed[3] = True
    chance, reasons = find_error_probability(steady_trace(), sure_scores(), is_fixed)
    assert chance[3] == 0
    assert not reasons[3]


def test_the_strongest_evidence_is_the_reason() -> None:
    scores = replace(sure_scores(), cell_overlap=numbers(0), agreement=numbers(0.85))
    chance, reasons = find_error_probability(steady_trace(), scores, NOTHING)
    assert chance[4] >= error_model().threshold
    assert reasons[4] == "the outline does not fit the cell that the network sees there"


def test_a_size_is_compared_with_the_nearest_prompted_mask() -> None:
    area = np.array([100, 100, 300, 0, 300, 80, 40, 40], np.float32)
    is_fixed = np.isin(np.arange(LENGTH), [0, 3, 6])  # the cell is gone on frame 3
    trace = replace(steady_trace(), area=area)
    found = gather_evidence(trace, sure_scores(), is_fixed)["size_change"]
    expected = np.log([1, 1, 3, np.nan, 7.5, 2, 1, 1])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.isnan(gather_evidence(trace, sure_scores())["size_change"]).all()
    assert np.isnan(gather_evidence(trace, sure_scores(), NOTHING)["size_change"]).all()


def test_a_mask_of_another_size_than_the_prompted_one_is_likelier_wrong() -> None:
    is_fixed = np.arange(LENGTH) == 0
    larger = steady_trace()
    larger.area[4:] = 300
    chance, _ = find_error_probability(larger, sure_scores(), is_fixed)
    as_before, _ = find_error_probability(steady_trace(), sure_scores(), is_fixed)
    assert (chance[5:] > as_before[5:]).all()


def test_the_cell_head_counts_over_all_frames() -> None:
    overlap = np.array([0.2, 0.2, 0.2, 0.9, 0.2, np.nan, 0.2, 0.2], np.float32)
    found = gather_evidence(steady_trace(), replace(sure_scores(), cell_overlap=overlap))
    np.testing.assert_allclose(found["cell_overlap_all"], np.full(LENGTH, 0.2), rtol=1e-6)
    nothing = replace(sure_scores(), cell_overlap=numbers(np.nan))
    assert np.isnan(gather_evidence(steady_trace(), nothing)["cell_overlap_all"]).all()


def test_a_mask_among_likely_wrong_ones_says_that_they_are_the_reason() -> None:
    scores = sure_scores()
    for bad in (3, 5):
        scores.cell_overlap[bad], scores.agreement[bad], scores.drawn_area[bad] = 0, 0.3, 400
    chance, reasons = find_error_probability(steady_trace(), scores, NOTHING)
    assert error_model().threshold <= chance[4] < chance[3]
    assert reasons[4] == NEIGHBOURS
    assert not reasons[0]


def test_the_head_need_not_be_asked_on_every_frame() -> None:
    every_other = np.where(np.arange(LENGTH) % 2, np.nan, 0.2).astype(np.float32)
    known = chance_of(replace(sure_scores(), cell_overlap=every_other))
    good = chance_of(sure_scores())
    assert (known > good).all()  # also on the frames between


def test_masks_that_a_person_made_say_nothing_about_their_neighbours() -> None:
    scores = sure_scores()
    is_fixed = np.arange(LENGTH) == 3
    before, _ = find_error_probability(steady_trace(), scores, is_fixed)
    scores.agreement[3] = 0.1  # of the mask that the model had made before
    after, _ = find_error_probability(steady_trace(), scores, is_fixed)
    np.testing.assert_array_equal(before, after)


def test_a_bad_stretch_is_one_doubt_at_its_start_worth_all_its_errors() -> None:
    chance = np.array([0, 0.9, 0.8, 0.1, 0.7, 0, 0, np.nan], np.float32)
    np.testing.assert_allclose(sum_of_stretches(chance, chance > 0.5)[[1, 2, 4]], [1.7, 0, 0.7])
    doubts = find_doubts(steady_trace(), numbers(0.9), numbers(5), NOTHING, NOTHING, chance)
    assert np.flatnonzero(doubts & Doubt.LIKELY_WRONG).tolist() == [1, 4]


def timeline_of(chance: np.ndarray, doubts: np.ndarray, is_reviewed: np.ndarray) -> Timeline:
    return Timeline(
        *[~NOTHING, NOTHING, NOTHING, is_reviewed, NOTHING],
        1 - chance,
        doubts,
        chance,
        ("",) * LENGTH,
        numbers(np.nan),
    )


def test_an_unusual_mask_that_is_likely_right_comes_after_all_likely_wrong_ones() -> None:
    doubts, chance = np.zeros(LENGTH, np.uint16), numbers(0.1)
    doubts[2], doubts[5] = Doubt.JUMP_PLACE, Doubt.LIKELY_WRONG
    chance[5] = error_model().threshold
    timeline = timeline_of(chance, doubts, NOTHING)
    timeline = replace(timeline, quality=numbers(0.01))  # unusual in every way
    assert timeline.is_unusual.tolist() == [t == 2 for t in range(LENGTH)]
    assert 0 < timeline.severity[2] < timeline.severity[5]


@pytest.mark.parametrize(
    ("reviewed", "stops", "gains"),
    [
        ([], [2], [3.6]),
        ([2], [3], [2.7]),
        ([3], [2, 4], [0.9, 1.8]),
        ([2, 3, 4, 5], [], []),
    ],
)
def test_the_rest_of_a_stretch_stays_a_stop_after_a_part_of_it_was_reviewed(
    reviewed: list[int], stops: list[int], gains: list[float]
) -> None:
    chance, is_reviewed = numbers(0), np.isin(np.arange(LENGTH), reviewed)
    chance[2:6] = 0.9
    doubts = find_doubts(
        steady_trace(), numbers(0.9), numbers(5), NOTHING, NOTHING, chance, None, None, is_reviewed
    )
    timeline = timeline_of(chance, doubts, is_reviewed)
    is_doubtful = doubts & Doubt.LIKELY_WRONG > 0
    assert np.flatnonzero(is_doubtful & ~is_reviewed).tolist() == stops
    assert np.flatnonzero(timeline.is_stop).tolist() == stops
    assert np.flatnonzero(timeline.severity).tolist() == stops
    np.testing.assert_allclose(timeline.severity[stops], gains)
