"""A tracker takes paths and opened movies, and knows the file and the scale of its frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import napari_sam2
from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import write_images
from napari_sam2.tracking import Frames, Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import two_discs

SCALE = ImageScale((0.5, 0.5), "um", 60.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_images(tmp_path / "movie.tif", two_discs().images, SCALE)
    return tmp_path / "movie.tif"


def test_public_tracker_is_the_same_class() -> None:
    assert napari_sam2.Tracker is Tracker


@pytest.mark.parametrize("kind", [str, Path, open_movie])
def test_tracker_takes_a_path_or_a_movie(path: Path, kind: type) -> None:
    tracker = Tracker(build_tiny_model(), kind(path))
    assert np.array_equal(tracker.frames.read(3), Frames(two_discs().images).read(3))


def test_frames_know_their_file_and_scale(path: Path) -> None:
    frames = Tracker(build_tiny_model(), str(path)).frames
    assert isinstance(frames, MovieFrames)
    assert (frames.movie.path, frames.movie.scale) == (path, SCALE)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no movie .*none\.tif"):
        Tracker(build_tiny_model(), tmp_path / "none.tif")
