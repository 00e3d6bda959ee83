"""Save, open, recent, and what is offered after a crash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from qtpy.QtWidgets import QMessageBox

from napari_sam2.io.data_folder import data_folder
from napari_sam2.io.movies import open_movie
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.shelf import find_unsaved
from napari_sam2.io.tiff import write_images
from napari_sam2.plugin.layers.source_image import IMAGE_PATH
from napari_sam2.plugin.napari_io.layer_data import movie_layer
from napari_sam2.plugin.napari_io.readers import get_project_reader
from napari_sam2.plugin.panel import SamPanel
from tests.worlds import discs_that_cross

from .real_engines import TinyEngine

WORLD = discs_that_cross()
ASK_KIND = "napari_sam2.plugin.napari_io.open_project.ask_kind"


@pytest.fixture(autouse=True)
def _no_question_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialog that nobody expects fails the test instead of waiting for ever."""
    monkeypatch.setattr(QMessageBox, "question", lambda *told: pytest.fail(str(told)))
    monkeypatch.setattr(ASK_KIND, lambda *told: pytest.fail(str(told)))


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "Zellen in Bewegung.tif"
    write_images(path, WORLD.images)
    return path


@pytest.fixture
def desk_with(open_desk: Callable[..., Any], movie: Path) -> Callable[..., Any]:
    """A desk with the movie opened from its file."""

    def open_it(**options: Any) -> Any:
        data, meta, _ = movie_layer(open_movie(movie))
        meta["metadata"] = {IMAGE_PATH: str(movie)}
        return open_desk(data, engine=TinyEngine(), **{**meta, **options})

    return open_it


def click_both(desk: Any) -> None:
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    desk.controller.next_object()
    desk.click(0, *WORLD.centre(0, 2))
    desk.settle()


def save_to(desk: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "napari_sam2.plugin.widgets.saving_widgets.ask_where_to_save", lambda *_: path
    )
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved, timeout=10000)


