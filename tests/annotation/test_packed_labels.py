"""Labels of long movies: compressed frames that are indexed as an array of numpy."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_sam2.annotation import packed_labels
from napari_sam2.annotation.packed_labels import LEAST_FRAMES, PackedLabels, new_labels, snapshot

SHAPE = (20, 6, 7)


def pair(dtype: Any = np.uint16) -> tuple[PackedLabels, np.ndarray]:
    """Labels of which most frames are compressed, and an array with the same pixels."""
    array = np.random.default_rng(0).integers(0, 4, SHAPE).astype(dtype)
    array[5] = 0
    labels = PackedLabels(SHAPE, dtype, budget_bytes=0)
    for t, frame in enumerate(array):
        labels[t] = frame
    return labels, array


@settings(max_examples=60, deadline=None)
@given(hnp.basic_indices(SHAPE, allow_newaxis=False))
def test_index_of_numbers_and_slices_gives_what_numpy_gives(key: Any) -> None:
    labels, array = pair()
    np.testing.assert_array_equal(labels[key], array[key])


@settings(max_examples=60, deadline=None)
@given(hnp.integer_array_indices(SHAPE), st.integers(0, 9))
def test_index_of_arrays_reads_and_writes_as_numpy_does(key: Any, value: int) -> None:
    labels, array = pair()
    np.testing.assert_array_equal(labels[key], array[key])
    labels[key] = value
    array[key] = value
    np.testing.assert_array_equal(labels, array)


@settings(max_examples=60, deadline=None)
@given(hnp.basic_indices(SHAPE, allow_newaxis=False))
def test_slices_are_written_as_numpy_writes_them(key: Any) -> None:
    labels, array = pair()
    labels[key] = 9
    array[key] = 9
    np.testing.assert_array_equal(labels, array)


def test_pixels_are_chosen_by_an_array_of_bools() -> None:
    labels, array = pair()
    labels[array == 2] = 7
    assert set(np.unique(labels)) == {0, 1, 3, 7}
    np.testing.assert_array_equal(labels[array == 2], 7)


@pytest.mark.parametrize("key", [20, -21, (20, 0, 0), ([20], [0], [0]), (0, 0, 0, 0)])
def test_frame_outside_is_an_index_error(key: Any) -> None:
    labels, _ = pair()
    with pytest.raises(IndexError):
        labels[key]


def test_frame_is_a_view_that_cannot_be_written() -> None:
    labels, _ = pair()
    with pytest.raises(ValueError, match="read-only"):
        labels[0][0, 0] = 1
    labels[0, :, :][0, 0] = 99  # an array of its own
    assert labels[0, 0, 0] != 99


def test_copy_stays_as_it_was() -> None:
    labels, array = pair()
    before = labels.copy()
    labels[3] = 1
    labels[19] = 0
    np.testing.assert_array_equal(before, array)
    before[4] = 2
    np.testing.assert_array_equal(labels[4], array[4])


@pytest.mark.parametrize("is_packed", [True, False])
def test_snapshot_stays_as_it_was_in_little_memory(
    is_packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed_labels, "SNAPSHOT_BYTES", 0)
    before = np.zeros((50, 64, 64), np.uint16)
    before[2:, 10:50, 10:50] = 1
    labels: Any = before.copy()
    if is_packed:
        labels = PackedLabels(before.shape, before.dtype)
        labels[...] = before
    kept = snapshot(labels)
    labels[3] = 7
    np.testing.assert_array_equal(kept, before)
    assert isinstance(kept, PackedLabels)
    assert kept.held_bytes < LEAST_FRAMES * before[0].nbytes + 50 * 200


def test_snapshot_of_few_pixels_is_an_array() -> None:
    _, array = pair()
    kept = snapshot(array)
    assert isinstance(kept, np.ndarray)
    assert not np.shares_memory(kept, array)


def test_other_type_has_the_same_labels() -> None:
    labels, array = pair()
    wide = labels.astype(np.uint32)
    wide[0, 0, 0] = 70_000
    assert wide.dtype == np.uint32
    assert wide[0, 0, 0] == 70_000
    np.testing.assert_array_equal(wide[1:], array[1:])


def test_operators_compute_with_all_frames() -> None:
    labels, array = pair()
    np.testing.assert_array_equal(labels == 2, array == 2)
    np.testing.assert_array_equal(1 + labels, 1 + array)
    assert labels.any()
    assert labels.max() == 3
    assert not PackedLabels(SHAPE, np.uint16).any()


def test_only_the_frames_used_last_are_not_compressed() -> None:
    shape = (100, 256, 256)
    labels = PackedLabels(shape, np.uint16, budget_bytes=0)
    for t in range(100):
        labels[t, 10:50, 10:50] = 1
        labels[t, 60:90, 10:50] = 2
    assert labels.held_bytes < LEAST_FRAMES * 2 * 256**2 + 100 * 600


def test_emptied_frames_take_no_memory() -> None:
    labels, _ = pair()
    labels[...] = 0
    labels = labels.copy()
    assert labels.held_bytes == 0
    assert not labels.any()


def test_large_labels_are_packed_and_others_are_arrays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_labels, "PLAIN_BYTES", 1000)
    assert isinstance(new_labels(SHAPE, np.uint16), PackedLabels)
    assert isinstance(new_labels((2, 600, 700), np.uint16), np.ndarray)
    assert isinstance(new_labels((600, 700), np.uint16), np.ndarray)
    assert isinstance(new_labels((20, 5, 5), np.uint16), np.ndarray)


def test_threads_write_without_losing_pixels() -> None:
    labels = PackedLabels((40, 8, 8), np.uint16, budget_bytes=0)

    def write(row: int) -> None:
        for t in range(40):
            labels[t, row] = row + 1

    threads = [threading.Thread(target=write, args=(row,)) for row in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(labels[:, :, 0], np.tile(np.arange(1, 9), (40, 1)))


def test_writes_are_counted_by_frame() -> None:
    labels = PackedLabels((4, 8, 8), np.uint16, budget_bytes=0)
    labels[1] = 3
    labels[1:3] = 4
    assert [labels.writes_of(t) for t in range(4)] == [0, 2, 1, 0]
    assert [labels.copy().writes_of(t) for t in range(4)] == [0, 2, 1, 0]
