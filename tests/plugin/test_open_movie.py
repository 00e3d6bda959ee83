"""Movies that the button Open… opens: large ones are not read into memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.plugin.napari_io import layer_data

from . import world
from .real_engines import TinyEngine

MOVIE = world.movie(frames=3)

pytestmark = pytest.mark.usefixtures("manifests")


def opened(open_desk: Any, *paths: Path) -> Any:
    desk = open_desk(engine=TinyEngine())
    desk.panel.saving.open_movie([str(path) for path in paths])
    desk.qtbot.waitUntil(lambda: desk.image_state is not None and desk.image_state.is_open)
    return desk


@pytest.mark.parametrize("is_large", [True, False])
def test_large_movie_is_read_frame_by_frame(
    open_desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_large: bool
) -> None:
    monkeypatch.setattr(layer_data, "LARGE_BYTES", 1 if is_large else 2**40)
    path = tmp_path / "movie.tif"
    tifffile.imwrite(path, MOVIE, photometric="minisblack", compression="zlib")
    image = opened(open_desk, path).image_state.image
    assert isinstance(image.data, np.ndarray) is not is_large
    assert image.name == "movie"
    assert np.array_equal(np.asarray(image.data), MOVIE)


def test_large_file_with_channels_is_left_to_napari(
    open_desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layer_data, "LARGE_BYTES", 1)
    path = tmp_path / "two.ome.tif"
    pixels = np.stack([MOVIE, MOVIE[:, ::-1]], axis=1)
    tifffile.imwrite(path, pixels, ome=True, metadata={"axes": "TCYX"}, photometric="minisblack")
    image = opened(open_desk, path).image_state.image
    assert image.data.shape == pixels.shape


def test_files_become_a_stack(open_desk: Any, tmp_path: Path) -> None:
    paths = [tmp_path / f"{t}.tif" for t in range(3)]
    for path, frame in zip(paths, MOVIE, strict=True):
        tifffile.imwrite(path, frame)
    desk = opened(open_desk, *paths)
    assert desk.image_state.frames == 3
    assert np.array_equal(np.asarray(desk.image_state.image.data), MOVIE)
