from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.evaluation.baseline import ClassicalTracker, linked
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.protocols import image, offline, vos
from napari_sam2.finding.regions import regions_of
from napari_sam2.tracking import Frames


def discs(*tracks: list[tuple[int, int]], radius: int = 8) -> np.ndarray:
    """(T, 64, 96) labels of discs at these places."""
    labels = np.zeros((len(tracks[0]), 64, 96), np.uint16)
    y, x = np.mgrid[:64, :96]
    for object_id, track in enumerate(tracks, start=1):
        for t, (cy, cx) in enumerate(track):
            labels[t][(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = object_id
    return labels


LABELS = discs([(20, 15 + 4 * t) for t in range(6)], [(45, 70 - 4 * t) for t in range(6)])
TRUTH = label_movie(LABELS)
NOISE = np.random.default_rng(0).normal(0, 4, LABELS.shape)
BRIGHT = (60 + 120.0 * (LABELS > 0) + NOISE).astype(np.uint8)


@pytest.mark.parametrize("kind", list(PromptKind))
def test_bright_discs_are_followed(kind: PromptKind) -> None:
    found = vos(ClassicalTracker, BRIGHT, TRUTH, kind)
    assert found.summary().region > 0.9
    assert found.ctc is not None
    assert found.ctc.tra == 1.0


def test_dark_discs_are_followed() -> None:
    assert vos(ClassicalTracker, 255 - BRIGHT, TRUTH).summary().region > 0.9


def test_touching_discs_are_cut_apart() -> None:
    signal = (discs([(30, 30)], [(30, 44)])[0] > 0).astype(np.float32)
    assert regions_of(signal).max() == 2


def test_image_without_contrast_has_no_regions() -> None:
    assert not regions_of(np.ones((20, 20), np.float32)).any()


def test_link_goes_to_the_larger_overlap() -> None:
    previous, regions = discs([(20, 20)])[0], discs([(20, 24)], [(20, 5)])[0]
    assert linked(previous.astype(np.int32), regions.astype(np.int32)) == {1: 1}


def test_object_comes_back_after_a_gap() -> None:
    movie = BRIGHT.copy()
    movie[2][LABELS[2] == 1] = 60
    tracker = ClassicalTracker(Frames(movie))
    tracker.add_mask(0, 1, LABELS[0] == 1)
    areas = [int(result.masks[0].sum()) for result in tracker.propagate()]
    assert areas[2] == 0
    assert areas[3] > 100


def test_click_takes_a_region_away() -> None:
    tracker = ClassicalTracker(Frames(BRIGHT))
    tracker.add_points(0, 1, [(20, 15)], [1])
    both = tracker.add_points(0, 1, [(45, 70)], [1]).masks[0]
    one = tracker.add_points(0, 1, [(45, 70)], [0]).masks[0]
    assert both[45, 70]
    assert not one[45, 70]
    assert one[20, 15]


def test_other_protocols_run_on_it() -> None:
    assert image(ClassicalTracker, BRIGHT, TRUTH).mean_iou["1-click"] > 0.9
    assert offline(ClassicalTracker, BRIGHT, TRUTH, rounds=2).curve[-1].region > 0.9


def test_movie_without_contrast_is_survived() -> None:
    flat = np.full(LABELS.shape, 7, np.uint8)
    assert vos(ClassicalTracker, flat, TRUTH).summary().region == 0.0
