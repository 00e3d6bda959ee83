from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.simulated_effort import simulated_effort
from napari_sam2.io.project.effort import Phase
from tests.evaluation.forgetful import Forgetful
from tests.evaluation.worlds import drawn

TEN = label_movie(drawn(*["..1.."] * 10))
MOVIE = np.zeros(TEN.shape, np.uint8)


def test_each_mask_by_itself_takes_its_own_clicks() -> None:
    alone, _ = simulated_effort(Forgetful(TEN, 3), MOVIE, TEN)
    assert (alone.phase, alone.objects, alone.frames) == (Phase.CLICKS, 1, 10)
    assert alone.seconds == pytest.approx(10 * (1 + 3 * 1.5))
    assert alone.edited_share == 1.0
    assert alone.clicks_per_clicked_frame == 3.0


def test_tracking_takes_clicks_where_an_object_is_lost() -> None:
    """Three frames of ten are clicked, and ten of 300 frames are looked through."""
    _, tracked = simulated_effort(Forgetful(TEN, 3), MOVIE, TEN)
    assert tracked.phase is Phase.TRACKED
    assert tracked.seconds == pytest.approx(30 * 10 / 300 + 3 * (1 + 3 * 1.5))
    assert tracked.seconds_per_frame == pytest.approx(1.75)
    assert tracked.edited_share == pytest.approx(0.3)
    assert tracked.clicks_per_clicked_frame == 3.0
