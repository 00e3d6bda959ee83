"""Folders of the Cell Tracking Challenge, judged by the tools of others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_sam2.io import ctc
from napari_sam2.io.ctc import is_result, open_ctc, write_ctc
from napari_sam2.io.tracked import TrackedLabels
from tests.evaluation.worlds import drawn
from tests.families import family

TABLE = "1 0 1 0\n2 2 4 1\n3 2 2 1\n5 0 1 0\n6 4 4 3\n"


def test_the_table_names_continuous_tracks_with_parents(tmp_path: Path) -> None:
    write_ctc(tmp_path / "01_RES", family())
    assert (tmp_path / "01_RES" / "res_track.txt").read_text() == TABLE
    names = sorted(file.name for file in (tmp_path / "01_RES").iterdir())
    assert names == [*(f"mask00{t}.tif" for t in range(5)), "res_track.txt"]


def test_py_ctcmetrics_calls_it_valid(tmp_path: Path) -> None:
    validate = pytest.importorskip("ctc_metrics.scripts.validate")
    write_ctc(tmp_path / "res", family())
    assert validate.validate_sequence(str(tmp_path / "res"), threads=1) == {"Valid": 1}


def test_traccuracy_finds_the_same_graph(tmp_path: Path) -> None:
    loaders = pytest.importorskip("traccuracy.loaders")
    write_ctc(tmp_path / "res", family())
    graph = loaders.load_ctc_data(str(tmp_path / "res"), str(tmp_path / "res/res_track.txt")).graph
    assert len(graph.nodes) == 9
    assert {("1_1", "2_2"), ("1_1", "3_2"), ("3_2", "6_4")} <= set(graph.edges)


def test_it_is_read_back(tmp_path: Path) -> None:
    write_ctc(tmp_path / "res", family())
    back = open_ctc(tmp_path / "res")
    assert back.parents == {2: 1, 3: 1, 6: 3}
    assert np.asarray(back.frame(2)).tolist() == drawn("2.3")[0].tolist()
    assert back.frame(4).max() == 6


@settings(max_examples=25, deadline=None)
@given(
    labels=arrays.arrays(
        np.uint32, (4, 3, 4), elements=st.sampled_from([0, 0, 1, 2, 3, 65535, 65536, 2**31])
    ),
    parents=st.dictionaries(st.sampled_from([2, 3, 65536]), st.sampled_from([1, 2, 65535])),
)
def test_any_labels_become_a_folder_that_opens(
    tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray, parents: dict[int, int]
) -> None:
    labels[0, 0, 0] = 1
    folder = tmp_path_factory.mktemp("any") / "res"
    write_ctc(folder, TrackedLabels(labels, parents))
    back = np.stack(list(open_ctc(folder).frames()))
    np.testing.assert_array_equal(back > 0, labels > 0)
    for t in range(4):
        pairs = set(zip(labels[t].ravel().tolist(), back[t].ravel().tolist(), strict=True))
        assert len({one for one, _ in pairs}) == len(pairs) == len({two for _, two in pairs})


def test_large_ids_are_numbered_anew(tmp_path: Path) -> None:
    labels = drawn("12", "12").astype(np.uint32) * 40000
    write_ctc(tmp_path / "res", TrackedLabels(labels))
    assert (tmp_path / "res" / "res_track.txt").read_text() == "1 0 1 0\n2 0 1 0\n"
    assert tifffile.imread(tmp_path / "res" / "mask000.tif").dtype == np.uint16


def test_without_objects_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no object to write"):
        write_ctc(tmp_path / "res", TrackedLabels(drawn("..")))
    assert not list(tmp_path.iterdir())


def test_an_older_result_is_replaced(tmp_path: Path) -> None:
    write_ctc(tmp_path / "res", TrackedLabels(drawn(*["1"] * 9)))
    write_ctc(tmp_path / "res", family())
    assert is_result(tmp_path / "res")
    assert (tmp_path / "res" / "res_track.txt").read_text() == TABLE
    assert [folder.name for folder in tmp_path.iterdir()] == ["res"]


def test_a_folder_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("three years")
    with pytest.raises(FileExistsError, match="holds something else"):
        write_ctc(tmp_path, family())
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_frame_that_cannot_be_read_leaves_the_old_result(tmp_path: Path) -> None:
    write_ctc(tmp_path / "res", family())
    broken = drawn("1", "2").astype(np.int32)
    tracked = TrackedLabels(broken)
    _ = tracked.lineage
    broken[1] = -1
    with pytest.raises(ValueError, match="frame 1 has -1"):
        write_ctc(tmp_path / "res", tracked)
    assert (tmp_path / "res" / "res_track.txt").read_text() == TABLE
    assert [folder.name for folder in tmp_path.iterdir()] == ["res"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("1 0 9 0\n", "ends on frame 9, but there are 5 frames"),
        ("1 0 1 8\n", "the parent 8 of track 1 is not there"),
        ("1 0 3 0\n2 2 4 1\n", "before its parent 1 ends"),
        ("1 0 x 0\n", "expected four whole numbers"),
    ],
)
def test_a_wrong_table_is_told(tmp_path: Path, table: str, message: str) -> None:
    write_ctc(tmp_path / "res", family())
    (tmp_path / "res" / "res_track.txt").write_text(table)
    with pytest.raises(ValueError, match=message):
        open_ctc(tmp_path / "res")


def test_a_missing_frame_is_told(tmp_path: Path) -> None:
    write_ctc(tmp_path / "res", family())
    (tmp_path / "res" / "mask002.tif").unlink()
    with pytest.raises(ValueError, match="frame 2 is missing"):
        open_ctc(tmp_path / "res")


def test_other_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="Cell Tracking Challenge"):
        open_ctc(tmp_path)


def result_with_table(folder: Path, table: str) -> Path:
    """A result of three frames whose table somebody has changed."""
    write_ctc(folder, TrackedLabels(drawn("12", "12", "12")))
    (folder / "res_track.txt").write_text(table)
    return folder


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("1 0 2 0\n", "object 2 on frame 1 is not in the table"),
        (
            "1 0 2 0\n2 0 0 0\n",
            "object 2 is on frame 1, though the table has it on frames 0 to 0",
        ),
    ],
)
def test_a_frame_whose_objects_are_not_in_the_table_is_refused(
    tmp_path: Path, table: str, message: str
) -> None:
    tracked = open_ctc(result_with_table(tmp_path / "res", table))
    with pytest.raises(ValueError, match=f"res and res_track.txt do not agree: {message}"):
        tracked.frame(1)


def test_an_object_of_the_table_without_pixels_is_told_once(tmp_path: Path) -> None:
    tracked = open_ctc(result_with_table(tmp_path / "res", "1 0 2 0\n2 0 2 0\n3 1 2 0\n"))
    with pytest.warns(UserWarning, match="object 3 has no pixels on frame 1") as told:
        list(tracked.frames())
    assert len(told) == 1


def test_a_folder_opens_without_reading_its_frames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = result_with_table(tmp_path / "res", "1 0 2 0\n2 0 2 0\n")
    read: list[str] = []
    read_image = ctc.read_image
    monkeypatch.setattr(ctc, "read_image", lambda file: read.append(file.name) or read_image(file))
    tracked = open_ctc(folder)
    assert read == []
    tracked.frame(2)
    assert read == ["mask002.tif"]
