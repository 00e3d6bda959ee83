from __future__ import annotations

import os
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_sam2.io.movies import open_movie
from napari_sam2.io.overlay import (
    OverlayStyle,
    label_colour,
    overlay_frames,
    write_animation,
    write_contact_sheet,
)

SMALL = OverlayStyle(shortest_side=40, sheet_frames=4, columns=3)


def movie_and_labels() -> tuple[np.ndarray, np.ndarray]:
    """A grey movie (5, 20, 31) and labels with a square that moves."""
    labels = np.zeros((5, 20, 31), np.uint16)
    for t in range(5):
        labels[t, 5:12, 4 + t : 12 + t] = 3
    return np.full(labels.shape, 1000, np.uint16) + labels, labels


def test_outline_has_the_colour_of_its_object() -> None:
    movie, labels = movie_and_labels()
    frame = next(overlay_frames(movie, labels, OverlayStyle(shortest_side=1)))
    assert tuple(frame[5, 8]) == label_colour(3)
    assert frame[8, 8].std() == 0  # grey inside
    assert frame[2, 2].std() == 0  # and outside


def test_neighbouring_ids_have_colours_that_differ() -> None:
    colours = np.array([label_colour(i) for i in range(1, 13)], float)
    apart = np.abs(colours[:, None] - colours[None]).sum(-1) + 999 * np.eye(12)
    assert apart.min() > 60


def test_small_frames_are_magnified() -> None:
    frame = next(overlay_frames(*movie_and_labels(), SMALL))
    assert frame.shape == (40, 62, 3)


def test_colour_movies_keep_their_colours() -> None:
    movie, labels = np.full((2, 8, 9, 3), (10, 200, 30), np.uint8), np.zeros((2, 8, 9), np.uint16)
    frame = next(overlay_frames(movie, labels, OverlayStyle(shortest_side=1)))
    assert frame[4, 4].tolist() == [10, 200, 30]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_constant_movies_can_be_drawn(value: float) -> None:
    movie, labels = np.full((2, 8, 9), value, np.float32), np.zeros((2, 8, 9), np.uint16)
    assert next(overlay_frames(movie, labels, SMALL)).dtype == np.uint8


def test_contact_sheet_shows_first_and_last_frame(tmp_path: Path) -> None:
    write_contact_sheet(tmp_path / "sheet.png", *movie_and_labels(), SMALL)
    sheet = iio.imread(tmp_path / "sheet.png")
    assert sheet.shape == (2 * 40, 3 * 62, 3)  # four frames in rows of three


@pytest.mark.parametrize("name", ["a.gif", "a.mp4"])
def test_animation_can_be_read_as_a_movie(tmp_path: Path, name: str) -> None:
    movie, labels = movie_and_labels()
    write_animation(tmp_path / name, movie, labels, OverlayStyle(shortest_side=1))
    width = 32 if name == "a.mp4" else 31  # the codec wants even sizes
    assert open_movie(tmp_path / name).shape == (5, 20, width)


def test_other_animations_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"written as \.gif or \.mp4; got a\.mpeg"):
        write_animation(tmp_path / "a.mpeg", *movie_and_labels())
    assert os.listdir(tmp_path) == []


def test_labels_of_another_shape_are_refused(tmp_path: Path) -> None:
    movie, labels = movie_and_labels()
    with pytest.raises(ValueError, match="must have the same frames"):
        write_animation(tmp_path / "a.gif", movie, labels[:3])
    assert os.listdir(tmp_path) == []
