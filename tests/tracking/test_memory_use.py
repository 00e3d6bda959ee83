"""A long movie leaves no freed memory lying about."""

from __future__ import annotations

import sys

import pytest

from napari_sam2 import memory_use
from napari_sam2.memory_use import release_freed_memory, releasing_memory
from napari_sam2.model import Sam2
from tests.worlds import World

from .tiny import clicked, run


@pytest.mark.parametrize("interval_s", [0.0, 60.0])
def test_freed_memory_is_given_back_now_and_then(
    interval_s: float, tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(memory_use, "RELEASE_EVERY_S", interval_s)
    monkeypatch.setattr(memory_use, "release_freed_memory", lambda: calls.append(1))
    frames = len(run(clicked(tiny_model, world, 1)))
    assert len(calls) == (0 if interval_s else frames + 1)


@pytest.mark.parametrize("platform", ["linux", "win32", "darwin"])
def test_every_system_is_fine_with_it(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if platform != "linux" or sys.platform == "linux":
        monkeypatch.setattr(sys, "platform", platform)
        release_freed_memory()


def test_items_come_as_they_are() -> None:
    assert list(releasing_memory("abc")) == ["a", "b", "c"]
    assert list(releasing_memory([])) == []
