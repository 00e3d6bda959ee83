"""The inference thread by itself, without a window."""

import queue
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.plugin.inference.engine import LoadedModel
from napari_sam2.plugin.inference.thread import InferenceThread
from napari_sam2.plugin.protocol import messages as m
from napari_sam2.plugin.protocol.growth_messages import GrowImage
from napari_sam2.plugin.protocol.saving_messages import UnsavedWorkFound
from napari_sam2.plugin.protocol.sources import ImageSource

from .world import FRAMES, Gate, ThresholdEngine, disc, disc_centre, movie


class Conversation:
    """Sends commands and waits for reports."""

    def __init__(self, engine):
        self.reports = queue.Queue()
        self.thread = InferenceThread(engine, self.reports.put)
        self.thread.start()

    def next(self, kind, timeout=20):
        """The next report of a kind; others before it are dropped."""
        end = time.monotonic() + timeout
        while True:
            report = self.reports.get(timeout=max(0.01, end - time.monotonic()))
            if isinstance(report, kind):
                return report

    def ask(self, command):
        """Send a command and wait for its answer."""
        self.thread.send(command)
        answer = self.next(m.Answered)
        assert answer.command is command
        return answer

    def open(self, data=None):
        """Load the model and open the tiny world; gives its labels."""
        self.ask(m.LoadModel("near"))
        answer = self.ask(m.OpenImage(1, ImageSource(movie() if data is None else data)))
        return next(c.labels for c in answer.changes if isinstance(c, m.LabelsReady))


def edit(image, name, **arguments):
    """A command that makes one call."""
    return m.Edit(image, (Called(name, arguments),))


@pytest.fixture
def gate():
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def talk(gate):
    talk = Conversation(ThresholdEngine(gate))
    yield talk
    gate.open()
    assert talk.thread.close()


def test_a_click_is_answered_with_all_that_it_changed(talk):
    labels = talk.open()
    answer = talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    kinds = {type(change) for change in answer.changes}
    assert kinds == {m.ObjectsChanged, m.PromptShown, m.FrameChanged, m.HistoryChanged}
    assert np.array_equal(labels[0] == 1, disc(0, 0))


def test_labels_are_written_in_place(talk):
    labels = talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    assert labels[0].any()


def test_a_longer_movie_is_answered_with_its_labels(talk):
    before = talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    answer = talk.ask(GrowImage(1, ImageSource(movie(FRAMES + 2))))
    [labels] = [change.labels for change in answer.changes if isinstance(change, m.LabelsReady)]
    assert labels.shape[0] == FRAMES + 2
    assert np.array_equal(labels[:FRAMES], before)
    assert not [change for change in answer.changes if isinstance(change, m.TrackStarted)]


def test_cells_tracked_to_the_end_are_tracked_on_in_a_longer_movie(talk, gate):
    talk.open()
    gate.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.ask(m.Track(1))
    talk.next(m.TrackEnded)
    talk.ask(m.AddPoint(1, 0, 2, disc_centre(1, 0)))
    answer = talk.ask(GrowImage(1, ImageSource(movie(FRAMES + 2))))
    [labels] = [change.labels for change in answer.changes if isinstance(change, m.LabelsReady)]
    assert [one.total for one in answer.changes if isinstance(one, m.TrackStarted)] == [2]
    assert talk.next(m.TrackEnded).reason == "finished"
    for t in (FRAMES, FRAMES + 1):
        assert np.array_equal(labels[t] == 1, disc(0, t))
        assert not (labels[t] == 2).any()


def test_a_refused_click_changes_nothing_and_says_why(talk):
    labels = talk.open()
    answer = talk.ask(m.AddPoint(1, FRAMES, 1, (0, 0)))
    assert answer.error == f"frame must be between 0 and {FRAMES - 1}; got {FRAMES}"
    assert not labels.any()
    assert not [c for c in answer.changes if isinstance(c, m.PromptShown)]


@pytest.mark.parametrize(
    "command",
    [
        m.AddPoint(9, 0, 1, (1.0, 1.0)),
        m.Track(9),
        edit(9, "undo"),
        edit(1, "remove_object", object_id=5),
        edit(1, "swap_objects", object_id=1),
        edit(1, "propagate"),
        edit(1, "close"),
        m.Track(1),
        edit(1, "remove_box", t=0, object_id=1),
        m.RemovePoints(1, 0, 1, ((1.0, 1.0),)),
        m.LoadModel("nowhere"),
        m.OpenImage(2, ImageSource(np.zeros((2, 2, 2, 2), np.uint8))),
    ],
)
def test_the_thread_survives_what_cannot_be_done(talk, command):
    labels = talk.open()
    assert talk.ask(command).error
    assert talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0))).error is None
    assert np.array_equal(labels[0] == 1, disc(0, 0))


