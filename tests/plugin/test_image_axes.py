"""The axes of a layer are found, and the layers of prompts and labels lie on the image."""

import numpy as np
import pytest
from napari.layers import Image

from napari_sam2.io.selection import Selection
from napari_sam2.io.tiff import read_labels
from napari_sam2.plugin.layers.image_axes import PART, axes_of, part_of
from napari_sam2.plugin.layers.source_image import channels_of, image_source, stack_shape
from napari_sam2.plugin.napari_io.writers import write_labels_layer

from . import hands, world


def letters(shape, **options) -> str:
    return axes_of(Image(np.zeros(shape, np.uint8), **options)).letters


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((9, 11), "YX"),
        ((5, 9, 11), "TYX"),
        ((1, 9, 11), "TYX"),
        ((5, 1, 1, 9, 11), "T11YX"),
        ((1, 5, 9, 11), "1TYX"),
        ((6, 2, 9, 11), "TCYX"),
        ((2, 6, 9, 11), "CTYX"),
        ((6, 5, 9, 11), "TZYX"),
        ((6, 5, 2, 9, 11), "TZCYX"),
        ((3, 6, 5, 9, 11), "CTZYX"),
        ((6, 5, 7, 9, 11), "TCZYX"),
    ],
)
def test_axes_without_names_are_told_apart_by_their_lengths(shape, found):
    assert letters(shape) == found


def test_axis_labels_say_what_the_axes_are():
    assert letters((3, 2, 9, 11), axis_labels=("c", "t", "y", "x")) == "CTYX"
    assert letters((5, 9, 11), axis_labels=("z", "y", "x")) == "ZYX"
    assert letters((6, 3, 9, 11), axis_labels=("Time", "Slices", "y", "x")) == "TZYX"
    assert letters((9, 11, 5), axis_labels=("y", "x", "t")) == "YXT"


def test_the_unit_of_an_axis_says_that_it_is_time():
    assert letters((2, 6, 9, 11), units=("second", "pixel", "pixel", "pixel")) == "TZYX"


def test_metadata_say_what_the_axes_are():
    assert letters((3, 2, 9, 11), metadata={"axes": "ZTYX"}) == "ZTYX"
    assert letters((3, 1, 2, 9, 11), metadata={"axes": "ZTYX"}) == "Z1TYX"


def test_a_chosen_meaning_of_the_axes_goes_before_a_guess():
    chosen = {PART: Selection("CTYX", channel=2)}
    layer = Image(np.zeros((3, 2, 9, 11), np.uint8), metadata=chosen)
    assert axes_of(layer).letters == "CTYX"
    assert part_of(layer).channels == (2,)


def test_more_positions_than_axes_are_refused_in_words():
    with pytest.raises(ValueError, match="one position only"):
        stack_shape(Image(np.zeros((5, 4, 3, 2, 9, 11), np.uint8)))


def test_the_part_of_a_layer_is_read_frame_by_frame():
    read = []

    class Lazy:
        shape, dtype, ndim = (4, 2, 9, 11), np.dtype(np.uint8), 4

        def __getitem__(self, key):
            read.append(key)
            return np.full(self.shape, 7, np.uint8)[key]

    layer = Image(np.zeros(Lazy.shape, np.uint8), metadata={PART: Selection("TCYX", channel=1)})
    data = image_source(layer).data
    data.whole = Lazy()
    assert data.shape == (4, 9, 11)
    assert not read
    assert data[3].shape == (9, 11)
    assert read == [(3, 1, slice(None), slice(None))]


def test_every_channel_is_measured():
    pixels = np.arange(4 * 2 * 9 * 11, dtype=np.uint16).reshape(4, 2, 9, 11)
    found = channels_of(Image(pixels, name="cells"))
    assert list(found) == ["cells channel 0", "cells channel 1"]
    assert np.array_equal(found["cells channel 1"][3], pixels[3, 1])


