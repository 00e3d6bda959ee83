import numpy as np
import pytest

from napari_sam2.training.examples import FULL, Example, make_lesson, notes_on


def grid(cells: int, frames: int = 1) -> np.ndarray:
    """Square cells of 10 x 10 pixels in a row, the same on every frame."""
    labels = np.zeros((frames, 40, 16 * cells + 8), np.uint16)
    for k in range(cells):
        labels[:, 15:25, 8 + 16 * k : 18 + 16 * k] = k + 1
    return labels


def example(labels: np.ndarray) -> Example:
    return Example((labels > 0).astype(np.float32) * 100, labels)


def kept_ids(lesson) -> set[int]:
    return {k for frame in lesson.judged for k in frame.truth.ids_by_frame[0]}


def learnt_ids(lesson) -> set[int]:
    clips = (lesson.clips[i][1] for i in range(len(lesson.clips)))
    return {int(k) for labels in clips for k in np.unique(labels) if k}


def test_one_cell_of_five_is_kept_aside() -> None:
    lesson = make_lesson([example(grid(10))], side=64)
    assert (lesson.learnt_masks, lesson.judged_masks) == (8, 2)


def test_a_cell_that_is_kept_aside_is_not_learnt() -> None:
    lesson = make_lesson([example(grid(10, frames=12))], side=64)
    assert kept_ids(lesson).isdisjoint(learnt_ids(lesson))


def test_full_frames_hold_all_cells_also_those_that_judge() -> None:
    labels = grid(FULL, frames=3)
    labels[1][labels[1] == FULL] = 0  # a cell too few
    frames = make_lesson([example(labels)], side=64).full_frames
    assert frames is not None
    assert len(frames) == 2
    for index in range(2):
        assert {int(k) for k in np.unique(frames[index][1])} == set(range(FULL + 1))


def test_frames_with_few_cells_are_not_full() -> None:
    assert make_lesson([example(grid(FULL - 1, frames=3))], side=64).full_frames is None


def test_frames_that_are_kept_aside_are_not_learnt() -> None:
    labels = grid(10, frames=5)
    labels[4, 30:38, 2:12] = 99  # a cell that is on the kept-aside frame only
    for seed in range(5):
        assert 99 not in learnt_ids(make_lesson([example(labels)], side=64, seed=seed))


def test_a_single_mask_does_not_judge_where_there_are_more() -> None:
    labels = grid(10, frames=10)
    for t in range(10):
        labels[t][(labels[t] != t + 1) & (labels[t] != (t + 1) % 10 + 1)] = 0
    for seed in range(5):
        lesson = make_lesson([example(labels)], side=64, seed=seed)
        assert lesson.judged_masks > 1
        assert kept_ids(lesson).isdisjoint(learnt_ids(lesson))


def test_with_few_cells_the_last_frame_is_kept_aside() -> None:
    lesson = make_lesson([example(grid(2, frames=3))], side=64)
    assert (lesson.learnt_masks, lesson.judged_masks) == (4, 2)


def test_cells_of_all_examples_count_together() -> None:
    lesson = make_lesson([example(grid(1)) for _ in range(10)], side=64)
    assert (lesson.learnt_masks, lesson.judged_masks) == (8, 2)


def test_frames_without_labels_are_neither_learnt_nor_judged() -> None:
    labels = grid(5, frames=6)
    labels[1:] = 0
    lesson = make_lesson([example(labels)], side=64)
    assert (lesson.learnt_masks, lesson.judged_masks) == (4, 1)


def test_many_masks_are_judged_by_a_few() -> None:
    assert make_lesson([example(grid(50, frames=20))], side=64).judged_masks <= 16


def test_too_few_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="5 masks or more; there are 4"):
        make_lesson([example(grid(4))], side=64)


def test_empty_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="there are 0"):
        make_lesson([example(np.zeros((2, 16, 16), np.uint8))], side=64)


def test_masks_that_are_not_whole_are_neither_learnt_nor_judged() -> None:
    labels = grid(10, frames=2)
    parts = Example(example(labels).image, labels, complete=frozenset(range(1, 8)))
    for seed in range(5):
        lesson = make_lesson([parts], side=64, seed=seed)
        assert kept_ids(lesson) | learnt_ids(lesson) == set(range(1, 8))


def test_masks_that_are_not_whole_do_not_count() -> None:
    parts = Example(np.zeros((40, 168)), grid(10)[0], complete=frozenset({1, 2, 3, 4}))
    with pytest.raises(ValueError, match="there are 4"):
        make_lesson([parts], side=64)


def moved(labels: np.ndarray) -> np.ndarray:
    return np.roll(labels, 2, axis=-1)


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        (grid(5, 3), 0),
        (grid(5, 3) * 7, 0),  # the same masks with other ids
        (np.where(grid(5, 3) > 2, 0, grid(5, 3)), 0),  # some of the masks
        (moved(grid(5, 3)), 3),
        (np.concatenate([grid(5, 2), moved(grid(5, 1))]), 1),
        ((grid(5, 3) > 0).astype(np.uint16), 3),  # all cells in one mask
    ],
)
def test_examples_that_label_the_same_frame_differently_are_named(
    other: np.ndarray, differing: int
) -> None:
    images = np.arange(3 * 40 * 88, dtype=np.uint16).reshape(3, 40, 88)
    notes = notes_on([Example(images, grid(5, 3), "a.sam2"), Example(images, other, "b.sam2")])
    assert len(notes) == (differing > 0)
    for note in notes:
        assert note.startswith("a.sam2 and b.sam2 label ")
        assert f" {differing} frame" in note


def test_other_images_with_the_same_labels_are_no_contradiction() -> None:
    images = np.zeros((3, 40, 88), np.uint8)
    assert not notes_on([Example(images, grid(5, 3)), Example(images + 1, moved(grid(5, 3)))])


def test_overlaps_are_told_with_the_name_of_their_example() -> None:
    labels = grid(5)
    one = Example(example(labels).image, labels, "a.sam2", overlapping=1)
    assert "On 1 frame of a.sam2, masks of two cells overlap" in make_lesson([one], 64).notes[0]


@pytest.mark.parametrize(("cells", "frames", "is_rough"), [(5, 1, True), (20, 1, False)])
def test_a_figure_from_few_masks_is_said_to_be_rough(
    cells: int, frames: int, is_rough: bool
) -> None:
    notes = make_lesson([example(grid(cells, frames))], side=64).notes
    assert notes == (("It was tested on 1 mask only, so the figure is rough.",) if is_rough else ())


def test_image_and_labels_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ"):
        Example(np.zeros((3, 20, 20)), np.zeros((3, 20, 21), np.uint8))
