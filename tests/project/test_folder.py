from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.annotation.objects import Verdict
from napari_sam2.io.project.errors import ProjectError, ProjectInUseError
from napari_sam2.io.project.manifest import KeptCellSize, read_manifest
from napari_sam2.io.prompt_files import read_prompts

from .desk import begin, reopen, same_seen, save, undo_texts


def files(path: Path) -> dict[str, int]:
    """Files and when they were written."""
    found = (file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): file.stat().st_mtime_ns for file in found}


def test_everything_comes_back(saved, annotation, reopened) -> None:
    saved.close()
    assert same_seen(reopened().annotation, annotation)


def test_an_image_of_one_level_comes_back(path, world, annotation_of, reopened) -> None:
    world.images[:] = 7
    annotation = annotation_of(world)
    save(path, annotation, world).close()
    assert same_seen(reopened().annotation, annotation)


def test_the_next_result_is_the_same(saved, annotation, world, reopened) -> None:
    saved.close()
    other = reopened().annotation
    for each in (annotation, other):
        each.add_points(3, 1, [world.centre(3, 2)], [0])
        list(each.propagate(direction="both"))
    assert same_seen(other, annotation)


def test_what_is_to_be_tracked_is_known_after_opening(saved, annotation, world, reopened) -> None:
    list(annotation.propagate())
    annotation.add_points(3, 2, [world.centre(3, 2)], [1])
    saved.save()
    saved.close()
    assert annotation.objects_to_track() == (2,)
    assert reopened().annotation.objects_to_track() == (2,)


def test_locks_names_and_reviews_come_back(saved, annotation, reopened) -> None:
    annotation.rename_object(1, "Mütterchen 母")
    annotation.lock(1, [1, 2])
    annotation.accept(2, [0, 3])
    annotation.mark_wrong(2, [4])
    saved.save()
    saved.close()
    other = reopened().annotation
    assert same_seen(other, annotation)
    assert other.wrong_frames(2) == {4}
    for each in (annotation, other):
        each.unlock(1)
    assert same_seen(other, annotation)


@pytest.mark.parametrize("is_saved", [True, False])
def test_verdicts_come_back_with_person_and_time(
    saved, annotation, reopened, is_saved: bool
) -> None:
    annotation.judge(1, "reviewed", by="Ada 母", at=1234.5)
    annotation.judge(2, "to refine", by="", at=1235.0)
    if is_saved:
        saved.save()
    saved.close()
    other = reopened().annotation
    assert same_seen(other, annotation)
    assert other.objects[1].verdict == Verdict("Ada 母", 1234.5)
    assert other.is_satisfactory(1)


def test_a_removed_id_is_not_given_again(saved, annotation, reopened) -> None:
    annotation.remove_object(2)
    saved.save()
    saved.close()
    assert reopened().annotation.new_object_id() == 3


def test_large_ids_come_back(path, annotation, world, reopened) -> None:
    annotation.add_mask(1, 70000, world.mask(1, 2))
    save(path, annotation, world).close()
    assert same_seen(reopened().annotation, annotation)


# What was done since


def test_unsaved_changes_come_back_with_their_undo(saved, annotation, world, reopened) -> None:
    annotation.add_box(4, 3, world.box(4, 2))
    list(annotation.propagate(direction="both"))
    annotation.undo()
    saved.close()
    other = reopened()
    assert other.unsaved_since is not None
    assert same_seen(other.annotation, annotation)
    annotation.redo()
    other.annotation.redo()
    assert same_seen(other.annotation, annotation)


def test_tracking_that_was_cut_off_comes_back(saved, annotation, reopened) -> None:
    running = annotation.propagate(5)
    list(islice(running, 2))
    saved.close()
    other = reopened().annotation
    assert same_seen(other, annotation)
    assert undo_texts(other)[-1] == "track 2 cells over 2 frames"
    running.close()


def test_a_step_from_before_saving_can_be_undone_after_it(saved, annotation, reopened) -> None:
    annotation.undo()
    annotation.undo()
    annotation.redo()
    saved.close()
    other = reopened().annotation
    for each in (annotation, other):
        each.undo()
    assert same_seen(other, annotation)
    assert not other.can_undo


def test_saving_while_tracking_keeps_the_frames_that_follow(saved, annotation, reopened) -> None:
    running = annotation.propagate(4)
    next(running)
    saved.save()
    list(running)
    saved.close()
    assert same_seen(reopened().annotation, annotation)


def test_discarded_changes_are_moved_aside(saved, annotation, path, reopened) -> None:
    before = annotation.labels.copy()
    annotation.remove_object(1)
    saved.close()
    other = reopened(discard=True)
    np.testing.assert_array_equal(other.annotation.labels, before)
    assert len(list((path / "discarded").iterdir())) == 1


# Saving


def test_saving_writes_only_what_changed(path, model, long_world, annotation_of) -> None:
    annotation = annotation_of(long_world)
    list(annotation.propagate())
    folder = save(path, annotation, long_world)
    before = files(path)
    annotation.add_points(40, 1, [long_world.centre(40, 1)], [1])
    folder.save()
    kept = {name for name, time in files(path).items() if before.get(name) == time}
    assert {name for name in kept if name.startswith("masks")} == {"masks/000000-1.bin"}
    folder.close()
    other = reopen(path, model, long_world)
    assert same_seen(other.annotation, annotation)
    other.close()


