"""The layers beside the image: where they lie, what happens when they go, one set for each."""

import numpy as np
import pytest
from napari.layers import Image, Labels, Points, Shapes

from napari_sam2.plugin.layers.source_image import is_hidden

from .world import FRAMES, SIDE, disc, disc_centre, movie

GEOMETRY = {
    "scale": (2.0, 0.5, 0.25),
    "translate": (0.0, 10.0, -7.0),
    "units": ("second", "micrometer", "micrometer"),
    "axis_labels": ("t", "y", "x"),
}


def test_three_layers_come_with_the_image(desk):
    kinds = [type(layer) for layer in desk.viewer.layers]
    assert kinds == [Image, Labels, Shapes, Points]
    assert desk.viewer.layers.selection.active is desk.points


def test_labels_layer_shows_the_array_of_the_document(desk):
    document = desk.controller._thread._workspace.documents[desk.image_state.number]
    assert desk.labels.data is document.annotation.labels


@pytest.mark.parametrize("name", GEOMETRY)
def test_layers_lie_where_the_image_lies(open_desk, name):
    desk = open_desk(movie(), **GEOMETRY)
    image = desk.image_state.image
    for layer in (desk.points, desk.shapes, desk.labels):
        assert np.array_equal(getattr(layer, name), getattr(image, name))


def test_layers_follow_when_the_image_moves(desk):
    desk.image_state.image.scale = (1, 3, 3)
    desk.image_state.image.translate = (0, 5, 6)
    assert np.array_equal(desk.labels.scale, (1, 3, 3))
    assert np.array_equal(desk.points.translate, (0, 5, 6))


def test_clicks_on_a_scaled_and_moved_image_land_on_the_right_pixel(open_desk):
    desk = open_desk(movie(), **GEOMETRY)
    desk.click(3, *disc_centre(1, 3))
    desk.settle()
    assert np.abs(desk.prompt(3).points - [disc_centre(1, 3)]).max() <= 0.5
    assert np.array_equal(desk.labels.data[3] == 1, disc(1, 3))


def test_layers_are_not_found_by_name(desk):
    for layer in desk.viewer.layers:
        layer.name = "something else"
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


@pytest.mark.parametrize("kind", [Points, Shapes, Labels])
def test_a_deleted_layer_is_told_and_restored(desk, kind):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    (layer,) = [layer for layer in desk.viewer.layers if isinstance(layer, kind)]
    desk.viewer.layers.remove(layer)
    desk.qtbot.waitUntil(lambda: "was deleted" in desk.panel.status.text.text())
    desk.panel.status.button.click()
    desk.qtbot.waitUntil(lambda: "was deleted" not in desk.panel.status.text.text())
    assert len(desk.points.data) == 1
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_clicks_on_a_restored_layer_are_prompts(desk):
    desk.viewer.layers.remove(desk.points)
    desk.qtbot.waitUntil(desk.panel.status.button.isVisible)
    desk.panel.status.button.click()
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_tracking_goes_on_without_the_labels_layer(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.viewer.layers.remove(desk.labels)
    desk.track()
    desk.controller.restore_layers()
    assert np.array_equal(desk.labels.data[-1] == 1, disc(0, FRAMES - 1))


def test_deleting_the_image_leaves_the_labels(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    labels = desk.labels
    desk.viewer.layers.remove(desk.image_state.image)
    desk.qtbot.waitUntil(lambda: not desk.panel.image.names())
    assert labels in desk.viewer.layers
    assert labels.editable
    assert desk.panel.status.text.text() == "Open a movie or an image to begin."


def test_each_image_has_layers_and_objects_of_its_own(open_desk):
    desk = open_desk(movie(), movie()[:, ::-1].copy())  # the last one opened is chosen
    y, x = disc_centre(0, 0)
    desk.click(0, SIDE - 1 - y, x)
    desk.settle()
    first = desk.image_state
    other = next(x for x in desk.viewer.layers if isinstance(x, Image) and x is not first.image)
    desk.panel.image.menu.activated.emit(desk.panel.image.names().index(other.name))
    assert desk.image_state.image is other
    desk.qtbot.waitUntil(lambda: desk.image_state.is_open)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0] == 1, disc(1, 0))
    assert np.array_equal(first.layers.labels.data[0] == 1, disc(0, 0)[::-1])


def test_selecting_a_layer_of_another_image_chooses_that_image(open_desk):
    desk = open_desk(movie(), movie())
    first = desk.image_state
    other = next(x for x in desk.viewer.layers if isinstance(x, Image) and x is not first.image)
    desk.controller.choose_image(other)
    desk.qtbot.waitUntil(lambda: desk.image_state.is_open)
    desk.viewer.layers.selection.active = first.layers.points.layer
    assert desk.image_state is first


