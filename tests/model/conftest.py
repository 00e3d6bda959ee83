"""Networks that are made once for all comparisons."""

from __future__ import annotations

import pytest

from .weights import MINI, StateDict, soft_state_dict


@pytest.fixture(scope="session")
def mini_weights() -> StateDict:
    """Weights of a network that is official in everything but its size."""
    return soft_state_dict(MINI, seed=3)
