from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.tracking.tiny import build_tiny_model

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("name", ["track_in_python", "correct_and_undo"])
def test_example_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("napari_sam2.load_model", lambda *_: build_tiny_model(), raising=False)
    runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
