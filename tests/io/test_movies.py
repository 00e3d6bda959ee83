from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image

from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import ImageScale


def ramp(dtype: Any = np.uint16, colours: int = 0) -> np.ndarray:
    """A movie (5, 12, 16[, C]) whose frame t is 20 t, with a bright pixel that moves."""
    shape = (5, 12, 16, colours) if colours else (5, 12, 16)
    movie = np.zeros(shape, dtype)
    for t in range(5):
        movie[t] = 20 * t
        movie[t, t, 2 * t] = 200
    return movie


def write_tiff(path: Path, data: np.ndarray, **options: Any) -> Path:
    options.setdefault("photometric", "rgb" if data.shape[-1] in (3, 4) else "minisblack")
    tifffile.imwrite(path, data, **options)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, ">u2"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"tile": (16, 16)},
        {"metadata": None},
    ],
    ids=["plain", "zlib", "lzw", "tiled", "pages"],
)
def test_tiff_frames_are_read(tmp_path: Path, dtype: Any, options: dict[str, Any]) -> None:
    data = ramp(np.dtype(dtype).newbyteorder("="))
    path = write_tiff(
        tmp_path / "a.tif", data, byteorder=">" if str(dtype)[0] == ">" else "<", **options
    )
    movie = open_movie(path)
    assert movie.shape == (5, 12, 16)
    for t in (4, 0, 2):
        np.testing.assert_array_equal(movie.frame(t), data[t])


def test_imagej_movie_brings_its_scale(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "unit": "micron", "finterval": 30.0}
    write_tiff(tmp_path / "a.tif", ramp(), imagej=True, resolution=(4, 2), metadata=metadata)
    assert open_movie(tmp_path / "a.tif").scale == ImageScale((0.5, 0.25), "um", 30.0)


def test_ome_movie_brings_its_scale(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 500.0}
    metadata |= {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm"}
    metadata |= {"TimeIncrement": 2, "TimeIncrementUnit": "min"}
    write_tiff(tmp_path / "a.ome.tif", ramp(), metadata=metadata)
    assert open_movie(tmp_path / "a.ome.tif").scale == ImageScale((500.0, 0.25), "um", 120.0)


def test_resolution_of_a_printer_is_no_pixel_size(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif", ramp(), resolution=(300, 300), resolutionunit="inch")
    assert open_movie(tmp_path / "a.tif").scale == ImageScale()


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colour_tiff_is_a_colour_movie(tmp_path: Path, planar: str) -> None:
    data = ramp(np.uint8, 3)
    stored = data if planar == "contig" else np.moveaxis(data, -1, 1)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, stored, photometric="rgb", planarconfig=planar, compression="zlib")
    movie = open_movie(path)
    assert movie.rgb
    np.testing.assert_array_equal(movie.frame(3), data[3])


def test_single_image_is_a_movie_of_one_frame(tmp_path: Path) -> None:
    movie = open_movie(write_tiff(tmp_path / "a.tif", ramp()[2]))
    assert movie.shape == (1, 12, 16)
    np.testing.assert_array_equal(movie.frame(0), ramp()[2])


def test_channels_are_refused(tmp_path: Path) -> None:
    data = np.zeros((5, 2, 12, 16), np.uint16)
    write_tiff(tmp_path / "a.tif", data, imagej=True, metadata={"axes": "TCYX"})
    with pytest.raises(ValueError, match=r"a\.tif has 2 channels"):
        open_movie(tmp_path / "a.tif")


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"imagej": True}, {"ome": True}])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_truncated_tiff_is_never_read_as_another_movie(
    tmp_path: Path, options: dict[str, Any], kept: float
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (5, 12, 16)).astype(np.uint8)
    path = write_tiff(tmp_path / "a.tif", noise, metadata={"axes": "TYX"}, **options)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    try:
        read = np.asarray(open_movie(path).data)
    except ValueError:
        read = None
    # only what comes after the pixels may be gone
    assert read is None or (kept >= 0.9 and np.array_equal(read, noise))


