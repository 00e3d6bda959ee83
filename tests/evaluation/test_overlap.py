from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.evaluation.overlap import frame_ious, object_ious


def test_iou_counts_shared_pixels() -> None:
    truth = np.array([[1, 1, 1, 0], [2, 2, 0, 0]])
    labels = np.array([[0, 1, 1, 1], [2, 2, 0, 0]])
    assert frame_ious(truth, labels) == {1: 0.5, 2: 1.0}


def test_object_that_only_one_side_has_scores_zero() -> None:
    truth, labels = np.array([[1, 1, 0]]), np.array([[0, 0, 3]])
    assert frame_ious(truth, labels) == {1: 0.0, 3: 0.0}


def test_frames_without_the_object_do_not_count() -> None:
    truth = np.array([[[1, 0]], [[0, 0]], [[1, 1]]])
    labels = np.array([[[1, 0]], [[0, 0]], [[1, 0]]])
    assert object_ious(truth, labels) == {1: [1.0, 0.5]}


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="not one movie"):
        object_ious(np.zeros((2, 3, 3), int), np.zeros((1, 3, 3), int))
