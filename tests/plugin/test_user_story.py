"""From the first click to the file, as a biologist goes; once with the real viewer and engine."""

from dataclasses import dataclass

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy import ndimage

from napari_sam2.io.samples import synthetic_movie
from napari_sam2.io.tiff import read_labels
from tests import worlds

from .real_engines import OneThreadEngine, TinyEngine

SCALE = {
    "scale": (120.0, 0.65, 0.65),
    "units": ("second", "micrometer", "micrometer"),
}


@dataclass(frozen=True)
class Story:
    """A movie, the places of its first two cells on every frame, and who segments them."""

    engine: type
    images: np.ndarray
    truth: np.ndarray

    def place(self, t: int, object_id: int) -> tuple[float, float]:
        return ndimage.center_of_mass(self.truth[t] == object_id)


def tiny_story() -> Story:
    world = worlds.two_discs()
    return Story(TinyEngine, world.images, world.labels)


def embedded_story() -> Story:
    sample = synthetic_movie()
    return Story(OneThreadEngine, sample.images[:8], sample.labels[:8])


@pytest.mark.parametrize(
    "make_story", [tiny_story, pytest.param(embedded_story, marks=pytest.mark.real_window)]
)
def test_user_story(open_desk, notifications, monkeypatch, tmp_path, make_story):
    story = make_story()
    desk = open_desk(story.images, engine=story.engine(), **SCALE)

    # two cells, one click each
    desk.click(0, *story.place(0, 1))
    desk.press(Qt.Key.Key_N)
    desk.click(0, *story.place(0, 2))
    desk.settle()
    assert list(desk.image_state.objects) == [1, 2]

    # track
    desk.press(Qt.Key.Key_K)
    desk.settle()
    assert (desk.labels.data == 1).any(axis=(1, 2)).sum() > 1
    tracked = desk.labels.data.copy()

    # correct a later frame: another click on the first cell
    desk.controller.choose_object(1)
    desk.click(5, *story.place(5, 1))
    desk.settle()
    approved = desk.labels.data[5].copy()
    assert not np.array_equal(approved, tracked[5])

    # track again: the corrected frame is what was approved, other frames follow it
    desk.press(Qt.Key.Key_K)
    desk.settle()
    assert np.array_equal(desk.labels.data[5], approved)
    others = [t for t in range(len(tracked)) if t != 5]
    assert not np.array_equal(desk.labels.data[others], tracked[others])

    # export, and read the file back
    path = tmp_path / "cells.sam2.tif"
    monkeypatch.setattr("napari_sam2.plugin.panel.ask_path", lambda *args: path)
    desk.qtbot.waitUntil(desk.panel.document.export.isEnabled)
    desk.panel.document.export.click()
    desk.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    assert notifications.only() == f"Exported cells.sam2.tif to {tmp_path}"
    labels, scale = read_labels(path)
    assert np.array_equal(labels, desk.labels.data)
    assert scale.pixel_size == pytest.approx((0.65, 0.65))
    assert (scale.unit, scale.interval_s) == ("um", pytest.approx(120))
