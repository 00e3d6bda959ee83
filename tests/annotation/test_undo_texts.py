"""Texts of undo steps, as menus and tooltips show them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.undo_texts import frames_text

from .helpers import click
from .stand_in import SHAPE, StandInTracker

LABELS = np.zeros(SHAPE, int)
LABELS[0, :2, :2], LABELS[1, -2:, -2:] = 11, 12

TEXTS: list[tuple[Callable[[Annotation], Any], str]] = [
    (lambda a: a.import_labels(LABELS), "import 2 cells"),
    (lambda a: a.lock(2, [1, 2, 3]), "lock frames 1 to 3 of cell 2"),
    (lambda a: a.accept(2, [3]), "mark frame 3 of cell 2 as reviewed"),
    (lambda a: a.clear_masks(2, [1, 3]), "clear 2 frames of cell 2"),
    (lambda a: a.add_box(0, 9, (0, 0, 4, 4)), "box around cell 9 on frame 0"),
    (lambda a: a.set_status(1, "rejected"), "set the status of cell 1"),
    (lambda a: a.merge_objects(1, 2), "merge cell 2 into cell 1"),
    (lambda a: a.remove_object(1), "remove cell 1"),
]


@pytest.mark.parametrize(("change", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_undo_text_speaks_of_cells(
    annotation: Annotation, tracker: StandInTracker, change: Callable[[Annotation], Any], text: str
) -> None:
    for object_id in (1, 2):
        click(annotation, tracker, object_id)
    list(annotation.propagate())
    change(annotation)
    assert annotation.undo_text == text


def test_frames_that_are_no_longer_reviewed_are_named(
    annotation: Annotation, tracker: StandInTracker
) -> None:
    click(annotation, tracker, 1)
    annotation.accept(1, [0])
    annotation.unaccept(1, [0])
    assert annotation.undo_text == "mark frame 0 of cell 1 as not reviewed"


def test_frames_with_a_gap_are_counted() -> None:
    assert frames_text({2, 3, 5}) == "3 frames"
