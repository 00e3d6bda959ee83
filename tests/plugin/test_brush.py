"""The brush on the Labels layer is a prompt."""

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.packed_labels import PackedLabels
from napari_sam2.plugin.inference.painting import paint
from napari_sam2.plugin.layers.brush_prompts import strokes_of
from napari_sam2.plugin.layers.image_axes import ImageAxes
from napari_sam2.plugin.layers.shown_labels import ShownLabels
from napari_sam2.plugin.protocol.messages import Stroke

from . import hands
from .world import SIDE, ThresholdTracker, disc, disc_centre, movie

CORNER = np.s_[2:8, 40:50]  # far from the discs


@pytest.fixture
def annotation():
    """Objects 1 and 2 on the discs of frame 0."""
    annotation = Annotation(ThresholdTracker(movie(), lambda t: None))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [disc_centre(object_id - 1, 0)], [1])
    return annotation


def stroke(part, value, t=0):
    rows, columns = (axis[part].ravel() for axis in np.indices((SIDE, SIDE)))
    return Stroke(t, rows, columns, np.full(rows.shape, value))


def paint_as_napari_does(annotation, *strokes):
    for one in strokes:
        annotation.labels[one.t, one.rows, one.columns] = one.values
    paint(annotation, strokes)


def test_painted_pixels_join_the_object(annotation):
    paint_as_napari_does(annotation, stroke(CORNER, 1))
    expected = disc(0, 0)
    expected[CORNER] = True
    assert np.array_equal(annotation.labels[0] == 1, expected)
    assert np.array_equal(annotation.prompt(0, 1).mask, expected)


def test_erased_pixels_leave_every_object_they_belonged_to(annotation):
    paint_as_napari_does(annotation, stroke(np.s_[:, 16:18], 0))
    for object_id in (1, 2):
        mask = annotation.prompt(0, object_id).mask
        assert not mask[:, 16:18].any()
        assert np.array_equal(annotation.labels[0] == object_id, mask)


def test_a_gesture_is_one_undo_step_however_many_objects_it_touches(annotation):
    before = annotation.labels.copy()
    paint_as_napari_does(annotation, stroke(np.s_[:, 16:18], 3))
    assert annotation.undo_text == "paint on frame 0"
    annotation.undo()
    assert np.array_equal(annotation.labels, before)
    assert 3 not in annotation.objects


def test_a_new_value_makes_a_new_object(annotation):
    paint_as_napari_does(annotation, stroke(CORNER, 7))
    assert list(annotation.objects) == [1, 2, 7]


def test_an_object_that_is_painted_over_is_gone_from_the_frame(annotation):
    paint_as_napari_does(annotation, stroke(np.s_[:, :], 2))
    assert (annotation.labels[0] == 2).all()
    assert annotation.prompt(0, 1) is None


def test_an_object_erased_here_but_prompted_elsewhere_is_said_to_be_hidden(annotation):
    annotation.add_points(3, 1, [disc_centre(0, 3)], [1])
    paint_as_napari_does(annotation, stroke(np.s_[:32], 0))
    assert not annotation.prompt(0, 1).mask.any()


def test_what_was_covered_does_not_come_up_where_it_was_erased(annotation):
    annotation.add_mask(0, 3, disc(0, 0))  # covers object 1
    paint_as_napari_does(annotation, stroke(np.s_[:32], 0))
    assert not annotation.labels[0][:32].any()


def test_a_locked_frame_refuses_the_stroke_and_is_put_back(annotation):
    annotation.lock(1, [0])
    before = annotation.labels.copy()
    with pytest.raises(ValueError, match="locked on frame 0"):
        paint_as_napari_does(annotation, stroke(np.s_[:, 16:18], 2))
    assert np.array_equal(annotation.labels, before)


def test_a_locked_cell_is_not_erased_where_it_has_its_only_prompt(annotation):
    annotation.lock(1, [0])
    before = annotation.labels.copy()
    with pytest.raises(ValueError, match="locked on frame 0"):
        paint_as_napari_does(annotation, stroke(np.s_[:], 0))
    assert np.array_equal(annotation.labels, before)


