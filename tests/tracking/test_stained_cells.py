"""Stained cells, in fluorescence or brightfield, are seen nearer and decoded once."""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.model import Sam2, load_model
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.prompt_decoder import PromptDecoder

RADIUS = 4
PLACES = [(60, 60), (60, 72), (130, 190)]


@pytest.fixture(scope="module")
def model() -> Sam2:
    return load_model("cells", "cpu")


def nuclei(size: int = 256) -> list[NDArray[np.bool_]]:
    rows, columns = np.mgrid[:size, :size]
    return [(rows - y) ** 2 + (columns - x) ** 2 <= RADIUS**2 for y, x in PLACES]


def stained(level: float, light: float) -> NDArray[np.uint16]:
    """(1, 256, 256) tiny nuclei of one brightness on a background, as a camera sees them."""
    image = np.full((256, 256), level)
    image[np.any(nuclei(), axis=0)] = light
    noise = np.random.default_rng(0).normal(0, 0.01, image.shape)
    seen = (ndimage.gaussian_filter(image, 1) + noise).clip(0, 1)
    return np.asarray(seen[None] * 40000, np.uint16)


def limited(level: float, light: float) -> Frames:
    return Frames(stained(level, light), contrast_limits=(0, 40000))


def mean_iou(model: Sam2, frames: Frames) -> float:
    """Of one click on each nucleus."""
    tracker = Tracker(model, frames)
    found = []
    for number, (place, truth) in enumerate(zip(PLACES, nuclei(), strict=True), 1):
        tracker.add_points(0, number, [place], [1])
        mask = tracker.labels(0) == number
        found.append((mask & truth).sum() / (mask | truth).sum())
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("level", "light", "has_stain", "is_dark"),
    [(0.02, 0.9, True, True), (0.9, 0.3, True, False), (0.4, 0.9, False, False)],
)
def test_background_tells_a_stain(
    level: float, light: float, has_stain: bool, is_dark: bool
) -> None:
    frames = limited(level, light)
    assert (frames.has_stain, frames.is_dark) == (has_stain, is_dark)
    in_colour = Frames(np.repeat(stained(level, light)[..., None], 3, axis=-1))
    assert not in_colour.has_stain  # a network that sees colour knows better


@pytest.mark.parametrize(
    ("level", "light", "is_on", "nearest"),
    [(0.02, 0.9, True, 64), (0.9, 0.3, True, 64), (0.4, 0.9, True, 128), (0.02, 0.9, False, 128)],
)
def test_stained_nuclei_are_looked_at_from_nearer(
    model: Sam2,
    monkeypatch: pytest.MonkeyPatch,
    level: float,
    light: float,
    is_on: bool,
    nearest: int,
) -> None:
    widths: list[int] = []
    look = PromptDecoder.looks

    def watched(self: PromptDecoder, prompt, number, windows):  # type: ignore[no-untyped-def]
        widths.extend(window.width for window in windows)
        return look(self, prompt, number, windows)

    monkeypatch.setattr(PromptDecoder, "looks", watched)
    other = copy(model)
    other.config = replace(model.config, enlarge_tiny_cells=is_on)
    assert mean_iou(other, limited(level, light)) > 0.7
    assert min(widths) == nearest


@pytest.mark.parametrize(("level", "light", "again"), [(0.02, 0.9, False), (0.4, 0.9, True)])
def test_first_click_is_decoded_again_in_the_same_window_without_a_stain(
    model: Sam2, monkeypatch: pytest.MonkeyPatch, level: float, light: float, again: bool
) -> None:
    windows: list[bool] = []
    decode = PromptDecoder.mask

    def counting(self: PromptDecoder, prompt, number, previous, embedding, window):  # type: ignore[no-untyped-def]
        windows.append(window == previous.window)
        return decode(self, prompt, number, previous, embedding, window)

    monkeypatch.setattr(PromptDecoder, "mask", counting)
    mean_iou(model, limited(level, light))
    assert any(windows) == again
