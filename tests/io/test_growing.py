"""A folder of images or a zarr array that grows while it is open."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.io.growing import GrowingMovie, MovieChanged, can_grow
from napari_sam2.io.selection import Selection

IMAGES = np.random.default_rng(0).integers(1, 255, (6, 8, 9)).astype(np.uint8)


def write(folder: Path, t: int, image: np.ndarray | None = None) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"frame_{t:03d}.tif"
    tifffile.imwrite(path, IMAGES[t] if image is None else image)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three images."""
    for t in range(3):
        write(tmp_path / "run", t)
    return tmp_path / "run"


def test_last_image_is_taken_once_it_stays_the_same(folder: Path) -> None:
    growing = GrowingMovie(folder)
    assert growing.movie.shape == (2, 8, 9)
    movie = growing.look()
    assert movie is growing.movie
    np.testing.assert_array_equal(movie.data, IMAGES[:3])
    assert growing.look() is None


def test_new_images_are_new_frames(folder: Path) -> None:
    growing = GrowingMovie(folder)
    growing.look()
    write(folder, 3)
    assert growing.look() is None  # it may be half written
    assert growing.look().shape[0] == 4
    write(folder, 4)
    write(folder, 5)
    assert growing.look().shape[0] == 5  # a later one is there
    np.testing.assert_array_equal(growing.look().data, IMAGES)


def test_half_written_image_is_not_read(folder: Path) -> None:
    growing = GrowingMovie(folder)
    growing.look()
    whole = write(folder, 3).read_bytes()
    (folder / "frame_003.tif").write_bytes(whole[:-20])
    assert growing.look() is None
    assert growing.look() is None  # it stays the same, and is still cut
    (folder / "frame_003.tif").write_bytes(whole)
    assert growing.look() is None
    np.testing.assert_array_equal(growing.look().data, IMAGES[:4])


def test_image_that_vanished_is_named(folder: Path) -> None:
    growing = GrowingMovie(folder)
    growing.look()
    (folder / "frame_001.tif").unlink()
    with pytest.raises(MovieChanged, match=r"frame_001.tif is no longer in run"):
        growing.look()
    assert growing.movie.shape[0] == 3


def test_image_that_changed_is_named(folder: Path) -> None:
    growing = GrowingMovie(folder)
    write(folder, 0, IMAGES[0][:4])
    with pytest.raises(MovieChanged, match=r"frame_000.tif in run has changed"):
        growing.look()


def test_image_of_another_size_is_named(folder: Path) -> None:
    growing = GrowingMovie(folder)
    growing.look()
    write(folder, 3, IMAGES[3][:4])
    growing.look()
    with pytest.raises(MovieChanged, match=r"003.tif in run is \(4, 9\) uint8; the images so"):
        growing.look()


def test_image_before_the_others_is_named(tmp_path: Path) -> None:
    for t in (1, 2, 3):
        write(tmp_path / "run", t)
    growing = GrowingMovie(tmp_path / "run")
    growing.look()
    write(tmp_path / "run", 0)
    with pytest.raises(MovieChanged, match=r"frame_000.tif in run lies before frames"):
        growing.look()


def test_frame_waits_for_all_of_its_channels(tmp_path: Path) -> None:
    for t in range(3):
        for channel in (0, 1):
            tifffile.imwrite(path_of(tmp_path, t, channel), IMAGES[t])
    growing = GrowingMovie(tmp_path, Selection(channel=1))
    growing.look()
    assert growing.movie.shape[0] == 3
    tifffile.imwrite(path_of(tmp_path, 3, 0), IMAGES[3])
    assert [growing.look(), growing.look()] == [None, None]
    tifffile.imwrite(path_of(tmp_path, 3, 1), IMAGES[3])
    growing.look()
    assert growing.look().shape[0] == 4


def path_of(folder: Path, t: int, channel: int) -> Path:
    return folder / f"img_time{t:03d}_channel{channel}.tif"


def test_a_file_does_not_grow(folder: Path) -> None:
    with pytest.raises(ValueError, match="does not grow frame by frame"):
        GrowingMovie(folder / "frame_000.tif")


@pytest.fixture
def array(tmp_path: Path) -> zarr.Array:
    """An array of six frames, of which three are written."""
    path = tmp_path / "run.zarr"
    array = zarr.create_array(path, shape=(6, 8, 9), chunks=(1, 4, 9), dtype=np.uint8)
    array[:3] = IMAGES[:3]
    return array


def test_written_frames_of_a_zarr_are_new_frames(tmp_path: Path, array: zarr.Array) -> None:
    growing = GrowingMovie(tmp_path / "run.zarr", Selection("TYX"))
    assert growing.movie.shape[0] == 2
    assert growing.look().shape[0] == 3
    array[3, :4] = IMAGES[3, :4]  # the first chunk of two
    assert growing.look() is None
    array[3] = IMAGES[3]
    assert growing.look() is None  # it has changed since the last look
    np.testing.assert_array_equal(growing.look().data, IMAGES[:4])


def test_zarr_that_is_made_longer_is_followed(tmp_path: Path, array: zarr.Array) -> None:
    growing = GrowingMovie(tmp_path / "run.zarr", Selection("TYX"))
    array.resize((9, 8, 9))
    array[3:9] = np.tile(IMAGES[3:4], (6, 1, 1))
    assert growing.look().shape[0] == 8
    assert growing.look().shape[0] == 9


def test_zarr_that_was_cut_is_said(tmp_path: Path, array: zarr.Array) -> None:
    growing = GrowingMovie(tmp_path / "run.zarr", Selection("TYX"))
    growing.look()
    array.resize((1, 8, 9))
    with pytest.raises(MovieChanged, match="had 3 frames and has 1 now"):
        growing.look()
    assert growing.movie.shape[0] == 3


def test_folders_of_images_and_zarr_arrays_can_grow(folder: Path, tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "run.zarr", shape=(1, 8, 9), chunks=(1, 8, 9), dtype="uint8")
    (tmp_path / "notes").mkdir()
    assert can_grow(folder)
    assert can_grow(tmp_path / "run.zarr")
    assert not can_grow(folder / "frame_000.tif")
    assert not can_grow(tmp_path / "notes")
    assert not can_grow(tmp_path / "nothing")
