from __future__ import annotations

import warnings

import networkx as nx
import numpy as np
import pytest

from napari_sam2.evaluation.ctc import CtcCounter, CtcScores
from napari_sam2.io.tracks import lineage
from tests.evaluation.worlds import drawn

TRUTH = drawn("1.2.", "1.2.", "1.2.")  # 6 cells, 4 links
ALL_CELLS, ALL_LINKS = 6 * 10.0, 4 * 1.5  # what it costs to draw them by hand


Parents = dict[int, int]


def score(
    truth: np.ndarray,
    labels: np.ndarray,
    *,
    parents: Parents | None = None,
    truth_parents: Parents | None = None,
    shapes: bool = True,
) -> CtcScores:
    counter = CtcCounter(parents=parents, truth_parents=truth_parents)
    for t, (there, found) in enumerate(zip(truth, labels, strict=True)):
        counter.add(t, there, found, shapes=shapes)
    return counter.scores()


def test_truth_scores_one_against_itself() -> None:
    assert score(TRUTH, TRUTH) == CtcScores(1.0, 1.0, 1.0)


def test_ids_need_not_agree() -> None:
    assert score(TRUTH, TRUTH * 7).tra == 1.0


def test_missed_cell_costs_ten_and_its_links() -> None:
    scores = score(TRUTH, drawn("1.2.", "1.2.", "1..."))
    assert scores.det == pytest.approx(1 - 10 / ALL_CELLS)
    assert scores.seg == pytest.approx(5 / 6)
    assert scores.tra == pytest.approx(1 - (10 + 1.5) / (ALL_CELLS + ALL_LINKS))


def test_cell_too_many_costs_one() -> None:
    scores = score(TRUTH, drawn("1.2.", "1.23", "1.2."))
    assert scores.det == pytest.approx(1 - 1 / ALL_CELLS)
    assert scores.tra == pytest.approx(1 - 1 / (ALL_CELLS + ALL_LINKS))


def test_two_cells_in_one_cost_a_split_and_links() -> None:
    """On the last frame one object covers both cells: 1 split, and the 2 links there are gone."""
    scores = score(TRUTH, drawn("1.2.", "1.2.", "111."))
    assert scores.det == pytest.approx(1 - 5 / ALL_CELLS)
    assert scores.tra == pytest.approx(1 - (5 + 2 * 1.5) / (ALL_CELLS + ALL_LINKS))
    assert scores.seg == pytest.approx((4 + 1 / 3 + 1 / 3) / 6)


def test_swapped_cells_cost_links_only() -> None:
    """Both links to the last frame are wrong: 2 to take away, 2 to draw."""
    scores = score(TRUTH, drawn("1.2.", "1.2.", "2.1."))
    assert scores.det == scores.seg == 1.0
    assert scores.tra == pytest.approx(1 - (2 * 1 + 2 * 1.5) / (ALL_CELLS + ALL_LINKS))


def test_cell_that_half_covers_is_not_found() -> None:
    truth, labels = np.zeros((1, 4, 4), int), np.zeros((1, 4, 4), int)
    truth[0, :2, :2], labels[0, 0, :2] = 1, 1
    assert score(truth, labels).det == pytest.approx(0.0)
    labels[0, 1, 0] = 1
    assert score(truth, labels) == CtcScores(1.0, 0.75, 1.0)


def test_unknown_mother_costs_her_links() -> None:
    truth = drawn(".1.", "2.3")
    parents = {2: 1, 3: 1}
    known = score(truth, truth, truth_parents=parents, parents=parents)
    unknown = score(truth, truth, truth_parents=parents)
    assert known.tra == 1.0
    assert unknown.tra == pytest.approx(1 - 3 / (30 + 3))


def test_object_that_was_away_is_the_same_on_both_sides() -> None:
    gone = drawn("1", ".", "1")[[0, 1, 2]]
    assert score(gone, gone).tra == 1.0


def test_nothing_found_scores_zero() -> None:
    assert score(TRUTH, np.zeros_like(TRUTH)) == CtcScores(0.0, 0.0, 0.0)


def test_markers_have_no_segmentation() -> None:
    scores = score(TRUTH, TRUTH, shapes=False)
    assert np.isnan(scores.seg)
    assert scores.reasons == {"SEG": "no object has a shape in the truth"}
    assert scores.tra == 1.0


def test_truth_without_objects_defines_nothing() -> None:
    scores = score(np.zeros((2, 3, 3), int), np.ones((2, 3, 3), int))
    assert np.isnan([scores.det, scores.seg, scores.tra]).all()
    assert scores.reasons.keys() == {"DET", "SEG", "TRA"}


def test_gap_in_the_truth_defines_no_tracking() -> None:
    counter = CtcCounter()
    for t in (0, 2):
        counter.add(t, TRUTH[t], TRUTH[t])
    assert np.isnan(counter.scores().tra)
    assert counter.scores().det == 1.0


def test_object_with_a_gap_becomes_two_tracks() -> None:
    found = lineage([[4], [], [4], [4]], {})
    assert [(t.object_id, t.first, t.last, t.parent) for t in found.tracks] == [
        (4, 0, 0, 0),
        (5, 2, 3, 4),
    ]


def graph(labels: np.ndarray) -> nx.DiGraph:
    """Cells and their links, as traccuracy wants them."""
    cells = nx.DiGraph()
    for t, frame in enumerate(labels):
        for object_id in np.unique(frame[frame > 0]).tolist():
            y, x = np.argwhere(frame == object_id).mean(axis=0)
            cells.add_node(f"{object_id}_{t}", t=t, segmentation_id=object_id, y=y, x=x)
            before = [k for k in range(t) if f"{object_id}_{k}" in cells]
            if before:
                cells.add_edge(f"{object_id}_{before[-1]}", f"{object_id}_{t}")
    return cells


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_agrees_with_traccuracy(seed: int) -> None:
    """Cells are lost, made up and renamed at random, but never merged.

    That is counted differently there: by merged cells, not by the splits that they need.
    """
    from traccuracy import TrackingGraph
    from traccuracy.matchers import CTCMatcher
    from traccuracy.metrics import CTCMetrics

    rng = np.random.default_rng(seed)
    truth = drawn(*["12345"] * 5)
    labels = truth.copy()
    for frame in labels:
        renamed = rng.permutation(6) if rng.random() < 0.5 else np.arange(6)
        renamed[renamed == 0] = 6
        renamed[0] = 0
        frame[:] = renamed[frame]
        frame[:, rng.integers(0, frame.shape[1])] = 0
        frame[frame == rng.integers(1, 12)] = 0
    truth[rng.integers(0, 5)][truth[0] == 3] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        matched = CTCMatcher().compute_mapping(
            TrackingGraph(graph(truth), segmentation=truth),
            TrackingGraph(graph(labels), segmentation=labels),
        )
        theirs = CTCMetrics().compute(matched).results
    ours = score(truth, labels)
    assert ours.det == pytest.approx(theirs["DET"])
    assert ours.tra == pytest.approx(theirs["TRA"])
