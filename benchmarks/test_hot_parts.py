"""The hot parts of the embedded model by themselves.

    pip install 'napari-sam2[benchmarks]'
    pytest -p no:napari benchmarks/test_hot_parts.py

Not part of the tests: `pytest` alone does not look here. `--benchmark-compare` tells what a change
brought.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_sam2 import Tracker, load_model
from napari_sam2.model import Sam2
from napari_sam2.tracking.composition import RANK_TRACKED, Layer, compose, hidden
from napari_sam2.tracking.masks import MaskRecord, Renderer, pack_logits
from napari_sam2.tracking.windows import Window

Benchmark = Callable[..., Any]
SIDE, OBJECTS = 512, 10


@pytest.fixture(scope="module")
def model() -> Sam2:
    return load_model("cells", "cpu")


@pytest.fixture(scope="module")
def movie() -> NDArray[np.uint16]:
    """Discs over noise that stand still: (12, 512, 512)."""
    frames = np.random.default_rng(0).normal(500, 30, (12, SIDE, SIDE))
    y, x = np.mgrid[:SIDE, :SIDE]
    for place in places():
        frames += 900 * (np.hypot(y - place[0], x - place[1]) < 16)
    return frames.astype(np.uint16)


def places() -> list[tuple[float, float]]:
    return [(60.0 + 150 * (k // 4), 60.0 + 120 * (k % 4)) for k in range(OBJECTS)]


@pytest.fixture(scope="module")
def tracker(model: Sam2, movie: NDArray[np.uint16]) -> Tracker:
    """Ten objects in the middle of the movie, their memories full."""
    tracker = Tracker(model, movie)
    for object_id, place in enumerate(places(), start=1):
        tracker.add_points(0, object_id, [place], [1])
    for _ in tracker.propagate(stop=9, direction="forward"):
        pass
    return tracker


@pytest.mark.parametrize("views", [1, 8])
def test_image_encoder(benchmark: Benchmark, model: Sam2, views: int) -> None:
    images = torch.randn(views, 3, 256, 256)
    with torch.inference_mode():
        benchmark(model.encode_frame, images)


@pytest.mark.parametrize("objects", [1, 16])
def test_memory_attention(benchmark: Benchmark, model: Sam2, objects: int) -> None:
    with torch.inference_mode():
        features = model.encode_frame(torch.randn(1, 3, 256, 256))
        memory = model.gather_memory(
            torch.randn(objects, 5, 64, 16, 16),
            torch.tensor([[-1, 3, 2, 1, 0]] * objects),
            torch.randn(objects, 8, 128),
            torch.rand(objects, 8),
        )
        benchmark(model.attend, features, memory)


def test_tracked_frame_of_ten_objects(benchmark: Benchmark, tracker: Tracker) -> None:
    def forget() -> None:
        tracker._runner.encoder.features.clear()

    benchmark.pedantic(lambda: list(tracker.propagate(9, 10, "forward")), setup=forget, rounds=5)  # type: ignore[attr-defined]


def test_tracked_frame_of_ten_objects_again(benchmark: Benchmark, tracker: Tracker) -> None:
    benchmark(lambda: list(tracker.propagate(9, 10, "forward")))


def test_click_with_cached_features(benchmark: Benchmark, tracker: Tracker) -> None:
    place = places()[0]
    tracker.add_points(10, 1, [place], [1])

    def click() -> None:
        tracker.clear_prompts(10, 1)
        tracker.add_points(10, 1, [place], [1])

    benchmark(click)


@pytest.mark.parametrize("side", [64, 256])
def test_drawing_a_mask(benchmark: Benchmark, side: int) -> None:
    record = disc_record(side)
    benchmark(Renderer(side, (1024, 1024), clean=True).region, record)


def test_composing_labels(benchmark: Benchmark) -> None:
    renderer = Renderer(64, (1024, 1024), clean=True)
    shape, region = (1024, 1024), renderer.region(disc_record(64))
    layers = [Layer(k, RANK_TRACKED, region, distance=k // 5) for k in range(1, 21)]

    def labels() -> NDArray[np.int32]:
        left_out = hidden(shape, layers)
        return compose(shape, [layer for layer in layers if layer.object_id not in left_out])

    benchmark(labels)


def disc_record(side: int) -> MaskRecord:
    """A disc of a quarter of a map that shows 512 pixels."""
    y, x = np.mgrid[:side, :side]
    logits = (8 - 60 * np.hypot(y - side / 2, x - side / 2) / side).astype(np.float32)
    corner, crop, floor = pack_logits(logits, exact=False)
    nothing = np.zeros(0, np.float32)
    window = Window(100, 200, 512, 512)
    return MaskRecord(corner, crop, floor, side, 0.9, 5.0, nothing, "forward", window)
