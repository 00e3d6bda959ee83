from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_sam2.io.tiff import ImageScale, is_own_file, read_labels, write_labels

SCALE = ImageScale((0.65, 0.5), "um", 300.0)


def striped(dtype: Any = np.uint16, largest: int = 40) -> np.ndarray:
    """Labels (3, 8, 10) with a stripe of another id on each frame."""
    labels = np.zeros((3, 8, 10), dtype)
    for t in range(3):
        labels[t, 2 * t : 2 * t + 2] = t + 1
    labels[2, 7, 9] = largest
    return labels


def same_scale(one: ImageScale, other: ImageScale) -> bool:
    """Equal but for the fraction in which a file keeps the resolution."""
    if (one.pixel_size is None) != (other.pixel_size is None):
        return False
    close = one.pixel_size is None or np.allclose(one.pixel_size, other.pixel_size, rtol=1e-6)
    unit = one.pixel_size is None or one.unit == other.unit
    return bool(close) and unit and one.interval_s == pytest.approx(other.interval_s)


label_arrays = st.sampled_from([np.uint8, np.uint16, np.int32, np.uint32, np.int64]).flatmap(
    lambda dtype: arrays.arrays(
        dtype,
        st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(2, 5)).flatmap(
            lambda shape: st.sampled_from([shape, shape[1:]])
        ),
        elements=st.integers(0, min(np.iinfo(dtype).max, 2**32 - 1)),
    )
)
sizes = st.floats(1e-3, 1e3)
scales = st.builds(
    ImageScale,
    st.none() | st.tuples(sizes, sizes),
    st.sampled_from(["um", "nm", "mm", "cm", "inch"]),
    st.none() | st.floats(0.001, 1e5),
)


@settings(max_examples=60, deadline=None)
@given(labels=label_arrays, scale=scales, file_format=st.sampled_from(["auto", "ome"]))
def test_labels_and_scale_come_back(
    tmp_path_factory: pytest.TempPathFactory,
    labels: np.ndarray,
    scale: ImageScale,
    file_format: Any,
) -> None:
    path = tmp_path_factory.mktemp("tiff") / "labels.tif"
    write_labels(path, labels, scale, file_format)
    back, scale_back = read_labels(path)
    np.testing.assert_array_equal(back, labels)
    assert back.dtype == (np.uint16 if labels.max() <= 65535 else np.uint32)
    if labels.ndim == 2:
        scale = ImageScale(scale.pixel_size, scale.unit)  # one image has no interval
    assert same_scale(scale, scale_back)


@pytest.mark.parametrize("lazy", ["dask", "zarr", "memmap"])
def test_lazy_labels_are_written(tmp_path: Path, lazy: str) -> None:
    labels = striped()
    np.save(tmp_path / "labels.npy", labels)
    source = {
        "dask": da.from_array(labels, chunks=(1, 8, 10)),
        "zarr": zarr.array(labels, chunks=(1, 8, 10)),
        "memmap": np.load(tmp_path / "labels.npy", mmap_mode="r"),
    }[lazy]
    write_labels(tmp_path / "labels.tif", source)
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.tif")[0], labels)


def test_one_frame_is_in_memory_at_a_time(tmp_path: Path) -> None:
    class Frames:
        shape, dtype = (5, 8, 10), np.dtype(np.uint16)
        read: list[int] = []  # noqa: RUF012  # one object, one test

        def __getitem__(self, t: int) -> np.ndarray:
            assert isinstance(t, int)
            self.read.append(t)
            return np.full((8, 10), t, np.uint16)

    write_labels(tmp_path / "labels.tif", Frames())
    assert Frames.read == [*range(5), *range(5)]  # once for the largest id, once to write


