"""Work that a document took over from another model is kept and repeated like any other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal_entries import Entry
from napari_sam2.annotation.recovery import Recovery
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.history import before_model_step
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.reading import read_deeds
from napari_sam2.io.project.subject import ImageOrigin, subject_of
from napari_sam2.io.project.tags import BEGIN, END, TRACK
from napari_sam2.plugin.inference.autosave import Autosave
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.tracking import Frames, Tracker
from tests.tracking.tiny import build_tiny_model

from .desk import same_seen, seen
from .test_replay import repeated


@pytest.fixture
def folder(path, annotation, model, world):
    """The folder that autosave makes when a document takes over the work of another model."""
    list(annotation.propagate())
    annotation.lock(1, [2, 3])
    annotation.accept(2, [4])
    annotation.add_mask(6, 2, world.mask(6, 1))
    annotation.rename_object(2, "Zelle")
    limits = annotation._document.state.tracker.frames.contrast_limits
    frames = Frames(world.images, contrast_limits=limits)
    successor = Annotation(Tracker(model, frames))
    told: list[Entry] = []
    successor.follow_journal(told.extend)
    other = Annotation(Tracker(build_tiny_model(seed=3), world.images))
    other.carry_over(annotation.work())
    list(other.propagate(0, 2))
    successor.carry_over(other.work())
    about = subject_of(
        successor._document.state.tracker, world.images, ImageOrigin("movie"), "tiny"
    )
    folder = ProjectFolder.create(path, successor, about, news=told)
    yield folder
    folder.close()


@pytest.mark.parametrize("is_saved", [False, True])
def test_it_comes_back(folder, reopened, is_saved: bool) -> None:
    if is_saved:
        folder.save()
    list(folder.annotation.propagate(3, 6))
    folder.close()
    assert same_seen(reopened().annotation, folder.annotation)


def test_it_is_repeated(folder, model, world) -> None:
    list(folder.annotation.propagate(3, 8))
    assert same_seen(repeated(folder.deeds, model, world), folder.annotation)


def test_it_is_repeated_by_another_model(folder, world) -> None:
    again = repeated(folder.deeds, build_tiny_model(seed=5), world)
    assert again.objects == folder.annotation.objects
    assert again.locked_frames(1) == folder.annotation.locked_frames(1)


def test_it_is_repeated_from_the_last_model_change_on(folder, model, world) -> None:
    before = folder.deeds
    folder.prepend([Deed(1.0, "add_object", {"object_id": 9}), Deed(2.0, "no_such_call", {})])
    assert folder.deeds[2:] == before
    assert same_seen(repeated(folder.deeds, model, world), folder.annotation)


def test_deeds_before_a_model_change_are_saved(folder, reopened) -> None:
    early = Deed(1.0, "add_object", {"object_id": 9})
    folder.prepend([early])
    folder.save()
    folder.close()
    first, *_ = reopened().deeds
    assert (first.time, first.name, first.arguments) == (1.0, early.name, early.arguments)


def test_a_model_change_in_the_window_keeps_the_history(
    model, world, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path))
    source = ImageSource(world.images, name="movie")
    tracker, other = Tracker(model, world.images), Tracker(build_tiny_model(seed=3), world.images)
    annotation, successor = Annotation(tracker), Annotation(other)
    old = Autosave(tracker, annotation, source)
    new = Autosave(other, successor, source)
    annotation.add_points(0, 1, [world.centre(0, 1)], [1])
    successor.carry_over(annotation.work())
    old.hand_over(new)
    new.save(tmp_path / "project.sam2")
    successor.rename_object(1, "mother")
    new.close()
    manifest = read_manifest(tmp_path / "project.sam2")
    names = [deed.name for deed in read_deeds(tmp_path / "project.sam2", manifest)]
    assert names == ["add_points", "carry_over", "rename_object"]


EARLY = Deed(1.0, "rename_object", {"object_id": 1, "name": "mother"})
TRACKED = [Deed(3.0, name, {}) for name in (BEGIN, TRACK, END)]


def step_after(annotation: Annotation, *later: Deed, step: str = "use it") -> object:
    work = replace(annotation.work(), made_by="tiny", step=step)
    return before_model_step([EARLY, Deed(2.0, "carry_over", {"work": work}), *later])


def test_a_step_can_be_undone_before_and_after_tracking(annotation) -> None:
    for later in ([], TRACKED):
        before, work = step_after(annotation, *later)
        assert (before, work.made_by) == ([EARLY], "tiny")


@pytest.mark.parametrize(("frames", "is_undoable"), [((4,), True), ((4, 5), False)])
def test_only_locks_of_reviewed_masks_belong_to_tracking(
    annotation, frames: tuple[int, ...], is_undoable: bool
) -> None:
    list(annotation.propagate())
    annotation.accept(2, [4])
    lock = Deed(3.0, "lock", {"object_id": 2, "frames": frames})
    assert (step_after(annotation, lock, *TRACKED) is not None) == is_undoable


def test_changes_that_are_no_step_cannot_be_undone(annotation) -> None:
    assert step_after(annotation, step="") is None
    assert step_after(annotation, Deed(3.0, "rename_object", {"object_id": 1, "name": "a"})) is None
    assert before_model_step([EARLY]) is None


def test_work_comes_back_as_it_was(annotation, model, world) -> None:
    list(annotation.propagate())
    annotation.lock(1, [2, 3])
    annotation.rename_object(2, "Zelle")
    other = Annotation(Tracker(model, world.images))
    Recovery(other).put_work(annotation.work())
    assert seen(other) == seen(annotation)
    with pytest.raises(ValueError, match="without objects"):
        Recovery(other).put_work(annotation.work())
