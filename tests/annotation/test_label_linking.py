"""Labels that are numbered on each frame by itself are linked to cells by overlap."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.label_linking import LinkedLabels, link_labels
from tests.lazy_labels import LazyLabels

from .helpers import seen
from .stand_in import SHAPE

FRAMES, HEIGHT, WIDTH = SHAPE


def squares(*places: tuple[int, int], numbers: tuple[int, ...] = ()) -> np.ndarray:
    """(Y, X) labels of squares of 5 x 5 pixels, numbered in the given order."""
    labels = np.zeros((HEIGHT, WIDTH), np.uint16)
    for number, (y, x) in zip(numbers or range(1, len(places) + 1), places, strict=True):
        labels[y : y + 5, x : x + 5] = number
    return labels


def renumbered_movie() -> np.ndarray:
    """Two squares that drift to the right; their numbers change places on every frame."""
    return np.stack(
        [
            squares((2, 2 + t), (11, 4 + t), numbers=(1, 2) if t % 2 else (2, 1))
            for t in range(FRAMES)
        ]
    )


def test_masks_that_overlap_become_one_cell() -> None:
    links = link_labels(renumbered_movie())
    assert (links.masks, links.cells) == (2 * FRAMES, 2)
    assert [links.cells_of[t][2 - t % 2] for t in range(FRAMES)] == [links.cells_of[0][2]] * FRAMES


def test_text_says_how_many_cells_the_masks_become() -> None:
    links = link_labels(renumbered_movie())
    assert links.text == f"{2 * FRAMES} masks on {FRAMES} frames become 2 cells"


def test_cell_that_moves_away_is_another_cell() -> None:
    links = link_labels(np.stack([squares((2, 2)), squares((2, 7))]))
    assert links.cells == 2


def test_cell_is_found_again_after_one_missing_frame_but_not_after_two() -> None:
    there, gone = squares((2, 2)), squares()
    assert link_labels(np.stack([there, gone, there])).cells == 1
    assert link_labels(np.stack([there, gone, gone, there])).cells == 2


def test_mask_is_linked_to_the_one_that_it_overlaps_most() -> None:
    before, now = squares((2, 2), (2, 7)), squares((2, 5))
    links = link_labels(np.stack([before, now]))
    assert links.cells_of[1] == {1: links.cells_of[0][2]}


def test_cells_in_a_row_that_move_by_half_their_width_keep_their_order() -> None:
    row = [(2, x) for x in range(0, 25, 6)]
    moved = [(2, x + 3) for x in range(0, 25, 6)]
    links = link_labels(np.stack([squares(*row), squares(*moved, numbers=(5, 4, 3, 2, 1))]))
    assert links.cells == 5
    assert [links.cells_of[1][number] for number in (5, 4, 3, 2, 1)] == [1, 2, 3, 4, 5]


def test_one_daughter_goes_on_and_the_other_is_a_new_cell() -> None:
    mother = np.zeros((HEIGHT, WIDTH), np.uint16)
    mother[2:7, 2:12] = 5
    links = link_labels(np.stack([mother, squares((2, 2), (2, 7))]))
    assert sorted(links.cells_of[1].values()) == [1, 2]


@pytest.mark.parametrize(("movie", "is_needed"), [("linked", False), ("renumbered", True)])
def test_links_are_needed_only_where_numbers_change(movie: str, is_needed: bool) -> None:
    labels = renumbered_movie()
    if movie == "linked":
        labels = np.stack([labels[0]] * FRAMES)
    assert link_labels(labels).is_needed == is_needed


def test_labels_on_disk_are_read_one_frame_at_a_time() -> None:
    labels = LazyLabels(renumbered_movie())
    assert link_labels(labels).cells == 2


def test_progress_is_told_and_may_cancel() -> None:
    told: list[tuple[int, int]] = []
    link_labels(renumbered_movie(), lambda done, total: told.append((done, total)))
    assert told == [(t + 1, FRAMES) for t in range(FRAMES)]


def test_other_labels_than_those_of_a_movie_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(T, Y, X\)"):
        link_labels(squares((2, 2)))
    with pytest.raises(TypeError, match="integers"):
        link_labels(np.zeros(SHAPE))
    with pytest.raises(ValueError, match="must not be negative; got -3"):
        link_labels(np.full(SHAPE, -3))


def test_linked_labels_are_imported_in_one_step(annotation: Annotation) -> None:
    before, labels = seen(annotation), renumbered_movie()
    imported = annotation.import_labels(LinkedLabels(labels, link_labels(labels)))
    assert imported == (1, 2)
    assert np.array_equal(annotation.labels > 0, labels > 0)
    assert all(annotation.labels[t][2, 2 + t] == 2 for t in range(FRAMES))
    annotation.undo()
    assert seen(annotation) == before


def test_label_that_is_new_since_the_links_were_made_is_not_dropped(annotation: Annotation) -> None:
    labels = renumbered_movie()
    links = link_labels(labels)
    labels[1, 20:23, 20:23] = 9
    with pytest.raises(ValueError, match="label 9 on frame 1 is new"):
        annotation.import_labels(LinkedLabels(labels, links))
    assert not annotation.objects
