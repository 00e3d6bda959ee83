"""The open image follows its acquisition: new frames are added and tracked while it is open."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from napari.layers._source import layer_source
from napari_builtins.io import napari_get_reader

from napari_sam2.io.movies import open_movie
from napari_sam2.plugin.napari_io.layer_data import movie_layer
from napari_sam2.plugin.napari_io.readers import read_project_layer

from . import world
from .real_engines import TinyEngine
from .test_saving import save_to
from .world import disc, disc_centre

MOVIE = world.movie(12)
FIRST = 6


def write(folder: Path, frames: range) -> None:
    folder.mkdir(exist_ok=True)
    for t in frames:
        tifffile.imwrite(folder / f"frame_{t:03d}.tif", MOVIE[t])


@pytest.fixture(autouse=True)
def quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.io.growing.LOOK_EVERY_S", 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the first images of an acquisition."""
    write(tmp_path / "run", range(FIRST))
    return tmp_path / "run"


@pytest.fixture
def open_run(open_desk):
    """Gives a function that opens a movie as a reader does, and waits for its document."""

    def open_run(path: Path, **kwargs):
        desk = open_desk(**kwargs)
        data, options, _ = movie_layer(open_movie(path))
        desk.viewer.add_image(data, **options)
        desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
        desk.go_to(0)
        desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
        return desk

    return open_run


@pytest.fixture
def desk(open_run, folder):
    return open_run(folder)


def show_more(desk) -> None:
    desk.panel.layout_parts.more.setChecked(True)
    desk.qtbot.waitUntil(desk.panel.model.isVisible)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)


def follow(desk) -> None:
    show_more(desk)
    desk.panel.acquisition.click()
    assert desk.controller.following.is_on


def wait_for_frames(desk, count: int) -> None:
    desk.qtbot.waitUntil(lambda: desk.image_state.frames == count)
    desk.qtbot.waitUntil(lambda: len(desk.image_state.labels) == count)
    desk.settle()


def is_followed(desk) -> bool:
    return desk.controller.following.is_on


def watches() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "napari-sam2 acquisition"]


# Offer


def test_box_is_under_more_for_a_movie_of_a_folder(desk):
    box = desk.panel.acquisition
    assert not box.isVisible()
    show_more(desk)
    assert box.isVisible()
    assert not box.isChecked()
    assert not watches()


def test_box_is_hidden_where_no_frame_can_come(open_run, tmp_path):
    tifffile.imwrite(tmp_path / "movie.tif", MOVIE)
    desk = open_run(tmp_path / "movie.tif")
    show_more(desk)
    assert not desk.panel.acquisition.isVisible()
    desk.viewer.add_image(MOVIE)
    desk.controller.choose_image(desk.viewer.layers[-1])
    desk.qtbot.waitUntil(lambda: desk.image_state.is_open)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    assert not desk.panel.acquisition.isVisible()


# Growth


@pytest.mark.real_window
def test_new_images_lengthen_image_labels_and_slider(desk, folder):
    follow(desk)
    write(folder, range(FIRST, 9))
    wait_for_frames(desk, 9)
    assert desk.viewer.dims.nsteps[0] == 9
    np.testing.assert_array_equal(desk.image_state.image.data, MOVIE[:9])
    assert np.asarray(desk.labels.data).shape == (9, world.SIDE, world.SIDE)
    assert desk.viewer.dims.current_step[0] == 0
    desk.go_to(8)
    np.testing.assert_array_equal(desk.image_state.image._slice.image.raw, MOVIE[8])


def test_work_stays_and_new_frames_take_clicks(desk, folder):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    follow(desk)
    write(folder, range(FIRST, 9))
    wait_for_frames(desk, 9)
    assert list(desk.image_state.prompts) == [(0, 1)]
    np.testing.assert_array_equal(desk.labels.data[0] == 1, disc(0, 0))
    desk.controller.next_object()
    desk.click(8, *disc_centre(1, 8))
    desk.settle()
    np.testing.assert_array_equal(desk.labels.data[8] == 2, disc(1, 8))
    for _ in range(2):
        desk.controller.review.undo()
        desk.settle()
    desk.qtbot.waitUntil(lambda: not desk.image_state.prompts)
    assert not np.asarray(desk.labels.data).any()


