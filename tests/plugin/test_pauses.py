"""A drive that goes while tracking: the results stay, and the run goes on where it was."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.plugin.inference.open_document import OpenDocument
from napari_sam2.plugin.protocol.messages import AddPoint, Edit, Failed, Track, TrackEnded
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.tracking import FrameOutOfReach

from .world import FRAMES, ThresholdEngine, disc, disc_centre, movie


class Drive:
    """An engine on a drive that can be pulled out, and a document on it."""

    def __init__(self) -> None:
        self.gone: set[int] = set()
        self.read: list[int] = []
        engine = ThresholdEngine()
        engine._on_step = self._read
        source = ImageSource(movie())
        self.told: list = []
        opened = engine.open_image("near", source)
        self.document = OpenDocument(1, source, opened, self.told.append)

    def _read(self, t: int) -> None:
        if t in self.gone:
            raise FrameOutOfReach(t, "the network drive is gone")
        self.read.append(t)

    def click(self, t: int, object_id: int = 1) -> None:
        self.document.perform(AddPoint(1, t, object_id, disc_centre(object_id - 1, t)))

    def track(self, direction: str = "both") -> str:
        """Track to the end or to a fault; returns what the user is advised."""
        self.read.clear()
        self.document.perform(Track(1, direction))
        while self.document.is_tracking:
            try:
                self.document.advance()
            except OSError as error:
                return self.document.fail(error)
        return ""

    @property
    def labelled(self) -> list[int]:
        return [t for t, frame in enumerate(self.document.annotation.labels) if frame.any()]


@pytest.fixture
def drive() -> Drive:
    return Drive()


def test_a_run_pauses_where_the_drive_went_and_goes_on_from_there(drive: Drive) -> None:
    drive.click(0)
    drive.gone = {3, 4, 5}
    advice = drive.track("forward")
    assert "press Track to continue" in advice
    assert [r.reason for r in drive.told if isinstance(r, TrackEnded)] == ["paused"]
    assert drive.labelled == [0, 1, 2]
    drive.gone.clear()
    drive.track("forward")
    assert drive.read == [3, 4, 5, 6, 7]
    assert np.array_equal(drive.document.annotation.labels[7] == 1, disc(0, 7))


@pytest.mark.parametrize(("gone", "rest"), [(6, [6, 7, 2, 1, 0]), (1, [1, 0])])
def test_both_ways_go_on_in_the_way_that_was_left(drive: Drive, gone: int, rest: list[int]) -> None:
    drive.click(3)
    drive.gone = {gone}
    drive.track()
    drive.gone.clear()
    drive.track()
    assert drive.read == rest
    assert drive.labelled == list(range(FRAMES))


def test_a_change_in_between_lets_it_begin_anew(drive: Drive) -> None:
    drive.click(0)
    drive.gone = {5}
    drive.track("forward")
    drive.gone.clear()
    drive.document.perform(Edit(1, (Called("undo", {}),)))
    drive.track("forward")
    assert drive.read == list(range(FRAMES))


def test_a_correction_made_while_tracking_is_carried_with_the_next_cell(drive: Drive) -> None:
    drive.click(0)
    drive.document.perform(Track(1, "forward"))
    for _ in range(3):
        drive.document.advance()
    drive.click(1)
    while drive.document.is_tracking:
        drive.document.advance()
    drive.click(0, object_id=2)
    drive.track("forward")
    assert drive.document.annotation.undo_text == f"track 2 cells over {FRAMES} frames"


def test_objects_of_different_first_frames_are_all_carried_back(drive: Drive) -> None:
    drive.click(2)
    drive.click(5, object_id=2)
    drive.gone = {7}
    drive.track()
    drive.gone.clear()
    drive.track()
    assert drive.read == [7, 4, 3, 2, 1, 0]
    objects = [set(np.unique(frame)) - {0} for frame in drive.document.annotation.labels]
    assert objects == [{1, 2}] * FRAMES


def test_damaged_frames_are_named_at_the_end(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    drive.click(0)
    run = drive.document.annotation.propagate

    def damaged(*arguments, **options):
        for result in run(*arguments, **options):
            yield replace(result, problem="torn") if result.t in (2, 5) else result

    monkeypatch.setattr(drive.document.annotation, "propagate", damaged)
    drive.track("forward")
    (failed,) = [report for report in drive.told if isinstance(report, Failed)]
    assert failed.error == "damaged frames were skipped: 2, 5"