def test_fiji_finds_a_hyperstack_with_its_calibration(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.tif", striped(), SCALE)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tif:
        described, tags = tif.imagej_metadata, tif.pages[0].tags
        assert (described["frames"], described["unit"]) == (3, "um")
        assert (described["finterval"], described["max"]) == (300.0, 40.0)
        assert np.divide(*tags["XResolution"].value) == pytest.approx(1 / 0.5)
        assert np.divide(*tags["YResolution"].value) == pytest.approx(1 / 0.65)
        assert tif.series[0].axes == "TYX"


def test_ome_reader_finds_pixel_size_and_interval(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.ome.tif", striped(), SCALE)
    with tifffile.TiffFile(tmp_path / "labels.ome.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"]) == (0.5, 0.65)
        assert (pixels["PhysicalSizeXUnit"], pixels["TimeIncrement"]) == ("µm", 300)
        assert tif.series[0].axes == "TYX"


def test_ome_types_finds_axes_and_scale(tmp_path: Path) -> None:
    ome_types = pytest.importorskip("ome_types")
    write_labels(tmp_path / "labels.ome.tif", striped(), SCALE)
    pixels = ome_types.from_tiff(tmp_path / "labels.ome.tif").images[0].pixels
    assert (pixels.size_t, pixels.size_y, pixels.size_x) == (3, 8, 10)
    assert (pixels.physical_size_y, pixels.physical_size_x) == (0.65, 0.5)
    assert (pixels.time_increment, pixels.time_increment_unit.value) == (300, "s")


def test_file_is_compressed(tmp_path: Path) -> None:
    labels = np.ones((4, 256, 256), np.uint16)
    write_labels(tmp_path / "labels.tif", labels)
    assert (tmp_path / "labels.tif").stat().st_size < labels.nbytes / 20


def test_ids_above_65535_make_an_ome_file(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.tif", striped(np.int64, 65536), SCALE)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tif:
        assert tif.is_ome
        assert tif.series[0].dtype == np.uint32
    back, scale = read_labels(tmp_path / "labels.tif")
    assert back[2, 7, 9] == 65536
    assert same_scale(scale, SCALE)


def test_imagej_refuses_ids_above_65535(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="write format='ome' instead"):
        write_labels(tmp_path / "labels.tif", striped(np.uint32, 65536), format="imagej")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("format", ["imagej", "ome"])
@pytest.mark.parametrize("shape", [(1, 8, 10), (8, 10)])
def test_one_frame_and_one_image_are_told_apart(
    tmp_path: Path, shape: tuple[int, ...], format: Any
) -> None:
    write_labels(tmp_path / "labels.tif", np.ones(shape, np.uint16), format=format)
    assert read_labels(tmp_path / "labels.tif")[0].shape == shape


@pytest.mark.parametrize(
    ("labels", "error", "message"),
    [
        (np.zeros((2, 3, 4, 5), np.uint16), ValueError, r"must be \(T, Y, X\) or \(Y, X\)"),
        (np.zeros((0, 4, 5), np.uint16), ValueError, "no pixels"),
        (np.zeros((2, 4, 1), np.uint16), ValueError, "at least 2 pixels wide"),
        (np.zeros((2, 4, 5), np.float32), TypeError, "must be integers; got float32"),
        (np.full((2, 4, 5), -1), ValueError, "frame 0 has -1"),
        (np.full((2, 4, 5), 2**32), ValueError, "frame 0 has 4294967296"),
    ],
)
def test_what_are_no_labels_is_refused(
    tmp_path: Path, labels: np.ndarray, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        write_labels(tmp_path / "labels.tif", labels)
    assert os.listdir(tmp_path) == []


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="format must be 'auto', 'imagej', 'ome', 'ome-zarr'"):
        write_labels(tmp_path / "labels.tif", striped(), format="png")  # type: ignore[arg-type]


def test_frame_that_cannot_be_read_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "labels.tif"
    write_labels(path, striped())
    reads = iter([None] * 4)  # fails while writing: three frames are read once, then one again

    def fail(block: np.ndarray) -> np.ndarray:
        if next(reads, 1):
            raise OSError(errno.EIO, "the share is gone")
        return block

    broken = da.from_array(striped(), chunks=(1, 8, 10), meta=np.empty((0, 0, 0), np.uint16))
    broken = broken.map_blocks(fail, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16))
    with pytest.raises(OSError, match="the share is gone"):
        write_labels(path, broken)
    np.testing.assert_array_equal(read_labels(path)[0], striped())
    assert os.listdir(tmp_path) == ["labels.tif"]


@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "labels.tif"
    write_labels(path, striped())
    noise = np.random.default_rng(0).integers(0, 65535, (20, 64, 64), np.uint16)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))  # a disk with 50 kB left
    try:
        with pytest.raises(OSError, match="File too large"):
            write_labels(path, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    np.testing.assert_array_equal(read_labels(path)[0], striped())
    assert os.listdir(tmp_path) == ["labels.tif"]


def test_own_files_are_known(tmp_path: Path) -> None:
    write_labels(tmp_path / "own.tif", striped())
    tifffile.imwrite(tmp_path / "foreign.tif", striped(), photometric="minisblack")
    (tmp_path / "text.tif").write_text("no TIFF")
    assert is_own_file(tmp_path / "own.tif")
    assert not is_own_file(tmp_path / "foreign.tif")
    assert not is_own_file(tmp_path / "text.tif")
    assert not is_own_file(tmp_path / "nowhere.tif")


def test_foreign_labels_are_read(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "plain.tif", striped(np.uint8), photometric="minisblack")
    back, scale = read_labels(tmp_path / "plain.tif")
    np.testing.assert_array_equal(back, striped())
    assert scale == ImageScale()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full((3, 8, 10), 0.5, np.float32), "holds float32 pixels"),
        (np.tile(np.uint8([0, 1, 2]), (8, 10, 1)), "holds colours"),
        (np.full((3, 8, 10), -2, np.int16), "ids from -2"),
    ],
)
def test_images_are_no_labels(tmp_path: Path, data: np.ndarray, message: str) -> None:
    kind = "rgb" if data.shape[-1] == 3 else "minisblack"
    tifffile.imwrite(tmp_path / "image.tif", data, photometric=kind)
    with pytest.raises(ValueError, match=message):
        read_labels(tmp_path / "image.tif")
