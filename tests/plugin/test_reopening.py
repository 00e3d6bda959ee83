"""The identity of an image is its pixels, not its path: each way of opening one is found again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image
from napari.settings import get_settings
from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QMessageBox

from napari_sam2.finding import CellSize, Proposal
from napari_sam2.io.project.images import find_image
from napari_sam2.io.project.manifest import KeptCellSize, read_manifest
from napari_sam2.io.tiff import write_images
from napari_sam2.plugin.napari_io.reader_choice import PATTERN, prefer_own_reader
from napari_sam2.tracking.pixels import PixelMask
from tests.worlds import discs_that_cross

from .real_engines import TinyEngine

WORLD = discs_that_cross()
ASK = "napari_sam2.plugin.widgets.saving_widgets.ask_where_to_save"


@pytest.fixture(autouse=True)
def _no_question_without_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QMessageBox, "question", lambda *told: pytest.fail(str(told)))
    monkeypatch.setattr(
        "napari_sam2.plugin.napari_io.open_project.ask_kind", lambda *told: pytest.fail(str(told))
    )


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Path]:
    """Click a cell and save the project, as a person does, then close the panel."""

    def save(desk: Any) -> Path:
        path = tmp_path / "project" / "a.sam2"
        path.parent.mkdir(exist_ok=True)
        monkeypatch.setattr(ASK, lambda *_: path)
        desk.click(0, *WORLD.centre(0, 1))
        desk.settle()
        desk.panel.saving.box.save.click()
        desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
        desk.panel.shut_down()
        return path

    return save


def desk_of(
    open_desk: Callable[..., Any], *paths: Path, stack: bool = False, **options: Any
) -> Any:
    """A desk with files that napari's own reader opened."""
    desk = open_desk(engine=TinyEngine())
    desk.viewer.open([str(path) for path in paths], stack=stack, plugin="napari")
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    desk.go_to(0)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    return desk


def reopen(open_desk: Callable[..., Any], path: Path) -> Any:
    """Open a project in another window, without any image."""
    desk = open_desk(engine=TinyEngine())
    desk.panel.saving.open(path)
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and bool(desk.image_state.objects))
    return desk


@pytest.mark.usefixtures("manifests")
def test_a_stack_of_files_keeps_all_its_paths(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], notifications: Any, tmp_path: Path
) -> None:
    names = ["b.tif", "x.tif", "a.tif"]  # in an order that no rule of names gives
    for name, frame in zip(names, WORLD.images, strict=False):
        tifffile.imwrite(tmp_path / name, frame)
    paths = [tmp_path / name for name in names]
    path = saved(desk_of(open_desk, *paths, stack=True))
    assert read_manifest(path).image.paths == tuple(map(str, paths))
    assert notifications.messages == []
    desk = reopen(open_desk, path)
    np.testing.assert_array_equal(np.asarray(desk.image_state.image.data), WORLD.images[:3])
    for one in paths:  # as when the images and the project are moved to another computer
        one.rename(path.parent / one.name)
    assert len(find_image(path, read_manifest(path)).paths) == 3


@pytest.mark.usefixtures("manifests")
def test_a_channel_of_a_file_is_remembered(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], notifications: Any, tmp_path: Path
) -> None:
    both = np.stack([WORLD.images // 2, WORLD.images], axis=1)
    tifffile.imwrite(tmp_path / "two.tif", both, imagej=True, metadata={"axes": "TCYX"})
    desk = open_desk(engine=TinyEngine())
    _, second = desk.viewer.open(str(tmp_path / "two.tif"), plugin="napari", channel_axis=1)
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    desk.controller.choose_image(second)
    desk.qtbot.waitUntil(lambda: desk.image_state.is_open and desk.image_state.image is second)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    path = saved(desk)
    assert notifications.messages == []
    part = read_manifest(path).image.part
    assert part is not None
    assert part.channels == (1,)
    desk = reopen(open_desk, path)
    np.testing.assert_array_equal(np.asarray(desk.image_state.image.data), WORLD.images)


def test_saving_tells_that_an_array_has_no_file(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], notifications: Any
) -> None:
    saved(open_desk(WORLD.images, engine=TinyEngine(), name="drawn"))
    assert notifications.only().startswith("“drawn” was not opened from a file")
    assert "you will be asked where it is" in notifications.only()


@pytest.mark.usefixtures("manifests")
def test_saving_tells_that_pixels_differ_from_those_of_the_file(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], notifications: Any, tmp_path: Path
) -> None:
    write_images(tmp_path / "movie.tif", WORLD.images)
    desk = desk_of(open_desk, tmp_path / "movie.tif")
    desk.image_state.image.data[0] //= 2  # before the first click
    saved(desk)
    assert notifications.only().startswith("The layer “movie” has other pixels than movie.tif")


