"""Keys: ours on the viewer and our layers, napari's own where it has one."""

import warnings

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Shapes
from napari.utils.action_manager import action_manager
from napari.utils.key_bindings import coerce_keybinding
from napari.utils.shortcuts import default_shortcuts

from napari_sam2.plugin.window.keys import OURS, VERDICTS, KeyBindings, default_of

LAYERS = (Image, Labels, Points, Shapes)


@pytest.fixture(autouse=True, scope="module")
def _shortcuts_of_napari():
    """Bind on the layers what napari binds with its first window."""
    with warnings.catch_warnings():
        # before that window, the types of some actions of napari are not known
        warnings.filterwarnings("ignore", "Could not resolve type hint", UserWarning)
        for name, action in list(action_manager._actions.items()):
            if action.keymapprovider in (*LAYERS, ViewerModel):
                action_manager.unbind_shortcut(name)
                for shortcut in default_shortcuts.get(name, ()):
                    action_manager.bind_shortcut(name, shortcut)


def napari_keys(kind) -> set[str]:
    """All keys that napari binds on a kind of layer, in the spelling of the keymap."""
    return {str(key) for key in kind.class_keymap}


def our_keys() -> set[str]:
    return {str(coerce_keybinding(key)) for key in OURS}


def test_napari_binds_no_key_of_ours_on_the_clicks_layer():
    assert {"S", "Z", "3", "4"} <= napari_keys(Points)
    assert not our_keys() & napari_keys(Points)


def test_napari_binds_no_key_of_a_verdict_on_any_layer_or_the_viewer():
    viewer = {str(key) for key in ViewerModel.class_keymap}
    for kind in LAYERS:
        assert not set(VERDICTS) & (napari_keys(kind) | viewer), kind


def test_a_verdict_has_no_key_of_the_panel_but_q():
    """Q shows one family, and plays a cell again while whole cells are reviewed."""
    assert set(VERDICTS) & our_keys() == {"Q"}


def test_keys_that_napari_keeps_on_shapes_and_labels_are_the_documented_ones():
    history = {"Ctrl+Z", "Ctrl+Shift+Z"}  # taken from napari's labels: a stroke is undone by ours
    assert our_keys() & napari_keys(Shapes) == {"D", "F", "L", "T", "Enter"}
    assert our_keys() & napari_keys(Labels) - history == {"F", "L", "[", "]", "Enter"}


def test_the_panel_binds_the_listed_keys(desk):
    desk.qtbot.waitUntil(lambda: len(desk.viewer.keymap) > 0)
    assert bound(desk.viewer) == our_keys()
    assert bound(desk.points) == our_keys()


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
        *((Shapes(ndim=3), key) for key in ("L", "D", "T", "F")),
        *((Labels(np.zeros((4, 4), int)), key) for key in ("L", "F")),
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
