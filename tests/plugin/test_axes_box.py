"""The rows that choose the meaning of the axes, the channel, and the plane or projection."""

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox

from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.shelf import find_unsaved
from napari_sam2.io.selection import Selection
from napari_sam2.plugin.layers.image_axes import ImageAxes
from napari_sam2.plugin.layers.source_image import IMAGE_PATH
from napari_sam2.plugin.napari_io.open_project import opened_image
from napari_sam2.plugin.widgets.axes_box import AxesBox

from . import world
from .real_engines import TinyEngine

PIXELS = world.movie(frames=4)
TWO_CHANNELS = np.stack([PIXELS, PIXELS[:, ::-1]], axis=1)  # channel 1 is turned upside down
LONG = world.movie(frames=5)
PLANES = np.stack([np.zeros_like(LONG), LONG, np.zeros_like(LONG)] * 2, axis=1)


def texts(menu):
    return [menu.itemText(index) for index in range(menu.count())]


def choose(menu, text):
    index = next(i for i, shown in enumerate(texts(menu)) if shown.startswith(text))
    menu.setCurrentIndex(index)
    menu.activated.emit(index)


@pytest.fixture
def answers(monkeypatch):
    """Answers questions with Yes, and keeps their texts; clear `said` to answer No."""
    asked = []

    def question(parent, title, text):
        asked.append(text)
        return QMessageBox.StandardButton.Yes if asked.says_yes else QMessageBox.StandardButton.No

    class Asked(list):
        says_yes = True

    asked = Asked()
    monkeypatch.setattr(QMessageBox, "question", question)
    return asked


def click_disc(desk, y, x, t=0):
    desk.points.add(desk.image_state.layers.axes.coordinates(t, y, x))
    desk.settle()


def test_the_rows_are_hidden_where_there_is_nothing_to_choose(qtbot):
    box = AxesBox()
    qtbot.addWidget(box)
    for letters, lengths in (("YX", (9, 9)), ("TYX", (4, 9, 9)), ("T11YX", (4, 1, 1, 9, 9))):
        box.show_part(ImageAxes(letters, lengths), Selection())
        assert box.isHidden()


def test_the_rows_say_what_was_guessed(qtbot):
    box = AxesBox()
    qtbot.addWidget(box)
    axes = ImageAxes("TZCYX", (9, 4, 2, 8, 8))
    box.show_part(axes, axes.default)
    shown = [menu.currentText() for menu in (box.axes, box.channel, box.depth)]
    assert shown == ["time, depth, channel, y, x", "channel 1 of 2", "brightest value (max)"]
    assert texts(box.channel)[-1] == "together: 1 red, 2 green"
    expected = ["sharpest plane (focus)", "in 3D, all planes", "plane 0 of 0 to 3"]
    assert texts(box.depth)[2:5] == expected
    assert "channel, depth, time, y, x" in texts(box.axes)


def test_only_the_menus_that_are_needed_are_shown(qtbot):
    box = AxesBox()
    qtbot.addWidget(box)
    axes = ImageAxes("TCYX", (9, 2, 8, 8))
    box.show_part(axes, axes.default)
    box.show()
    assert box.channel.isVisible()
    assert not box.depth.isVisible()


def test_the_model_sees_the_chosen_channel(open_desk):
    desk = open_desk(TWO_CHANNELS)
    choose(desk.panel.axes.channel, "channel 2 of 2")
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    y, x = world.disc_centre(0, 0)
    click_disc(desk, world.SIDE - 1 - y, x)
    assert np.array_equal(desk.image_state.labels[0] == 1, world.disc(0, 0)[::-1])


def test_the_model_sees_a_plane_or_a_projection(open_desk):
    desk = open_desk(PLANES)
    assert np.array_equal(np.asarray(desk.engine.sources[0].data), LONG)  # brightest value
    choose(desk.panel.axes.depth, "plane 2")
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    assert not np.asarray(desk.engine.sources[1].data).any()


def test_channels_are_mixed_as_colours(open_desk):
    desk = open_desk(TWO_CHANNELS)
    choose(desk.panel.axes.channel, "together")
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    source = desk.engine.sources[1]
    assert source.rgb
    frame = source.data[0]
    assert frame.shape == (world.SIDE, world.SIDE, 3)
    assert frame[..., 0].max() == 1
    assert np.array_equal(frame[::-1, :, 0], frame[..., 1])


def mixed_with_weights(desk, green):
    """Show both channels to the model, the second one with a weight that the user sets."""
    choose(desk.panel.axes.channel, "together")
    desk.qtbot.waitUntil(lambda: desk.image_state.part.is_mix)
    desk.settle()
    with desk.qtbot.waitSignal(desk.panel.axes.chosen):
        desk.panel.axes.weights.boxes[1].setValue(0.9)
        desk.panel.axes.weights.boxes[1].setValue(green)
    desk.qtbot.waitUntil(lambda: desk.image_state.part.weights == (1.0, green))
    desk.settle()


def test_the_weight_of_a_channel_reaches_the_model(open_desk):
    desk = open_desk(TWO_CHANNELS)
    mixed_with_weights(desk, 0.5)
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 3)
    frame = np.asarray(desk.engine.sources[-1].data[0])
    assert (frame[..., 0].max(), frame[..., 1].max()) == (1, 0.5)


def test_weights_are_shown_for_a_mix_only(qtbot):
    box = AxesBox()
    qtbot.addWidget(box)
    axes = ImageAxes("TCYX", (9, 2, 8, 8))
    box.show_part(axes, axes.default)
    assert box.weights.isHidden()
    box.show_part(axes, Selection("TCYX", {0: 1.0, 1: 0.25}))
    assert not box.weights.isHidden()
    assert [one.value() for one in box.weights.boxes[:2]] == [1.0, 0.25]
    assert box.weights.boxes[2].isHidden()


