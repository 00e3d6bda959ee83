"""Satisfactory masklets of many projects become a data set that training reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.annotation.objects import Status
from napari_sam2.cli import main
from napari_sam2.io.project.collect import is_dataset, validation_movies
from napari_sam2.io.rle import decode_rle
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import read_labels, write_images
from napari_sam2.model import Sam2
from napari_sam2.training.data import ClipDataset
from tests.worlds import World

from .desk import begin, reopen, save

SCALE = ImageScale((0.5, 0.5), "um", 60.0)


@pytest.fixture
def make(
    tmp_path: Path, model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Path]:
    """Saves a project in which both discs were tracked, with a verdict on some."""
    monkeypatch.setattr("napari_sam2.cli.project.load", lambda *_: model)

    def make(name: str = "one", verdicts: Any = ((1, Status.REVIEWED),), shift: int = 0) -> Path:
        images = np.roll(world.images, shift, axis=0)
        shown = World(images, world.labels, world.discs)
        write_images(tmp_path / f"{name}.tif", images, SCALE)
        annotation = begin(model, shown)
        list(annotation.propagate())
        for object_id, status in verdicts:
            annotation.judge(object_id, status, by="Ada", at=0.0)
        folder = save(
            tmp_path / f"{name}.sam2",
            annotation,
            shown,
            path=str(tmp_path / f"{name}.tif"),
            scale=SCALE,
        )
        folder.close()
        made[name] = annotation.labels.copy()
        return tmp_path / f"{name}.sam2"

    made: dict[str, np.ndarray] = {}
    make.labels = made  # type: ignore[attr-defined]
    return make


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "cells"


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], output: Path) -> Callable[..., tuple[int, str]]:
    def shell(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main(["collect", *map(str, arguments), "-o", str(output)])
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out + shown.err

    return shell


def files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_data_set_has_images_labels_masklets_and_a_card(
    make: Any, shell: Any, output: Path
) -> None:
    code, told = shell(make())
    assert code == 0, told
    assert set(files(output)) == {
        "README.md",
        "statistics.json",
        "train/images/movie.tif",
        "train/labels/movie.tif",
        "train/masklets/movie.json",
    }
    assert is_dataset(output)


def test_only_satisfactory_objects_are_labelled(
    make: Any, shell: Any, output: Path, world: World
) -> None:
    shell(make(verdicts=[(1, Status.TO_REFINE), (2, Status.REVIEWED)]))
    labels, scale = read_labels(output / "train" / "labels" / "movie.tif")
    np.testing.assert_array_equal(labels == 1, make.labels["one"] == 2)
    assert labels.max() == 1
    assert scale.pixel_size == (0.5, 0.5)
    images = tifffile.imread(output / "train" / "images" / "movie.tif")
    np.testing.assert_array_equal(images, world.images)
    content = json.loads((output / "train" / "masklets" / "movie.json").read_text("utf-8"))
    assert content["masklet_object"] == [2]
    assert content["masklet_verdict"] == [{"by": "Ada", "at": "1970-01-01T00:00:00+00:00"}]
    for t, (rle,) in enumerate(content["masklet"]):
        np.testing.assert_array_equal(decode_rle(rle), make.labels["one"][t] == 2)


def test_training_reads_single_frames_of_a_data_set(make: Any, shell: Any, output: Path) -> None:
    shell(make())
    dataset = ClipDataset({output / "train": 1.0}, shape=(32, 32))
    clip = dataset.draw(np.random.default_rng(0), 2)
    assert clip.images.shape == (2, 32, 32)
    assert dataset[0][1].max() == 1
    for kind in ("images", "labels"):  # uncompressed: a frame is read without the others
        assert len(tifffile.memmap(output / "train" / kind / "movie.tif", mode="r")) == 8


def test_movies_are_split_and_a_movie_is_in_one_part_only(
    make: Any, shell: Any, output: Path
) -> None:
    projects = [make("one"), make("two", shift=1), make("again")]
    assert shell(*projects)[0] == 0
    content = json.loads((output / "statistics.json").read_text("utf-8"))
    parts = {movie["project"]: movie["split"] for movie in content["movies"]}
    assert parts["one.sam2"] == parts["again.sam2"]
    assert parts["one.sam2"] != parts["two.sam2"]
    assert content["total"]["movies"] == 3
    assert content["train"]["masklets"] + content["validation"]["masklets"] == 3
    for split in ("train", "validation"):
        movies = [movie for movie in content["movies"] if movie["split"] == split]
        assert len(ClipDataset({output / split: 1.0})) == len(movies)


@pytest.mark.parametrize(("count", "share", "expected"), [(1, 0.5, 0), (2, 0.2, 1), (10, 0.2, 2)])
def test_some_of_two_movies_or_more_validate(count: int, share: float, expected: int) -> None:
    prints = [f"{k:032x}" for k in range(count)]
    chosen = validation_movies(prints, share)
    assert len(chosen) == expected
    assert chosen == validation_movies(prints[::-1] * 2, share)
    assert not validation_movies(prints, 0.0)


def test_statistics_and_card_tell_the_figures(make: Any, shell: Any, output: Path) -> None:
    shell(make())
    content = json.loads((output / "statistics.json").read_text("utf-8"))
    assert content["judged_by"] == ["Ada"]
    assert (content["total"]["masklets"], content["total"]["masks"]) == (1, 8)
    assert content["total"]["disappearance_rate"] == 0.0
    assert content["movies"][0]["left_out"] == 1
    card = (output / "README.md").read_text("utf-8")
    assert "| train | 1 | 8 | 1 | 8 | 0.0% |" in card
    assert "not labelled (1 in\n  these movies)" in card


def test_objects_that_changed_after_their_verdict_are_left_out_in_words(
    make: Any, shell: Any, model: Sam2, world: World
) -> None:
    path = make(verdicts=[(1, Status.REVIEWED), (2, Status.REVIEWED)])
    folder = reopen(path, model, world)
    folder.annotation.lock(1)  # it loses no pixel to the other
    folder.annotation.clear_masks(2, [3])
    folder.close()
    code, told = shell(path)
    assert code == 0
    assert "changed after the verdict, review again: cell 2" in told
    assert "1 cells, 1 left out" in told


# What is refused


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [((), "holds no satisfactory cell"), (((1, Status.REJECTED),), "holds no satisfactory cell")],
)
def test_projects_without_satisfactory_cells_are_said(
    make: Any, shell: Any, output: Path, verdicts: Any, words: str
) -> None:
    code, told = shell(make(verdicts=verdicts))
    assert code == 2
    assert words in told
    assert "no project holds a satisfactory cell" in told
    assert not output.exists()


def test_an_empty_project_is_left_out(
    make: Any, shell: Any, model: Sam2, world: World, tmp_path: Path
) -> None:
    write_images(tmp_path / "none.tif", world.images)
    annotation = begin(model, world)
    for object_id in (1, 2):
        annotation.remove_object(object_id)
    save(tmp_path / "none.sam2", annotation, world, path=str(tmp_path / "none.tif")).close()
    code, told = shell(make(), tmp_path / "none.sam2")
    assert code == 0
    assert "none.sam2: holds no cells, left out" in told


def test_a_moved_movie_stops_the_command_and_is_found_in_a_folder(
    make: Any, shell: Any, output: Path, tmp_path: Path
) -> None:
    good, bad = make("one"), make("two", shift=1)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (tmp_path / "two.tif").rename(moved / "two.tif")
    code, told = shell(good, bad)
    assert code == 2
    assert "two.sam2: the image" in told
    assert "--images FOLDER" in told
    assert not output.exists()
    assert not list(tmp_path.glob(".*"))
    assert shell(good, bad, "--images", moved)[0] == 0


def test_another_image_at_the_old_place_is_refused(
    make: Any, shell: Any, output: Path, tmp_path: Path, world: World
) -> None:
    path = make()
    write_images(tmp_path / "one.tif", world.images[:4])
    code, told = shell(path)
    assert code == 2
    assert "one.sam2: this is another image" in told
    assert not output.exists()


def test_nothing_is_replaced_without_overwrite(make: Any, shell: Any, output: Path) -> None:
    path = make()
    output.mkdir()
    (output / "mine.txt").write_text("mine")
    assert shell(path)[0] == 2
    code, told = shell(path, "--overwrite")
    assert code == 2
    assert "holds something else" in told
    assert list(files(output)) == ["mine.txt"]
    (output / "mine.txt").unlink()
    assert shell(path, "--overwrite")[0] == 0
    assert shell(path)[0] == 2
    assert shell(path, "--overwrite")[0] == 0


def test_a_full_disk_leaves_the_old_data_set(
    make: Any, shell: Any, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make()
    shell(path)
    before = {name: (output / name).read_bytes() for name in files(output)}

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("napari_sam2.io.project.collect.write_masklets", fail)
    code, told = shell(path, "--overwrite")
    assert code == 1
    assert "The disk is full" in told
    assert {name: (output / name).read_bytes() for name in files(output)} == before


def test_a_project_given_twice_is_refused(make: Any, shell: Any) -> None:
    path = make()
    code, told = shell(path, path)
    assert code == 2
    assert "was given twice" in told
