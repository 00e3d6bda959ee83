"""The protocol `auto`: nothing is prompted, objects are found."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.evaluation.automatic import regions_by_frame
from napari_sam2.evaluation.detection import DetectionCounter
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocols import auto
from napari_sam2.evaluation.report import Report, as_dict, as_text
from napari_sam2.finding import Proposal
from napari_sam2.tracking import Frames
from napari_sam2.tracking.pixels import masks_of
from tests import worlds
from tests.tracking.tiny import build_tiny_model

WORLD = worlds.two_discs()


def test_found_missed_and_wrong_objects_are_counted() -> None:
    truth, labels = np.zeros((20, 20), int), np.zeros((20, 20), int)
    truth[2:8, 2:8], truth[12:18, 2:8] = 1, 2
    labels[2:8, 3:8], labels[12:18, 12:18] = 7, 9
    counter = DetectionCounter()
    counter.add(truth, labels)
    scores = counter.scores()
    assert (scores.found, scores.missed, scores.wrong) == (1, 1, 1)
    assert scores.f1 == pytest.approx(1 / 2)
    assert scores.average_precision == pytest.approx(1 / 3)


def test_empty_frames_leave_the_measures_undefined() -> None:
    counter = DetectionCounter()
    counter.add(np.zeros((4, 4), int), np.zeros((4, 4), int))
    assert np.isnan(counter.scores().f1)


def test_auto_tracks_what_it_finds_on_the_first_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(model, frames, *, t, **_):
        return [Proposal(mask, 0.9, 1.0, (0, 0)) for mask in masks_of(WORLD.labels[t]).values()]

    monkeypatch.setattr("napari_sam2.batch.tracking_run.find_objects", find)
    told = []
    found = auto(
        build_tiny_model(),
        Frames(WORLD.images),
        label_movie(WORLD.labels),
        0,
        lambda done, total: told.append(done),
    )
    assert told == list(range(1, len(WORLD.images) + 1))
    assert found.detection.found >= 2  # those of the first frame at least
    total = found.detection.found + found.detection.missed
    assert total == sum(len(np.unique(labels)) - 1 for labels in WORLD.labels)


def test_baseline_keeps_the_names_of_what_it_finds() -> None:
    named = [labels for _, labels in regions_by_frame(Frames(WORLD.images))]
    assert len(named) == len(WORLD.images)
    for disc in (1, 2):
        names = {
            int(np.bincount(labels[truth == disc]).argmax())
            for labels, truth in zip(named, WORLD.labels, strict=True)
        }
        assert len(names) == 1
        assert 0 not in names


def test_report_shows_detection_beside_the_baseline() -> None:
    baseline = auto(None, Frames(WORLD.images), label_movie(WORLD.labels))
    report = Report(baseline, {"model": "cells"}, baseline)
    assert "baseline: F1 1.000, AP 1.000 at IoU 0.5" in as_text(report)
    assert as_dict(report)["summary"]["F1"] == 1.0
