"""Comparison of the cells that are found on a frame with the objects that are tracked there."""

from __future__ import annotations

import numpy as np

from napari_sam2.finding import Proposal
from napari_sam2.finding.comparison import compare
from napari_sam2.tracking.pixels import PixelMask


def cell(rows: slice, columns: slice, score: float = 0.9) -> Proposal:
    """A proposal of a rectangle in an image of 40 x 40."""
    mask = np.zeros((40, 40), bool)
    mask[rows, columns] = True
    middle = ((rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2)
    return Proposal(PixelMask.of(mask), score, 1.0, middle)


LEFT, RIGHT = cell(slice(5, 15), slice(5, 15)), cell(slice(5, 15), slice(16, 26))


def labels_of(**masks: tuple[slice, slice]) -> np.ndarray:
    """Labels of rectangles that are named object_1, object_2 and so on."""
    labels = np.zeros((40, 40), np.int32)
    for name, place in masks.items():
        labels[place] = int(name.removeprefix("object_"))
    return labels


def test_cells_of_an_empty_frame_are_new() -> None:
    assert compare([LEFT, RIGHT], labels_of()).new == [LEFT, RIGHT]


def test_frame_without_cells_confirms_nothing() -> None:
    seen = compare([], labels_of(object_1=(slice(5, 15), slice(5, 15))))
    assert (seen.confirmed, seen.redrawn, seen.new) == (set(), {}, [])


def test_object_is_confirmed_and_the_cell_beside_it_is_new() -> None:
    seen = compare([LEFT, RIGHT], labels_of(object_7=(slice(6, 16), slice(5, 15))))
    assert (seen.confirmed, seen.redrawn, seen.new) == ({7}, {}, [RIGHT])


def test_object_that_shrank_to_a_speck_of_its_cell_is_redrawn() -> None:
    seen = compare([LEFT], labels_of(object_7=(slice(8, 11), slice(8, 11))))
    assert (seen.confirmed, seen.redrawn, seen.new) == (set(), {7: LEFT}, [])


def test_object_that_spilled_over_is_redrawn_as_its_cell() -> None:
    seen = compare([LEFT], labels_of(object_7=(slice(0, 30), slice(0, 30))))
    assert (seen.confirmed, seen.redrawn, seen.new) == (set(), {7: LEFT}, [])


def test_two_cells_in_one_mask_become_two_objects() -> None:
    seen = compare([LEFT, RIGHT], labels_of(object_7=(slice(5, 15), slice(5, 26))))
    assert seen.confirmed == set()
    assert list(seen.redrawn) == [7]
    assert {id(seen.redrawn[7]), *map(id, seen.new)} == {id(LEFT), id(RIGHT)}


def test_small_part_of_a_cell_is_no_daughter() -> None:
    speck = cell(slice(6, 9), slice(6, 9))
    seen = compare([LEFT, speck], labels_of(object_7=(slice(5, 15), slice(5, 15))))
    assert (seen.confirmed, seen.redrawn, seen.new) == ({7}, {}, [])


def test_each_object_keeps_its_own_cell_where_masks_reach_over() -> None:
    labels = labels_of(
        object_1=(slice(5, 15), slice(5, 18)), object_2=(slice(5, 15), slice(18, 26))
    )
    seen = compare([LEFT, RIGHT], labels)
    assert (seen.confirmed, seen.redrawn, seen.new) == ({1, 2}, {}, [])
