"""Axes that the file of an image names, where napari's own reader dropped them."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_sam2.plugin.inference.file_axes import axes_in_file
from napari_sam2.plugin.layers.image_axes import axes_of, take_file_axes
from napari_sam2.plugin.protocol.sources import ImageSource

from . import world
from .real_engines import TinyEngine
from .test_axes_box import choose

pytestmark = pytest.mark.usefixtures("manifests")
PLANES = np.stack([world.movie(frames=4)] * 3, axis=1)  # (4, 3, Y, X): a guess is channels


def write(path: Path, pixels: np.ndarray, axes: str, **options: Any) -> Path:
    tifffile.imwrite(path, pixels, metadata={"axes": axes}, photometric="minisblack", **options)
    return path


@pytest.fixture
def ome(tmp_path: Path) -> Path:
    return write(tmp_path / "stack.ome.tif", PLANES, "TZYX", ome=True)


def open_file(open_desk: Any, path: Path, **options: Any) -> Any:
    """A desk with a file that napari's own reader opened."""
    desk = open_desk(engine=TinyEngine())
    desk.viewer.open([str(path)], plugin="napari", **options)
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    return desk


def letters(desk: Any) -> str:
    return "" if desk.image_state is None else str(desk.image_state.layers.axes.letters)


def test_depth_in_the_file_is_no_channel(open_desk: Any, ome: Path) -> None:
    desk = open_file(open_desk, ome)
    desk.qtbot.waitUntil(lambda: letters(desk) == "TZYX")
    desk.settle()
    assert desk.image_state.frames == 4
    own = [one for one in desk.viewer.layers if one.name.startswith("SAM 2")]
    assert len({one.name for one in own}) == len(own)  # those of the guess are gone
    assert desk.panel.axes.axes.currentText() == "time, depth, y, x"


def test_channels_of_one_image_are_no_frames(open_desk: Any, tmp_path: Path) -> None:
    path = write(tmp_path / "two.ome.tif", PLANES[0, :2], "CYX", ome=True)
    desk = open_file(open_desk, path)
    desk.qtbot.waitUntil(lambda: letters(desk) == "CYX")


def test_named_axes_of_a_layer_count_more(open_desk: Any, ome: Path) -> None:
    desk = open_file(open_desk, ome, axis_labels=("time", "channel", "y", "x"))
    desk.breathe()
    assert letters(desk) == "TCYX"


def test_choice_of_the_user_counts_more(open_desk: Any, ome: Path) -> None:
    desk = open_file(open_desk, ome)
    desk.qtbot.waitUntil(lambda: letters(desk) == "TZYX")
    desk.settle()
    choose(desk.panel.axes.axes, "time, channel")
    desk.qtbot.waitUntil(lambda: letters(desk) == "TCYX")
    desk.qtbot.waitUntil(lambda: desk.image_state.is_open)
    desk.settle()
    assert letters(desk) == "TCYX"


@pytest.mark.parametrize(
    ("axes", "shape", "expected"),
    [
        ("TZYX", (4, 3, 8, 9), "TZYX"),
        ("ZYX", (4, 8, 9), "ZYX"),
        ("TZYX", (4, 1, 8, 9), "T1YX"),  # the reader kept an axis of length 1
        ("TZYX", (3, 4, 8, 9), None),  # another file was written there
        ("TZYX", (8, 9), None),
    ],
)
def test_only_axes_of_the_same_lengths_are_told(
    tmp_path: Path, axes: str, shape: tuple[int, ...], expected: str | None
) -> None:
    lengths = {"TZYX": (4, 3, 8, 9), "ZYX": (4, 8, 9)}[axes]
    lengths = (4, 1, 8, 9) if shape == (4, 1, 8, 9) else lengths
    path = write(tmp_path / "one.ome.tif", np.zeros(lengths, np.uint8), axes, ome=True)
    found = axes_in_file(ImageSource(np.zeros(shape, np.uint8), path=str(path)), 7)
    assert [one.letters for one in found] == ([] if expected is None else [expected])


ORDERS = ["".join(order) + "YX" for n in (1, 2, 3) for order in permutations("TZC", n)]
IMAGEJ = [axes for axes in ORDERS if list(axes) == sorted(axes, key="TZCYX".index)]


@pytest.mark.parametrize(
    ("axes", "kind"), [(a, "ome") for a in ORDERS] + [(a, "imagej") for a in IMAGEJ]
)
def test_axes_of_any_order_are_those_of_the_file(tmp_path: Path, axes: str, kind: str) -> None:
    lengths = {"T": 5, "Z": 4, "C": 2, "Y": 16, "X": 17}
    pixels = np.zeros([lengths[axis] for axis in axes], np.uint16)
    path = write(
        tmp_path / ("a.ome.tif" if kind == "ome" else "a.tif"), pixels, axes, **{kind: True}
    )
    layer = Image(tifffile.imread(path))
    [found] = axes_in_file(ImageSource(layer.data, path=str(path)), 1)
    take_file_axes(layer, found.letters)
    assert axes_of(layer).letters == axes


@pytest.mark.parametrize("name", ["missing.tif", "notes.txt"])
def test_files_that_cannot_be_read_tell_nothing(tmp_path: Path, name: str) -> None:
    (tmp_path / "notes.txt").write_text("no image", encoding="utf-8")
    source = ImageSource(np.zeros((4, 3, 8, 9), np.uint8), path=str(tmp_path / name))
    assert axes_in_file(source, 1) == ()
