"""A short version of benchmarks/soak.py."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from benchmarks.soak import User
from napari_sam2.plugin.panel import SamPanel

from .world import ThresholdEngine, movie

pytestmark = [pytest.mark.real_window, pytest.mark.slow]

ACTIONS = 30


@pytest.fixture
def user(make_napari_viewer: Any, qtbot: Any, tmp_path: Any) -> Any:
    viewer = make_napari_viewer(show=True)
    user = User(viewer, lambda v: SamPanel(v, ThresholdEngine()), movie(), qtbot.wait, tmp_path)
    yield user
    user.panel.shut_down()


@pytest.mark.usefixtures("notifications")
def test_many_actions_leave_no_threads_or_callbacks_behind(user: User) -> None:
    for name in ("reopen_image", "reopen_panel", "export", "track", "reopen_image"):
        getattr(user, name)()
        user.settle()
    before = user.footprint()
    for _ in range(ACTIONS):
        user.act()
    user.reopen_image()
    gc.collect()
    after = user.footprint()
    assert after.threads <= before.threads
    assert after.callbacks <= before.callbacks
    assert after.layers == before.layers
    assert after.megabytes < before.megabytes + 100