def test_a_painted_frame_is_never_overwritten_by_the_model(annotation):
    paint_as_napari_does(annotation, stroke(CORNER, 1, t=2))
    approved = annotation.labels[2].copy()
    list(annotation.propagate(direction="both"))
    assert np.array_equal(annotation.labels[2] == 1, approved == 1)


@pytest.mark.parametrize("letters", ["TYX", "YX"])
@pytest.mark.parametrize("tool", ["brush", "fill", "polygon", "items"])
def test_every_tool_of_napari_is_understood(letters, tool):
    data = np.zeros((3, 16, 16)[-len(letters) :], np.uint16)
    layer = Labels(data)
    painted = use_tool(layer, tool, ImageAxes(letters, data.shape))
    assert np.array_equal(painted, data.reshape(-1, 16, 16)[0])
    assert painted.any()


@pytest.mark.parametrize("letters", ["TYX", "TCYX", "CTYX"])
@pytest.mark.parametrize("tool", ["brush", "fill", "polygon", "items"])
def test_every_tool_is_understood_on_the_labels_of_a_long_movie(letters, tool):
    labels = PackedLabels((3, 16, 16), np.uint16, budget_bytes=0)
    axes = ImageAxes(letters, tuple({"T": 3, "C": 2}.get(letter, 16) for letter in letters))
    layer = Labels(labels if axes.is_plain else ShownLabels(labels, axes))
    painted = use_tool(layer, tool, axes)
    assert np.array_equal(painted, labels[0])
    assert painted.any()
    assert not labels[1:].any()


def use_tool(layer, tool, axes):
    """Paint with 5 on frame 0; the (16, 16) pixels of the strokes that were heard."""
    heard = []
    layer.events.paint.connect(lambda event: heard.extend(strokes_of(event.value, axes)))
    place = tuple(round(at) for at in axes.coordinates(0, 8, 8))
    if tool == "brush":
        layer.paint(place, 5)
    elif tool == "fill":
        layer.fill(place, 5)
    elif tool == "polygon":
        layer.paint_polygon([axes.coordinates(0, y, x) for y, x in [(2, 2), (2, 9), (9, 9)]], 5)
    else:
        layer.data_setitem(tuple(np.array([i]) for i in place), 5)
    after = np.zeros((16, 16), int)
    for one in heard:
        after[one.rows, one.columns] = one.values
    return after


# In the window


def take_brush(desk, tool="paint"):
    desk.viewer.layers.selection.active = desk.labels
    desk.labels.mode = tool
    desk.labels.brush_size = 4
    desk.breathe()


@pytest.mark.real_window
def test_strokes_in_the_viewer_become_prompts_and_are_undone_by_the_same_key(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    take_brush(desk)
    hands.drag(desk.viewer, desk.labels, (0, 5, 40), (0, 5, 50))
    desk.settle()
    assert desk.prompt(0).mask[5, 45]
    assert desk.labels.data[0, 5, 45] == 1
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: not desk.labels.data[0, 5, 45])
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_a_value_taken_up_on_the_layer_is_the_current_object(desk):
    take_brush(desk)
    desk.labels.selected_label = 4
    assert desk.image_state.current_object == 4
    hands.drag(desk.viewer, desk.labels, (0, 5, 40), (0, 5, 50))
    desk.settle()
    assert list(desk.image_state.objects) == [4]
    assert "Paint or erase to correct cell 4" in desk.panel.status.text.text()


def test_a_stroke_on_a_locked_frame_is_refused_in_words(desk, notifications):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.controller._thread._workspace.documents[desk.image_state.number].annotation.lock(1, [0])
    take_brush(desk, "erase")
    hands.drag(desk.viewer, desk.labels, (0, 20, 10), (0, 20, 22))
    desk.settle()
    assert "cell 1 is locked on frame 0" in notifications.only()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_a_mask_that_comes_while_the_brush_is_down_waits_for_its_release(desk, monkeypatch):
    drawn = []
    monkeypatch.setattr(desk.labels, "refresh", lambda **kwargs: drawn.append(kwargs))
    take_brush(desk)
    at = hands.place_on_canvas(desk.viewer, desk.labels, (0, 5, 40))
    hands.press_button(desk.viewer, at)
    desk.image_state.layers.refresh()
    assert not drawn
    hands.release_button(desk.viewer, at)
    desk.qtbot.waitUntil(lambda: bool(drawn))
