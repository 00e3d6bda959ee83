"""Many movies in the window, with a stub in place of the process of the batch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.batch.process import (
    BatchBegun,
    BatchEnded,
    BatchFailedError,
    BatchRequest,
    MovieAdvanced,
    MovieEnded,
)
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.reading import read_deeds
from napari_sam2.io.selection import Selection
from napari_sam2.plugin.widgets.many_movies_dialog import START, STOP

from .real_engines import TinyEngine
from .world import StubWorker, ThresholdEngine, disc_centre, movie

BEGUN = BatchBegun(("a", "b"))


class StubBatch(StubWorker):
    """In place of the process of a batch."""

    def __init__(self, request: BatchRequest) -> None:
        super().__init__()
        self.request = request


class BatchEngine(ThresholdEngine):
    """The engine of the tiny world, with batches."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[StubBatch] = []
        self.may_start = threading.Event()
        self.may_start.set()

    def track_movies(self, request: BatchRequest) -> Any:
        assert self.may_start.wait(60)
        self.batches.append(StubBatch(request))
        return self.batches[-1]


@pytest.fixture
def desk(open_desk: Any) -> Iterator[Any]:
    """A window without an image, with a loaded model and the dialog."""
    desk = open_desk(engine=BatchEngine())
    desk.qtbot.waitUntil(lambda: desk.controller.models.loaded is not None)
    desk.panel.many_movies.button.click()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    yield desk
    for batch in desk.engine.batches:
        batch.close()


def dialog(desk: Any) -> Any:
    return desk.panel.many_movies.dialog


def begin(desk: Any, folder: Path) -> StubBatch:
    """Choose a folder, press Start, and wait for the process."""
    dialog(desk).take_folder(str(folder))
    dialog(desk).start.click()
    desk.qtbot.waitUntil(lambda: bool(desk.engine.batches))
    batch: StubBatch = desk.engine.batches[-1]
    return batch


def wait_for(desk: Any, text: str) -> None:
    desk.qtbot.waitUntil(lambda: text in dialog(desk).text.text())


def row(desk: Any, place: int) -> list[str]:
    item = dialog(desk).list.topLevelItem(place)
    return [item.text(column) for column in range(4)]


def test_a_folder_is_all_that_is_needed(desk: Any, tmp_path: Path) -> None:
    assert not dialog(desk).start.isEnabled()
    assert not dialog(desk).repeats.isEnabled()
    assert "the model Near (built in)" in dialog(desk).text.text()
    request = begin(desk, tmp_path).request
    assert (request.folder, request.output) == (tmp_path, tmp_path / "results")
    assert (request.prompts, request.workers) == ("auto", 1)
    assert request.settings["model"] == "near"


def test_progress_of_each_movie_and_of_all_is_shown(desk: Any, tmp_path: Path) -> None:
    batch = begin(desk, tmp_path)
    batch.say(BEGUN, MovieAdvanced("a", "tracking", 1, 4))
    batch.say(MovieEnded("b", "done", "", 12, 0.25, str(tmp_path / "b.sam2")))
    wait_for(desk, "1 of 2 movies are done.")
    assert row(desk, 0) == ["a", "tracking 25%", "", ""]
    assert row(desk, 1) == ["b", "done", "12", "25%"]
    assert (dialog(desk).progress.value(), dialog(desk).progress.maximum()) == (1, 2)
    assert desk.panel.many_movies.button.text() == "Many movies: 1 of 2…"
    batch.say(MovieAdvanced("b", "tracking", 3, 4))  # it was on its way
    batch.say(MovieEnded("a", "failed", "a.tif is damaged"))
    wait_for(desk, "2 of 2")
    assert row(desk, 0)[1] == "failed: a.tif is damaged"
    assert row(desk, 1)[1] == "done"


def test_report_and_projects_open_at_the_end(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "napari_sam2.plugin.widgets.many_movies_widgets.QDesktopServices.openUrl",
        lambda url: opened.append(url.toLocalFile()),
    )

    def opened_image(path: str) -> tuple[np.ndarray, dict[str, str], str]:
        opened.append(path)
        return np.zeros((2, 8, 8), np.uint8), {"name": "a"}, "image"

    monkeypatch.setattr("napari_sam2.plugin.napari_io.open_project.opened_image", opened_image)
    batch, shown = begin(desk, tmp_path), dialog(desk)
    project, report = str(tmp_path / "a.sam2"), str(tmp_path / "report.html")
    batch.say(BEGUN, MovieEnded("a", "done", "", 1, 0.0, project), BatchEnded("Over.", report))
    wait_for(desk, "Over.")
    assert shown.start.text() == START
    shown.report.click()
    shown.list.topLevelItem(1).setSelected(True)
    assert not shown.open.isEnabled()
    shown.list.clearSelection()
    shown.list.topLevelItem(0).setSelected(True)
    shown.open.click()
    assert opened == [report, project]