def test_tracking_goes_on_into_new_frames(desk, folder):
    desk.click(0, *disc_centre(0, 0))
    desk.track()
    follow(desk)
    for end in (8, 12):
        write(folder, range(end - 2 if end == 8 else 8, end))
        wait_for_frames(desk, end)
        desk.qtbot.waitUntil(lambda end=end: (desk.image_state.labels[end - 1] == 1).any())
        desk.settle()
    for t in range(12):
        np.testing.assert_array_equal(desk.labels.data[t] == 1, disc(0, t))


def test_cells_that_were_not_tracked_to_the_end_are_left_alone(desk, folder):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    follow(desk)
    write(folder, range(FIRST, 9))
    wait_for_frames(desk, 9)
    assert not np.asarray(desk.labels.data)[1:].any()
    desk.track()
    np.testing.assert_array_equal(desk.labels.data[8] == 1, disc(0, 8))


def test_frames_that_come_during_a_run_wait_for_its_end(open_run, folder):
    gate = world.Gate()
    desk = open_run(folder, engine=world.ThresholdEngine(gate))
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    follow(desk)
    desk.press_track()
    gate.let_pass(2)
    desk.qtbot.waitUntil(lambda: len(gate.passed) == 2)
    write(folder, range(FIRST, 9))
    desk.qtbot.waitUntil(lambda: desk.controller.following._news is not None)
    assert desk.image_state.frames == FIRST
    gate.open()
    wait_for_frames(desk, 9)
    desk.qtbot.waitUntil(lambda: (desk.image_state.labels[8] == 1).any())


def test_frame_of_a_known_cell_can_be_shown_at_once(desk, folder):
    desk.click(0, *disc_centre(0, 0))
    desk.track()
    desk.qtbot.waitUntil(lambda: 1 in desk.image_state.timelines)
    follow(desk)
    seen = []
    desk.image_state.image.events.data.connect(
        lambda: seen.append(desk.viewer.dims.set_current_step(0, 8))
    )
    write(folder, range(FIRST, 9))
    wait_for_frames(desk, 9)
    assert seen
    desk.qtbot.waitUntil(lambda: desk.image_state.timelines[1].has_mask.all())
    assert len(desk.image_state.timelines[1].has_mask) == 9


def test_saved_project_has_the_new_frames(open_run, open_desk, folder, tmp_path, monkeypatch):
    path = tmp_path / "run.sam2"
    desk = open_run(folder, engine=TinyEngine())
    desk.click(0, *disc_centre(0, 0))
    desk.track()
    save_to(desk, path, monkeypatch)
    follow(desk)
    write(folder, range(FIRST, 8))
    wait_for_frames(desk, 8)
    desk.click(7, *disc_centre(0, 7))
    desk.settle()
    save_to(desk, path, monkeypatch)
    labels = np.array(desk.labels.data)
    assert labels[7].any()
    desk.panel.shut_down()
    other = open_desk(engine=TinyEngine())
    data, options, _ = read_project_layer(str(path))[0]
    other.viewer.add_image(data, **options)
    other.qtbot.waitUntil(lambda: other.image_state is not None and other.image_state.is_open)
    other.settle()
    np.testing.assert_array_equal(other.labels.data, labels)


def test_zarr_array_is_followed(open_run, tmp_path):
    path = tmp_path / "run.zarr"
    array = zarr.create_array(path, shape=MOVIE[:3].shape, chunks=(1, 64, 64), dtype="uint16")
    array[:] = MOVIE[:3]
    desk = open_run(path)
    follow(desk)
    array.resize(MOVIE[:5].shape)
    array[3:] = MOVIE[3:5]
    wait_for_frames(desk, 5)
    np.testing.assert_array_equal(desk.image_state.image.data, MOVIE[:5])


