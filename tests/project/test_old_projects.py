"""Projects that users have saved with older versions open as they did then."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.io.project.fingerprint import model_fingerprint
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.history import FOLD, repeat
from napari_sam2.io.project.tags import CALLS, KINDS
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model

from . import desk
from .old import FIXTURES, NAMES, PROJECTS, copied, expected, movie_of, scores, seen, stored_rows

BEGUN_EMPTY = ("prompts", "torn", "imported", "other_model")  # their history tells everything

all_projects = pytest.mark.parametrize("project", PROJECTS, ids=NAMES)


@pytest.fixture
def opened(project: Path, tmp_path: Path, model: Sam2) -> Iterator[ProjectFolder]:
    folder = desk.reopen(copied(project, tmp_path), model, movie_of(project))
    yield folder
    folder.close()


@all_projects
def test_an_old_project_opens_as_it_did(project: Path, opened: ProjectFolder) -> None:
    told, labels = expected(project)
    assert seen(opened.annotation) == told["opened"]
    assert scores(opened.annotation) == told["scores"]
    assert opened.annotation.labels.dtype == labels["opened"].dtype
    np.testing.assert_array_equal(opened.annotation.labels, labels["opened"])
    assert (opened.unsaved_since is not None) == told["unsaved"]


@all_projects
def test_undo_and_redo_lead_where_they_did(project: Path, opened: ProjectFolder) -> None:
    told, labels = expected(project)
    annotation = opened.annotation
    for way, travel in (("undo", annotation.undo), ("redo", annotation.redo)):
        for step, (text, state) in enumerate(told[way]):
            # a propagation that was cut off gets its text now, which says cell for object
            assert str(travel()).replace("cell", "object") == text
            assert seen(annotation) == state, f"{way} {step}: {text}"
            np.testing.assert_array_equal(annotation.labels, labels[f"{way} {step}"])
        assert travel() is None


@all_projects
def test_an_old_project_is_the_same_once_it_is_saved_again(
    project: Path, opened: ProjectFolder, model: Sam2
) -> None:
    told, labels = expected(project)
    opened.save()
    calls = [deed.name for deed in opened.deeds]
    opened.close()
    other = desk.reopen(opened.path, model, movie_of(project))
    assert seen(other.annotation) == told["opened"]
    np.testing.assert_array_equal(other.annotation.labels, labels["opened"])
    assert [deed.name for deed in other.deeds] == calls
    other.close()


@pytest.mark.parametrize("name", BEGUN_EMPTY)
def test_a_replay_leaves_nothing_of_an_old_project_out(
    name: str, tmp_path: Path, model: Sam2, caplog: pytest.LogCaptureFixture
) -> None:
    project = FIXTURES / "v0_1_0" / name
    folder = desk.reopen(copied(project, tmp_path), model, movie_of(project))
    deeds = folder.deeds
    folder.close()
    annotation = Annotation(Tracker(model, movie_of(project).images))
    with caplog.at_level(logging.WARNING):
        for _ in repeat(deeds, annotation):
            pass
    assert not caplog.records
    told = expected(project)[0]["opened"]
    assert seen(annotation)["objects"] == told["objects"]
    assert seen(annotation)["prompts"] == told["prompts"]


def test_a_network_keeps_its_fingerprint() -> None:
    """Projects know their model by the names, shapes and values of its weights."""
    network = build_tiny_model()
    for weight in network.state_dict().values():
        weight.fill_(0.25)
    assert model_fingerprint(network) == "dbb2ae9c0cb8962c864d06c824f9d2b8"


# What the projects cover: a new kind or call is put into a project of the version that brings it

NOT_YET_SAVED = {  # tags that no released version has written
    "add_daughter",
    "adopt_masks",
    "decline_division",
    "judge",
    "link_daughters",
    "mark_wrong",
    "mark_unseen",
    "move_division",
    "next_guess",
    "note_backward_check",
    "remove_box",
    "withdraw_division",
    "SetBackwardIou",
    "SetMarkedWrong",
    "Verdict",
}


def test_every_kind_that_is_saved_is_in_an_old_project() -> None:
    stored = {row["is"] for project in PROJECTS for row in stored_rows(project / "project.sam2")}
    assert {kind.tag for kind in KINDS} - NOT_YET_SAVED == stored


def test_every_call_that_is_saved_is_in_an_old_project() -> None:
    stored = {
        row["name"]
        for project in PROJECTS
        for row in stored_rows(project / "project.sam2")
        if row["is"] in ("Called", "Deed")
    }
    tags = {call.tag for call in CALLS} - NOT_YET_SAVED
    assert tags | {"begin tracking", "track", "end tracking", FOLD} == stored


def test_undone_steps_are_stored_with_and_without_their_group() -> None:
    stored = {
        (row["is"], row["group"] is None)
        for project in PROJECTS
        for row in stored_rows(project / "project.sam2")
        if row["is"] in ("Undone", "Redone")
    }
    assert len(stored) == 4
