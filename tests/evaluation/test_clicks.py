from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.evaluation.clicks import Click, bounding_box, centre_click, corrective_click
from napari_sam2.evaluation.effort import frame_seconds, offline_seconds, online_seconds


def drawn(*boxes: tuple[int, int, int, int]) -> np.ndarray:
    mask = np.zeros((30, 40), bool)
    for y0, x0, y1, x1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def test_first_click_is_in_the_middle() -> None:
    assert centre_click(drawn((10, 20, 15, 25))) == Click((12.0, 22.0), 1)


def test_border_of_the_image_is_outside() -> None:
    assert centre_click(drawn((0, 0, 5, 40))).point[0] == 2.0


def test_missed_part_is_included() -> None:
    truth, mask = drawn((5, 5, 20, 20)), drawn((5, 5, 20, 11))
    click = corrective_click(truth, mask)
    assert click is not None
    assert click.label == 1
    assert truth[12, 15]
    assert click.point == (9.0, 15.0)  # all rows from 9 to 15 are 5 deep: the first one


def test_spilled_part_is_excluded() -> None:
    truth, mask = drawn((5, 5, 10, 10)), drawn((5, 5, 10, 10), (15, 20, 24, 29))
    assert corrective_click(truth, mask) == Click((19.0, 24.0), 0)


def test_larger_of_two_errors_is_clicked() -> None:
    truth, mask = drawn((2, 2, 13, 13), (20, 20, 23, 23)), drawn((20, 20, 23, 23), (2, 30, 7, 35))
    assert corrective_click(truth, mask) == Click((7.0, 7.0), 1)


def test_nothing_to_correct() -> None:
    assert corrective_click(drawn((1, 1, 5, 5)), drawn((1, 1, 5, 5))) is None


def test_object_without_pixels_cannot_be_clicked() -> None:
    with pytest.raises(ValueError, match="without pixels"):
        centre_click(drawn())


def test_box_is_at_the_edges_of_pixels() -> None:
    assert bounding_box(drawn((5, 6, 10, 12))) == (4.5, 5.5, 9.5, 11.5)


def test_seconds_of_one_frame() -> None:
    assert frame_seconds(3) == 5.5


def test_seconds_of_eight_rounds_are_those_of_the_paper() -> None:
    assert offline_seconds(300, [3] * 8) == (30 + 1 + 1.5 * 3) * 8
    assert online_seconds(300, [3] * 8) == 30 + (1 + 1.5 * 3) * 8


def test_looking_takes_longer_on_a_longer_movie() -> None:
    assert online_seconds(600, []) == 60
    assert offline_seconds(150, [1]) == 15 + 2.5
