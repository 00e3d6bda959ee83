"""Work that a document took over from another model is kept and repeated like any other."""

from __future__ import annotations

import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal_entries import Entry
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.subject import ImageOrigin, subject_of
from napari_sam2.tracking import Frames, Tracker
from tests.tracking.tiny import build_tiny_model

from .desk import same_seen
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
