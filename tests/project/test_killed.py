from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import kill_test
from napari_sam2.annotation import Annotation
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import discs_that_cross


def test_worker_keeps_working_when_an_action_is_refused() -> None:
    world = discs_that_cross()
    annotation = Annotation(Tracker(build_tiny_model(), world.images))
    for object_id in (1, 2, 3):
        annotation.add_points(0, object_id, [world.centre(0, 1)], [1])
        annotation.lock(object_id, range(len(world.images)))
    worker = kill_test.Worker(annotation, world, seed=1)
    for _ in range(30):
        worker.act()
    assert len(annotation.history) > 6


def test_nothing_is_lost_when_the_program_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_test, "LONGEST_S", 0.6)
    outcomes = [kill_test.kill_once(tmp_path, seed) for seed in range(3)]
    assert not [outcome for outcome in outcomes if outcome.is_lost]


def test_a_loss_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kill_test, "LONGEST_S", 0.1)
    monkeypatch.setattr(kill_test, "_rest", lambda pipe: [("kept", "another state")])
    assert kill_test.kill_once(tmp_path, 1).is_lost
