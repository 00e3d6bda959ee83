"""Every benchmark of the hot parts runs; here without pytest-benchmark, once and untimed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from benchmarks import test_hot_parts
from benchmarks.test_hot_parts import *  # noqa: F403


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """A smaller movie and fewer objects than are timed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(test_hot_parts, "SIDE", 256)
        patch.setattr(test_hot_parts, "OBJECTS", 2)
        yield


class Once:
    """Stands in for the fixture of pytest-benchmark: calls what would be timed."""

    def __call__(self, work: Callable[..., Any], *arguments: Any) -> None:
        work(*arguments)

    def pedantic(self, work: Callable[[], Any], setup: Callable[[], None], rounds: int) -> None:
        setup()
        work()


@pytest.fixture
def benchmark() -> Once:
    return Once()
