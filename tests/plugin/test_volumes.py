"""Volumes are filled from the masks of a plane, into a layer of their own."""

import numpy as np
import pytest
import tifffile

from napari_sam2.plugin.napari_io.writers import write_labels_layer

from . import world
from .real_engines import TinyEngine
from .test_axes_box import choose

MOVIE = world.movie(frames=3)
VOLUMES = np.stack([MOVIE // 2, MOVIE, MOVIE, MOVIE // 2], axis=1)  # (T, Z, Y, X)
AXES = {"metadata": {"axes": "TZYX"}}
SIZES = {"scale": (60.0, 2.0, 0.5, 0.25), "units": ("second", "um", "um", "um")}
LAYER = "SAM 2 volumes"


@pytest.fixture
def clicked(open_desk):
    """A cell is clicked on plane 1 of the first volume."""
    desk = open_desk(VOLUMES, engine=TinyEngine(), **SIZES, **AXES)
    choose(desk.panel.axes.depth, "plane 1")
    desk.qtbot.waitUntil(lambda: desk.image_state.part.z == 1 and desk.image_state.is_open)
    desk.points.add(desk.image_state.layers.axes.coordinates(0, *world.disc_centre(0, 0)))
    desk.settle()
    return desk


def fill(desk):
    """Press the button, and wait for the layer."""
    desk.qtbot.waitUntil(desk.panel.axes.fill.isEnabled)
    desk.panel.axes.fill.click()
    desk.qtbot.waitUntil(lambda: LAYER in desk.viewer.layers)
    desk.settle()
    return desk.viewer.layers[LAYER]


def test_masks_of_the_plane_are_in_a_new_layer_on_the_image(clicked):
    before = np.array(clicked.image_state.labels)
    layer = fill(clicked)
    assert layer.data.shape == VOLUMES.shape
    assert np.array_equal(layer.data[:, 1], before)
    assert layer.data[0, 1].any()
    assert np.allclose(layer.scale, SIZES["scale"])
    assert np.allclose(layer.translate, 0)


def test_the_document_stays_as_it_is(clicked):
    state = clicked.image_state
    before = np.array(state.labels), dict(state.objects), state.undo_text
    fill(clicked)
    assert np.array_equal(state.labels, before[0])
    assert (state.objects, state.undo_text) == before[1:]
    assert clicked.viewer.layers.selection.active is clicked.points


def test_filling_twice_keeps_both_layers(clicked):
    fill(clicked)
    clicked.panel.axes.fill.click()
    clicked.qtbot.waitUntil(lambda: f"{LAYER} [1]" in clicked.viewer.layers)


def test_the_layer_is_saved_with_all_axes_and_sizes(clicked, tmp_path):
    data, state, _ = fill(clicked).as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "volumes.tif"), data, state)
    with tifffile.TiffFile(tmp_path / "volumes.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        assert np.array_equal(tif.asarray(), data)
        found = tif.imagej_metadata
    assert (found["spacing"], found["finterval"], found["unit"]) == (2.0, 60.0, "um")


def test_cancel_adds_no_layer(clicked, monkeypatch):
    clicked.qtbot.waitUntil(clicked.panel.axes.fill.isEnabled)
    clicked.panel.axes.fill.click()
    clicked.panel.axes.cancel.click()
    clicked.qtbot.waitUntil(lambda: clicked.controller.volumes.progress is None)
    clicked.settle()
    assert LAYER not in clicked.viewer.layers
    assert clicked.panel.axes.fill.isEnabled()


def test_an_image_that_is_removed_ends_its_filling(clicked):
    clicked.qtbot.waitUntil(clicked.panel.axes.fill.isEnabled)
    clicked.panel.axes.fill.click()
    clicked.viewer.layers.remove(clicked.image_state.image)
    assert clicked.controller.volumes.progress is None
    clicked.qtbot.waitUntil(lambda: not clicked.panel.is_behind)
    assert LAYER not in clicked.viewer.layers


def test_nothing_can_be_filled_without_cells(open_desk):
    desk = open_desk(VOLUMES, **AXES)
    choose(desk.panel.axes.depth, "plane 1")
    desk.qtbot.waitUntil(lambda: desk.image_state.part.z == 1 and desk.image_state.is_open)
    desk.settle()
    assert not desk.panel.axes.fill.isHidden()
    assert not desk.panel.axes.fill.isEnabled()


def test_a_projection_has_no_button(open_desk):
    desk = open_desk(VOLUMES, **AXES)
    desk.settle()
    assert not desk.panel.axes.fill.isVisibleTo(desk.panel.axes)


def test_volumes_lie_on_an_image_with_channels(open_desk):
    two = np.stack([VOLUMES, VOLUMES[:, :, ::-1]], axis=1)  # (T, C, Z, Y, X)
    desk = open_desk(two, engine=TinyEngine(), metadata={"axes": "TCZYX"})
    choose(desk.panel.axes.depth, "plane 2")
    desk.qtbot.waitUntil(lambda: desk.image_state.part.z == 2 and desk.image_state.is_open)
    desk.points.add(desk.image_state.layers.axes.coordinates(0, *world.disc_centre(0, 0)))
    desk.settle()
    layer = fill(desk)
    assert layer.data.shape == (3, 1, 4, world.SIDE, world.SIDE)
    assert np.array_equal(layer.data[:, 0, 2], desk.image_state.labels)