@pytest.mark.real_window
def test_saved_work_goes_on_where_it_ended(
    desk_with, open_desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with()
    click_both(desk)
    desk.track()
    path = tmp_path / "mein Projekt.sam2"
    save_to(desk, path, monkeypatch)
    labels = np.array(desk.labels.data)
    desk.panel.shut_down()
    other = open_desk(engine=TinyEngine())
    other.viewer.open(str(path), plugin="napari-sam2")
    other.qtbot.waitUntil(lambda: other.image_state is not None and other.image_state.is_open)
    other.settle()
    np.testing.assert_array_equal(other.labels.data, labels)
    assert other.image_state.objects.keys() == {1, 2}
    assert other.prompt(0, 2) is not None
    assert other.image_state.saving.is_saved


def test_the_button_tells_whether_all_is_saved(
    desk_with, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with()
    box = desk.panel.saving.box
    assert not box.save.isEnabled()
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    desk.qtbot.waitUntil(box.save.isEnabled)
    assert box.state.text() == "not saved yet"
    save_to(desk, tmp_path / "a.sam2", monkeypatch)
    desk.qtbot.waitUntil(lambda: box.state.text() == "a.sam2" and not box.save.isEnabled())
    desk.click(1, *WORLD.centre(1, 1))
    desk.settle()
    desk.qtbot.waitUntil(lambda: box.state.text() == "a.sam2 •" and box.save.isEnabled())
    box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    desk.qtbot.waitUntil(lambda: [p.name for p in desk.controller.saving.recent] == ["a.sam2"])
    assert not find_unsaved()


def test_a_scale_that_was_changed_is_saved(
    desk_with, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with()
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    save_to(desk, tmp_path / "a.sam2", monkeypatch)
    desk.image_state.image.scale = (60.0, 0.5, 0.25)
    desk.image_state.image.units = ("second", "micrometer", "micrometer")
    desk.click(1, *WORLD.centre(1, 1))
    desk.settle()
    desk.qtbot.waitUntil(desk.panel.saving.box.save.isEnabled)
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved, timeout=20000)
    scale = read_manifest(tmp_path / "a.sam2").image.scale
    assert (scale.pixel_size, scale.interval_s) == ((0.5, 0.25), 60.0)


def leave(desk: Any) -> None:
    """End without saving."""
    desk.panel.shut_down()
    desk.qtbot.waitUntil(lambda: bool(find_unsaved()))


def test_unsaved_work_is_offered_and_restored(desk_with, open_desk) -> None:
    desk = desk_with()
    click_both(desk)
    labels = np.array(desk.labels.data)
    leave(desk)
    other = open_desk(engine=TinyEngine())
    offer = other.panel.saving.offer
    other.qtbot.waitUntil(offer.isVisible, timeout=10000)
    assert offer.text.text().startswith("Unsaved work on Zellen in Bewegung.tif from ")
    offer.restore.click()
    other.qtbot.waitUntil(lambda: other.image_state is not None and bool(other.image_state.objects))
    np.testing.assert_array_equal(other.labels.data, labels)
    assert not offer.isVisible()
    other.controller.review.undo()
    other.qtbot.waitUntil(lambda: other.image_state.objects.keys() == {1})


def test_work_on_an_image_without_a_file_is_restored_onto_it(open_desk, notifications) -> None:
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    click_both(desk)
    leave(desk)
    other = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    offer = other.panel.saving.offer
    other.qtbot.waitUntil(offer.isVisible, timeout=10000)
    offer.restore.click()
    other.qtbot.waitUntil(lambda: other.image_state.objects.keys() == {1, 2}, timeout=10000)
    assert notifications.messages == []


def test_restored_work_opens_on_the_frame_last_seen_with_its_lanes(open_desk) -> None:
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    click_both(desk)
    desk.go_to(2)
    desk.panel.review.show_lanes(True)
    desk.qtbot.wait(200)  # the slider has come to rest
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    leave(desk)
    other = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    other.qtbot.waitUntil(other.panel.saving.offer.isVisible, timeout=10000)
    other.panel.saving.offer.restore.click()
    other.qtbot.waitUntil(lambda: other.controller.view.frame == 2)
    assert other.panel.review.lanes.is_docked


def test_work_is_not_restored_onto_another_image(open_desk, notifications) -> None:
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    click_both(desk)
    leave(desk)
    other = open_desk(WORLD.images[::-1].copy(), engine=TinyEngine())
    other.qtbot.waitUntil(other.panel.saving.offer.isVisible, timeout=10000)
    other.panel.saving.offer.restore.click()
    other.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert notifications.only() == "The image “drawn” was not found. Open it, then press Restore."
    assert find_unsaved()


def test_work_on_a_deleted_movie_is_restored_when_it_is_opened_again(open_desk) -> None:
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    click_both(desk)
    labels = np.array(desk.labels.data)
    desk.viewer.layers.remove(desk.image_state.image)
    offer = desk.panel.saving.offer
    desk.qtbot.waitUntil(offer.isVisible, timeout=10000)
    desk.viewer.add_image(WORLD.images, name="opened again")
    desk.qtbot.waitUntil(
        lambda: desk.image_state is not None and desk.image_state.is_open, timeout=10000
    )
    offer.restore.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.objects.keys() == {1, 2}, timeout=10000)
    np.testing.assert_array_equal(desk.labels.data, labels)
    assert not offer.isVisible()


def test_work_on_the_chosen_movie_is_offered_before_later_work(open_desk) -> None:
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="first")
    offer = desk.panel.saving.offer
    for name, images in (("second", WORLD.images[::-1].copy()), ("first again", WORLD.images)):
        desk.click(0, *WORLD.centre(0, 1))
        desk.settle()
        desk.viewer.layers.remove(desk.image_state.image)
        desk.qtbot.waitUntil(offer.isVisible, timeout=10000)
        desk.viewer.add_image(images, name=name)
        desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    desk.qtbot.waitUntil(lambda: len(desk.controller.saving.unsaved) == 2, timeout=10000)
    assert desk.controller.saving.unsaved[0].name == "second"
    desk.qtbot.waitUntil(lambda: offer.text.text().startswith("Unsaved work on first"))


def test_restore_in_a_reopened_widget_takes_the_movie_that_is_open(desk_with) -> None:
    desk = desk_with()
    click_both(desk)
    desk.viewer.window.remove_dock_widget(desk.dock)
    panel = SamPanel(desk.viewer, TinyEngine())
    dock = desk.viewer.window.add_dock_widget(panel, name="SAM 2 again")
    reopened = replace(desk, panel=panel, dock=dock)
    offer = panel.saving.offer
    desk.qtbot.waitUntil(offer.isVisible, timeout=10000)
    offer.restore.click()
    desk.qtbot.waitUntil(lambda: reopened.image_state.objects.keys() == {1, 2}, timeout=10000)
    assert sum(isinstance(layer, Image) for layer in desk.viewer.layers) == 1
    panel.shut_down()


