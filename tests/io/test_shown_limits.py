"""Contrast that a file says is shown reaches the model; one that no person chose does not.

Files are written by tifffile and zarr, never by our own code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr

from napari_sam2.io.movie_frames import MovieFrames
from napari_sam2.io.movies import open_movie
from napari_sam2.io.tiff_display import imagej_limits
from napari_sam2.io.volumes import open_volumes
from napari_sam2.tracking import Frames

IMAGES = np.random.default_rng(4).integers(100, 901, (3, 8, 10)).astype(np.uint16)
IMAGES[:, 0, 0], IMAGES[:, 0, 1] = 100, 900


def imagej(path: Path, data: np.ndarray = IMAGES, axes: str = "TYX", **metadata: Any) -> Path:
    tifffile.imwrite(path / "in.tif", data, imagej=True, metadata={"axes": axes, **metadata})
    return path / "in.tif"


def ngff(path: Path, *windows: dict[str, float], version: str = "0.4") -> Path:
    """A movie with a channel for each window."""
    group = zarr.open_group(path / "in.zarr", mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("0", data=np.stack([IMAGES] * len(windows), axis=1))
    axes = [{"name": name} for name in "tcyx"]
    image = {"axes": axes, "datasets": [{"path": "0"}]}
    content = {"multiscales": [image], "omero": {"channels": [{"window": w} for w in windows]}}
    if version == "0.4":
        group.attrs.update(content)
    else:
        group.attrs["ome"] = content | {"version": version}
    return path / "in.zarr"


def window(low: float, high: float) -> dict[str, float]:
    return {"min": 0, "max": 65535, "start": low, "end": high}


def seen(path: Path, **options: Any) -> tuple[float, float]:
    """Values that the network sees as black and white."""
    return MovieFrames(open_movie(path, **options)).contrast_limits


def measured() -> tuple[float, float]:
    return Frames(IMAGES).contrast_limits


def test_the_range_of_imagej_is_that_of_the_model(tmp_path: Path) -> None:
    frames = MovieFrames(open_movie(imagej(tmp_path, min=200.0, max=600.0)))
    assert frames.contrast_limits == (200.0, 600.0)
    expected = ((IMAGES[1].astype(float) - 200) / 400).clip(0, 1)
    np.testing.assert_allclose(frames.read(1)[..., 2], expected, atol=1e-6)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_each_channel_of_ome_zarr_has_its_window(tmp_path: Path, version: str) -> None:
    place = ngff(tmp_path, window(200, 600), window(150, 300), version=version)
    assert seen(place, channel=0) == (200.0, 600.0)
    assert seen(place, channel=1) == (150.0, 300.0)
    assert seen(place / "0", channel=1) == (150.0, 300.0)


def test_each_channel_of_a_mix_has_its_window(tmp_path: Path) -> None:
    place = ngff(tmp_path, window(200, 600), window(150, 300))
    mixed = open_movie(place, channel=(0, 1)).frame(2)
    for colour, (low, high) in enumerate([(200, 600), (150, 300)]):
        expected = ((IMAGES[2].astype(float) - low) / (high - low)).clip(0, 1)
        np.testing.assert_allclose(mixed[..., colour], expected, atol=1e-6)


def test_ranges_of_the_channels_of_imagej(tmp_path: Path) -> None:
    ranges = {"Ranges": (200.0, 600.0, 150.0, 300.0), "min": 200.0, "max": 600.0}
    assert imagej_limits(ranges, 2) == ((200.0, 600.0), (150.0, 300.0))
    assert imagej_limits({"min": 200.0, "max": 600.0}, 2) == ()  # of which channel?


def test_the_range_of_the_pixels_was_not_chosen(tmp_path: Path) -> None:
    assert seen(imagej(tmp_path, min=100.0, max=900.0)) == measured()


def test_the_range_of_one_frame_was_not_chosen(tmp_path: Path) -> None:
    data = IMAGES.copy()
    data[1, 0, 1] = 5000
    limits = seen(imagej(tmp_path, data, min=100.0, max=900.0))
    assert limits == Frames(data).contrast_limits


def test_the_range_of_the_type_was_not_chosen(tmp_path: Path) -> None:
    assert seen(imagej(tmp_path, min=0.0, max=65535.0)) == measured()
    assert seen(ngff(tmp_path, window(0, 65535))) == measured()


def test_a_window_as_wide_as_its_slider_was_not_chosen(tmp_path: Path) -> None:
    assert seen(ngff(tmp_path, {"min": 90, "max": 950, "start": 90, "end": 950})) == measured()


@pytest.mark.parametrize(
    "broken", [{}, {"start": 5, "end": 5}, {"start": "a", "end": 7}, {"start": 3}]
)
def test_a_broken_window_is_passed_over(tmp_path: Path, broken: dict[str, Any]) -> None:
    assert seen(ngff(tmp_path, broken)) == measured()


def test_limits_of_a_person_count_before_those_of_the_file(tmp_path: Path) -> None:
    movie = open_movie(imagej(tmp_path, min=200.0, max=600.0))
    assert MovieFrames(movie, contrast_limits=(1.0, 2.0)).contrast_limits == (1.0, 2.0)


def test_limits_of_a_file_are_not_those_of_a_person(tmp_path: Path) -> None:
    frames = MovieFrames(open_movie(imagej(tmp_path, min=200.0, max=600.0)))
    assert not frames.has_given_limits


def test_a_folder_is_shown_as_its_first_image(tmp_path: Path) -> None:
    for t, frame in enumerate(IMAGES):
        metadata = {"min": 200.0, "max": 600.0}
        tifffile.imwrite(tmp_path / f"{t}.tif", frame, imagej=True, metadata=metadata)
    assert seen(tmp_path) == (200.0, 600.0)


def test_volumes_are_shown_as_the_file_says(tmp_path: Path) -> None:
    file = imagej(tmp_path, IMAGES[None], "TZYX", min=200.0, max=600.0)
    assert open_volumes(file).shown_limits == (200.0, 600.0)
