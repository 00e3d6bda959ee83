"""A document knows which frames of its labels other code has written."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_sam2.annotation.label_marks import LabelMarks
from napari_sam2.annotation.packed_labels import LabelArray, PackedLabels

SHAPE = (4, 8, 8)
KINDS = [lambda: np.zeros(SHAPE, np.uint16), lambda: PackedLabels(SHAPE, np.uint16, 0)]


@pytest.mark.parametrize("make", KINDS)
def test_a_write_of_other_code_is_seen(make: Callable[[], LabelArray]) -> None:
    labels, marks = make(), LabelMarks()
    labels[0, 2:4] = 1
    marks.note(labels, 0)
    assert marks.fits(labels, 0)
    assert marks.fits(labels, 1), "an empty frame needs no mark"
    labels[0, 2] = 0
    labels[1, 5, 5] = 1
    assert not marks.fits(labels, 0)
    assert not marks.fits(labels, 1)


@pytest.mark.parametrize("make", KINDS)
def test_a_moved_cell_is_seen(make: Callable[[], LabelArray]) -> None:
    labels, marks = make(), LabelMarks()
    labels[0, 2:4] = 1
    marks.note(labels, 0)
    labels[0] = np.roll(labels[0], 1, axis=0)
    assert not marks.fits(labels, 0)


@pytest.mark.parametrize("make", KINDS)
def test_labels_of_another_type_keep_what_is_known(make: Callable[[], LabelArray]) -> None:
    labels, marks = make(), LabelMarks()
    for t in (0, 1, 2):
        labels[t, t] = 1
        marks.note(labels, t)
    labels[1] = 0
    marks.doubt(2)
    wide = labels.astype(np.uint32)
    marks.carry_over(labels, wide)
    assert [marks.fits(wide, t) for t in (0, 1, 2)] == [True, False, False]
