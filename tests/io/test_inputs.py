"""Files in which the first image, channel, plane or half of the metadata could be taken silently.

Inputs are written by tifffile, zarr and Pillow; the values expected were worked out by hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_sam2.io.exports import open_tracked
from napari_sam2.io.kept_chunks import KeptChunks
from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import ImageScale, Origin, scale_of_steps
from napari_sam2.io.tiff import read_labels
from napari_sam2.io.tiff_microscopes import lsm_steps, stk_steps


def image(value: int, dtype: Any = np.uint16, size: tuple[int, int] = (6, 8)) -> np.ndarray:
    return np.full(size, value, dtype)


def values(path: Path, **selection: Any) -> list[int]:
    """The value of each frame, which is the same in all of its pixels."""
    movie = open_movie(path, **selection)
    return [int(movie.frame(t).max()) for t in range(movie.shape[0])]


def append(path: Path, *images: np.ndarray, **options: Any) -> Path:
    for page in images:
        tifffile.imwrite(path, page, append=True, photometric="minisblack", **options)
    return path


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_pages_appended_one_by_one_are_one_movie(tmp_path: Path, options: dict[str, Any]) -> None:
    path = append(tmp_path / "a.tif", *(image(t) for t in range(4)), **options)
    assert values(path) == [0, 1, 2, 3]


def test_pages_of_two_types_are_refused_with_their_counts(tmp_path: Path) -> None:
    pages = [image(1), image(2), image(3, np.uint8), image(4, np.uint8)]
    path = append(tmp_path / "a.tif", *pages)
    counts = r"4 images \(2 of 6 x 8 uint16, 2 of 6 x 8 uint8\)"
    with pytest.raises(ValueError, match=rf"{counts}: choose one with --series 0 to 3"):
        open_movie(path)
    assert values(path, series=2) == [3]


def test_a_preview_beside_the_movie_is_not_taken_for_it(tmp_path: Path) -> None:
    movie = np.stack([image(t) for t in range(5)])
    path = append(tmp_path / "a.tif", image(9, np.uint8, (3, 4)), movie)
    with pytest.raises(ValueError, match=r"1 of 3 x 4 uint8, 1 of 5 x 6 x 8 uint16"):
        open_movie(path)
    assert values(path, series=1) == [0, 1, 2, 3, 4]


def test_a_page_marked_as_a_small_copy_is_passed_over(tmp_path: Path) -> None:
    path = append(tmp_path / "a.tif", np.stack([image(t) for t in range(5)]))
    append(path, image(9, np.uint8, (3, 4)), subfiletype=1)
    assert values(path) == [0, 1, 2, 3, 4]


def test_ome_positions_are_refused_until_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as writer:
        for position in range(2):
            stack = np.stack([image(10 * position + t) for t in range(3)])
            writer.write(stack, photometric="minisblack", metadata={"axes": "TYX"})
    with pytest.raises(ValueError, match=r"holds 2 images .*: choose one with --series 0 to 1"):
        open_movie(path)
    assert values(path, series=1) == [10, 11, 12]


def test_the_missing_file_of_an_ome_set_is_named(tmp_path: Path) -> None:
    pixels = (
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="8" SizeY="6" SizeC="1"'
        ' SizeZ="1" SizeT="2"><Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
    )
    for t in range(2):
        uuid = f"urn:uuid:00000000-0000-0000-0000-00000000000{t}"
        pixels += f'<TiffData FirstT="{t}" PlaneCount="1"><UUID FileName="t{t}.ome.tif">{uuid}'
        pixels += "</UUID></TiffData>"
    root = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
    uuid = "urn:uuid:00000000-0000-0000-0000-000000000000"
    xml = f'<OME {root} UUID="{uuid}"><Image ID="Image:0">{pixels}</Pixels></Image></OME>'
    tifffile.imwrite(tmp_path / "t0.ome.tif", image(1), description=xml, metadata=None)
    with pytest.raises(ValueError, match=r"lacks 1 of its 2 images: the files t1\.ome\.tif are"):
        open_movie(tmp_path / "t0.ome.tif")


def folder(place: Path, names: dict[str, int], dtype: Any = np.uint16) -> Path:
    place.mkdir(exist_ok=True)
    for name, value in names.items():
        tifffile.imwrite(place / name, image(value, dtype), photometric="minisblack")
    return place


def test_masks_beside_images_are_not_frames(tmp_path: Path) -> None:
    names = {f"t{t}{end}.tif": t for t in range(3) for end in ("", "_masks")}
    with pytest.raises(ValueError, match=r"2 kinds \(3 as t#\.tif, 3 as t#_masks\.tif\)"):
        open_movie(folder(tmp_path / "a", names))


def test_channels_and_times_in_names_are_axes(tmp_path: Path) -> None:
    names = {f"img_channel{c:03}_time{t:09}.tif": 10 * c + t for c in range(2) for t in range(3)}
    place = folder(tmp_path / "a", names)
    with pytest.raises(ValueError, match=r"2 channels \(C 2, T 3, Y 6, X 8\)"):
        open_movie(place)
    assert values(place, channel=1) == [10, 11, 12]


@pytest.mark.parametrize("name", ["Pos{0}_t{1}.tif", "cells_xy{0}t{1}.tif"])
def test_positions_in_names_are_refused(tmp_path: Path, name: str) -> None:
    names = {name.format(p, t): t for p in range(2) for t in range(2)}
    with pytest.raises(ValueError, match=r"several positions \(positions 0 to 1, frames 0 to 1\)"):
        open_movie(folder(tmp_path / "a", names))


def test_a_channel_that_lacks_a_time_is_refused(tmp_path: Path) -> None:
    names = {"t0_c0.tif": 0, "t0_c1.tif": 1, "t1_c0.tif": 2}
    with pytest.raises(ValueError, match="frames 0 to 1, channels 0 to 1, but there are 3 images"):
        open_movie(folder(tmp_path / "a", names))


def test_missing_numbers_in_names_are_told(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", {f"t{t:02}.tif": t for t in (1, 2, 5, 6)})
    with pytest.warns(UserWarning, match="images with the numbers 3, 4 are missing"):
        assert values(place) == [1, 2, 5, 6]


def test_even_steps_between_numbers_are_no_hole(tmp_path: Path) -> None:
    assert values(folder(tmp_path / "a", {f"t{t:03}.tif": t for t in (0, 10, 20)})) == [0, 10, 20]


def test_frames_of_a_narrower_type_are_converted(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", {"t0.tif": 500, "t2.tif": 700})
    folder(place, {"t1.tif": 200}, np.uint8)
    assert values(place) == [500, 200, 700]
    assert open_movie(place).frame(1).dtype == np.uint16


def test_grey_with_opacity_is_grey(tmp_path: Path) -> None:
    Image.fromarray(np.stack([image(7, np.uint8), image(255, np.uint8)], -1)).save(
        tmp_path / "0.png"
    )
    movie = open_movie(tmp_path)
    assert (movie.rgb, movie.frame(0).max()) == (False, 7)


IDS = np.zeros((6, 8), np.uint8)
IDS[1:3, 2:5] = 3


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.int64, bool])
def test_whole_numbers_of_any_type_are_labels(tmp_path: Path, dtype: Any) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.stack([IDS, IDS]).astype(dtype))
    expected = IDS > 0 if dtype is bool else IDS
    np.testing.assert_array_equal(open_tracked(tmp_path / "a.zarr").frame(1), expected)


def test_float_labels_are_read_by_every_reader(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", IDS.astype(np.float32))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.tif")[0], IDS)
    np.testing.assert_array_equal(open_tracked(tmp_path / "a.tif").frame(0), IDS)


@pytest.mark.parametrize("samples", [2, 3, 4])
def test_masks_in_colour_are_grey_where_the_colours_agree(tmp_path: Path, samples: int) -> None:
    colours = np.stack([IDS] * min(samples, 3), -1)
    opaque = np.full((6, 8, 1), 255, np.uint8)
    pixels = np.concatenate([IDS[..., None], opaque], -1) if samples == 2 else colours
    pixels = np.concatenate([colours, opaque], -1) if samples == 4 else pixels
    Image.fromarray(pixels).save(tmp_path / "0.png")
    np.testing.assert_array_equal(open_tracked(tmp_path).frame(0), IDS)


def test_masks_in_different_colours_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.stack([IDS, IDS, 0 * IDS], -1)).save(tmp_path / "0.png")
    with pytest.raises(TypeError, match="holds colours on frame 0"):
        open_tracked(tmp_path)


def test_a_black_and_white_jpeg_is_a_mask(tmp_path: Path) -> None:
    mask = np.zeros((16, 16), np.uint8)
    mask[:, 8:] = 255
    Image.fromarray(mask).save(tmp_path / "0.jpg")
    np.testing.assert_array_equal(open_tracked(tmp_path).frame(0), mask > 0)


@pytest.mark.parametrize("shape", [(3, 1, 1, 6, 8), (1, 3, 6, 8), (3, 1, 6, 8)])
def test_axes_of_length_one_are_dropped_from_a_plain_zarr(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    stack = np.stack([image(t) for t in range(3)])
    zarr.save_array(tmp_path / "a.zarr", stack.reshape(shape))
    assert open_movie(tmp_path / "a.zarr").shape == (3, 6, 8)
    assert values(tmp_path / "a.zarr") == [0, 1, 2]


def ngff(place: Path, levels: int = 1, time: str = "t") -> None:
    """An image whose level n has pixels of 0.25 x 2^n um and an interval of 2 min."""
    group = zarr.open_group(place, mode="w")
    datasets = []
    for level in range(levels):
        size = 2**level
        data = np.stack([image(t, size=(8 // size, 8 // size)) for t in range(3)])
        group.create_array(str(level), data=data)
        scale = {"type": "scale", "scale": [2, 0.25 * size, 0.25 * size]}
        datasets.append({"path": str(level), "coordinateTransformations": [scale]})
    named = [
        {"name": time, "type": "time", "unit": "minute"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": named, "datasets": datasets}]


def test_each_level_of_an_ome_zarr_has_its_pixel_size(tmp_path: Path) -> None:
    ngff(tmp_path / "a.zarr", levels=2)
    assert open_movie(tmp_path / "a.zarr").scale == ImageScale((0.25, 0.25), "um", 120.0)
    assert open_movie(tmp_path / "a.zarr" / "1").scale == ImageScale((0.5, 0.5), "um", 120.0)


def test_an_axis_of_ome_zarr_is_known_by_its_type(tmp_path: Path) -> None:
    ngff(tmp_path / "a.zarr", time="timepoint")
    assert open_movie(tmp_path / "a.zarr").scale == ImageScale((0.25, 0.25), "um", 120.0)


def ome_with_planes(path: Path, times: list[str], unit: str, length: str = "µm") -> Path:
    """A movie without an interval whose planes tell when they were taken."""
    planes = "".join(
        f'<Plane TheT="{t}" TheC="0" TheZ="0" DeltaT="{time}" DeltaTUnit="{unit}"/>'
        for t, time in enumerate(times)
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="8" SizeY="6" SizeC="1" '
        f'SizeZ="1" SizeT="{len(times)}" PhysicalSizeX="2.5" PhysicalSizeXUnit="{length}" '
        f'PhysicalSizeY="2.5" PhysicalSizeYUnit="{length}">'
        f'<Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData/>{planes}</Pixels></Image></OME>'
    )
    data = np.stack([image(t) for t in range(len(times))])
    tifffile.imwrite(path, data, description=xml.encode(), metadata=None, photometric="minisblack")
    return path


def test_times_of_ome_planes_are_the_interval_where_none_is_written(tmp_path: Path) -> None:
    path = ome_with_planes(tmp_path / "a.ome.tif", ["0.5", "2.5", "4.6", "6.5"], "min")
    known = ImageScale((2.5, 2.5), "um", 120.0, origin=Origin(t=30.0))
    assert open_movie(path).scale == known


def test_uneven_times_of_ome_planes_are_no_interval(tmp_path: Path) -> None:
    path = ome_with_planes(tmp_path / "a.ome.tif", ["0", "1", "2", "30"], "s")
    assert open_movie(path).scale.interval_s is None


def test_pixels_in_angstrom_are_a_tenth_of_a_nanometre(tmp_path: Path) -> None:
    path = ome_with_planes(tmp_path / "a.ome.tif", ["0", "1"], "s", "Å")
    assert open_movie(path).scale == ImageScale((0.25, 0.25), "nm", 1.0)


def test_the_scale_of_a_zeiss_file_is_in_metres() -> None:
    metadata = {"VoxelSizeX": 2.5e-7, "VoxelSizeY": 5e-7, "VoxelSizeZ": 1e-6, "TimeIntervall": 30}
    steps = lsm_steps(metadata)
    assert scale_of_steps(steps, "t") == ImageScale((0.5, 0.25), "um", 30.0)
    assert scale_of_steps(steps, "z") == ImageScale((0.5, 0.25), "um", z_spacing=1.0)


def test_the_scale_of_a_metamorph_stack_is_read() -> None:
    times = np.array(["2020-01-01T00:00:00", "2020-01-01T00:01:30"], "datetime64[ms]")
    metadata = {"XCalibration": 0.25, "YCalibration": 0.5, "CalibrationUnits": "um"}
    steps = stk_steps(metadata | {"ZDistance": np.array([2.0, 2.0]), "DatetimeCreated": times})
    assert scale_of_steps(steps, "t") == ImageScale((0.5, 0.25), "um", 90.0)
    assert scale_of_steps(steps, "z") == ImageScale((0.5, 0.25), "um", z_spacing=2.0)


def test_the_only_series_of_bioformats2raw_is_opened(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs["bioformats2raw.layout"] = 3
    ngff(tmp_path / "a.zarr" / "0")
    assert values(tmp_path / "a.zarr") == [0, 1, 2]


def test_several_images_of_a_zarr_are_listed(tmp_path: Path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w")
    zarr.open_group(tmp_path / "a.zarr" / "A", mode="w")
    zarr.open_group(tmp_path / "a.zarr" / "A" / "1", mode="w")
    for field in range(2):
        ngff(tmp_path / "a.zarr" / "A" / "1" / str(field))
    listed = r"holds 2 images; open one of them by its path: a\.zarr/A/1/0, a\.zarr/A/1/1"
    with pytest.raises(ValueError, match=listed):
        open_movie(tmp_path / "a.zarr")
    assert values(tmp_path / "a.zarr" / "A" / "1" / "1") == [0, 1, 2]


class CountedArray:
    """An array that counts the planes that are decoded."""

    def __init__(self, data: np.ndarray, chunks: tuple[int, ...]) -> None:
        self.data, self.chunks, self.shape, self.dtype = data, chunks, data.shape, data.dtype
        self.decoded = 0

    def __getitem__(self, index: Any) -> np.ndarray:
        self.decoded += 1
        return self.data[index]


@pytest.mark.parametrize(("budget", "decoded"), [(10**6, 3), (3000, 3), (100, 10)])
def test_a_chunk_of_many_frames_is_decoded_once(budget: int, decoded: int) -> None:
    data = np.arange(10 * 6 * 8, dtype=np.uint16).reshape(10, 6, 8)
    array: Any = CountedArray(data, (4, 6, 8))
    kept = KeptChunks(array, budget)
    for t in range(10):
        np.testing.assert_array_equal(kept[t, :, :], data[t])
    assert array.decoded == decoded
