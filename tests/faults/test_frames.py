"""Frames that cannot be read, and pixels of every kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile

from napari_sam2.io.movies import open_movie
from napari_sam2.tracking import DamagedFrame, FrameOutOfReach, Frames, Tracker, frames
from napari_sam2.tracking.pixels import PixelMask
from tests.tracking.tiny import build_tiny_model
from tests.worlds import two_discs

from .stacks import Faulty


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "RETRY_WAITS_S", (0.0, 0.0, 0.0))


def raises_on(*bad: int, error: type[Exception] = OSError) -> Any:
    def fault(t: int) -> None:
        if t in bad:
            raise error(f"no answer for frame {t}")

    return fault


def clicked(stack: Any) -> Tracker:
    tracker = Tracker(build_tiny_model(), Frames(stack, contrast_limits=(0, 255)))
    tracker.add_points(0, 1, [two_discs().discs[1].path(0)], [1])
    return tracker


def test_a_drive_that_is_away_for_a_moment_is_asked_again() -> None:
    answers = iter([OSError, OSError, None])

    def fault(t: int) -> None:
        error = next(answers)
        if error:
            raise error("the drive is asleep")

    stack = Faulty(two_discs().images, fault)
    assert Frames(stack, contrast_limits=(0, 255)).read(0).shape[2] == 3
    assert stack.reads == 3


def test_a_drive_that_is_gone_is_told_with_the_frame() -> None:
    stack = Faulty(two_discs().images, raises_on(2))
    with pytest.raises(FrameOutOfReach, match="no answer for frame 2") as told:
        Frames(stack, contrast_limits=(0, 255)).read(2)
    assert told.value.t == 2


def test_results_are_kept_when_the_drive_goes_while_tracking() -> None:
    stack = Faulty(two_discs().images, lambda t: None)
    tracker = clicked(stack)
    run = tracker.propagate()
    done = [next(run).t, next(run).t]
    stack.fault = raises_on(*range(2, len(stack.shape) + 100))
    with pytest.raises(FrameOutOfReach) as told:
        done += [result.t for result in run]
    left = told.value.t  # 2, or 3 where that frame had been read ahead
    assert left <= 3
    kept = [t for t in range(stack.shape[0]) if tracker.result(t, 1) is not None]
    assert kept == list(range(left))
    stack.fault = lambda t: None
    assert [result.t for result in tracker.propagate(left)] == list(range(left, stack.shape[0]))


def test_a_damaged_frame_is_passed_over_and_marked() -> None:
    stack = Faulty(two_discs().images, raises_on(2, error=RuntimeError))
    tracker = clicked(stack)
    results = list(tracker.propagate())
    assert [result.t for result in results] == list(range(stack.shape[0]))
    assert [bool(result.problem) for result in results].index(True) == 2
    assert results[2].object_ids == ()
    assert "frame 2 cannot be read" in str(results[2].problem)
    assert results[3].object_ids == (1,)
    assert tracker.result(2, 1) is None


def test_a_damaged_page_of_a_file_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "damaged.tif"
    tifffile.imwrite(path, two_discs().images, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[2].dataoffsets[0], tif.pages[2].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = b"\xff" * count
    path.write_bytes(data)
    results = list(clicked(open_movie(path).data).propagate())
    assert [result.t for result in results if result.problem] == [2]
    assert "damaged.tif" in str(results[2].problem)


def test_a_frame_of_another_size_is_damaged() -> None:
    class Shrunk(Faulty):
        def __getitem__(self, key: Any) -> Any:
            return super().__getitem__(key)[:5]

    with pytest.raises(DamagedFrame, match="frame 1 has the shape"):
        Frames(Shrunk(two_discs().images, lambda t: None), contrast_limits=(0, 1)).read(1)


def test_contrast_is_measured_on_the_frames_that_can_be_read() -> None:
    images = two_discs().images
    broken = Frames(Faulty(images, raises_on(0, 3, error=ValueError)))
    whole = Frames(np.delete(images, [0, 3], axis=0))
    assert broken.contrast_limits == pytest.approx(whole.contrast_limits, rel=0.1)


def test_a_stack_of_damaged_frames_only_is_told() -> None:
    stack = Faulty(two_discs().images, raises_on(*range(100), error=ValueError))
    with pytest.raises(DamagedFrame, match="frame 0 cannot be read"):
        _ = Frames(stack).contrast_limits


def test_frames_of_nan_are_tracked_as_dark_ones() -> None:
    images = two_discs().images.astype(np.float32)
    images[1] = np.nan
    images[3, :5] = np.inf
    frames = Frames(images)
    assert np.isfinite(frames.contrast_limits).all()
    assert not frames.read(1).any()
    tracker = clicked(images)
    assert all(np.isfinite(result.predicted_iou).all() for result in tracker.propagate())


@pytest.mark.parametrize("dtype", ["f8", "i4", "?", ">u2", ">f4", "i8", "u8", "f2"])
def test_pixels_of_every_type_are_tracked(dtype: str) -> None:
    images = two_discs().images.astype(np.float64)
    if dtype == "?":
        images = images > images.mean()
    if dtype == "i4":
        images = -(2**31) + images
    seen = Frames(images.astype(dtype)).read(0)
    assert seen.dtype == np.float32
    assert (seen.min(), seen.max()) == (0, 1)


def test_a_hundred_thousand_frames_are_not_read() -> None:
    reads: list[int] = []

    def read(block_id: tuple[int, ...]) -> np.ndarray:
        reads.append(block_id[0])
        return np.full((1, 8, 8), block_id[0] % 251, np.uint8)

    stack = da.map_blocks(
        read, chunks=((1,) * 100_000, (8,), (8,)), dtype=np.uint8, meta=np.empty((0, 0, 0), "u1")
    )
    tracker = Tracker(build_tiny_model(), stack)
    tracker.add_points(50_000, 1, [(4, 4)], [1])
    run = tracker.propagate(direction="both")
    assert [next(run).t for _ in range(3)] == [50_000, 50_001, 50_002]
    assert len(reads) < 40


def test_masks_in_a_field_of_16k_cost_what_they_cover() -> None:
    side, corner = 16384, (9000, 12000)
    stack = da.zeros((1000, side, side), np.uint8, chunks=(1, 2048, 2048))
    tracker = Tracker(build_tiny_model(), Frames(stack, contrast_limits=(0, 255)))
    cell = PixelMask((side, side), corner, np.ones((40, 60), bool))
    tracker.import_masks(500, {1: cell})
    tracker.lock(1, [500])
    part, labels = tracker.relabel(500, np.zeros((side, side), np.uint8), {1})
    assert part == cell.window
    assert (labels == 1).all()
    assert tracker.snapshot(1).records[500].nbytes < 100_000
    tracker.restore(1, None)
    assert tracker.object_ids == ()


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 1, 1), (1, 1, 7), (1, 40, 56)])
def test_images_of_one_pixel_and_movies_of_one_frame(shape: tuple[int, int, int]) -> None:
    tracker = Tracker(build_tiny_model(), np.full(shape, 7, np.uint8))
    tracker.add_points(0, 1, [(0, 0)], [1])
    assert [result.t for result in tracker.propagate()] == list(range(shape[0]))
    assert tracker.labels(0).shape == shape[1:]
