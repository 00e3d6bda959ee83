from pathlib import Path

import pytest

from napari_sam2.io.teaching_settings import TeachingSettings, read_settings, write_settings


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path))


@pytest.mark.parametrize(
    "settings", [TeachingSettings(), TeachingSettings(90, ("/data/a.sam2", "/data/folder"))]
)
def test_settings_come_back(settings: TeachingSettings) -> None:
    write_settings(settings)
    assert read_settings() == settings


@pytest.mark.parametrize("content", ["", "[]", '{"budget_s": "x", "sources": []}'])
def test_damaged_settings_are_the_defaults(tmp_path: Path, content: str) -> None:
    (tmp_path / "teaching.json").write_text(content, encoding="utf-8")
    assert read_settings() == TeachingSettings()
