"""The labels of a long movie, most of which are compressed, in the window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_sam2.annotation.packed_labels import PackedLabels
from napari_sam2.plugin.layers.image_axes import ImageAxes
from napari_sam2.plugin.layers.shown_labels import ShownLabels
from napari_sam2.plugin.napari_io.writers import write_labels_layer
from napari_sam2.plugin.window.export import start_export
from tests.packing import pack_labels

from . import hands, world
from .world import disc, disc_centre


@pytest.fixture(autouse=True)
def packed(monkeypatch: pytest.MonkeyPatch) -> None:
    pack_labels(monkeypatch)


def test_layer_shows_the_labels_of_each_frame(open_desk):
    desk = open_desk(world.movie())
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert isinstance(desk.labels.data, PackedLabels)
    for t in (0, 1, 0):
        desk.go_to(t)
        shown = np.asarray(desk.labels._slice.image.raw)
        np.testing.assert_array_equal(shown, desk.image_state.labels[t])
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


@pytest.mark.real_window
def test_strokes_become_prompts(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.viewer.layers.selection.active = desk.labels
    desk.labels.mode = "paint"
    desk.labels.brush_size = 4
    desk.breathe()
    hands.drag(desk.viewer, desk.labels, (0, 5, 40), (0, 5, 50))
    desk.settle()
    assert desk.prompt(0).mask[5, 45]
    assert desk.labels.data[0, 5, 45] == 1
    assert np.asarray(desk.labels._slice.image.raw)[5, 45] == 1


def test_labels_are_exported(tmp_path: Path, qtbot):
    labels = PackedLabels((4, 32, 32), np.uint16)
    labels[1, 3:6, 3:6] = 1
    layer = Image(np.zeros((4, 32, 32), np.uint8))
    ended = []
    start_export([layer], labels, {}, tmp_path / "cells.tif", ended.append)
    qtbot.waitUntil(lambda: bool(ended))
    assert ended[0].error is None
    written = tifffile.imread(tmp_path / "cells.tif")
    assert written.sum() == 9


@pytest.mark.parametrize("letters", ["TCYX", "CTYX", "TYXC", "TZCYX"])
def test_labels_on_more_axes_are_those_of_an_array(letters):
    lengths = tuple({"T": 4, "C": 2, "Z": 3, "Y": 6, "X": 7}[letter] for letter in letters)
    axes = ImageAxes(letters, lengths)
    array = np.random.default_rng(0).integers(0, 5, (4, 6, 7)).astype(np.uint16)
    labels = PackedLabels(array.shape, np.uint16)
    labels[...] = array
    shown, expected = ShownLabels(labels, axes), axes.spread(array)
    assert shown.shape == expected.shape
    np.testing.assert_array_equal(shown, expected)
    time = letters.index("T")
    for key in [
        np.index_exp[...],
        (*[slice(None)] * time, 2),
        tuple(slice(0, 1) for _ in letters),
        tuple(np.array([0, 0]) for _ in letters),
        tuple(0 for _ in letters),
    ]:
        np.testing.assert_array_equal(shown[key], expected[key])
    shown[(*[slice(None)] * time, 2)] = 9
    assert (labels[2] == 9).all()
    np.testing.assert_array_equal(labels[3], array[3])


def test_labels_on_more_axes_are_written_frame_by_frame(tmp_path: Path):
    axes = ImageAxes("TCYX", (4, 2, 6, 7))
    labels = PackedLabels((4, 6, 7), np.uint16)
    labels[2, 1:3, 1:3] = 5
    path = str(tmp_path / "labels.tif")
    write_labels_layer(path, ShownLabels(labels, axes), {"scale": (1, 1, 1, 1)})
    np.testing.assert_array_equal(tifffile.imread(path), np.asarray(labels))
