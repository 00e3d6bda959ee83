from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_sam2.evaluation.ground_truth import LabelledMovie, label_movie, open_labels
from napari_sam2.io.tracks import Track, read_tracks
from tests.evaluation.worlds import drawn


def write_frames(folder: Path, stem: str, labels: np.ndarray, frames: list[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for t in frames:
        tifffile.imwrite(folder / f"{stem}{t:03d}.tif", labels[t])


def test_objects_and_frames_are_found() -> None:
    truth = label_movie(drawn("1..", "...", "1.3"))
    assert truth.frames_of == {1: [0, 2], 3: [2]}
    assert truth.annotated == {0, 2}


def test_objects_left_out_are_background() -> None:
    truth = label_movie(drawn("123", "123")).thinned(1, seed=3)
    (kept,) = truth.frames_of
    assert set(np.unique(truth.frame(0))) == {0, kept}


def test_lots_are_drawn_alike_with_one_seed() -> None:
    truth = label_movie(drawn("123456789"))
    kept = [tuple(truth.thinned(4, seed).frames_of) for seed in (0, 0, 1)]
    assert kept[0] == kept[1] != kept[2]


def test_frame_without_the_chosen_objects_is_labelled_all_the_same() -> None:
    truth = label_movie(drawn("12", "2.", "2."))
    assert truth._with_objects(frozenset({1})).annotated == {0, 1, 2}


def test_shorter_movie() -> None:
    assert label_movie(drawn("1", "1", "2")).shortened(2).frames_of == {1: [0, 1]}
    with pytest.raises(ValueError, match="has 3 frames"):
        label_movie(drawn("1", "1", "2")).shortened(4)


def test_labels_from_a_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "labels.tif", drawn("1..2", "1..2"))
    found = open_labels(tmp_path / "labels.tif")
    assert found.shape == (2, 3, 12)
    assert np.array_equal(found.frame(1), drawn("1..2")[0])


def test_labels_from_a_folder_of_pictures_with_a_palette(tmp_path: Path) -> None:
    """As DAVIS writes its truth: the number in the palette is the object."""
    picture = Image.fromarray(drawn("1..2")[0].astype(np.uint8)).convert("P")
    picture.putdata(drawn("1..2")[0].ravel())
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    picture.save(tmp_path / "00000.png")
    assert open_labels(tmp_path).frames_of == {1: [0], 2: [0]}


def test_colours_are_no_labels(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.full((2, 8, 8, 3), (0, 1, 2), np.uint8), photometric="rgb"
    )
    with pytest.raises(TypeError, match="one integer per pixel"):
        open_labels(tmp_path / "a.tif")


def test_floats_are_no_labels(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", np.full((2, 8, 8), 0.5, np.float32), photometric="minisblack"
    )
    with pytest.raises(TypeError, match="float32"):
        open_labels(tmp_path / "a.tif")


def test_result_folder_of_the_challenge(tmp_path: Path) -> None:
    write_frames(tmp_path, "mask", drawn(".1.", "2.3"), [0, 1])
    (tmp_path / "res_track.txt").write_text("1 0 0 0\n2 1 1 1\n3 1 1 1\n")
    found = open_labels(tmp_path)
    assert found.parents == {2: 1, 3: 1}
    assert not found.is_markers


def test_marker_folder_of_the_challenge(tmp_path: Path) -> None:
    write_frames(tmp_path, "man_track", drawn("1", "1"), [0, 1])
    (tmp_path / "man_track.txt").write_text("1 0 1 0\n")
    assert open_labels(tmp_path).is_markers


def test_labels_that_their_table_does_not_know_are_refused(tmp_path: Path) -> None:
    write_frames(tmp_path, "mask", drawn("12345", "1...."), [0, 1])
    (tmp_path / "res_track.txt").write_text("1 0 0 0\n")
    with pytest.raises(ValueError, match=r"object 2 on frame 0 .*; object 4 .*; and 2 more"):
        open_labels(tmp_path)


def test_labels_that_lack_an_object_of_their_table_are_told(tmp_path: Path) -> None:
    write_frames(tmp_path, "mask", drawn("1", "."), [0, 1])
    (tmp_path / "res_track.txt").write_text("1 0 1 0\n")
    with pytest.warns(UserWarning, match="object 1 has no pixels on frame 1"):
        assert open_labels(tmp_path).frames_of == {1: [0]}


def test_ground_truth_folder_names_shapes_by_their_markers(tmp_path: Path) -> None:
    markers = drawn("5...", "5...", "5..7")
    shapes = drawn("....", "....", "11.2")
    write_frames(tmp_path / "TRA", "man_track", markers, [0, 1, 2])
    (tmp_path / "TRA" / "man_track.txt").write_text("5 0 2 0\n7 2 2 0\n")
    write_frames(tmp_path / "SEG", "man_seg", shapes, [2])
    truth = open_labels(tmp_path)
    assert truth.annotated == {2}
    assert np.array_equal(truth.frame(2), drawn("55.7")[0])
    assert truth.markers is not None
    assert truth.markers.frames_of == {5: [0, 1, 2], 7: [2]}


def test_segmented_frames_count_by_their_number(tmp_path: Path) -> None:
    write_frames(tmp_path, "man_seg", drawn("1", "1", "1", "1"), [1, 3])
    assert open_labels(tmp_path, length=6).annotated == {1, 3}
    with pytest.raises(ValueError, match=r"man_seg003.tif is beyond the 3 frames"):
        open_labels(tmp_path, length=3)


def test_labels_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there are no labels"):
        open_labels(tmp_path / "nothing.tif")


def test_table_of_tracks(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("1 0 4 0\n\n2 5 9 1\n")
    assert read_tracks(tmp_path / "t.txt") == (Track(1, 0, 4), Track(2, 5, 9, 1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0 4", "line 1: expected four whole numbers"),
        ("1 0 4 0\n1 5 6 0", "line 2: object 1 is there twice"),
        ("1 4 0 0", "no track has these numbers"),
        ("one 0 4 0", "expected four whole numbers"),
    ],
)
def test_damaged_table_of_tracks(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_tracks(tmp_path / "t.txt")


def margin_truth(margin: int) -> LabelledMovie:
    """An object in the middle and one that reaches from there into the margin, on the left."""
    labels = np.zeros((1, 10, 12), np.uint8)
    labels[0, 4:6, 5:7] = 1
    labels[0, 4:6, 0:3] = 2
    return replace(label_movie(labels), margin=margin)


def test_found_in_the_margin_does_not_count_where_the_truth_has_nothing() -> None:
    found = np.zeros((10, 12), np.int32)
    found[4:6, 5:7] = 7  # inside
    found[5:7, 0:2] = 8  # in the margin, on an object of the truth
    found[0:2, 8:12] = 9  # in the margin as a whole
    found[8:10, 3:9] = 5  # in the margin as a whole, at the bottom
    found[7:9, 9:11] = 6  # it reaches into the view
    assert set(np.unique(margin_truth(2).judged(0, found))) == {0, 6, 7, 8}
    np.testing.assert_array_equal(margin_truth(0).judged(0, found), found)


@pytest.mark.parametrize("margin", [-1, 5])
def test_margin_that_leaves_nothing_is_refused(tmp_path: Path, margin: int) -> None:
    path = tmp_path / "labels.tif"
    tifffile.imwrite(path, np.asarray(margin_truth(0).data))
    assert open_labels(path, margin=4).margin == 4
    with pytest.raises(ValueError, match="margin"):
        open_labels(path, margin=margin)
