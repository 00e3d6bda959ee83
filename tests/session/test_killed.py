from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import kill_test


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