def test_saving_leaves_no_old_files(saved, annotation, path) -> None:
    annotation.add_object()
    saved.save()
    names = {"session.json", "prompts.json", "lock", "lock.json", *read_manifest(path).files}
    assert files(path).keys() == names


def test_prompts_can_be_read_by_others(saved, path, annotation) -> None:
    prompts = read_prompts(path / "prompts.json", annotation.shape)
    assert [(prompt.t, prompt.object_id) for prompt in prompts] == [(0, 1), (0, 2)]


@pytest.mark.parametrize("what", ["os.fsync", "os.replace", "napari_sam2.io.project.folder.pack"])
@pytest.mark.parametrize("after", range(4))
def test_a_save_that_fails_leaves_the_old_state(
    saved, annotation, path, reopened, monkeypatch: pytest.MonkeyPatch, what: str, after: int
) -> None:
    annotation.remove_object(1)
    before = read_manifest(path)
    with monkeypatch.context() as patch:
        fail_after(patch, what, after)
        try:
            saved.save()
        except OSError:
            assert read_manifest(path) == before
            assert all((path / name).exists() for name in before.files)
    annotation.add_object(7)
    saved.close()
    assert same_seen(reopened().annotation, annotation)


def fail_after(patch: pytest.MonkeyPatch, what: str, calls: int) -> None:
    """Let a function work so many times, then raise as a full disk does."""
    from pydoc import locate

    function: Any = locate(what)
    left = [calls]

    def limited(*args: Any, **kwargs: Any) -> Any:
        if not left[0]:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        return function(*args, **kwargs)

    patch.setattr(what, limited)


def test_saving_over_another_annotation_replaces_it(saved, path, model, world, reopened) -> None:
    saved.close()
    other = begin(model, world)
    other.remove_object(1)
    save(path, other, world).close()
    assert same_seen(reopened().annotation, other)


def test_nothing_else_is_written_over(tmp_path: Path, annotation, world) -> None:
    (tmp_path / "notes.txt").write_text("precious")
    with pytest.raises(ProjectError, match="something else"):
        save(tmp_path, annotation, world)
    assert (tmp_path / "notes.txt").read_text() == "precious"
    with pytest.raises(FileNotFoundError, match="make it first"):
        save(tmp_path / "nowhere" / "a.sam2", annotation, world)


def test_a_save_that_fails_at_first_leaves_nothing(
    path, annotation, world, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_after(patch, "os.replace", 0)
        with pytest.raises(OSError, match="No space"):
            save(path, annotation, world)
    assert not path.exists()


# The journal


def test_a_full_disk_is_told_once_and_nothing_is_lost(
    saved, annotation, reopened, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str | None] = []
    saved.on_problem = told.append
    with monkeypatch.context() as patch:
        fail_after(patch, "os.write", 0)
        annotation.rename_object(1, "a")
        annotation.rename_object(1, "b")
    annotation.rename_object(2, "c")
    saved.close()
    assert len(told) == 2
    assert "No space" in told[0]
    assert told[1] is None
    assert same_seen(reopened().annotation, annotation)


def test_a_torn_end_costs_the_last_action_alone(saved, annotation, path, reopened) -> None:
    annotation.rename_object(1, "kept")
    annotation.rename_object(1, "torn")
    saved.close()
    journal = path / read_manifest(path).journal
    os.truncate(journal, journal.stat().st_size - 1)
    assert reopened().annotation.objects[1].name == "kept"


# Two at once


def test_the_second_is_told_who_was_first(saved, reopened) -> None:
    with pytest.raises(ProjectInUseError, match="this window"):
        reopened()


def test_another_image_is_refused(saved, path, model, world) -> None:
    saved.close()
    other = type(world)(world.images[::-1].copy(), world.labels, world.discs)
    with pytest.raises(ProjectError, match="pixels differ"):
        reopen(path, model, other)
    small = type(world)(world.images[:3], world.labels, world.discs)
    with pytest.raises(ProjectError, match="another image"):
        reopen(path, model, small)


def test_the_size_of_the_cells_comes_back_without_a_save(saved, path, reopened) -> None:
    size = KeptCellSize(diameter=12.5, scale=3)
    saved.keep_cell_size(size)
    saved.close()
    folder = reopened()
    assert folder.subject.cell_size == size
    folder.save()
    assert read_manifest(path).cell_size == size


def test_an_unknown_size_of_the_cells_is_not_written(saved, path, reopened) -> None:
    saved.keep_cell_size(KeptCellSize(diameter=12.5))
    saved.keep_cell_size(None)
    assert b"cell_size" not in (path / "session.json").read_bytes()
    saved.close()
    assert reopened().subject.cell_size is None


def test_a_mask_with_its_click_comes_back_with_its_undo(saved, annotation, world, reopened) -> None:
    before = annotation.labels[3].copy()
    mask = np.zeros(annotation.shape[1:], bool)
    mask[4:12, 30:40] = True
    result = annotation.add_mask(3, 1, mask, (8.0, 35.0))
    assert (result.masks[result.object_ids.index(1)] == mask).all()
    prompt = annotation.prompt(3, 1)
    assert (prompt.mask.full() == mask).all()
    assert prompt.points.tolist() == [[8.0, 35.0]]
    saved.close()
    other = reopened().annotation
    assert same_seen(other, annotation)
    other.undo()
    assert (other.labels[3] == before).all()
    with pytest.raises(ValueError, match="empty"):
        other.add_mask(3, 1, np.zeros_like(mask), (8.0, 35.0))
    assert (other.labels[3] == before).all()
