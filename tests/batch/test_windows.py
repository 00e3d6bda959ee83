"""The windows of a run follow from the size of the objects, where the user has chosen none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.batch.windows import windows_of_run
from napari_sam2.tracking import Prompt
from tests.tracking.tiny import build_tiny_model

SHAPE = (4, 256, 200)  # its longer side is four times the input of the network, 64


def boxed(side: float) -> Prompt:
    return Prompt(0, 1).with_box((10, 10, 10 + side, 14))


@pytest.mark.parametrize(("side", "windows"), [(63, "auto"), (65, "whole")])
def test_objects_narrower_than_a_token_get_windows(side: float, windows: str) -> None:
    assert windows_of_run(build_tiny_model(), SHAPE, [boxed(side)]) == windows


def test_the_median_of_boxes_and_masks_counts() -> None:
    mask = np.zeros(SHAPE[1:], bool)
    mask[5:105, 7:9] = True
    large = Prompt(0, 2, mask=mask)
    assert windows_of_run(build_tiny_model(), SHAPE, [boxed(20), large, large]) == "whole"
    assert windows_of_run(build_tiny_model(), SHAPE, [boxed(20), boxed(20), large]) == "auto"


def test_size_of_clicked_objects_is_unknown_unless_it_is_given() -> None:
    click = Prompt(0, 1).with_points([(20, 20)], [1])
    assert windows_of_run(build_tiny_model(), SHAPE, [click]) == "whole"
    assert windows_of_run(build_tiny_model(), SHAPE, [click], cell_size=18) == "auto"


def test_a_frame_that_is_not_shrunk_needs_no_windows() -> None:
    assert windows_of_run(build_tiny_model(), (4, 64, 64), [boxed(4)]) == "whole"


def test_a_network_with_windows_of_its_own_keeps_them() -> None:
    model = build_tiny_model()
    model.config = replace(model.config, windows="auto")
    assert windows_of_run(model, SHAPE, [boxed(100)]) == "auto"
