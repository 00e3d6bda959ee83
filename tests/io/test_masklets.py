"""Masklets have the figures and the form of the SA-V data set."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.io.masklets import MaskletSource, measure, statistics, write_masklets
from napari_sam2.io.rle import decode_rle

SOURCES = (MaskletSource(7, 1, "Ada", "2026-01-01T00:00:00+00:00"), MaskletSource(9, 0, None, None))


@pytest.fixture
def labels() -> np.ndarray:
    """Five frames of 4 x 10 pixels: one object leaves and comes back, one stays."""
    labels = np.zeros((5, 4, 10), np.uint16)
    labels[1, :2, :2] = labels[3, :2, :4] = 1
    labels[:, 3, :5] = 2
    return labels


def test_a_masklet_is_measured_where_it_is_visible(labels: np.ndarray) -> None:
    first, second = measure(labels, SOURCES)
    assert (first.first, first.masks, first.frames) == (1, 2, 5)
    assert (first.area, first.area_share) == (6.0, 0.15)
    assert (second.first, second.masks, second.area) == (0, 5, 5.0)


def test_changes_count_from_the_first_frame_with_a_mask_on(labels: np.ndarray) -> None:
    first, second = measure(labels, SOURCES)
    assert (first.changes, first.reappears) == (3, True)
    assert (second.changes, second.reappears) == (0, False)


def test_an_object_that_leaves_for_good_does_not_reappear() -> None:
    labels = np.zeros((3, 4, 4), np.uint16)
    labels[0, 0, 0] = 1
    (masklet,) = measure(labels, SOURCES[:1])
    assert (masklet.changes, masklet.reappears) == (1, False)


@pytest.mark.parametrize(
    ("side", "bucket"),
    [(31, "small"), (32, "medium"), (95, "medium"), (96, "large")],
)
def test_sizes_are_those_of_sa_v(side: int, bucket: str) -> None:
    labels = np.zeros((1, 100, 100), np.uint16)
    labels[0, :side, :side] = 1
    assert measure(labels, SOURCES[:1])[0].bucket == bucket


def test_statistics_tell_the_disappearance_rate_and_the_edited_share(labels: np.ndarray) -> None:
    found = statistics(measure(labels, SOURCES))
    assert found["masklets"] == 2
    assert found["masks"] == 7
    assert found["disappearance_rate"] == 0.5
    assert found["edited_frames"] == 1
    assert found["edited_share"] == pytest.approx(1 / 7)
    assert found["area_percentiles"]["50"] == 5.5
    assert found["sizes"] == {"small": 2, "medium": 0, "large": 0}


def test_statistics_of_nothing_have_no_rate() -> None:
    assert statistics([])["disappearance_rate"] is None


def test_masks_come_back_from_the_file(labels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "movie.json"
    write_masklets(path, "movie", labels, measure(labels, SOURCES), project="my.sam2")
    content = json.loads(path.read_text("utf-8"))
    assert content["project"] == "my.sam2"
    assert (content["masklet_num"], content["masklet_object"]) == (2, [7, 9])
    assert content["masklet_edited_frame_count"] == [1, 0]
    assert content["masklet_verdict"][0]["by"] == "Ada"
    assert content["video_resolution"] == 40
    for t, runs in enumerate(content["masklet"]):
        for k, rle in enumerate(runs, start=1):
            np.testing.assert_array_equal(decode_rle(rle), labels[t] == k)


def test_run_lengths_are_those_computed_by_hand(tmp_path: Path) -> None:
    """Down the columns: 1 off, 2 on, 2 off, 1 on; COCO adds 48 to each small count."""
    labels = np.array([[[0, 1, 0], [1, 0, 1]]], np.uint16)
    write_masklets(tmp_path / "a.json", "a", labels, measure(labels, SOURCES[:1]))
    ((rle,),) = json.loads((tmp_path / "a.json").read_text("utf-8"))["masklet"]
    assert rle == {"size": [2, 3], "counts": "122O"}
