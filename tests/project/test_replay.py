from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.cli import main
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.history import repeat
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.tiff import read_labels, write_images
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World

from .desk import same_seen, save, undo_texts


def repeated(deeds: tuple[Deed, ...], model: Sam2, world: World) -> Annotation:
    annotation = Annotation(Tracker(model, world.images))
    for _ in repeat(deeds, annotation):
        pass
    return annotation


def correct_while_tracking(annotation: Annotation, world: World) -> None:
    running = annotation.propagate(direction="both")
    list(islice(running, 2))
    annotation.add_points(5, 2, [world.centre(5, 2)], [1])
    list(islice(running, 3))
    annotation.add_box(1, 1, world.box(1, 1))
    running.close()


def undo_and_go_on(annotation: Annotation, world: World) -> None:
    list(annotation.propagate())
    annotation.undo()
    annotation.undo()
    annotation.redo()
    annotation.add_mask(4, 1, world.mask(4, 2))
    list(annotation.propagate(3, None, "both", [1]))


def group(annotation: Annotation, world: World) -> None:
    with annotation.grouped("both"):
        annotation.add_points(2, 1, [world.centre(2, 1)], [1])
        annotation.add_points(2, 2, [world.centre(2, 2)], [1])
    annotation.undo()
    list(annotation.propagate())
    with pytest.raises(ValueError), annotation.grouped("wrong"):
        annotation.add_points(2, 1, [world.centre(2, 1)], [1])
        annotation.rename_object(99, "nobody")


def import_labels(annotation: Annotation, world: World) -> None:
    annotation.import_labels(world.labels)
    list(annotation.propagate())


def review(annotation: Annotation, world: World) -> None:
    list(annotation.propagate())
    annotation.lock(1, [2, 3])
    annotation.judge(2, "rejected", by="Ada", at=1.0)
    annotation.accept(2, range(3))
    annotation.rename_object(2, "seen")
    annotation.add_points(4, 1, [world.centre(4, 2)], [0])
    list(annotation.propagate(direction="both", until_locked=True))
    annotation.unlock(1, iter([3]))
    annotation.remove_object(2)


@pytest.mark.parametrize(
    "work", [correct_while_tracking, undo_and_go_on, group, review, import_labels]
)
def test_the_same_model_gives_the_same(
    path: Path, model: Sam2, world: World, work: Callable[..., None]
) -> None:
    annotation = Annotation(Tracker(model, world.images))
    folder = save(path, annotation, world)
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    work(annotation, world)
    other = repeated(folder.deeds, model, world)
    folder.close()
    assert same_seen(other, annotation)
    assert undo_texts(other)[:2] == undo_texts(annotation)[:2]


def test_another_model_repeats_what_it_can(path: Path, model: Sam2, world: World) -> None:
    annotation = Annotation(Tracker(model, world.images))
    folder = save(path, annotation, world)
    annotation.add_points(0, 1, [world.centre(0, 1)], [1])
    list(annotation.propagate())
    folder.close()
    other = repeated(folder.deeds, build_tiny_model(seed=2), world)
    assert [prompt.t for prompt in other.prompts()] == [0]
    assert other.score(7, 1) is not None
    assert other.score(7, 1) != annotation.score(7, 1)


def test_unknown_deeds_are_refused(model: Sam2, world: World) -> None:
    for name in ("__init__", "labels", "events", "follow_journal", "system"):
        with pytest.raises(ProjectError, match="not known"):
            repeated((Deed(0.0, name, {}),), model, world)


def test_labels_that_were_imported_by_an_older_version_are_imported_again(
    model: Sam2, world: World
) -> None:
    deed = Deed(0.0, "import_labels", {"labels": world.labels[0], "t": 0})
    np.testing.assert_array_equal(repeated((deed,), model, world).labels[0], world.labels[0])


# The command


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., Any]:
    monkeypatch.setattr(
        "napari_sam2.model.load_model",
        lambda name, *_, **__: build_tiny_model(seed=2 if name == "sam2.1_large" else 1),
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        captured = capsys.readouterr()
        return int(left.value.code or 0), captured.out + captured.err

    return run


@pytest.fixture
def done(tmp_path: Path, path: Path, model: Sam2, world: World) -> Annotation:
    """An annotation of movie.tif, the last click of which is in the journal only."""
    write_images(tmp_path / "movie.tif", world.images)
    annotation = Annotation(Tracker(model, world.images))
    folder = save(path, annotation, world, path=tmp_path / "movie.tif")
    annotation.add_points(0, 1, [world.centre(0, 1)], [1])
    list(annotation.propagate())
    folder.save()
    annotation.add_points(3, 1, [world.centre(3, 2)], [0])
    folder.close()
    manifest = json.loads((path / "session.json").read_text("utf-8"))
    manifest["model"]["name"] = "cells"
    (path / "session.json").write_text(json.dumps(manifest), "utf-8")
    return annotation


def test_the_command_writes_the_same_labels(run, done: Annotation, path: Path) -> None:
    code, told = run("replay", str(path), "-o", "labels.tif")
    assert code == 0, told
    np.testing.assert_array_equal(read_labels("labels.tif")[0], done.labels)


def test_the_command_tracks_what_was_changed_since(run, done: Annotation, path: Path) -> None:
    code, told = run("replay", str(path), "-o", "labels.tif", "--track-changed")
    assert code == 0, told
    assert "because they had changed: 1" in told
    list(done.propagate(direction="both", only_changed=True))
    np.testing.assert_array_equal(read_labels("labels.tif")[0], done.labels)


def test_the_command_takes_another_model(run, done: Annotation, path: Path) -> None:
    code, told = run("replay", str(path), "--model", "large", "-o", "labels.tif")
    assert code == 0, told
    assert "another model" in told


def test_a_moved_image_is_asked_for(run, done: Annotation, path: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    os.rename(tmp_path / "movie.tif", tmp_path / "elsewhere" / "bewegt.tif")
    code, told = run("replay", str(path), "-o", "labels.tif")
    assert (code, "--image" in told) == (2, True)
    where = ("--image", "elsewhere/bewegt.tif")
    assert run("replay", str(path), "-o", "labels.tif", *where)[0] == 0


def test_another_image_is_refused(run, done: Annotation, path: Path, world: World) -> None:
    write_images("movie.tif", world.images[::-1].copy())
    code, told = run("replay", str(path), "-o", "labels.tif")
    assert (code, "pixels differ" in told) == (1, True)
