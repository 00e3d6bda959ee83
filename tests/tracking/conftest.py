"""A tiny network, of both kinds, and a world to track in."""

from __future__ import annotations

import pytest

from napari_sam2.model import Sam2
from tests import worlds
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