def test_saving_tells_that_another_plugin_is_needed_to_open_the_file(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], notifications: Any, tmp_path: Path
) -> None:
    vendor = tmp_path / "movie.vendor"
    vendor.write_bytes(b"pixels of a microscope")
    metadata = {"napari-sam2 image": str(vendor)}
    saved(open_desk(WORLD.images, engine=TinyEngine(), name="movie", metadata=metadata))
    assert notifications.only().startswith("The project cannot open movie.vendor by itself")


@pytest.mark.real_window
def test_a_project_that_is_dropped_on_the_viewer_opens_on_the_open_image(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], notifications: Any
) -> None:
    path = saved(open_desk(WORLD.images, engine=TinyEngine(), name="drawn"))
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="drawn again")
    told = QMimeData()
    told.setUrls([QUrl.fromLocalFile(str(path))])
    canvas = desk.viewer.window._qt_viewer
    drop = QDropEvent(
        QPointF(50, 50),
        Qt.DropAction.CopyAction,
        told,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    canvas.dropEvent(drop)
    desk.qtbot.waitUntil(lambda: bool(desk.image_state.objects))
    assert sum(isinstance(layer, Image) for layer in desk.viewer.layers) == 1
    assert desk.image_state.saving.path == path


@pytest.mark.usefixtures("manifests")
def test_a_project_opens_with_its_image_where_another_image_is_open(
    open_desk: Callable[..., Any], saved: Callable[[Any], Path], tmp_path: Path
) -> None:
    write_images(tmp_path / "movie.tif", WORLD.images)
    path = saved(desk_of(open_desk, tmp_path / "movie.tif"))
    other = open_desk(WORLD.images[::-1].copy(), engine=TinyEngine(), name="other")
    other.viewer.open(str(path), plugin="napari-sam2")
    other.qtbot.waitUntil(lambda: other.image_state.image.name == "movie")
    other.qtbot.waitUntil(lambda: bool(other.image_state.objects))
    assert sum(isinstance(layer, Image) for layer in other.viewer.layers) == 2


def test_work_that_could_not_be_restored_is_still_offered(
    open_desk: Callable[..., Any], notifications: Any, tmp_path: Path
) -> None:
    movie = tmp_path / "movie.tif"
    movie.write_bytes(b"no pixels")
    metadata = {"napari-sam2 image": str(movie)}
    desk = open_desk(WORLD.images, engine=TinyEngine(), name="movie", metadata=metadata)
    desk.click(0, *WORLD.centre(0, 1))
    desk.settle()
    desk.panel.shut_down()
    other = open_desk(engine=TinyEngine())
    offer = other.panel.saving.offer
    other.qtbot.waitUntil(offer.isVisible)
    offer.restore.click()
    other.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert offer.isVisible()
    other.viewer.add_image(WORLD.images)
    other.qtbot.waitUntil(lambda: other.image_state is not None and other.image_state.is_open)
    offer.restore.click()
    other.qtbot.waitUntil(lambda: bool(other.image_state.objects))


def test_a_reader_that_the_user_chose_for_projects_stays() -> None:
    plugins = get_settings().plugins
    before = dict(plugins.extension2reader)
    try:
        for chosen in ({}, {PATTERN: "other"}, {"*/": "other"}):
            plugins.extension2reader = chosen
            prefer_own_reader()
            assert plugins.extension2reader == (chosen or {PATTERN: "napari-sam2"})
    finally:
        plugins.extension2reader = before


class FindingTinyEngine(TinyEngine):
    """Finds one square, and notes for which size of cells it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[CellSize | None] = []

    def find_cells(self, model, frames, t, cell_size, progress, should_stop):
        self.sizes.append(cell_size)
        mask = np.zeros(frames.shape[1:], bool)
        mask[4:14, 4:14] = True
        return [Proposal(PixelMask.of(mask), 0.9, 1.0, (8.0, 8.0), scale=3)]


@pytest.mark.usefixtures("manifests")
def test_the_size_of_the_cells_is_known_after_reopening(
    open_desk: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", WORLD.images)
    path = tmp_path / "a.sam2"
    monkeypatch.setattr(ASK, lambda *_: path)

    def search(desk: Any) -> None:
        desk.press(Qt.Key.Key_F)
        desk.qtbot.waitUntil(lambda: desk.controller.finding.found is not None, timeout=20000)

    desk = open_desk(engine=FindingTinyEngine())
    desk.viewer.open(str(tmp_path / "a.tif"), plugin="napari")
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    desk.go_to(0)
    search(desk)
    desk.press(Qt.Key.Key_Return)
    desk.settle()
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    desk.panel.shut_down()
    size = CellSize(desk.engine.find_cells(None, WORLD.images, 0, None, None, None)[0].diameter, 3)
    assert read_manifest(path).cell_size == KeptCellSize(diameter=size.diameter, scale=3)

    again = open_desk(engine=FindingTinyEngine())
    again.panel.saving.open(path)
    again.qtbot.waitUntil(lambda: again.image_state is not None and bool(again.image_state.objects))
    again.settle()
    again.go_to(3)
    search(again)
    assert again.engine.sizes == [size]
