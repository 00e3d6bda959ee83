"""A document over the stand-in tracker."""

from __future__ import annotations

import pytest

from napari_sam2.annotation import Annotation

from .stand_in import StandInTracker


@pytest.fixture
def tracker() -> StandInTracker:
    return StandInTracker()


@pytest.fixture
def annotation(tracker: StandInTracker) -> Annotation:
    return Annotation(tracker)