def test_a_single_image_has_two_dimensional_layers(open_desk):
    desk = open_desk(movie()[0])
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data == 1, disc(0, 0))
    assert desk.points.ndim == 2
    assert not desk.panel.track.button.isEnabled()


def test_a_colour_movie_is_a_stack_of_frames(open_desk):
    colour = np.repeat((movie() // 16).astype(np.uint8)[..., None], 3, axis=-1) * 255
    desk = open_desk(colour.astype(np.uint16), rgb=True)
    assert desk.labels.data.shape == (FRAMES, SIDE, SIDE)


def test_more_axes_are_refused_with_what_to_do(open_desk):
    desk = open_desk(np.zeros((2, 2, 2, 3, 16, 16), np.uint8))
    desk.qtbot.waitUntil(lambda: "one position only" in desk.panel.status.text.text())
    assert desk.image_state is None
    assert len(desk.viewer.layers) == 1


def test_an_image_opened_later_is_taken(open_desk):
    desk = open_desk()
    desk.qtbot.waitUntil(
        lambda: desk.panel.status.text.text() == "Open a movie or an image to begin."
    )
    desk.viewer.add_image(movie())
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    assert desk.viewer.layers.selection.active is desk.points


def test_ids_beyond_16_bit_replace_the_labels(desk):
    desk.controller.choose_object(70000)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert desk.labels.data.dtype == np.uint32
    assert np.array_equal(desk.labels.data[0] == 70000, disc(0, 0))
    assert len(desk.points.data) == 1


def test_the_model_sees_the_contrast_that_the_user_set(open_desk):
    desk = open_desk(movie())
    assert desk.engine.sources[-1].contrast_limits is None
    desk.image_state.image.contrast_limits = (400, 2000)
    desk.qtbot.waitUntil(lambda: desk.engine.sources[-1].contrast_limits == (400.0, 2000.0))


def test_a_new_contrast_is_taken_when_the_user_says_so(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.image_state.image.contrast_limits = (400, 2000)
    desk.qtbot.waitUntil(lambda: desk.panel.status.button.text() == "Use the new contrast")
    assert len(desk.engine.sources) == 1
    desk.panel.status.button.click()
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    desk.qtbot.waitUntil(lambda: not desk.panel.status.button.isVisible())
    assert np.array_equal(desk.labels.data[0] == 1, disc(0, 0))


def test_clicks_can_be_taken_back_while_their_layer_is_hidden(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    desk.points.visible = False
    desk.controller.review.undo()
    desk.settle()
    desk.qtbot.waitUntil(lambda: len(desk.points.data) == 1)
    desk.points.visible = True
    assert len(desk.points.face_color) == 1


def test_a_picked_image_is_shown_above_all_others_with_its_layers(open_desk):
    desk = open_desk(movie(), movie()[:, ::-1].copy())
    other = next(x for x in desk.viewer.layers if isinstance(x, Image))
    assert desk.image_state.image is not other
    other.visible = False
    desk.panel.image.menu.activated.emit(desk.panel.image.names().index(other.name))
    desk.qtbot.waitUntil(lambda: desk.image_state.is_open)
    assert other.visible
    own = [
        layer
        for layer in desk.viewer.layers
        if layer is other or desk.image_state.layers.owns(layer)
    ]
    assert list(desk.viewer.layers)[-len(own) :] == own
    assert desk.viewer.layers.selection.active is desk.points


@pytest.mark.parametrize("is_covered", [True, False])
def test_a_hidden_image_is_told_and_shown_by_one_button(open_desk, is_covered):
    desk = open_desk(movie(), movie())
    first = next(x for x in desk.viewer.layers if isinstance(x, Image))
    desk.controller.choose_image(first)
    first.visible = is_covered  # the other image lies above it
    status = desk.panel.status
    desk.qtbot.waitUntil(lambda: "is hidden" in status.text.text())
    status.button.click()
    desk.qtbot.waitUntil(lambda: "is hidden" not in status.text.text())
    first.visible = False
    desk.qtbot.waitUntil(lambda: "is hidden" in status.text.text())


def test_an_image_under_a_transparent_or_smaller_one_is_not_hidden():
    image, above = Image(np.zeros((8, 8))), Image(np.zeros((8, 8)), name="above")
    assert is_hidden(image, [image, above])
    assert not is_hidden(above, [image, above])
    above.opacity = 0.5
    assert not is_hidden(image, [image, above])
    assert not is_hidden(image, [image, Image(np.zeros((8, 6)))])
    assert not is_hidden(image, [image, Image(np.zeros((8, 8)), blending="additive")])
