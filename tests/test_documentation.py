"""The Python examples of the README and of the page about the API run as they are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import napari_sam2
from napari_sam2.io.tiff import write_images
from napari_sam2.model import Sam2
from tests.tracking.tiny import build_tiny_model
from tests.worlds import two_discs

ROOT = Path(__file__).parents[1]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, str]:
    """Text below each heading of a page."""
    parts = re.split(r"^##+ (.+)\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples() -> dict[str, str]:
    """Python blocks, by the page and the heading that they stand under."""
    pages = {
        "api": sections(API),
        "README": {"In Python": sections(README)["In Python"]},
    }
    return {
        f"{page}: {heading}": code
        for page, found in pages.items()
        for heading, text in found.items()
        for code in BLOCK.findall(text)
    }


@pytest.fixture(scope="module")
def model() -> Sam2:
    return build_tiny_model()


@pytest.fixture
def _folder(tmp_path: Path, model: Sam2, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a small movie, in which every model is a tiny one."""
    discs = two_discs().images[:3]
    margins = [(0, 0), (0, 128 - discs.shape[1]), (0, 128 - discs.shape[2])]
    write_images(tmp_path / "movie.tif", np.pad(discs, margins))
    monkeypatch.chdir(tmp_path)
    for place in ("napari_sam2", "napari_sam2.io.project.saving"):
        monkeypatch.setattr(f"{place}.load_model", lambda *_, **__: model, raising=False)


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("name", examples())
def test_example_runs(name: str) -> None:
    exec(compile(examples()[name], name, "exec"), {})


def test_every_public_name_is_on_the_page() -> None:
    with_example = {name.partition(": ")[2] for name in examples()}
    assert {name for name in napari_sam2.__all__ if name != "__version__"} <= with_example
