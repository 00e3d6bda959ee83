from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from napari_sam2.batch import movie_task
from napari_sam2.io.samples import Sample, synthetic_movie
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import write_images, write_labels
from tests.tracking.tiny import build_tiny_model


@pytest.fixture(scope="session")
def sample() -> Sample:
    return synthetic_movie("phase", (40, 48), frames=3, cells=2)


@pytest.fixture
def wells(tmp_path: Path, sample: Sample) -> Path:
    """A folder with a plan, wells/a.tif and b.tif, prompts/a.tif and b.tif."""
    return make_wells(tmp_path, sample)


def make_wells(home: Path, sample: Sample) -> Path:
    """Write what `wells` gives."""
    for folder in ("wells", "prompts"):
        (home / folder).mkdir()
    for name, shift in (("a", 0), ("b", 7)):
        images = sample.images + shift % 8
        write_images(home / f"wells/{name}.tif", images, ImageScale((0.5, 0.5), "um", 60.0))
        write_labels(home / f"prompts/{name}.tif", sample.labels[0])
    (home / "plan.toml").write_text(
        'movies = "wells/*.tif"\nprompts = "prompts/{name}.tif"\noutput = "out"\n'
    )
    return home


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A tiny network in place of every model, in this process."""
    use_tiny_model(monkeypatch)
    yield
    movie_task._network.cache_clear()


def use_tiny_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a tiny network in the place of every model."""

    def load(*_: Any, **__: Any) -> Any:
        return build_tiny_model()

    for place in ("napari_sam2.model.load_model", "napari_sam2.batch.movie_task.load_model"):
        monkeypatch.setattr(place, load)
    movie_task._network.cache_clear()


@pytest.fixture
def sigint_interrupts() -> Iterator[None]:
    """SIGINT raises KeyboardInterrupt, even where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
