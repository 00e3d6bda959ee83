"""A project that was saved before is offered when its image is opened."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.io.project.lock import ProjectLock
from napari_sam2.io.project.manifest import read_manifest, write_manifest
from napari_sam2.io.project.shelf import find_saved
from napari_sam2.plugin.inference import saved_projects
from napari_sam2.plugin.layers.source_image import IMAGE_PATH
from napari_sam2.plugin.protocol.sources import ImageSource
from tests.worlds import discs_that_cross

from .real_engines import TinyEngine

WORLD = discs_that_cross()


@pytest.fixture
def saved(open_desk: Callable[..., Any], tmp_path: Path) -> tuple[Any, Path]:
    """A desk with a movie whose project was saved, and the project."""
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn")
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    return desk, save(desk, tmp_path / "a.sam2")


def save(desk: Any, path: Path) -> Path:
    desk.controller.saving.save(path)
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    return path


def copy_project(path: Path, target: Path) -> None:
    """Copy a project without its lock and without files that are being written."""
    shutil.copytree(path, target, ignore=shutil.ignore_patterns("lock*", ".*"))


def tip(desk: Any) -> str:
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    return desk.panel.status.text.text()


def offers(desk: Any) -> bool:
    return tip(desk).startswith("You saved work on this movie today at ")


def open_again(desk: Any, images: Any = WORLD.images, **options: Any) -> None:
    """Delete the layer of the movie and open it again."""
    desk.viewer.layers.remove(desk.image_state.image)
    desk.viewer.add_image(images, **{"name": "again", **options})
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)


def test_saved_work_on_a_deleted_movie_is_offered_and_opened(saved) -> None:
    desk, path = saved
    labels = np.array(desk.labels.data)
    open_again(desk)
    desk.qtbot.waitUntil(lambda: offers(desk))
    assert not desk.image_state.objects
    assert not desk.panel.saving.offer.isVisible()
    desk.panel.status.button.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.objects.keys() == {1})
    np.testing.assert_array_equal(desk.labels.data, labels)
    assert desk.image_state.saving.path == path
    assert not offers(desk)


def test_a_click_begins_anew_and_the_saved_work_stays(saved) -> None:
    desk, path = saved
    before = read_manifest(path)
    open_again(desk)
    desk.qtbot.waitUntil(lambda: offers(desk))
    desk.click(1, *WORLD.centre(1, 2))
    desk.settle()
    assert not offers(desk)
    assert desk.image_state.saving.path is None
    assert read_manifest(path) == before


def test_undo_of_the_first_click_offers_the_saved_work_again(saved) -> None:
    desk, _ = saved
    open_again(desk)
    desk.click(0, *WORLD.centre(0, 2))
    desk.settle()
    desk.controller.review.undo()
    desk.qtbot.waitUntil(lambda: offers(desk))


def test_another_movie_gets_no_offer(saved) -> None:
    desk, _ = saved
    open_again(desk, WORLD.images[::-1].copy())
    assert desk.image_state.saved_work is None


def test_unsaved_changes_are_offered_to_restore_instead(saved) -> None:
    desk, _ = saved
    desk.click(1, *WORLD.centre(1, 1))
    desk.settle()
    open_again(desk)
    desk.qtbot.waitUntil(desk.panel.saving.offer.isVisible)
    assert desk.image_state.saved_work is None


def test_the_project_beside_the_movie_is_offered(open_desk, tmp_path: Path, monkeypatch) -> None:
    movie = tmp_path / "cells.ome.tif"
    tifffile.imwrite(movie, WORLD.images, metadata={"axes": "TYX"})
    desk = open_desk(WORLD.images, engine=TinyEngine(), metadata={IMAGE_PATH: str(movie)})
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    path = save(desk, tmp_path / "cells.sam2")
    monkeypatch.setattr("napari_sam2.io.project.shelf.recent", tuple)
    open_again(desk, metadata={IMAGE_PATH: str(movie)})
    desk.qtbot.waitUntil(lambda: offers(desk))
    assert desk.image_state.saved_work.path == path


def test_a_project_that_is_open_elsewhere_is_not_offered(saved) -> None:
    desk, path = saved
    desk.viewer.layers.remove(desk.image_state.image)
    desk.qtbot.waitUntil(lambda: bool(find_saved(None, "")))
    lock = ProjectLock(path)
    try:
        desk.viewer.add_image(WORLD.images)
        desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
        assert desk.image_state.saved_work is None
    finally:
        lock.release()


def test_an_older_date_is_told_with_its_year(saved) -> None:
    desk, path = saved
    desk.viewer.layers.remove(desk.image_state.image)
    desk.qtbot.waitUntil(lambda: bool(find_saved(None, "")))
    manifest = read_manifest(path)
    write_manifest(path, manifest.model_copy(update={"saved": manifest.saved.replace(2024, 5, 12)}))
    desk.viewer.add_image(WORLD.images)
    desk.qtbot.waitUntil(
        lambda: tip(desk).startswith("You saved work on this movie on 12 May 2024. Open it")
    )


def test_a_channel_that_is_not_shown_is_found_too(open_desk, tmp_path: Path) -> None:
    channels = np.stack([WORLD.images[::-1], WORLD.images], axis=1)
    movie = tmp_path / "two.ome.tif"
    tifffile.imwrite(movie, channels, metadata={"axes": "TCYX"})
    options = {"metadata": {IMAGE_PATH: str(movie)}}
    desk = open_desk(channels, engine=TinyEngine(), **options)
    box = desk.panel.axes.channel
    box.setCurrentIndex(box.findText("channel 2 of 2"))
    box.activated.emit(box.currentIndex())
    desk.qtbot.waitUntil(lambda: desk.image_state.part.channels == (1,))
    desk.settle()
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    save(desk, tmp_path / "a.sam2")
    open_again(desk, channels, **options)
    assert desk.image_state.part.channels == (0,)
    desk.qtbot.waitUntil(lambda: offers(desk))
    desk.panel.status.button.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.objects.keys() == {1})
    assert desk.image_state.part.channels == (1,)


def test_projects_are_compared_in_the_inference_thread(saved, monkeypatch) -> None:
    desk, _ = saved
    threads: list[threading.Thread] = []
    real = saved_projects.ImageComparison.match

    def match(self: Any, folder: Path) -> Any:
        threads.append(threading.current_thread())
        return real(self, folder)

    monkeypatch.setattr(saved_projects.ImageComparison, "match", match)
    open_again(desk)
    desk.qtbot.waitUntil(lambda: offers(desk))
    assert threads
    assert threading.main_thread() not in threads


class CountedMovie:
    """A movie that counts the frames that are read of it."""

    def __init__(self) -> None:
        self.shape, self.dtype, self.reads = WORLD.images.shape, WORLD.images.dtype, 0

    def __getitem__(self, t: Any) -> Any:
        self.reads += 1
        return WORLD.images[t]


def test_pixels_are_read_once_for_all_projects(saved, tmp_path: Path) -> None:
    _, path = saved
    movie = CountedMovie()
    comparison = saved_projects.ImageComparison(ImageSource(movie))
    for name in ("b", "c", "d"):
        copy_project(path, tmp_path / f"{name}.sam2")
        assert comparison.match(tmp_path / f"{name}.sam2") == saved_projects.Match()
    assert movie.reads == 3


def test_projects_that_hold_nothing_or_are_damaged_are_passed_over(saved, tmp_path: Path) -> None:
    desk, path = saved
    movie = tmp_path / "cells.tif"
    empty, damaged = tmp_path / "cells.sam2", tmp_path / "cells.tif.sam2"
    for folder in (empty, damaged):
        copy_project(path, folder)
    write_manifest(empty, read_manifest(empty).model_copy(update={"chunks": ()}))
    (damaged / "session.json").write_text("{")
    desk.viewer.layers.remove(desk.image_state.image)
    desk.qtbot.waitUntil(lambda: bool(find_saved(None, "")))
    assert [project.path for project in find_saved(str(movie), "a layer")] == [path]


def test_the_last_save_is_offered_first(saved, tmp_path: Path) -> None:
    desk, path = saved
    later = save(desk, tmp_path / "b.sam2")
    open_again(desk)
    desk.qtbot.waitUntil(lambda: offers(desk))
    assert desk.image_state.saved_work.path == later
    assert [project.path for project in find_saved(None, "")] == [later, path]