PIXELS = world.movie(frames=4)
LAYERS = {
    "T11YX": PIXELS[:, None, None],
    "1TYX": PIXELS[None],
    "TCYX": np.stack([PIXELS, PIXELS // 8], axis=1),
    "CTYX": np.stack([PIXELS, PIXELS // 8]),
    "TZYX": np.stack([PIXELS // 8, PIXELS // 4, PIXELS, PIXELS // 4, PIXELS // 8], axis=1),
}
SCALE = {"Y": 0.5, "X": 0.25, "T": 3.0, "Z": 2.0, "C": 1.0, "1": 1.0}
START = {"Y": 4.0, "X": -3.0, "T": 0.0, "Z": 6.0, "C": 0.0, "1": 0.0}


@pytest.fixture(params=LAYERS)
def axes_desk(request, open_desk):
    """A movie of two discs in a layer with other axes beside time, rows and columns."""
    names = request.param
    desk = open_desk(
        LAYERS[names],
        scale=[SCALE[letter] for letter in names],
        translate=[START[letter] for letter in names],
        metadata={"axes": names.replace("1", "")},
    )
    return desk, names


def world_of(names, t, y, x, viewer):
    """The world position of a pixel, by hand, at the shown channel and plane."""
    world_point = list(viewer.dims.point)
    for letter, index in (("T", t), ("Y", y), ("X", x)):
        place = names.index(letter)
        world_point[place] = START[letter] + index * SCALE[letter]
    return world_point


def click_at(desk, names, t, y, x):
    viewer, place = desk.viewer, world_of(names, t, y, x, desk.viewer)
    viewer.dims.set_point(names.index("T"), place[names.index("T")])
    desk.breathe()
    hands.press_button(viewer, np.array(place))
    hands.release_button(viewer, np.array(place))
    desk.settle()


def other_axes(names):
    return [place for place, letter in enumerate(names) if letter in "ZC"]


def test_a_click_is_a_prompt_on_the_pixel_below_it(axes_desk):
    desk, names = axes_desk
    y, x = world.disc_centre(1, 2)
    click_at(desk, names, 2, y, x)
    assert np.allclose(desk.prompt(2).points, [(y, x)])
    assert np.array_equal(desk.image_state.labels[2] == 1, world.disc(1, 2))


def test_labels_and_clicks_show_on_every_channel_and_plane(axes_desk):
    desk, names = axes_desk
    y, x = world.disc_centre(1, 2)
    for axis in other_axes(names):
        desk.viewer.dims.set_current_step(axis, 0)
    click_at(desk, names, 2, y, x)
    for axis in other_axes(names):
        for step in range(LAYERS[names].shape[axis]):
            desk.viewer.dims.set_current_step(axis, step)
            desk.breathe()
            place = world_of(names, 2, y, x, desk.viewer)
            assert desk.labels.get_value(place, world=True) == 1
            assert desk.points.get_value(place, world=True) == 0


def test_layers_do_not_make_the_sliders_longer(axes_desk):
    desk, names = axes_desk
    before = desk.viewer.dims.nsteps
    click_at(desk, names, 2, *world.disc_centre(1, 2))
    assert before == desk.viewer.dims.nsteps == LAYERS[names].shape


def test_painting_goes_to_the_shown_frame(axes_desk):
    desk, names = axes_desk
    click_at(desk, names, 2, *world.disc_centre(1, 2))
    desk.labels.brush_size = 1
    place = desk.labels.world_to_data(world_of(names, 2, 50, 9, desk.viewer))
    desk.labels.paint(tuple(np.round(place)), 1)
    desk.settle()
    assert desk.image_state.labels[2, 50, 9] == 1
    assert not desk.image_state.labels[1, 50, 9]


def test_boxes_are_prompts_on_the_shown_frame(axes_desk):
    desk, names = axes_desk
    y, x = world.disc_centre(1, 2)
    corners = [(y - 8, x - 8), (y - 8, x + 8), (y + 8, x + 8), (y + 8, x - 8)]
    desk.viewer.dims.set_point(names.index("T"), 2 * SCALE["T"])
    desk.breathe()
    at = [desk.shapes.world_to_data(world_of(names, 2, *one, desk.viewer)) for one in corners]
    desk.shapes.add_rectangles(np.array(at))
    desk.settle()
    assert np.allclose(desk.prompt(2).box, (y - 8, x - 8, y + 8, x + 8))


def test_the_frame_of_the_movie_is_that_of_its_slider(axes_desk):
    desk, names = axes_desk
    desk.controller.go_to(3)
    assert desk.viewer.dims.current_step[names.index("T")] == 3
    assert desk.controller.view.frame == 3


def test_a_rolled_view_is_no_view_of_the_frame(axes_desk):
    desk, _names = axes_desk
    assert desk.controller.view.shows_one(desk.image_state)
    desk.viewer.dims.roll()
    assert not desk.controller.view.shows_one(desk.image_state)


def test_tracks_lie_on_the_cells(axes_desk):
    desk, names = axes_desk
    if not desk.image_state.layers.axes.takes_tracks:
        assert names == "T11YX"
        assert not desk.panel.review.box.tracks.isEnabled()
        return
    click_at(desk, names, 0, *world.disc_centre(1, 0))
    desk.track()
    desk.controller.tracks.set_shown(True)
    desk.qtbot.waitUntil(lambda: desk.viewer.layers[-1].name.endswith("tracks"))
    tracks = desk.viewer.layers[-1]
    here = [place for place, letter in enumerate(names) if letter in "TYX"]
    rows = np.array([tracks.data_to_world(row) for row in tracks.data[:, 1:]])
    first = len(names) - rows.shape[1]
    y, x = world.disc_centre(1, 2)
    expected = [START[letter] + at * SCALE[letter] for letter, at in (("T", 2), ("Y", y), ("X", x))]
    assert np.allclose(rows[2][[place - first for place in here]], expected)
    assert desk.viewer.dims.nsteps == LAYERS[names].shape


def test_napari_writes_the_labels_as_frames(axes_desk, tmp_path):
    desk, names = axes_desk
    click_at(desk, names, 2, *world.disc_centre(1, 2))
    data, state, _kind = desk.labels.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "cells.sam2.tif"), data, state)
    labels, _scale = read_labels(tmp_path / "cells.sam2.tif")
    assert np.array_equal(labels[2] == 1, world.disc(1, 2))
    assert labels.shape == PIXELS.shape


def test_every_channel_is_in_an_exported_table(axes_desk, tmp_path):
    desk, names = axes_desk
    click_at(desk, names, 2, *world.disc_centre(1, 2))
    path = tmp_path / "cells.csv"
    desk.controller.exporting.start(path)
    desk.qtbot.waitUntil(lambda: not desk.controller.exporting.is_on)
    header, row = path.read_text().splitlines()[:2]
    found = dict(zip(header.split(","), row.split(","), strict=True))
    means = [float(value) for name, value in found.items() if "mean" in name]
    assert means == ([4000.0, 500.0] if "C" in names else [4000.0])
    assert float(found["error_probability"]) == 0  # of the mask that was clicked


def test_a_movie_with_time_last_is_taken_as_it_is_shown(open_desk):
    desk = open_desk(np.moveaxis(PIXELS, 0, -1), rgb=False)
    desk.viewer.dims.order = (2, 0, 1)
    button = desk.panel.status.button
    desk.qtbot.waitUntil(lambda: button.text() == "They are y and x")
    before = desk.image_state
    button.click()
    desk.qtbot.waitUntil(lambda: desk.image_state is not before and desk.image_state.is_open)
    assert desk.image_state.frames == len(PIXELS)
    y, x = world.disc_centre(1, 2)
    desk.viewer.dims.set_current_step(2, 2)
    place = np.array([y, x, 2.0])
    hands.press_button(desk.viewer, place)
    hands.release_button(desk.viewer, place)
    desk.settle()
    assert np.array_equal(desk.image_state.labels[2] == 1, world.disc(1, 2))
    assert np.array_equal(desk.labels.data[..., 2] == 1, world.disc(1, 2))
    assert desk.image_state.source.selection == Selection("YXT")
