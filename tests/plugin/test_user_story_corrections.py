"""A planted error is found, corrected by a click and a stroke, locked and kept.

The pictures of the way are made into one. Where `NAPARI_SAM2_PICTURES` names a folder it is kept
there as `story.png`: that is how the one in the documentation is made.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt

from napari_sam2.io.samples import Sample
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import read_labels

from . import hands
from .world import RADIUS, ThresholdEngine

pytestmark = pytest.mark.real_window

FRAMES, HEIGHT, WIDTH = 8, 64, 110
STARTS = ((14, 14), (14, 50), (48, 16), (48, 70), (14, 86))  # (y, x) of the cells on frame 0
CELL, ERROR = 3, 5  # the cell that debris touches, and when
CTRL = Qt.KeyboardModifier.ControlModifier
CTRL_SHIFT = CTRL | Qt.KeyboardModifier.ShiftModifier


def place(cell, t):
    y, x = STARTS[cell - 1]
    return y, x + t


def cell_mask(cell, t):
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    y, x = place(cell, t)
    return (rows - y) ** 2 + (columns - x) ** 2 <= RADIUS**2


def sample():
    """Five cells that drift to the right; debris lies against one of them on one frame."""
    labels = np.zeros((FRAMES, HEIGHT, WIDTH), np.uint16)
    for t in range(FRAMES):
        for cell in range(1, len(STARTS) + 1):
            labels[t][cell_mask(cell, t)] = cell
    images = np.where(labels > 0, 4000, 300).astype(np.uint16)
    y, x = place(CELL, ERROR)
    images[ERROR, y - 4 : y + 5, x + 5 : x + 25] = 4000
    return Sample(images, labels, tracked=True, scale=ImageScale(), name="planted")


def overlap(one, other):
    return (one & other).sum() / (one | other).sum()


class Pictures:
    """Pictures of the window on the way."""

    COLUMNS = 3

    def __init__(self, desk):
        self.desk = desk
        self.pictures = []

    def take(self):
        self.desk.settle()
        pixels = self.desk.viewer.screenshot(canvas_only=False, flash=False)
        assert len(np.unique(pixels[::4, ::4].reshape(-1, 4), axis=0)) > 20  # it is no flat field
        whole = Image.fromarray(pixels).convert("RGB")
        self.pictures.append(whole.reduce(2))

    def save(self, path):
        width, height = self.pictures[-1].size  # the lanes have opened meanwhile
        rows = -(-len(self.pictures) // self.COLUMNS)
        sheet = Image.new("RGB", (width * self.COLUMNS, height * rows))
        for index, one in enumerate(self.pictures):
            row, column = divmod(index, self.COLUMNS)
            sheet.paste(one, (width * column, height * row))
        sheet.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def test_user_story_corrections(open_desk, notifications, monkeypatch, tmp_path):
    monkeypatch.setattr("napari_sam2.io.samples.synthetic_movie", sample)
    desk = open_desk(engine=ThresholdEngine())

    # open the sample
    _, truth = desk.viewer.open_sample("napari-sam2", "synthetic")
    desk.viewer.layers.remove(truth)
    desk.qtbot.waitUntil(
        lambda: desk.image_state is not None and desk.image_state.is_open, timeout=20000
    )
    desk.go_to(0)
    desk.viewer.window.resize(1200, 860)
    desk.breathe()
    desk.viewer.reset_view()
    desk.settle()

    # five cells, one click each
    for cell in range(1, len(STARTS) + 1):
        desk.press(Qt.Key.Key_N)
        desk.click(0, *place(cell, 0))
    desk.settle()
    assert list(desk.image_state.objects) == [1, 2, 3, 4, 5]
    pictures = Pictures(desk)
    pictures.take()

    # track
    desk.press(Qt.Key.Key_K)
    desk.settle()
    assert overlap(desk.labels.data[ERROR] == CELL, cell_mask(CELL, ERROR)) < 0.5

    # the next doubtful frame is the planted error
    desk.press(Qt.Key.Key_BracketRight)
    desk.qtbot.waitUntil(lambda: desk.controller.view.frame == ERROR)
    assert desk.image_state.current_object == CELL
    pictures.take()

    # one click takes a part of the debris away, one stroke of the eraser the rest
    y, x = place(CELL, ERROR)
    desk.viewer.layers.selection.active = desk.points
    desk.click(ERROR, y, x + 15, by=hands.right_click)
    desk.settle()
    assert not desk.labels.data[ERROR, y, x + 15]
    pictures.take()
    desk.viewer.layers.selection.active = desk.labels
    desk.labels.mode, desk.labels.brush_size = "erase", 20
    desk.breathe()
    hands.drag(desk.viewer, desk.labels, (ERROR, y, x + 17), (ERROR, y, x + 27))
    desk.settle()
    assert overlap(desk.labels.data[ERROR] == CELL, cell_mask(CELL, ERROR)) > 0.85
    corrected = desk.labels.data[ERROR].copy()
    pictures.take()

    # lock it, and track again: what was approved is what is there
    desk.viewer.layers.selection.active = desk.points  # on labels and shapes L is napari's
    desk.press(Qt.Key.Key_L)
    desk.qtbot.waitUntil(lambda: desk.image_state.is_locked(ERROR))
    before = desk.labels.data.copy()
    desk.press(Qt.Key.Key_K)
    desk.settle()
    assert desk.image_state.undo_text.startswith("track")
    assert np.array_equal(desk.labels.data[ERROR] == CELL, corrected == CELL)
    after = desk.labels.data.copy()
    pictures.take()

    # undo and redo
    desk.press(Qt.Key.Key_Z, CTRL)
    desk.qtbot.waitUntil(lambda: desk.image_state.redo_text is not None)
    assert np.array_equal(desk.labels.data, before)
    desk.press(Qt.Key.Key_Z, CTRL_SHIFT)
    desk.qtbot.waitUntil(lambda: desk.image_state.redo_text is None)
    assert np.array_equal(desk.labels.data, after)

    # export
    path = tmp_path / "cells.sam2.tif"
    monkeypatch.setattr("napari_sam2.plugin.panel.ask_path", lambda *args: path)
    desk.qtbot.waitUntil(desk.panel.document.export.isEnabled)
    desk.panel.document.export.click()
    desk.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    assert np.array_equal(read_labels(path)[0], after)
    assert notifications.only() == f"Exported cells.sam2.tif to {tmp_path}"
    pictures.take()
    pictures.save(Path(os.environ.get("NAPARI_SAM2_PICTURES", tmp_path)) / "story.png")