def test_only_methods_that_change_an_annotation_can_be_called(talk):
    talk.open()
    error = "an annotation has no journaled method 'save'"
    assert talk.ask(edit(1, "save", path="elsewhere.sam2")).error == error


def test_calls_of_an_edit_with_a_text_are_made_together_or_not_at_all(talk):
    labels = talk.open()
    for index in (0, 1):
        talk.ask(m.AddPoint(1, 0, index + 1, disc_centre(index, 0)))
    calls = [Called("remove_object", {"object_id": object_id}) for object_id in (1, 2, 3)]
    before = labels.copy()
    assert talk.ask(m.Edit(1, tuple(calls), "remove all")).error
    assert np.array_equal(labels, before)
    answer = talk.ask(m.Edit(1, tuple(calls[:2]), "remove both"))
    assert not labels.any()
    assert [c.undo_text for c in answer.changes if isinstance(c, m.HistoryChanged)][-1] == (
        "remove both"
    )


@pytest.mark.parametrize(
    ("call", "is_ended"),
    [
        (Called("rename_object", {"object_id": 1, "name": "mother"}), False),
        (Called("accept", {"object_id": 1, "frames": range(1)}), False),
        (Called("remove_object", {"object_id": 1}), True),
        (Called("undo", {}), True),
    ],
)
def test_only_calls_that_may_change_tracked_masks_end_tracking(talk, gate, call, is_ended):
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.ask(m.Track(1))
    talk.thread.send(m.Edit(1, (call,)))
    gate.let_pass()
    answer = talk.next(m.Answered)
    assert answer.error is None
    assert any(isinstance(change, m.TrackEnded) for change in answer.changes) is is_ended


def test_a_box_is_removed_and_the_click_beside_it_stays(talk):
    labels = talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.ask(edit(1, "add_box", t=0, object_id=1, box=(34, 10, 54, 30)))
    assert np.array_equal(labels[0] == 1, disc(0, 0) | disc(1, 0))
    answer = talk.ask(edit(1, "remove_box", t=0, object_id=1))
    (shown,) = [change for change in answer.changes if isinstance(change, m.PromptShown)]
    assert shown.prompt.box is None
    assert len(shown.prompt.points) == 1


def test_clicks_before_a_model_is_there_wait_for_it(talk):
    talk.thread.send(m.OpenImage(1, ImageSource(movie())))
    talk.thread.send(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.ask(m.LoadModel("nowhere"))
    talk.ask(m.LoadModel("near"))
    answers = [talk.next(m.Answered) for _ in range(2)]
    assert [type(answer.command) for answer in answers] == [m.OpenImage, m.AddPoint]
    assert [answer.error for answer in answers] == [None, None]


def test_cancel_stops_before_the_next_frame(talk, gate):
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.thread.send(m.Track(1))
    gate.let_pass(2)
    while talk.next(m.TrackAdvanced).done < 2:
        pass
    talk.thread.send(m.Cancel())
    gate.let_pass(1)
    ended = talk.next(m.TrackEnded)
    assert (ended.reason, ended.done) == ("cancelled", 3)


def test_a_run_for_a_second_image_waits_for_the_first(talk, gate):
    talk.open()
    talk.ask(m.OpenImage(2, ImageSource(movie())))
    for image in (1, 2):
        talk.ask(m.AddPoint(image, 0, 1, disc_centre(0, 0)))
    for image in (1, 2):
        talk.thread.send(m.Track(image))
    gate.open()
    ends = [talk.next(m.TrackEnded) for _ in range(2)]
    assert [(end.image, end.reason) for end in ends] == [(1, "finished"), (2, "finished")]


def test_cancel_also_drops_a_run_that_waits(talk, gate):
    talk.open()
    talk.ask(m.OpenImage(2, ImageSource(movie())))
    for image in (1, 2):
        talk.ask(m.AddPoint(image, 0, 1, disc_centre(0, 0)))
    for image in (1, 2):
        talk.thread.send(m.Track(image))
    talk.next(m.Answered)
    talk.thread.send(m.Cancel())
    gate.let_pass(1)
    ends = [talk.next(m.TrackEnded) for _ in range(2)]
    assert {(end.image, end.reason) for end in ends} == {(1, "cancelled"), (2, "cancelled")}


def test_saved_work_is_looked_for_once_an_image_is_open(talk, monkeypatch):
    told = UnsavedWorkFound(1, Path("work"))
    monkeypatch.setattr(
        "napari_sam2.plugin.inference.workspace.work_found", lambda source, image: (told,)
    )
    talk.open()  # waits for the answer, and would drop what was found before
    assert talk.next(UnsavedWorkFound) == told


def test_neighbours_of_the_shown_frame_are_encoded_when_idle(talk):
    talk.open()
    talk.ask(m.LookAt(1, 4))
    tracker = talk.thread._workspace.documents[1].tracker
    deadline = time.monotonic() + 10
    while not all(tracker.features_cached(t) for t in (3, 4, 5)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not tracker.features_cached(2)


def test_moving_on_gives_up_frames_that_are_no_longer_looked_at(talk, gate):
    """A run goes first, so that what was asked ahead of it is overtaken."""
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.thread.send(m.Track(1))
    talk.thread.send(m.LookAt(1, 2))
    talk.thread.send(m.LookAt(1, 6))
    gate.open()
    talk.next(m.TrackEnded)
    tracker = talk.thread._workspace.documents[1].tracker
    deadline = time.monotonic() + 10
    while not tracker.features_cached(5):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not tracker.features_cached(2)


def test_another_model_gets_the_prompts(talk):
    talk.open()
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    talk.ask(m.AddPoint(1, 2, 4, disc_centre(1, 2)))
    answer = talk.ask(m.LoadModel("other"))
    labels = next(c.labels for c in answer.changes if isinstance(c, m.LabelsReady))
    shown = {(c.t, c.object_id) for c in answer.changes if isinstance(c, m.PromptShown)}
    assert shown == {(0, 1), (2, 4)}
    assert np.array_equal(labels[0] == 1, disc(0, 0))
    assert np.array_equal(labels[2] == 4, disc(1, 2))


def test_drawn_outlines_are_kept_with_another_model(talk):
    talk.open()
    corners = ((10.0, 10.0), (10.0, 20.0), (20.0, 20.0))
    outline = m.Outline("polygon", corners)
    talk.ask(m.SetOutline(1, 0, 1, outline))
    answer = talk.ask(m.LoadModel("other"))
    assert [c.outline for c in answer.changes if isinstance(c, m.PromptShown)] == [outline]


def test_a_model_that_fails_to_load_leaves_the_documents(talk):
    labels = talk.open()
    talk.ask(m.LoadModel("nowhere"))
    talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0)))
    assert labels.any()


