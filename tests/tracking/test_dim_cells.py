"""A cell that is dim on a dark background is shown to the network brighter."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2 import Annotation, load_model
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.frame_encoder import shown_part
from napari_sam2.tracking.mirrored import MirroredWindow
from napari_sam2.tracking.windows import Window

DIM, BRIGHT, GREY = (44, 40), (40, 84), 30000
RADIUS, SPEED = 11, 2


def disc(middle: tuple[float, float], radius: float, shape: tuple[int, int]) -> NDArray[np.bool_]:
    y, x = np.indices(shape)
    is_inside: NDArray[np.bool_] = np.hypot(y - middle[0], x - middle[1]) <= radius
    return is_inside


def dim_at(t: int) -> NDArray[np.bool_]:
    return disc((DIM[0] + SPEED * t, DIM[1]), RADIUS, (128, 128))


def movie(*, dim: float = 0.04, background: float = 0.02, length: int = 4) -> NDArray[np.uint16]:
    """A bright nucleus beside a dim one that moves down, with the noise of a camera."""
    noise = np.random.default_rng(0).normal(0, 0.004, (length, 128, 128))
    light = np.full((length, 128, 128), background)
    for t in range(length):
        light[t] += 0.9 * disc(BRIGHT, 13, (128, 128)) + dim * dim_at(t)
    light = ndimage.gaussian_filter(light, (0, 1, 1)) + noise
    return np.asarray((light.clip(0, 1) * GREY), np.uint16)


@pytest.fixture(scope="module")
def model() -> Sam2:
    return load_model("cells", "cpu")


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def without_light(model: Sam2) -> Sam2:
    """The same network, which is shown everything as it is."""
    other = load_model("cells", "cpu")
    other.config = replace(model.config, brighten_dim_cells=False)
    return other


def track(model: Sam2, frames: NDArray[np.uint16]) -> tuple[Tracker, list[float]]:
    """Click the dim nucleus and track it; IoU by frame."""
    tracker = Tracker(model, frames)
    tracker.add_points(0, 1, [DIM], [1])
    for _ in tracker.propagate():
        pass
    return tracker, [iou(tracker.labels(t) == 1, dim_at(t)) for t in range(len(frames))]


def test_a_dim_nucleus_beside_a_bright_one_is_outlined_and_tracked(model: Sam2) -> None:
    tracker, found = track(model, movie())
    assert min(found) > 0.7
    assert [tracker.window_of(t, 1).gain for t in range(4)] == [4, 4, 4, 4]
    _, as_it_is = track(without_light(model), movie())
    assert np.mean(as_it_is) < np.mean(found)


def test_the_preview_shows_the_brightened_window(model: Sam2) -> None:
    tracker, _ = track(model, movie())
    seen = tracker.input_of(0, 1)
    window = tracker.window_of(0, 1)
    scale = len(seen) / window.height
    y, x = ((np.array(DIM) - (window.y0, window.x0)) * scale).astype(int)
    assert seen[y, x, 0] == pytest.approx(4 * 0.04 + 0.02, abs=0.05)


@pytest.mark.parametrize(("dim", "gain"), [(0.5, 1), (0.14, 2), (0.07, 4), (0.03, 8), (0.01, 8)])
def test_the_dimmer_a_cell_the_brighter_it_is_shown(model: Sam2, dim: float, gain: int) -> None:
    tracker = Tracker(model, Frames(movie(dim=dim, length=1), contrast_limits=(0, GREY)))
    tracker.add_mask(0, 1, dim_at(0))
    assert tracker.window_of(0, 1).gain == gain


def test_a_bright_background_is_left_as_it_is(model: Sam2) -> None:
    frames = Frames(movie(background=0.1), contrast_limits=(0, GREY))
    tracker = Tracker(model, frames)
    tracker.add_points(0, 1, [DIM], [1])
    assert tracker.window_of(0, 1).gain == 1


@pytest.mark.parametrize("sees_colour", [True, False])
def test_colour_is_left_as_it_is_unless_it_is_seen_in_grey(
    model: Sam2, sees_colour: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "config", replace(model.config, sees_colour=sees_colour))
    frames = Frames(movie()[:1, ..., None].repeat(3, -1), contrast_limits=(0, GREY))
    tracker = Tracker(model, frames)
    tracker.add_points(0, 1, [DIM], [1])
    assert (tracker.window_of(0, 1).gain == 1) == sees_colour


def test_official_networks_see_everything_as_it_is(model: Sam2) -> None:
    assert not Tracker(without_light(model), movie()).model.config.brighten_dim_cells
    tracker, _ = track(without_light(model), movie(length=2))
    assert tracker.window_of(1, 1).gain == 1


def test_a_gain_is_kept_while_a_cell_is_about_as_dim(model: Sam2) -> None:
    frames = movie(dim=0.055, length=2)
    frames[1][dim_at(1)] = GREY // 2
    tracker = Tracker(model, Frames(frames, contrast_limits=(0, GREY)))
    tracker.add_mask(0, 1, dim_at(0))
    record = tracker._store.masklet(1).records[0]
    assert record.window.gain == 4
    brighter = replace(record, window=replace(record.window, gain=8))
    cells = tracker._runner.dim_cells
    assert cells.view(brighter.window, 0, brighter).gain == 8
    assert cells.view(record.window, 1, replace(brighter)).gain == 1  # it is not dim any more


def test_pixels_that_were_changed_are_measured_again(model: Sam2) -> None:
    frames = movie(dim=0.07)
    tracker = Tracker(model, Frames(frames, contrast_limits=(0, GREY)))
    tracker.add_mask(0, 1, dim_at(0))
    assert tracker.window_of(0, 1).gain == 4
    frames[0][dim_at(0)] = GREY // 2
    tracker.add_mask(0, 1, ndimage.binary_erosion(dim_at(0)))
    assert tracker.window_of(0, 1).gain == 1


def test_the_background_of_frames() -> None:
    assert Frames(movie()).background == pytest.approx(0.02, abs=0.01)
    limits = (0.0, 2.0 * GREY)
    assert Frames(movie(), contrast_limits=limits).background == pytest.approx(0.01, abs=0.002)
    assert Frames(np.zeros((2, 8, 8), np.uint8)).background == 0
    growing = Frames(movie()[:2])
    before = growing.background
    growing.grow(np.concatenate([movie()[:2], movie(background=0.5)[:2]]))
    assert growing.background == before


def test_the_background_is_measured_along_with_the_contrast(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frames = Frames(movie())
    assert frames.contrast_limits[0] < frames.contrast_limits[1]
    monkeypatch.setattr(frames, "_raw", None)  # nothing is read again
    assert frames.background == pytest.approx(0.02, abs=0.01)


def test_a_window_is_brightened_about_the_background() -> None:
    image = np.full((8, 8, 1), 0.1, np.float32)
    image[2:4] = 0.15
    image[4:6] = 0.9
    window = Window(0, 0, 8, 8, gain=4)
    shown = shown_part(image, window, 0.1)[:, 0, 0]
    assert shown == pytest.approx([0.1, 0.1, 0.3, 0.3, 1, 1, 0.1, 0.1])
    assert np.array_equal(shown_part(image, window.plain, 0.1), image)
    assert MirroredWindow.of(window).gain == 4
    assert window.plain == Window(0, 0, 8, 8)


def test_a_saved_project_knows_how_much_brighter_a_cell_was_shown(
    model: Sam2, tmp_path: Path
) -> None:
    frames = movie()
    with Annotation(Tracker(model, frames)) as annotation:
        annotation.add_points(0, 1, [DIM], [1])
        list(annotation.propagate())
        annotation.save(tmp_path / "dim.sam2")
        expected = np.asarray(annotation.labels[3])
    with Annotation.load(tmp_path / "dim.sam2", model, movie=frames) as again:
        tracker = again._document.state.tracker
        assert isinstance(tracker, Tracker)
        assert [tracker.window_of(t, 1).gain for t in range(4)] == [4, 4, 4, 4]
        assert np.array_equal(again.labels[3], expected)
        list(again.propagate())
        assert np.array_equal(again.labels[3], expected)