def test_image_of_several_resolutions_is_followed(open_desk, tmp_path):
    path = tmp_path / "run.zarr"
    array = zarr.create_array(path, shape=MOVIE[:3].shape, chunks=(1, 64, 64), dtype="uint16")
    array[:] = MOVIE[:3]
    desk = open_desk()
    with layer_source(path=str(path), reader_plugin="napari"):
        desk.viewer.add_image([MOVIE[:3], MOVIE[:3, ::2, ::2]], multiscale=True)
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    follow(desk)
    array.resize(MOVIE[:5].shape)
    array[3:] = MOVIE[3:5]
    wait_for_frames(desk, 5)
    full, coarse = desk.image_state.image.data
    np.testing.assert_array_equal(full, MOVIE[:5])
    np.testing.assert_array_equal(coarse, MOVIE[:5, ::2, ::2])
    desk.click(4, *disc_centre(0, 4))
    desk.settle()
    np.testing.assert_array_equal(desk.labels.data[4] == 1, disc(0, 4))


def test_folder_that_napari_opened_is_followed(open_desk, folder):
    desk = open_desk()
    [(data, *_)] = napari_get_reader(str(folder))(str(folder))
    with layer_source(path=str(folder), reader_plugin="napari"):
        desk.viewer.add_image(data)
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    follow(desk)
    write(folder, range(FIRST, 8))
    wait_for_frames(desk, 8)
    np.testing.assert_array_equal(desk.image_state.image.data, MOVIE[:8])


def test_contrast_that_the_model_uses_stays(desk, folder):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    follow(desk)
    desk.image_state.image.contrast_limits = (500, 3000)
    write(folder, range(FIRST, 9))
    wait_for_frames(desk, 9)
    assert tuple(desk.image_state.image.contrast_limits) == (500, 3000)
    assert desk.image_state.contrast_differs()


# The end


def test_vanished_frame_is_told_and_ends_it(desk, folder, notifications):
    follow(desk)
    write(folder, range(FIRST, 9))
    wait_for_frames(desk, 9)
    (folder / "frame_002.tif").unlink()
    desk.qtbot.waitUntil(lambda: not is_followed(desk))
    assert notifications.only() == (
        "The acquisition is not followed any more: frame_002.tif is no longer in run: the frames "
        "that were there must stay."
    )
    desk.qtbot.waitUntil(lambda: not desk.panel.acquisition.isChecked())
    desk.qtbot.waitUntil(lambda: not watches())
    assert desk.image_state.frames == 9


def test_movie_that_is_not_the_one_in_the_folder_is_told(desk, folder, notifications):
    tifffile.imwrite(folder / "frame_000.tif", MOVIE[7])
    desk.image_state.image.data = MOVIE[:FIRST]  # as it was
    desk.settle()
    follow(desk)
    desk.qtbot.waitUntil(lambda: not is_followed(desk))
    assert "does not show the frames that are in" in notifications.only()


def test_box_ends_it(desk, folder):
    follow(desk)
    desk.panel.acquisition.click()
    assert not is_followed(desk)
    desk.qtbot.waitUntil(lambda: not watches())


def test_other_image_ends_it(desk):
    follow(desk)
    other = desk.viewer.add_image(MOVIE)
    assert is_followed(desk)
    desk.controller.choose_image(other)
    assert not is_followed(desk)
    desk.qtbot.waitUntil(lambda: not watches())


def test_deleted_layer_ends_it(desk):
    follow(desk)
    desk.viewer.layers.remove(desk.image_state.image)
    assert not is_followed(desk)
    desk.qtbot.waitUntil(lambda: not watches())


def test_closed_widget_ends_it(desk):
    follow(desk)
    desk.panel.shut_down()
    assert not is_followed(desk)
    desk.qtbot.waitUntil(lambda: not watches())


def test_refused_growth_is_told_and_opens_the_image_again(desk, folder, notifications, monkeypatch):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()

    def refuse(*_) -> None:
        raise ValueError("the disk is gone")

    monkeypatch.setattr(world.ThresholdTracker, "grow", refuse)
    follow(desk)
    write(folder, range(FIRST, 9))
    desk.qtbot.waitUntil(lambda: not is_followed(desk))
    assert notifications.only() == "the disk is gone"
    wait_for_frames(desk, desk.image_state.frames)
    assert desk.image_state.frames > FIRST
    np.testing.assert_array_equal(desk.labels.data[0] == 1, disc(0, 0))
