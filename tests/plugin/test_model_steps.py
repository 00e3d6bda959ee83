"""A taught model is used by an undo step, in the inference thread without a window."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.reading import read_deeds
from napari_sam2.io.project.shelf import find_unsaved
from napari_sam2.io.taught_models import taught_models
from napari_sam2.plugin.inference.engine import LoadedModel
from napari_sam2.plugin.inference.lessons import base_of
from napari_sam2.plugin.protocol import messages as m
from napari_sam2.plugin.protocol.growth_messages import GrowImage
from napari_sam2.plugin.protocol.saving_messages import SaveDocument
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.plugin.protocol.teaching_messages import (
    DeleteTaught,
    PrepareLesson,
    RenameTaught,
    TaughtListed,
    UseTaught,
)
from tests.tracking.tiny import build_tiny_model

from .real_engines import TinyEngine
from .test_worker import Conversation, edit
from .world import ThresholdEngine, disc_centre, movie

USE = "use the model “Discs”"


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "taught.safetensors"
    save_file({"w": np.zeros(2, np.float16)}, path, metadata={"base": "near"})
    return path


@pytest.fixture
def talk() -> Iterator[Conversation]:
    talk = Conversation(ThresholdEngine())
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    yield talk
    talk.thread.close()


def found(answer: Any, kind: type) -> Any:
    assert answer.error is None
    return next(change for change in answer.changes if isinstance(change, kind))


def use(talk: Conversation, checkpoint: Path) -> Any:
    return talk.ask(UseTaught(checkpoint, "Discs", ("movie",)))


def texts(answer: Any) -> tuple[str | None, str | None]:
    history = found(answer, m.HistoryChanged)
    return history.undo_text, history.redo_text


def test_using_a_model_is_the_next_step_to_undo(talk: Conversation, checkpoint: Path) -> None:
    answer = use(talk, checkpoint)
    assert texts(answer) == (USE, None)
    assert found(answer, m.ModelLoaded).name == str(taught_models()[0].path)


def test_undo_keeps_the_frames_that_came_with_the_other_model(
    talk: Conversation, checkpoint: Path
) -> None:
    use(talk, checkpoint)
    frames = movie().shape[0] + 3
    grown = talk.ask(GrowImage(1, ImageSource(movie(frames))))
    assert found(grown, m.LabelsReady).labels.shape[0] == frames
    answer = talk.ask(edit(1, "undo"))
    assert found(answer, m.ModelLoaded).name == "near"
    assert found(answer, m.LabelsReady).labels.shape[0] == frames
    assert found(answer, m.PromptShown).prompt is not None


def test_undo_goes_back_to_the_old_model_and_its_history(
    talk: Conversation, checkpoint: Path
) -> None:
    use(talk, checkpoint)
    answer = talk.ask(edit(1, "undo"))
    assert found(answer, m.ModelLoaded).name == "near"
    undo, redo = texts(answer)
    assert undo is not None
    assert undo != USE
    assert redo == USE
    assert found(talk.ask(edit(1, "undo")), m.ObjectsChanged).objects == {}


def test_steps_after_it_are_undone_first(talk: Conversation, checkpoint: Path) -> None:
    use(talk, checkpoint)
    talk.ask(m.AddPoint(1, 0, 2, disc_centre(1, 0)))
    assert list(found(talk.ask(edit(1, "undo")), m.ObjectsChanged).objects) == [1]
    assert found(talk.ask(edit(1, "undo")), m.ModelLoaded).name == "near"


def test_redo_uses_the_model_again_with_the_work_that_was_done(
    talk: Conversation, checkpoint: Path
) -> None:
    use(talk, checkpoint)
    talk.ask(m.AddPoint(1, 0, 2, disc_centre(1, 0)))
    talk.ask(edit(1, "undo"))
    talk.ask(edit(1, "undo"))
    assert found(talk.ask(edit(1, "redo")), m.ModelLoaded).name != "near"
    assert list(found(talk.ask(edit(1, "redo")), m.ObjectsChanged).objects) == [1, 2]


def test_a_change_with_the_old_model_forbids_the_redo(talk: Conversation, checkpoint: Path) -> None:
    use(talk, checkpoint)
    talk.ask(edit(1, "undo"))
    talk.ask(m.AddPoint(1, 0, 2, disc_centre(1, 0)))
    assert talk.ask(edit(1, "redo")).changes == ()


def test_work_on_another_image_moves_along(talk: Conversation, checkpoint: Path) -> None:
    use(talk, checkpoint)
    talk.ask(m.OpenImage(2, ImageSource(movie())))
    talk.ask(m.AddPoint(2, 0, 1, disc_centre(0, 0)))
    answer = talk.ask(edit(1, "undo"))
    objects = {c.image: list(c.objects) for c in answer.changes if isinstance(c, m.ObjectsChanged)}
    assert objects == {1: [1], 2: [1]}


def test_a_model_that_cannot_be_loaded_changes_nothing(
    talk: Conversation, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ThresholdEngine, "load_model", fail)
    answer = use(talk, checkpoint)
    assert "The disk is full" in answer.error
    assert taught_models() == ()
    assert talk.ask(edit(1, "undo")).error is None


def test_a_model_in_use_is_not_deleted(talk: Conversation, checkpoint: Path) -> None:
    use(talk, checkpoint)
    path = taught_models()[0].path
    assert "in use" in talk.ask(DeleteTaught(path)).error
    talk.ask(edit(1, "undo"))
    assert found(talk.ask(DeleteTaught(path)), TaughtListed).models == ()


def test_a_renamed_model_is_listed(talk: Conversation, checkpoint: Path) -> None:
    use(talk, checkpoint)
    answer = talk.ask(RenameTaught(taught_models()[0].path, "Round cells"))
    assert [model.name for model in found(answer, TaughtListed).models] == ["Round cells"]


def test_a_taught_model_is_taught_again_from_its_base(talk: Conversation, checkpoint: Path) -> None:
    use(talk, checkpoint)
    assert base_of(str(taught_models()[0].path)) == "near"
    assert base_of("near") == "near"


def test_a_lesson_without_room_on_the_disk_is_refused_in_words(
    talk: Conversation, tmp_path: Path
) -> None:
    answer = talk.ask(PrepareLesson(1, tmp_path / "missing", 60.0, ()))
    assert "teaching could not begin" in answer.error
    assert "No such file or directory" in answer.error


def test_unsaved_work_is_recorded_again_after_the_undo(tmp_path: Path, checkpoint: Path) -> None:
    talk = Conversation(TinyEngine())
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    use(talk, checkpoint)
    talk.ask(edit(1, "undo"))
    talk.ask(m.Edit(1, (Called("rename_object", {"object_id": 1, "name": "Zelle"}),)))
    talk.thread.close()
    (work,) = find_unsaved()
    again = Conversation(TinyEngine())
    again.ask(m.LoadModel("tiny"))
    answer = again.ask(m.OpenImage(1, ImageSource(movie(), project=str(work.path))))
    assert found(answer, m.ObjectsChanged).objects[1].name == "Zelle"
    again.thread.close()


class TwoModelsEngine(TinyEngine):
    """A taught model differs from the one that it was taught from."""

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        seed = 3 if name.endswith(".safetensors") else 1
        return LoadedModel(build_tiny_model(seed=seed, draws=True), "cpu", 64, (64,))


def track(talk: Conversation) -> None:
    talk.thread.send(m.Track(1))
    assert talk.next(m.TrackEnded).reason == "finished"


def work_with_taught_model(checkpoint: Path, project: Path | None = None) -> tuple[Any, Any]:
    """Track, use a taught model, track what is not reviewed; labels before and after."""
    talk = Conversation(TwoModelsEngine())
    labels = talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    track(talk)
    talk.ask(edit(1, "accept", object_id=1, frames=(3,)))
    before = np.array(labels)
    labels = found(use(talk, checkpoint), m.LabelsReady).labels
    talk.thread.send(m.Track(1, keep_reviewed=True))
    talk.next(m.TrackEnded)
    if project is not None:
        talk.ask(SaveDocument(1, project))
    talk.thread.close()
    assert (before != labels).any()
    return before, np.array(labels)


def opened_again(project: Path) -> tuple[Conversation, Any]:
    again = Conversation(TwoModelsEngine())
    again.ask(m.LoadModel("near"))
    return again, again.ask(m.OpenImage(1, ImageSource(movie(), project=str(project))))


def test_a_reopened_project_undoes_the_change_of_the_model_and_does_it_again(
    tmp_path: Path, checkpoint: Path
) -> None:
    before, after = work_with_taught_model(checkpoint, tmp_path / "discs.sam2")
    again, answer = opened_again(tmp_path / "discs.sam2")
    assert texts(answer) == (USE, None)
    answer = again.ask(edit(1, "undo"))
    assert found(answer, m.ModelLoaded).name == "near"
    assert texts(answer) == (None, USE)
    assert np.array_equal(found(answer, m.LabelsReady).labels, before)
    answer = again.ask(edit(1, "redo"))
    assert np.array_equal(found(answer, m.LabelsReady).labels, after)
    again.thread.close()


def test_unsaved_work_undoes_the_change_of_the_model_after_tracking(checkpoint: Path) -> None:
    before, _ = work_with_taught_model(checkpoint)
    again, answer = opened_again(find_unsaved()[0].path)
    while texts(answer)[0] != USE:
        answer = again.ask(edit(1, "undo"))
    answer = again.ask(edit(1, "undo"))
    assert np.array_equal(found(answer, m.LabelsReady).labels, before)
    again.thread.close()
    manifest = read_manifest(find_unsaved()[0].path)
    (first,) = read_deeds(find_unsaved()[0].path, manifest)
    assert first.arguments["work"].made_by == ""


def test_what_was_undone_in_a_reopened_project_is_saved_with_its_own_history(
    tmp_path: Path, checkpoint: Path
) -> None:
    project = tmp_path / "discs.sam2"
    before, _ = work_with_taught_model(checkpoint, project)
    again, _ = opened_again(project)
    again.ask(edit(1, "undo"))
    again.ask(SaveDocument(1, project))
    again.thread.close()
    manifest = read_manifest(project)
    assert manifest.model.name == "near"
    names = [deed.name for deed in read_deeds(project, manifest)]
    assert (names[0], names[-1], names.count("carry_over")) == ("add_points", "accept", 0)
    once_more, answer = opened_again(project)
    assert np.array_equal(found(answer, m.LabelsReady).labels, before)
    once_more.thread.close()


def test_work_with_the_taught_model_is_not_lost_to_an_undo_after_reopening(
    tmp_path: Path, checkpoint: Path
) -> None:
    project = tmp_path / "discs.sam2"
    work_with_taught_model(checkpoint, project)
    again, _ = opened_again(project)
    again.ask(m.AddPoint(1, 0, 2, disc_centre(1, 0)))
    again.ask(SaveDocument(1, project))
    again.thread.close()
    once_more, answer = opened_again(project)
    assert texts(answer) == (None, None)
    assert list(found(answer, m.ObjectsChanged).objects) == [1, 2]
    once_more.thread.close()


def test_a_project_without_its_taught_model_opens_with_the_present_one(tmp_path: Path) -> None:
    project = tmp_path / "discs.sam2"
    talk = Conversation(TinyEngine())
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.ask(SaveDocument(1, project))
    talk.thread.close()
    manifest = project / "session.json"
    content = json.loads(manifest.read_text(encoding="utf-8"))
    content["model"] = {"name": "/gone/mine.safetensors", "fingerprint": "0" * 32}
    manifest.write_text(json.dumps(content), encoding="utf-8")
    before = manifest.read_bytes()
    again = Conversation(TinyEngine())
    again.ask(m.LoadModel("tiny"))
    again.thread.send(m.OpenImage(1, ImageSource(movie(), project=str(project))))
    assert "not on this computer: /gone/mine.safetensors" in again.next(m.Failed).error
    assert list(found(again.next(m.Answered), m.ObjectsChanged).objects) == [1]
    again.thread.close()
    assert manifest.read_bytes() == before