@pytest.mark.parametrize("content", [b"", b"II*\0", b"not a TIFF at all", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("name", ["a.tif", "a.mp4", "a.gif"])
def test_foreign_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        open_movie(tmp_path / name)


def test_unknown_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"text")
    with pytest.raises(ValueError, match=r"a\.docx is not a movie that can be read; expected"):
        open_movie(tmp_path / "a.docx")


def test_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no movie .*a\.tif"):
        open_movie(tmp_path / "a.tif")


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_folder_is_sorted_as_people_count(tmp_path: Path, suffix: str) -> None:
    for t, number in enumerate([1, 2, 9, 10, 100]):
        iio.imwrite(tmp_path / f"t{number}{suffix}", ramp()[t])
    (tmp_path / "notes.txt").write_text("not a frame")
    (tmp_path / f".hidden{suffix}").write_text("not a frame")
    movie = open_movie(tmp_path)
    assert (movie.shape, movie.data.dtype) == ((5, 12, 16), np.uint16)
    for t in range(5):
        np.testing.assert_array_equal(movie.frame(t), ramp()[t])


def test_folder_of_colour_images_is_a_colour_movie(tmp_path: Path) -> None:
    for t in range(2):
        iio.imwrite(tmp_path / f"{t}.png", ramp(np.uint8, 3)[t])
    movie = open_movie(tmp_path)
    assert movie.rgb
    np.testing.assert_array_equal(movie.frame(1), ramp(np.uint8, 3)[1])


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG", ".bmp", ".webp", ".ppm"])
def test_folder_of_pictures_is_a_colour_movie(tmp_path: Path, suffix: str) -> None:
    flat = np.full((16, 16, 3), 120, np.uint8)
    for t in range(2):
        Image.fromarray(flat).save(tmp_path / f"{t}{suffix}")
    movie = open_movie(tmp_path)
    assert (movie.shape, movie.rgb) == ((2, 16, 16), True)
    np.testing.assert_allclose(movie.frame(1), flat, atol=2)


def test_grey_jpeg_is_a_grey_movie(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / "0.jpg")
    assert not open_movie(tmp_path).rgb


def test_jpeg_for_print_has_its_colours(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (250, 0, 0))
    red.convert("CMYK").save(tmp_path / "0.jpg")
    frame = open_movie(tmp_path).frame(0)
    np.testing.assert_allclose(frame, np.array(red), atol=10)


def write_palette(folder: Path) -> np.ndarray:
    """A picture of three palette numbers, of red, green and blue; gives the numbers."""
    numbers = np.repeat(np.arange(3, dtype=np.uint8), 4)[None].repeat(5, 0)
    picture = Image.fromarray(numbers).convert("P")
    picture.putdata(numbers.ravel())
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.save(folder / "0.png")
    return numbers


def test_picture_with_a_palette_shows_its_colours(tmp_path: Path) -> None:
    numbers = write_palette(tmp_path)
    movie = open_movie(tmp_path)
    assert movie.rgb
    np.testing.assert_array_equal(movie.frame(0), 255 * np.eye(3, dtype=np.uint8)[numbers])


def test_labels_with_a_palette_are_its_numbers(tmp_path: Path) -> None:
    numbers = write_palette(tmp_path)
    movie = open_movie(tmp_path, as_labels=True)
    assert not movie.rgb
    np.testing.assert_array_equal(movie.frame(0), numbers)


def test_labels_are_not_read_from_jpeg(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(tmp_path / "0.jpg")
    with pytest.raises(ValueError, match="JPEG changes the values of pixels"):
        open_movie(tmp_path, as_labels=True)


def test_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no \.tif, \.tiff, \.png, \.jpg, .* images in the"):
        open_movie(tmp_path)


def test_folder_of_two_kinds_is_refused(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "1.png", ramp()[0])
    iio.imwrite(tmp_path / "2.tif", ramp()[0])
    with pytest.raises(ValueError, match="holds TIFF and PNG images"):
        open_movie(tmp_path)


def test_frame_of_another_size_is_named(tmp_path: Path) -> None:
    iio.imwrite(tmp_path / "1.png", ramp()[0])
    iio.imwrite(tmp_path / "2.png", ramp()[0][:5])
    movie = open_movie(tmp_path)
    with pytest.raises(ValueError, match=r"2\.png is \(5, 16\) uint16, but 1\.png is \(12, 16\)"):
        movie.frame(1)


def test_folder_of_stacks_is_refused(tmp_path: Path) -> None:
    for name in ("1.tif", "2.tif"):
        write_tiff(tmp_path / name, ramp())
    with pytest.raises(ValueError, match=r"unknown \(T 2, unnamed 5, Y 12, X 16\)"):
        open_movie(tmp_path)


def test_damaged_png_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    with pytest.raises(ValueError, match=r"1\.png cannot be read as an image"):
        open_movie(tmp_path)


def test_zarr_array_is_a_movie(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", ramp())
    movie = open_movie(tmp_path / "a.zarr")
    assert movie.shape == (5, 12, 16)
    np.testing.assert_array_equal(movie.frame(3), ramp()[3])


def test_ome_zarr_brings_its_scale(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    group.create_array("0", data=ramp()[:, None], chunks=(1, 1, 12, 16))
    axes = [
        {"name": "t", "type": "time", "unit": "minute"},
        {"name": "c", "type": "channel"},
        {"name": "y", "type": "space", "unit": "micrometer"},
        {"name": "x", "type": "space", "unit": "micrometer"},
    ]
    scale = [{"type": "scale", "scale": [2, 1, 0.5, 0.25]}]
    dataset = {"path": "0", "coordinateTransformations": scale}
    group.attrs["ome"] = {"multiscales": [{"axes": axes, "datasets": [dataset]}]}
    movie = open_movie(tmp_path / "a.zarr")
    assert movie.scale == ImageScale((0.5, 0.25), "um", 120.0)
    np.testing.assert_array_equal(movie.frame(3), ramp()[3])


def test_zarr_group_of_two_arrays_is_refused(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    for name in ("raw", "other"):
        group.create_array(name, data=ramp())
    with pytest.raises(ValueError, match=r"open one of them by its path: a\.zarr/other, a\.zarr"):
        open_movie(tmp_path / "a.zarr")
    assert open_movie(tmp_path / "a.zarr" / "raw").shape == (5, 12, 16)


def test_zarr_of_other_axes_is_refused(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.zeros((2, 3, 4, 5, 6)))
    lengths = "unnamed 2, unnamed 3, unnamed 4, Y 5, X 6"
    with pytest.raises(ValueError, match=rf"unknown \({lengths}\)"):
        open_movie(tmp_path / "a.zarr")


def test_empty_zarr_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.zarr").mkdir()
    with pytest.raises(ValueError, match=r"a\.zarr cannot be read as zarr"):
        open_movie(tmp_path / "a.zarr")