def test_refused_weights_stay_as_they_were(open_desk, answers):
    desk = open_desk(TWO_CHANNELS)
    choose(desk.panel.axes.channel, "together")
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    click_disc(desk, *world.disc_centre(0, 0))
    answers.says_yes = False
    with desk.qtbot.waitSignal(desk.panel.axes.chosen):
        desk.panel.axes.weights.boxes[0].setValue(0.2)
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.panel.axes.weights.boxes[0].value() == 1)
    assert "outline every clicked cell again" in answers[0]
    assert desk.image_state.part.weights == (1.0, 1.0)


def test_new_weights_encode_the_frames_again_and_stay_in_the_project(filed, tmp_path, answers):
    mixed_with_weights(filed, 0.5)
    filed.qtbot.waitUntil(lambda: len(filed.engine.opened) == 4)  # two single channels, two mixes
    one, other = (opened.tracker for opened in filed.engine.opened[-2:])
    assert one is not other  # features belong to a tracker
    assert [tracker.input_of(0, None)[..., 1].max() for tracker in (one, other)] == [1, 0.5]
    folder = tmp_path / "mix.sam2"
    filed.controller.saving.save(folder)
    filed.qtbot.waitUntil(lambda: filed.image_state.saving.is_saved)
    part = read_manifest(folder).image.part
    assert (part.channels, part.weights) == ((0, 1), (1.0, 0.5))
    data, options, _ = opened_image(str(folder))
    assert options["rgb"]
    assert np.asarray(data[0])[..., 1].max() == 0.5


def test_another_channel_asks_first_and_keeps_the_clicks(open_desk, answers):
    desk = open_desk(TWO_CHANNELS)
    y, x = world.disc_centre(0, 0)
    click_disc(desk, y, x)
    choose(desk.panel.axes.channel, "channel 2 of 2")
    desk.qtbot.waitUntil(lambda: len(desk.engine.sources) == 2)
    desk.settle()
    assert "outline every clicked cell again" in answers[0]
    assert np.allclose(desk.prompt(0).points, [(y, x)])


def test_a_refused_channel_stays_as_it_was(open_desk, answers):
    desk = open_desk(TWO_CHANNELS)
    click_disc(desk, *world.disc_centre(0, 0))
    answers.says_yes = False
    choose(desk.panel.axes.channel, "channel 2 of 2")
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.panel.axes.channel.currentText() == "channel 1 of 2")
    assert desk.image_state.part == Selection("TCYX", channel=0)
    assert len(desk.engine.sources) == 1


def test_other_axes_make_other_frames(open_desk):
    desk = open_desk(TWO_CHANNELS)
    before = desk.image_state
    choose(desk.panel.axes.axes, "channel, time")
    desk.qtbot.waitUntil(lambda: desk.image_state is not before and desk.image_state.is_open)
    assert desk.image_state.frames == 2
    assert desk.panel.axes.channel.count() == 5


class KeepingEngine(TinyEngine):
    """Keeps what it opened."""

    def begin(self):
        super().begin()
        self.opened = []

    def open_image(self, model, source):
        self.opened.append(super().open_image(model, source))
        return self.opened[-1]


@pytest.fixture
def filed(open_desk, tmp_path):
    """Two channels in a file, opened by another reader, with a click on channel 1."""
    import tifffile

    path = tmp_path / "two.ome.tif"
    tifffile.imwrite(path, TWO_CHANNELS, metadata={"axes": "TCYX"})
    desk = open_desk(TWO_CHANNELS, engine=KeepingEngine(), metadata={IMAGE_PATH: str(path)})
    choose(desk.panel.axes.channel, "channel 2 of 2")
    click_disc(desk, 20, 20)
    return desk


def test_a_project_keeps_the_part_and_opens_it_again(filed, tmp_path):
    folder = tmp_path / "two.sam2"
    filed.controller.saving.save(folder)
    filed.qtbot.waitUntil(lambda: filed.image_state.saving.is_saved)
    assert read_manifest(folder).image.part.selection.channels == (1,)
    data, options, _ = opened_image(str(folder))
    assert np.array_equal(np.asarray(data), TWO_CHANNELS[:, 1])
    assert not options["rgb"]


def test_unsaved_work_on_a_channel_is_restored_on_the_open_layer(filed, open_desk):
    filed.panel.shut_down()
    assert len(find_unsaved()) == 1
    desk = open_desk(TWO_CHANNELS, engine=TinyEngine())
    assert desk.image_state.part.channels == (0,)
    desk.qtbot.waitUntil(desk.panel.saving.offer.isVisible)
    desk.panel.saving.restore()
    desk.qtbot.waitUntil(lambda: list(desk.image_state.objects) == [1])
    assert desk.image_state.part.channels == (1,)
    assert desk.panel.axes.channel.currentText() == "channel 2 of 2"


def test_a_part_that_was_opened_from_the_shell_is_kept(open_desk, tmp_path):
    import tifffile

    from napari_sam2.io.movies import open_movie
    from napari_sam2.plugin.napari_io.layer_data import movie_layer

    path = tmp_path / "two.ome.tif"
    tifffile.imwrite(path, TWO_CHANNELS, metadata={"axes": "TCYX"})
    data, options, _ = movie_layer(open_movie(path, channel=1))
    desk = open_desk(data, engine=TinyEngine(), **options)
    click_disc(desk, 20, 20)
    folder = tmp_path / "two.sam2"
    desk.controller.saving.save(folder)
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    assert np.array_equal(np.asarray(opened_image(str(folder))[0]), TWO_CHANNELS[:, 1])