def test_stop_ends_the_batch_and_the_rest_can_be_started_again(desk: Any, tmp_path: Path) -> None:
    batch = begin(desk, tmp_path)
    batch.say(BEGUN)
    wait_for(desk, "0 of 2")
    assert dialog(desk).start.text() == STOP
    dialog(desk).start.click()
    wait_for(desk, "Finished movies are kept.")
    assert batch.calls == ["stop"]
    assert not dialog(desk).start.isEnabled()
    batch.say(BatchEnded("Stopped.", ""))
    desk.qtbot.waitUntil(lambda: dialog(desk).start.isEnabled())
    assert not dialog(desk).report.isEnabled()
    dialog(desk).start.click()
    desk.qtbot.waitUntil(lambda: len(desk.engine.batches) == 2)


def test_stop_before_the_process_has_started_reaches_it(desk: Any, tmp_path: Path) -> None:
    desk.engine.may_start.clear()
    dialog(desk).take_folder(str(tmp_path))
    dialog(desk).start.click()
    wait_for(desk, "Starting.")
    dialog(desk).start.click()
    desk.engine.may_start.set()
    desk.qtbot.waitUntil(lambda: bool(desk.engine.batches and desk.engine.batches[0].calls))
    assert desk.engine.batches[0].calls == ["stop"]


def test_corrected_projects_are_tracked_again_by_their_own_plan(desk: Any, tmp_path: Path) -> None:
    assert not dialog(desk).corrected.isEnabled()
    dialog(desk).take_folder(str(tmp_path))
    dialog(desk).corrected.click()
    desk.qtbot.waitUntil(lambda: bool(desk.engine.batches))
    request = desk.engine.batches[-1].request
    assert (request.output, request.only_corrected) == (tmp_path / "results", True)
    desk.qtbot.waitUntil(lambda: not dialog(desk).corrected.isEnabled())
    ended = (MovieEnded("a", "done", "", 3, 0.1), MovieEnded("b", "unchanged", "", 2, 0.1))
    desk.engine.batches[-1].say(BEGUN, *ended, BatchEnded("1 done.", ""))
    wait_for(desk, "1 done.")
    assert row(desk, 1)[1] == "done already, unchanged"


def test_failure_is_told(desk: Any, tmp_path: Path, notifications: Any) -> None:
    begin(desk, tmp_path).say(BatchFailedError("the disk is full"))
    wait_for(desk, "The disk is full")
    assert notifications.only() == "The disk is full"
    assert dialog(desk).start.text() == START


def test_closing_the_window_ends_the_batch(desk: Any, tmp_path: Path) -> None:
    batch = begin(desk, tmp_path)
    batch.say(BEGUN)
    wait_for(desk, "0 of 2")
    desk.panel.shut_down()
    assert batch.calls == ["close"]


class TinyBatchEngine(BatchEngine):
    """With documents that are kept on the disk."""

    load_model, models = TinyEngine.load_model, TinyEngine.models
    open_image = TinyEngine.open_image


def test_work_on_the_open_movie_is_copied_and_repeated(open_desk: Any, tmp_path: Path) -> None:
    desk = open_desk(movie(), engine=TinyBatchEngine())
    desk.panel.many_movies.button.click()
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert dialog(desk).repeats.isEnabled()
    dialog(desk).repeats.setChecked(True)
    copy = tmp_path / "results/prompts.sam2"
    batch = begin(desk, tmp_path)
    assert batch.request.prompts == str(copy)
    desk.click(0, *disc_centre(1, 0))  # is not in the copy, but kept where it was before
    desk.settle()
    manifest = read_manifest(copy)
    assert [deed.name for deed in read_deeds(copy, manifest)] == ["add_points"]
    assert desk.image_state.saving.problem is None
    batch.close()


def test_channel_and_plane_of_the_open_image_hold_for_all(open_desk: Any, tmp_path: Path) -> None:
    channels = np.stack([movie(), movie()[:, ::-1]], axis=1)
    desk = open_desk(channels, engine=BatchEngine(), axis_labels=("t", "c", "y", "x"))
    desk.panel.many_movies.button.click()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    batch = begin(desk, tmp_path)
    assert batch.request.settings["channel"] == (0,)
    assert "z" not in batch.request.settings
    batch.close()


def test_weights_of_the_channels_hold_for_all(open_desk: Any, tmp_path: Path) -> None:
    channels = np.stack([movie(), movie()[:, ::-1]], axis=1)
    desk = open_desk(channels, engine=BatchEngine(), axis_labels=("t", "c", "y", "x"))
    desk.controller.choose_part(Selection("TCYX", {0: 1.0, 1: 0.5}))
    desk.panel.many_movies.button.click()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    batch = begin(desk, tmp_path)
    assert batch.request.settings["channel"] == "0,1:0.5"
    batch.close()
