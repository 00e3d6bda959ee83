"""Labels that other code writes in place become painted masks, or are put back in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.io.tiff import read_labels
from napari_sam2.plugin.inference.foreign_labels import MOST_MASKS, ForeignLabels, frames_at_stake
from napari_sam2.plugin.protocol.messages import Edit, PaintLabels, Track
from napari_sam2.plugin.protocol.saving_messages import SaveDocument
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model

from .real_engines import TinyEngine
from .world import SIDE, ThresholdTracker, disc, disc_centre, movie

CORNER = np.s_[2:8, 40:50]  # far from the discs


@pytest.fixture
def annotation() -> Annotation:
    """Object 1 on the first disc of frame 0."""
    annotation = Annotation(ThresholdTracker(movie(), lambda t: None))
    annotation.add_points(0, 1, [disc_centre(0, 0)], [1])
    return annotation


def settle(annotation: Annotation, *frames: int) -> list[Any]:
    return list(ForeignLabels(1, annotation).settle(frames or range(annotation.shape[0])))


def test_labels_of_the_document_are_not_foreign(annotation: Annotation) -> None:
    list(annotation.propagate())
    annotation.undo()
    annotation.redo()
    assert settle(annotation) == []


def test_pixels_that_other_code_writes_become_one_undo_step(annotation: Annotation) -> None:
    before = annotation.labels.copy()
    annotation.labels[(0, *CORNER)] = 1
    annotation.labels[(3, *CORNER)] = 5
    wanted = annotation.labels.copy()
    (told,) = settle(annotation)
    assert "on 2 frames. The change counts as painted" in told.text
    np.testing.assert_array_equal(annotation.labels, wanted)
    assert list(annotation.objects) == [1, 5]
    assert annotation.prompt(0, 1).mask is not None
    annotation.undo()
    np.testing.assert_array_equal(annotation.labels, before)


def test_a_locked_object_is_put_back_in_words(annotation: Annotation) -> None:
    annotation.lock(1, [0])
    before = annotation.labels.copy()
    annotation.labels[(0, *CORNER)] = 1
    (told,) = settle(annotation)
    assert "They are as before" in told.text
    assert "locked" in told.text
    np.testing.assert_array_equal(annotation.labels, before)


def test_very_many_masks_are_put_back_and_kept(annotation: Annotation) -> None:
    before = annotation.labels.copy()
    annotation.labels[1] = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % (MOST_MASKS + 2)
    written = annotation.labels.copy()
    (told,) = settle(annotation)
    np.testing.assert_array_equal(told.labels, written)
    np.testing.assert_array_equal(annotation.labels, before)


def test_what_is_written_beside_another_change_is_still_found() -> None:
    annotation = Annotation(Tracker(build_tiny_model(), movie()))
    annotation.labels[(0, *CORNER)] = 9
    annotation.add_mask(0, 1, disc(1, 0))
    assert (annotation.labels[0][CORNER] == 9).all(), "only the part around the disc is composed"
    settle(annotation)
    assert list(annotation.objects) == [1, 9]


def test_other_frames_follow_when_there_is_time(annotation: Annotation) -> None:
    foreign = ForeignLabels(1, annotation)
    annotation.labels[(5, *CORNER)] = 4
    foreign.look_later()
    told = []
    while foreign.has_work:
        told += foreign.settle_next()
    assert len(told) == 1
    assert 4 in annotation.objects


@pytest.mark.parametrize(
    ("command", "frames"),
    [
        (PaintLabels(1, ()), []),
        (Track(1), [0, 1, 2]),
        (SaveDocument(1), [0, 1, 2]),
        (Edit(1, ()), []),
    ],
)
def test_commands_look_at_the_frames_that_they_use(command: Any, frames: list[int]) -> None:
    assert list(frames_at_stake(command, 3)) == frames


def test_a_refresh_takes_over_what_was_written_in_place(desk: Any, notifications: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.labels.data[(0, *CORNER)] = 1
    desk.labels.data[(4, *CORNER)] = 3
    desk.labels.refresh()
    desk.qtbot.waitUntil(lambda: 3 in desk.image_state.objects and desk.prompt(0).mask is not None)
    expected = disc(0, 0)
    expected[CORNER] = True
    np.testing.assert_array_equal(desk.labels.data[0] == 1, expected)
    desk.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert "on 2 frames. The change counts as painted" in notifications.only()


def test_a_click_and_an_export_find_what_was_written_in_place(
    desk: Any, notifications: Any, tmp_path: Path
) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.labels.data[(0, *CORNER)] = 1
    desk.click(0, *disc_centre(0, 0))  # removes the first click
    desk.settle()
    assert (desk.labels.data[0][CORNER] == 1).all(), "painted masks stay when a click goes"
    desk.labels.data[(6, *CORNER)] = 8
    desk.controller.exporting.start(tmp_path / "out.tif")
    desk.qtbot.waitUntil(lambda: (tmp_path / "out.tif").exists())
    assert 8 in desk.image_state.objects
    exported, _ = read_labels(tmp_path / "out.tif")
    np.testing.assert_array_equal(exported, desk.labels.data)


def test_very_many_masks_are_kept_in_a_layer(desk: Any, notifications: Any) -> None:
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    before = desk.labels.data.copy()
    desk.labels.data[:] = np.arange(SIDE) % (MOST_MASKS + 2)
    desk.labels.refresh()
    name = f"{desk.labels.name} (other data)"
    desk.qtbot.waitUntil(lambda: any(layer.name == name for layer in desk.viewer.layers))
    np.testing.assert_array_equal(desk.labels.data, before)
    assert f"in the new layer “{name}”" in notifications.only()


def test_the_user_is_told_of_an_image_that_changed_in_place(
    open_desk: Any, notifications: Any
) -> None:
    data = movie()
    desk = open_desk(data, engine=TinyEngine())
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    data[0] = data[0, ::-1]
    desk.image_state.image.refresh()
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert "changed the image on frame 0" in notifications.only()
