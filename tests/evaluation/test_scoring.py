from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocol_names import Convention
from napari_sam2.evaluation.scoring import matched_ids, score
from tests.evaluation.worlds import drawn

TRUTH = label_movie(drawn("1..2..", "1..2..", "1..2.."))


def test_identical_labels_score_one() -> None:
    found = score(TRUTH, TRUTH)
    summary = found.summary()
    assert (summary.region, summary.boundary, summary.j_and_f) == (1.0, 1.0, 1.0)
    assert found.ctc is not None
    assert (found.ctc.det, found.ctc.seg, found.ctc.tra) == (1.0, 1.0, 1.0)


def test_shifted_labels_score_what_they_share() -> None:
    """Cells of 3 x 3, moved by one column: 6 of 12 pixels."""
    shifted = label_movie(np.roll(TRUTH.data, 1, axis=2))
    assert score(shifted, TRUTH).summary().region == pytest.approx(0.5)


def test_ids_need_not_agree() -> None:
    renamed = label_movie(drawn("8..3..", "8..3..", "8..3.."))
    assert matched_ids(TRUTH, renamed) == {1: 8, 2: 3}
    assert score(renamed, TRUTH).summary().region == 1.0


def test_object_that_changes_its_id_is_right_on_one_part() -> None:
    changed = label_movie(drawn("1..2..", "1..2..", "9..2.."))
    figures = score(changed, TRUTH).by_object()
    assert figures[1].region == pytest.approx(2 / 3)
    assert figures[2].region == 1.0


def test_missing_object_scores_zero() -> None:
    alone = label_movie(drawn("1.....", "1.....", "1....."))
    assert score(alone, TRUTH).summary().region == 0.5


def test_markers_count_for_identity_only() -> None:
    found = score(TRUTH, label_movie(TRUTH.data, is_markers=True))
    assert np.isnan(found.summary().region)
    assert found.ctc is not None
    assert found.ctc.tra == 1.0
    assert np.isnan(found.ctc.seg)
    assert "not its shape" in found.by_object()[1].reason


def test_labels_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="labels has 2 frames, the truth 3"):
        score(TRUTH.shortened(2), TRUTH)


def test_what_is_found_in_the_margin_only_does_not_count() -> None:
    """The truth drops an object that has left the view; the labels follow it into the margin."""
    truth = label_movie(drawn("..1...", "......", "..1..."), annotated=range(3))
    found = label_movie(drawn("..1...", "1.....", "..1..."))
    assert score(found, truth).summary().region == pytest.approx(2 / 3)
    seen = score(found, replace(truth, margin=3))
    assert seen.summary().region == 1.0
    assert seen.ctc is not None
    assert seen.ctc.det == 1.0


def test_convention_of_davis_counts_frames_without_the_object() -> None:
    """On frames 1, 2 and 3 object 2 is found, in neither, and missed."""
    truth = label_movie(drawn("12", "12", "1.", "12", "12"))
    labels = label_movie(drawn("12", "12", "1.", "1.", "12"))
    ours = score(labels, truth).by_object()[2].region
    davis = score(labels, truth, convention=Convention.davis).by_object()[2].region
    assert ours == pytest.approx(3 / 4)
    assert davis == pytest.approx(2 / 3)
