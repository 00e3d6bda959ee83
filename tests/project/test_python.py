"""An annotation made in Python is saved and loaded as a project."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tifffile

import napari_sam2.annotation
from napari_sam2 import Annotation
from napari_sam2.annotation.objects import Status
from napari_sam2.io.movie import Movie
from napari_sam2.io.movies import open_movie
from napari_sam2.io.project.errors import ProjectError, ProjectInUseError
from napari_sam2.io.project.manifest import MANIFEST, Settings, read_manifest
from napari_sam2.io.project.reading import read_deeds
from napari_sam2.io.scale import ImageScale, Origin
from napari_sam2.io.tiff import read_labels, write_images, write_labels
from napari_sam2.model import Sam2
from napari_sam2.model.config import WindowMode
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World

from .desk import same_seen
from .test_replay import repeated

SCALE = ImageScale((0.5, 0.5), "um", 60.0)


@pytest.fixture
def movie(tmp_path: Path, world: World) -> Path:
    write_images(tmp_path / "movie.tif", world.images, SCALE)
    return tmp_path / "movie.tif"


@pytest.fixture
def annotation(model: Sam2, world: World, movie: Path) -> Annotation:
    """Two discs, clicked, tracked, corrected and reviewed, not saved."""
    annotation = Annotation(model, movie)
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(annotation.propagate(0, 4))
    annotation.lock(1, [2])
    annotation.accept(2, [1])
    annotation.rename_object(2, "Zelle")
    return annotation


def test_public_annotation_is_the_same_class() -> None:
    assert Annotation is napari_sam2.annotation.Annotation


def test_a_model_needs_a_movie(model: Sam2, world: World) -> None:
    with pytest.raises(TypeError, match=r"expected Annotation\(tracker\) or"):
        Annotation(model)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"expected Annotation\(tracker\) or"):
        Annotation(Tracker(model, world.images), world.images)  # type: ignore[call-overload]


def test_all_of_it_comes_back(annotation: Annotation, model: Sam2, path: Path) -> None:
    with annotation:
        annotation.save(path)
    with Annotation.load(path, model) as loaded:
        assert same_seen(loaded, annotation)


def test_changes_after_a_save_come_back_and_can_be_undone(
    annotation: Annotation, model: Sam2, path: Path
) -> None:
    with annotation:
        annotation.save(str(path))
        annotation.rename_object(1, "later")
    with Annotation.load(str(path), model) as loaded:
        assert loaded.undo() == "rename cell 1"
        assert loaded.objects[1].name == ""


def test_divisions_come_back_and_can_be_undone(
    annotation: Annotation, model: Sam2, path: Path, world: World
) -> None:
    annotation.save(path)
    annotation.unlock(1)
    annotation.add_daughter(2, 8, [world.centre(2, 2)], [1])
    annotation.withdraw_division([8])
    annotation.add_daughter(2, 9, [world.centre(2, 2)], [1])
    annotation.decline_division(1, 3)
    objects, labels = annotation.objects, annotation.labels.copy()
    annotation.close()
    with Annotation.load(path, model) as loaded:
        assert loaded.objects == objects
        assert loaded.objects[9].parent is not None
        np.testing.assert_array_equal(loaded.labels, labels)
        loaded.undo()
        loaded.undo()
        assert 9 not in loaded.objects


def test_a_loaded_project_is_saved_in_its_place(
    annotation: Annotation, model: Sam2, path: Path
) -> None:
    with annotation:
        annotation.save(path)
    with Annotation.load(path, model) as loaded:
        loaded.rename_object(1, "later")
        loaded.save()
    assert read_manifest(path).generation == 2
    with Annotation.load(path, model) as again:
        assert again.objects[1].name == "later"
        assert not again.can_undo


def test_another_project_is_not_replaced_unasked(
    annotation: Annotation, model: Sam2, movie: Path, path: Path
) -> None:
    with annotation:
        annotation.save(path)
    before = (path / MANIFEST).read_bytes()
    with Annotation(model, movie) as other:
        with pytest.raises(FileExistsError, match="overwrite=True"):
            other.save(path)
        assert (path / MANIFEST).read_bytes() == before
        other.save(path, overwrite=True)
    with Annotation.load(path, model) as loaded:
        assert not loaded.objects


def test_a_project_in_use_is_refused(annotation: Annotation, model: Sam2, path: Path) -> None:
    with annotation:
        annotation.save(path)
        with pytest.raises(ProjectInUseError, match="close it there first"):
            Annotation.load(path, model)


def test_saved_elsewhere_the_first_project_is_as_it_was_saved(
    annotation: Annotation, model: Sam2, path: Path, tmp_path: Path
) -> None:
    with annotation:
        annotation.save(path)
        annotation.rename_object(1, "later")
        annotation.save(tmp_path / "copy.sam2")
        annotation.rename_object(2, "last")
    with (
        Annotation.load(path, model) as first,
        Annotation.load(tmp_path / "copy.sam2", model) as copy,
    ):
        assert first.objects[1].name == ""
        assert (copy.objects[1].name, copy.objects[2].name) == ("later", "last")


@pytest.mark.parametrize("name", ["cells", "cells.tif"])
def test_name_of_a_project_ends_with_sam2(
    annotation: Annotation, tmp_path: Path, name: str
) -> None:
    with pytest.raises(ValueError, match=r"a project is a folder NAME\.sam2"):
        annotation.save(tmp_path / name)


def test_first_save_needs_a_path(annotation: Annotation) -> None:
    with pytest.raises(ValueError, match="has no project yet"):
        annotation.save()


def test_another_model_is_refused(annotation: Annotation, path: Path) -> None:
    with annotation:
        annotation.save(path)
    with pytest.raises(ProjectError, match="was made with the model tiny_test"):
        Annotation.load(path, build_tiny_model(seed=3))


def test_its_model_is_loaded_by_name(
    annotation: Annotation, model: Sam2, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with annotation:
        annotation.save(path)
    asked: list[str] = []
    monkeypatch.setattr(
        "napari_sam2.io.project.saving.load_model",
        lambda name, image_size: asked.append(name) or model,
    )
    with Annotation.load(path):
        assert asked == ["tiny_test"]


def test_a_moved_movie_is_found_where_it_is_said_to_be(
    annotation: Annotation, model: Sam2, movie: Path, path: Path, tmp_path: Path
) -> None:
    with annotation:
        annotation.save(path)
    moved = movie.rename(tmp_path / "other name.tif")
    with pytest.raises(ProjectError, match="say where it is"):
        Annotation.load(path, model)
    with Annotation.load(path, model, movie=moved) as loaded:
        loaded.save()
    assert read_manifest(path).image.path == str(moved)


@pytest.mark.parametrize("opened", [lambda path, world: open_movie(path), lambda _, w: w.images])
def test_images_in_memory_are_given_to_load(
    model: Sam2, world: World, movie: Path, path: Path, opened
) -> None:
    with Annotation(model, world.images) as annotation:
        annotation.add_points(0, 1, [world.centre(0, 1)], [1])
        annotation.save(path)
    with Annotation.load(path, model, movie=opened(movie, world)) as loaded:
        assert same_seen(loaded, annotation)


def test_project_knows_file_and_scale(annotation: Annotation, movie: Path, path: Path) -> None:
    with annotation:
        annotation.save(path)
    image = read_manifest(path).image
    assert (image.name, image.path) == ("movie.tif", str(movie))
    assert (image.pixel_size, image.interval_s) == (SCALE.pixel_size, SCALE.interval_s)
    assert not image.has_user_contrast


def test_project_keeps_the_origin_of_the_movie(model: Sam2, world: World, path: Path) -> None:
    scale = replace(SCALE, origin=Origin(y=3, x=-4))
    with Annotation(model, Movie(world.images, False, scale)) as annotation:
        annotation.save(path)
    assert read_manifest(path).image.scale == scale


def test_replay_repeats_what_was_done_before_and_after_the_first_save(
    model: Sam2, world: World, path: Path
) -> None:
    with Annotation(model, world.images) as annotation:
        annotation.add_points(3, 1, [world.centre(3, 1)], [1])
        list(annotation.propagate(1, 6))
        annotation.save(path)
        annotation.add_points(0, 2, [world.centre(0, 2)], [1])
        list(annotation.propagate())
    again = repeated(read_deeds(path, read_manifest(path)), model, world)
    assert np.array_equal(again.labels, annotation.labels)
    assert again.objects == annotation.objects


def test_prompts_lie_beside_for_the_shell(annotation: Annotation, path: Path) -> None:
    with annotation:
        annotation.save(path)
    assert len(json.loads((path / "prompts.json").read_text())["prompts"]) == 2


@pytest.mark.parametrize("is_loaded", [False, True])
def test_labels_are_written_with_the_scale_of_the_movie(
    annotation: Annotation, model: Sam2, path: Path, tmp_path: Path, is_loaded: bool
) -> None:
    with annotation:
        annotation.save(path)
    with Annotation.load(path, model) if is_loaded else annotation as source:
        write_labels(tmp_path / "labels.tif", source)
    labels, scale = read_labels(tmp_path / "labels.tif")
    assert np.array_equal(labels, annotation.labels)
    assert (scale.pixel_size, scale.interval_s) == (SCALE.pixel_size, SCALE.interval_s)


def test_labels_are_written_with_the_scale_of_a_movie_that_is_given(
    world: World, movie: Path, tmp_path: Path
) -> None:
    write_labels(tmp_path / "labels.tif", world.labels, open_movie(movie))
    assert read_labels(tmp_path / "labels.tif")[1].pixel_size == SCALE.pixel_size


def test_written_labels_of_an_annotation_are_without_rejected_objects(
    annotation: Annotation, tmp_path: Path
) -> None:
    with annotation:
        annotation.set_status(2, Status.REJECTED)
        write_labels(tmp_path / "labels.tif", annotation)
        assert 2 in annotation.labels
    assert set(np.unique(read_labels(tmp_path / "labels.tif")[0])) == {0, 1}


@pytest.mark.parametrize(("channel", "z"), [(1, "max"), ((1, 0), 2)])
def test_a_project_reopens_the_part_of_the_file_that_was_annotated(
    tmp_path: Path, model: Sam2, world: World, channel: int | tuple[int, int], z: int | str
) -> None:
    planes = np.stack([world.images // 2, world.images, world.images], 1)  # brighter from plane 1
    stack = np.stack([np.zeros_like(planes), planes], 1)
    stack[:, 0, :, 0] = 9
    metadata = {"axes": "TCZYX"}
    path = tmp_path / "all.ome.tif"
    tifffile.imwrite(path, stack, metadata=metadata, photometric="minisblack")
    movie = open_movie(path, channel=channel, z=z, frames=slice(1, 4))
    with Annotation(model, movie) as annotation:
        annotation.add_points(0, 1, [world.centre(1, 1)], [1])
        annotation.save(tmp_path / "work.sam2")
    with Annotation.load(tmp_path / "work.sam2", model) as loaded:
        np.testing.assert_array_equal(np.asarray(loaded.labels), np.asarray(annotation.labels))


def test_project_is_opened_when_its_movie_has_grown(
    model: Sam2, world: World, tmp_path: Path
) -> None:
    short, path = world.images[:5], tmp_path / "growing.sam2"
    with Annotation(model, short) as annotation:
        annotation.add_points(0, 1, [world.centre(0, 1)], [1])
        list(annotation.propagate(direction="forward"))
        annotation.save(path)
        before = np.array(annotation.labels)
    with Annotation.load(path, model, movie=world.images) as annotation:
        assert annotation.shape == world.images.shape
        np.testing.assert_array_equal(annotation.labels[:5], before)
        list(annotation.propagate(5, direction="forward"))
        after = np.array(annotation.labels)
        annotation.save()
    assert read_manifest(path).image.shape == world.images.shape
    with Annotation.load(path, model, movie=world.images) as annotation:
        np.testing.assert_array_equal(annotation.labels, after)


def test_project_that_grew_while_it_was_open_comes_back(
    model: Sam2, world: World, tmp_path: Path
) -> None:
    path = tmp_path / "growing.sam2"
    with Annotation(model, world.images[:5]) as annotation:
        annotation.add_points(0, 1, [world.centre(0, 1)], [1])
        annotation.save(path)
        annotation.grow(world.images)
        list(annotation.propagate(direction="forward"))  # in the journal alone
        after = np.array(annotation.labels)
    with Annotation.load(path, model, movie=world.images) as annotation:
        np.testing.assert_array_equal(annotation.labels, after)


def test_longer_movie_with_other_frames_is_another_movie(
    model: Sam2, world: World, tmp_path: Path
) -> None:
    with Annotation(model, world.images[:5]) as annotation:
        annotation.add_points(0, 1, [world.centre(0, 1)], [1])
        annotation.save(tmp_path / "movie.sam2")
    with pytest.raises(ProjectError, match="its pixels differ"):
        Annotation.load(tmp_path / "movie.sam2", model, movie=world.images[::-1])


def test_projects_know_every_window_mode() -> None:
    """The manifest lists the modes by itself, because their module would import torch."""
    modes, _ = get_args(Settings.model_fields["windows"].annotation)
    assert modes == WindowMode
