"""Keys: ours on the viewer and our layers, napari's own where it has one."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Shapes
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts

from napari_sam2.plugin.keys import KeyBindings, default_of

OURS = ("K", "T", "N", "C", "L", "D", "[", "]", "Shift-C", "Control-Z", "Control-Shift-Z")
TOOLS = (
    "napari:activate_add_line_mode",
    "napari:activate_add_path_mode",
    "napari:activate_direct_mode",
    "napari:activate_labels_picker_mode",
    "napari:auto_contrast_once",
    "napari:decrease_brush_size",
    "napari:finish_drawing_shape",
    "napari:increase_brush_size",
)


@pytest.fixture(autouse=True, scope="module")
def _shortcuts_of_napari():
    """Bind what napari binds with its first window."""
    for action in TOOLS:
        action_manager.unbind_shortcut(action)
        for shortcut in default_shortcuts[action]:
            action_manager.bind_shortcut(action, shortcut)


@pytest.fixture
def pressed():
    return []


@pytest.fixture
def keys(pressed):
    return KeyBindings({key: lambda key=key: pressed.append(key) for key in OURS})


def bound(owner) -> set[str]:
    return {str(key) for key in owner.keymap}


def press(owner, key):
    return owner.keymap[coerce_keybinding(key)](owner)


def test_every_key_is_ours_on_viewer_and_clicks(keys):
    for owner in (ViewerModel(), Points(ndim=3)):
        keys.bind([owner])
        assert len(bound(owner)) == len(OURS)


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        *((Shapes(ndim=3), key) for key in ("L", "D", "T")),
        (Labels(np.zeros((4, 4), int)), "L"),
    ],
)
def test_tools_of_napari_keep_their_keys(keys, layer, key):
    keys.bind([layer])
    assert default_of(layer, key) is not None
    assert key not in bound(layer)


def test_contrast_key_of_an_image_stays(keys):
    assert default_of(Image(np.zeros((4, 4))), "C") is not None


@pytest.mark.parametrize("mode", ["paint", "erase"])
def test_brackets_size_the_brush_while_painting(keys, pressed, mode):
    labels = Labels(np.zeros((4, 4), int))
    keys.bind([labels])
    labels.mode = mode
    size = labels.brush_size
    press(labels, "]")
    assert labels.brush_size > size
    assert not pressed


@pytest.mark.parametrize("mode", ["pan_zoom", "pick", "fill"])
def test_brackets_go_to_doubtful_frames_with_other_tools(keys, pressed, mode):
    labels = Labels(np.zeros((4, 4), int))
    keys.bind([labels])
    labels.mode = mode
    size = labels.brush_size
    press(labels, "]")
    press(labels, "[")
    assert pressed == ["]", "["]
    assert labels.brush_size == size


def test_released_keys_are_gone(keys):
    owners = [ViewerModel(), Labels(np.zeros((4, 4), int)), Shapes(ndim=3), Points(ndim=3)]
    keys.bind(owners)
    keys.bind(owners)  # bound once
    keys.release()
    assert not any(bound(owner) for owner in owners)


def test_escape_is_taken_from_every_layer_while_it_cancels(pressed):
    escape = KeyBindings({"Escape": lambda: pressed.append("Escape")}, takes_all=True)
    shapes = Shapes(ndim=3)
    escape.bind([shapes])
    press(shapes, "Escape")
    escape.release()
    assert pressed == ["Escape"]
    assert not bound(shapes)
