"""A tiny network, of both kinds, and a world to track in."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from napari_sam2.io.volume_samples import VolumeSample, synthetic_volumes
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker, volume_growth, volume_recipe
from tests import worlds
from tests.tracking.volume_world import SHAPE
from tests.worlds import World

from .tiny import build_tiny_model


@pytest.fixture(scope="session")
def tiny_model() -> Sam2:
    """Works as the official networks do."""
    return build_tiny_model()


@pytest.fixture(scope="session")
def drawing_model() -> Sam2:
    """Works as our own network does: prompts and previous masks are drawn."""
    return build_tiny_model(draws=True)


@pytest.fixture(scope="session", params=["official", "drawing"])
def any_model(request: pytest.FixtureRequest, tiny_model: Sam2, drawing_model: Sam2) -> Sam2:
    return tiny_model if request.param == "official" else drawing_model


@pytest.fixture(scope="session")
def world() -> World:
    return worlds.two_discs()


@pytest.fixture(scope="module")
def sample() -> VolumeSample:
    return synthetic_volumes(SHAPE[0], SHAPE[1], SHAPE[2:], cells=2, seed=3)


@pytest.fixture
def keep_any_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The masks of random weights are large and lie anywhere."""
    monkeypatch.setattr(volume_recipe, "LEAST_CONTRAST", -np.inf)
    monkeypatch.setattr(volume_growth, "Tracker", partial(Tracker, area_guard=False))
