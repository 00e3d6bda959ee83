"""Labels that another tool has made become objects."""

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt

from napari_sam2.plugin.layers.label_source import label_source

from . import hands
from .world import FRAMES, Gate, ThresholdTracker, disc, disc_centre, movie

SIDE = 12


def foreign(dtype=np.uint16):
    """Labels of the discs as another tool gives them: 3 and 9."""
    stack = [disc(0, t) * 3 + disc(1, t) * 9 for t in range(FRAMES)]
    return np.array(stack, dtype=dtype)


def drawn(frames=4):
    labels = np.zeros((frames, SIDE, SIDE), np.uint16)
    for t in range(frames):
        labels[t, 2:6, 2 + t : 5 + t] = 7
    return labels


def image(**kwargs):
    return Image(np.zeros((4, SIDE, SIDE), np.uint8), name="cells", **kwargs)


@pytest.mark.parametrize("wrap", [np.asarray, da.from_array])
def test_labels_of_the_same_size_are_read_as_they_are(wrap):
    source = label_source(Labels(wrap(drawn())), image())
    assert all(np.array_equal(source.read(t), drawn()[t]) for t in range(4))


def test_a_layer_of_one_frame_suits_any_frame():
    source = label_source(Labels(drawn()[0]), image())
    assert np.array_equal(source.read(3), drawn()[0])


@pytest.mark.parametrize("shape", [(1, 4, SIDE, SIDE), (4, 1, SIDE, SIDE), (4, 1, 1, SIDE, SIDE)])
def test_axes_of_length_one_are_dropped(shape):
    scale = [60.0 if length == 4 else 1.0 for length in shape[:-2]]
    layer = Labels(drawn().reshape(shape), scale=(*scale, 0.5, 0.5))
    source = label_source(layer, image(scale=(60.0, 0.5, 0.5)))
    assert all(np.array_equal(source.read(t), drawn()[t]) for t in range(4))


def test_labels_in_micrometres_lie_pixel_for_pixel_on_an_image_without_a_scale():
    place = {"scale": (60, 0.5, 0.5), "translate": (0, 900, 400), "units": ("s", "um", "um")}
    source = label_source(Labels(drawn(), **place), image())
    assert all(np.array_equal(source.read(t), drawn()[t]) for t in range(4))


def test_labels_of_half_the_resolution_are_enlarged():
    # the centre of a coarse pixel lies between the centres of two fine ones
    layer = Labels(drawn()[:, ::2, ::2], scale=(1, 2, 2), translate=(0, 0.5, 0.5))
    expected = np.kron(drawn()[1][::2, ::2], np.ones((2, 2), int))
    assert np.array_equal(label_source(layer, image()).read(1), expected)


def test_labels_of_a_part_lie_where_they_were_cut_out():
    layer = Labels(drawn()[1:, 2:, 1:], scale=(2, 0.5, 0.5), translate=(2, 1, 0.5))
    source = label_source(layer, image(scale=(2, 0.5, 0.5)))
    assert np.array_equal(source.read(2), drawn()[2])
    assert not source.read(0).any()


@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (Labels(np.ones((2, 4, SIDE, SIDE), np.uint8)), "4 axes"),
        (Labels(drawn(), translate=(0, 500, 0)), "does not overlap"),
        (Labels(drawn(), rotate=30), "rotated or sheared"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(layer, reason):
    with pytest.raises(ValueError, match=reason):
        label_source(layer, image())


# In the window


def test_labels_of_a_frame_and_then_one_label_of_all_frames(desk, notifications):
    layer = desk.viewer.add_labels(foreign(np.int64), name="cellpose")
    desk.go_to(2)
    desk.qtbot.waitUntil(desk.panel.import_box.isVisible)
    desk.panel.import_box.frame.click()
    desk.settle()
    assert list(desk.image_state.objects) == [3, 9]
    assert np.array_equal(desk.labels.data[2], foreign()[2])
    assert not desk.labels.data[3].any()

    desk.controller.review.undo()
    desk.qtbot.waitUntil(lambda: not desk.image_state.objects)
    desk.qtbot.waitUntil(lambda: layer.visible)  # it was hidden by the import
    desk.viewer.layers.selection.active = layer
    hands.right_click(desk.viewer, layer, (2, *disc_centre(1, 2)))
    desk.panel.label_import.menu.actions()[1].trigger()
    desk.settle()
    desk.panel.label_import.menu.close()
    assert list(desk.image_state.objects) == [9]
    assert np.array_equal(desk.labels.data == 9, foreign() == 9)
    assert not notifications.messages


def test_imported_labels_are_hidden_and_the_next_step_is_to_track(desk):
    layer = desk.viewer.add_labels(foreign(), name="cellpose")
    desk.viewer.layers.selection.active = layer
    desk.qtbot.waitUntil(desk.panel.import_box.isVisible)
    desk.panel.import_box.movie.click()
    desk.settle()
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert not layer.visible
    assert desk.viewer.layers.selection.active is desk.points
    assert desk.points.mode == "add"
    assert desk.panel.status.message.text.text() == "2 cells imported. Track (K)"
    assert not desk.panel.import_box.isVisible()
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: not desk.image_state.objects)
    desk.qtbot.waitUntil(lambda: layer.visible)


