"""Measurements of an object over time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.measured import UNITS, measurements_of
from napari_sam2.annotation.measures import Trace

from .helpers import click
from .stand_in import StandInTracker


def trace(**values: list[float]) -> Trace:
    given = {name: np.array(column, np.float32) for name, column in values.items()}
    return replace(Trace.empty(len(given["area"])), **given)


def test_area_is_unknown_where_there_is_no_mask() -> None:
    area = measurements_of(trace(area=[4, 0, 9]))["area"]
    np.testing.assert_array_equal(area.values, [4, np.nan, 9])


def test_speed_is_the_way_since_the_frame_before() -> None:
    found = measurements_of(trace(area=[1, 1, 0, 1], y=[0, 3, 0, 9], x=[0, 4, 0, 9]))
    np.testing.assert_array_equal(found["speed"].values, [np.nan, 5, np.nan, np.nan])


def test_object_without_masks_has_no_typical_values() -> None:
    area = measurements_of(Trace.empty(3))["area"]
    assert np.isnan([area.low, area.high]).all()


def test_timeline_has_every_measurement(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 3)
    measured = annotation.timeline(3).measurements
    assert measured.keys() == UNITS.keys()
    assert np.nanmax(measured["area"].values) == (annotation.labels == 3).sum(axis=(1, 2)).max()