def test_discarded_work_is_moved_aside(desk_with, open_desk) -> None:
    desk = desk_with()
    click_both(desk)
    leave(desk)
    other = open_desk(engine=TinyEngine())
    offer = other.panel.saving.offer
    other.qtbot.waitUntil(offer.isVisible, timeout=10000)
    offer.discard.click()
    other.qtbot.waitUntil(lambda: not find_unsaved())
    assert not offer.isVisible()
    assert len(list((data_folder() / "discarded").iterdir())) == 1


@pytest.mark.usefixtures("manifests")
def test_another_window_is_told_so(
    desk_with, open_desk, notifications, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with()
    click_both(desk)
    save_to(desk, tmp_path / "a.sam2", monkeypatch)
    other = open_desk(engine=TinyEngine())
    other.viewer.open(str(tmp_path / "a.sam2"), plugin="napari-sam2")
    other.qtbot.waitUntil(lambda: bool(notifications.messages), timeout=10000)
    assert "is open in this window" in notifications.only()


@pytest.mark.parametrize(
    ("kind", "dialog"), [("file", "getOpenFileName"), ("folder", "getExistingDirectory")]
)
def test_a_moved_image_is_asked_for(
    desk_with, movie: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, dialog: str
) -> None:
    desk = desk_with()
    click_both(desk)
    save_to(desk, tmp_path / "a.sam2", monkeypatch)
    desk.panel.shut_down()
    moved = tmp_path / "elsewhere" / "moved.tif"
    moved.parent.mkdir()
    os.rename(movie, moved)
    if kind == "folder":  # the same frames, one file each
        for t, frame in enumerate(WORLD.images):
            tifffile.imwrite(moved.parent / f"t{t:03}.tif", frame)
        moved.unlink()
        moved = moved.parent
    monkeypatch.setattr(ASK_KIND, lambda text: kind)
    asked: list[str] = []

    def answer(parent: Any, title: str, folder: str) -> Any:
        asked.append(title)
        return (str(moved), "") if kind == "file" else str(moved)

    monkeypatch.setattr(f"qtpy.QtWidgets.QFileDialog.{dialog}", answer)
    reader = get_project_reader(str(tmp_path / "a.sam2"))
    assert reader is not None
    ((data, meta, layer_kind),) = reader(str(tmp_path / "a.sam2"))
    assert (len(asked), layer_kind, meta["name"]) == (1, "image", movie.name)
    np.testing.assert_array_equal(
        np.stack([data[t] for t in range(len(WORLD.images))]), WORLD.images
    )


def test_a_saved_project_of_an_image_without_a_file_goes_on_on_the_open_image(
    open_desk, notifications, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    click_both(desk)
    save_to(desk, tmp_path / "a.sam2", monkeypatch)
    assert notifications.only().startswith("“drawn” was not opened from a file")
    desk.panel.shut_down()
    other = open_desk(WORLD.images, engine=TinyEngine(), name="drawn again")
    other.panel.saving.open(tmp_path / "a.sam2")
    other.qtbot.waitUntil(lambda: other.image_state.objects.keys() == {1, 2}, timeout=10000)
    assert sum(isinstance(layer, Image) for layer in other.viewer.layers) == 1
    assert other.image_state.saving.path == tmp_path / "a.sam2"


def test_a_failed_save_is_told_and_what_was_saved_stays(
    desk_with, notifications, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_with()
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("precious")
    monkeypatch.setattr(
        "napari_sam2.plugin.widgets.saving_widgets.ask_where_to_save", lambda *_: tmp_path / "full"
    )
    desk.panel.saving.save_as()
    desk.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert "something else" in notifications.only()


def test_other_folders_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "other.sam2").mkdir()
    assert get_project_reader(str(tmp_path / "other.sam2")) is None
    assert get_project_reader([str(tmp_path)]) is None


def test_another_contrast_keeps_the_work(desk_with, tmp_path, monkeypatch) -> None:
    desk = desk_with()
    click_both(desk)
    save_to(desk, tmp_path / "a.sam2", monkeypatch)
    before = read_manifest(tmp_path / "a.sam2")
    desk.image_state.image.contrast_limits = (30, 150)
    desk.controller.use_contrast()
    desk.qtbot.waitUntil(lambda: not desk.image_state.saving.is_saved)
    desk.settle()
    assert read_manifest(tmp_path / "a.sam2") == before
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    assert read_manifest(tmp_path / "a.sam2").image.contrast_limits == (30, 150)
    shutil.rmtree(tmp_path / "a.sam2", ignore_errors=True)