def test_a_single_frame_cannot_be_imported_on_all(desk, notifications):
    layer = desk.viewer.add_labels(foreign()[0], name="stardist")
    desk.panel.label_import.import_labels(layer, all_frames=True)
    assert "“Import frame”" in notifications.only()
    desk.panel.label_import.import_labels(layer, all_frames=False, label=5)
    desk.settle()
    assert notifications.messages[-1] == "“stardist” has no labels to import"


def test_an_import_says_so_and_can_be_cancelled(open_desk, notifications, monkeypatch):
    gate = Gate()
    monkeypatch.setattr(ThresholdTracker, "import_masks", lambda self, t, *given: gate.wait(t))
    desk = open_desk(movie())
    desk.viewer.add_labels(foreign(), name="cellpose")
    desk.qtbot.waitUntil(desk.panel.import_box.isVisible)
    desk.panel.import_box.movie.click()
    desk.qtbot.waitUntil(lambda: desk.panel.track.button.text() == "Cancel import (Esc)")
    assert desk.panel.status.text.text().startswith("Importing labels.")
    assert not desk.image_state.is_tracking
    desk.press(Qt.Key.Key_Escape)
    gate.open()
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.panel.track.button.text() == "Track (K)")
    assert notifications.only() == "Import cancelled; no labels were imported."
    assert not desk.image_state.objects


def renumbered():
    """Labels of the discs as a tool gives them that numbers the cells of each frame by itself."""
    numbers = [(1, 2) if t % 2 else (2, 1) for t in range(FRAMES)]
    return np.array(
        [disc(0, t) * one + disc(1, t) * two for t, (one, two) in enumerate(numbers)], np.uint16
    )


@pytest.fixture
def asked(desk):
    """The panel asks what to do with labels that change their numbers on every frame."""
    desk.viewer.add_labels(renumbered(), name="cellpose")
    desk.qtbot.waitUntil(desk.panel.import_box.isVisible)
    desk.panel.import_box.movie.click()
    desk.qtbot.waitUntil(desk.panel.import_box.answers.isVisible)
    return desk


def test_unlinked_labels_are_linked_if_the_user_wants_it(asked):
    words = asked.panel.import_box.question.text()
    assert f"{2 * FRAMES} masks on {FRAMES} frames become 2 cells" in words
    assert not asked.image_state.objects
    asked.panel.import_box.link.click()
    asked.settle()
    assert list(asked.image_state.objects) == [1, 2]
    first = asked.labels.data[0][tuple(map(round, disc_centre(0, 0)))]
    assert all(np.array_equal(asked.labels.data[t] == first, disc(0, t)) for t in range(FRAMES))
    assert not asked.panel.import_box.answers.isVisible()
    asked.controller.review.undo()
    asked.qtbot.waitUntil(lambda: not asked.image_state.objects)


def test_numbers_of_unlinked_labels_are_kept_if_the_user_wants_it(asked):
    asked.panel.import_box.keep.click()
    asked.settle()
    assert np.array_equal(asked.labels.data, renumbered())


def test_unlinked_labels_are_not_imported_if_the_user_leaves(asked):
    asked.panel.import_box.leave.click()
    asked.settle()
    assert not asked.image_state.objects
    assert not asked.panel.import_box.answers.isVisible()


def test_our_own_labels_are_not_offered_and_others_are_left_as_they_were(desk):
    layer = desk.viewer.add_labels(foreign())
    before = list(layer.mouse_drag_callbacks)
    desk.qtbot.waitUntil(desk.panel.import_box.isVisible)
    assert [
        desk.panel.import_box.menu.itemText(i) for i in range(desk.panel.import_box.menu.count())
    ] == [layer.name]
    desk.panel.shut_down()
    assert layer.mouse_drag_callbacks == before