def test_closing_drops_commands_that_wait():
    engine = ThresholdEngine()
    is_loading, may_load = threading.Event(), threading.Event()

    def load_model(name, device, image_size):
        is_loading.set()
        may_load.wait(10)
        return LoadedModel(name, device, 64, (64,))

    engine.load_model = load_model
    talk = Conversation(engine)
    talk.thread.send(m.LoadModel("near"))
    talk.thread.send(m.OpenImage(1, ImageSource(movie())))
    is_loading.wait(10)
    assert not talk.thread.close(timeout_s=0.05)
    may_load.set()
    assert talk.thread.close()
    assert not engine.sources


def test_an_engine_that_cannot_begin_is_told():
    class BrokenEngine(ThresholdEngine):
        def begin(self):
            raise ImportError("no module named torch")

    talk = Conversation(BrokenEngine())
    assert "no module named torch" in talk.next(m.Failed).error
    assert talk.thread.close()


class Discs:
    """Labels of the first disc, as another tool has made them."""

    name = "discs"

    dtype = np.dtype(np.uint8)
    frames = np.arange(FRAMES)
    parents: Mapping[int, int] = {}

    def __init__(self, on_read=lambda t: None):
        self.on_read = on_read

    def read(self, t):
        self.on_read(t)
        return disc(0, t).astype(np.uint8)


def test_an_import_of_a_movie_reports_its_progress_as_an_import(talk):
    labels = talk.open()
    talk.thread.send(m.ImportLabels(1, Discs(), None))
    steps = [talk.next(m.WorkAdvanced) for _ in range(FRAMES + 1)]
    assert [(step.done, step.total) for step in steps] == [(n, FRAMES) for n in range(FRAMES + 1)]
    assert talk.next(m.WorkEnded).image == 1
    assert talk.next(m.Answered).error is None
    assert all(np.array_equal(labels[t] == 1, disc(0, t)) for t in range(FRAMES))


def test_an_import_of_a_movie_can_be_cancelled(talk):
    labels = talk.open()
    source = Discs(lambda t: t or talk.thread.send(m.Cancel()))
    answer = talk.ask(m.ImportLabels(1, source, None))
    assert (answer.error, answer.notice) == (None, "Import cancelled; no labels were imported.")
    assert not labels.any()
    assert isinstance(talk.next(m.Answered).command, m.Cancel)
    assert talk.ask(m.AddPoint(1, 0, 1, disc_centre(0, 0))).error is None
