from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_sam2.evaluation.datasets import open_data_set, read_categories
from tests.evaluation.data_sets import TRUTH, davis, sa_v, write_palette, youtube


def test_davis_lists_the_sequences_of_its_list(tmp_path: Path) -> None:
    davis(tmp_path, ("b", "a"))
    assert [sequence.name for sequence in open_data_set(tmp_path).sequences] == ["b", "a"]


def test_ids_are_the_numbers_in_the_palette(tmp_path: Path) -> None:
    (sequence,) = open_data_set(davis(tmp_path)).sequences
    truth = sequence.truth()
    assert sequence.movie().shape == truth.shape == TRUTH.shape
    assert all(np.array_equal(truth.frame(t), TRUTH[t]) for t in range(len(TRUTH)))
    assert truth.first_frame(2) == 2


def test_only_frames_with_a_label_count(tmp_path: Path) -> None:
    (sequence,) = open_data_set(youtube(tmp_path)).sequences
    truth = sequence.truth()
    assert truth.annotated == {0, 2, 4}
    assert truth.shape == TRUTH.shape
    assert truth.frames_of == {1: [0, 2, 4], 2: [2, 4]}
    assert not truth.frame(1).any()


def test_categories_come_from_the_meta_file(tmp_path: Path) -> None:
    (sequence,) = open_data_set(youtube(tmp_path)).sequences
    assert sequence.categories == {1: "fibroblast", 2: "neuron"}


def test_mose_needs_no_meta_file(tmp_path: Path) -> None:
    youtube(tmp_path)
    (tmp_path / "meta.json").unlink()
    (sequence,) = open_data_set(tmp_path).sequences
    assert sequence.categories == {}


def test_objects_of_sa_v_keep_the_pixels_that_they_share(tmp_path: Path) -> None:
    (sequence,) = open_data_set(sa_v(tmp_path)).sequences
    truth = sequence.truth()
    masks = dict(truth.masks(4, (1, 2)))
    assert truth.annotated == {0, 4, 8}
    assert truth.frames_of == {1: [0, 4, 8], 2: [4, 8]}
    assert masks[1].sum() == masks[2].sum() == 24
    assert (masks[1] & masks[2]).sum() == 16
    assert (truth.frame(4) == 2).sum() == 8


def test_mask_of_an_object_that_is_not_there_is_empty(tmp_path: Path) -> None:
    (sequence,) = open_data_set(sa_v(tmp_path)).sequences
    assert not dict(sequence.truth().masks(1, (1, 2)))[2].any()


def test_more_than_255_objects_keep_their_ids(tmp_path: Path) -> None:
    youtube(tmp_path)
    labels = TRUTH[0].astype(np.uint16) * 300
    Image.fromarray(labels).save(tmp_path / "Annotations/a1/00000.png")
    (sequence,) = open_data_set(tmp_path).sequences
    assert sequence.truth().ids_by_frame[0] == (300,)


def test_missing_list_is_named(tmp_path: Path) -> None:
    davis(tmp_path)
    (tmp_path / "ImageSets/2017/val.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"list of sequences is missing: .*val\.txt"):
        open_data_set(tmp_path)


def test_folder_without_frames_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder JPEGImages"):
        open_data_set(tmp_path)


def test_missing_frames_of_a_sequence_are_named(tmp_path: Path) -> None:
    davis(tmp_path)
    (tmp_path / "ImageSets/2017/val.txt").write_text("camel\ngone\n")
    sequence = open_data_set(tmp_path).sequences[1]
    with pytest.raises(FileNotFoundError, match="gone has no frames"):
        sequence.movie()


def test_label_without_a_frame_is_refused(tmp_path: Path) -> None:
    youtube(tmp_path, (0, 5))
    (tmp_path / "JPEGImages/a1/00005.jpg").unlink()
    (sequence,) = open_data_set(tmp_path).sequences
    with pytest.raises(ValueError, match=r"00005\.png \(1 in all\) has no image"):
        sequence.truth()


def test_label_of_another_size_is_refused(tmp_path: Path) -> None:
    youtube(tmp_path)
    write_palette(tmp_path / "Annotations/a1/00002.png", TRUTH[2][:, :5])
    (sequence,) = open_data_set(tmp_path).sequences
    with pytest.raises(ValueError, match=r"00002\.png have the size 3 x 5 and the frames 3 x 12"):
        sequence.truth()


def test_meta_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta.json").write_text('{"videos": []}')
    with pytest.raises(ValueError, match=r"not as the meta\.json of YouTube-VOS"):
        read_categories(tmp_path / "meta.json")
