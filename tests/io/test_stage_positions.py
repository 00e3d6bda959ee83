"""Positions of the stage in files of Zeiss, MetaMorph, Micro-Manager and other microscopes.

The files are written by tifffile, or byte by byte as the formats are described, never by our code;
the numbers expected were worked out by hand.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import Origin
from napari_sam2.io.volumes import open_volumes

MOVIE = np.arange(3 * 8 * 10, dtype=np.uint16).reshape(3, 8, 10)
CZ_LSMINFO, MICROMANAGER = 34412, 51123
MOVIE_SCAN, STACK_SCAN = 3, 0  # kinds of LSM images


def lsm(path: Path, kind: int, **values: float) -> Path:
    """A Zeiss file of three images, each followed by its thumbnail as Zeiss has them."""
    info = np.zeros(1, [(name, kind) for name, kind in tifffile.TIFF.CZ_LSMINFO if name])
    frames, planes = (3, 1) if kind == MOVIE_SCAN else (1, 3)
    known = {"MagicNumber": 0x400494C, "StructureSize": info.itemsize, "ScanType": kind}
    known |= {"DimensionX": 10, "DimensionY": 8, "DimensionChannels": 1}
    known |= {"DimensionTime": frames, "DimensionZ": planes, "VoxelSizeX": 2.5e-7}
    for name, value in (known | {"VoxelSizeY": 5e-7, "VoxelSizeZ": 2e-6} | values).items():
        info[name] = value
    tag = (CZ_LSMINFO, 1, info.itemsize, info.tobytes(), True)
    with tifffile.TiffWriter(path, byteorder="<") as writer:
        for t, image in enumerate(MOVIE):
            writer.write(image, metadata=None, extratags=[tag] if not t else [])
            writer.write(image[:2, :2], metadata=None, subfiletype=1)
    return path


def test_the_origin_of_a_zeiss_movie_is_in_metres(tmp_path: Path) -> None:
    file = lsm(tmp_path / "a.lsm", MOVIE_SCAN, OriginX=-1.5e-3, OriginY=2.5e-5, TimeIntervall=30)
    movie = open_movie(file)
    assert np.array_equal(np.asarray(movie.data[2]), MOVIE[2])
    assert (movie.scale.pixel_size, movie.scale.interval_s) == ((0.5, 0.25), 30)
    assert movie.scale.origin is not None
    assert movie.scale.origin.values == pytest.approx((0, 0, 25, -1500))


def test_the_origin_of_a_zeiss_stack_has_a_depth(tmp_path: Path) -> None:
    file = lsm(tmp_path / "a.lsm", STACK_SCAN, OriginZ=4e-6)
    origin = open_movie(file).scale.origin
    assert origin is not None
    assert origin.values == pytest.approx((0, 4, 0, 0))


def test_a_zeiss_file_at_zero_or_without_a_number_has_no_origin(tmp_path: Path) -> None:
    assert open_movie(lsm(tmp_path / "a.lsm", MOVIE_SCAN)).scale.origin is None
    file = lsm(tmp_path / "b.lsm", MOVIE_SCAN, OriginX=float("nan"))
    assert open_movie(file).scale.origin is None


def stk(path: Path, stage: list[tuple[int, int]], depths: list[int], *, valid: int = 1) -> Path:
    """A MetaMorph stack; stage positions in hundredths, depths in tenths of µm, all per plane."""
    count, (height, width) = len(MOVIE), MOVIE.shape[1:]
    unit = b"um\x00"
    blocks = {
        "pixels": MOVIE.astype("<u2").tobytes(),
        "x": struct.pack("<2I", 1, 4),
        "y": struct.pack("<2I", 1, 2),
        "unit": struct.pack("<I", len(unit)) + unit,
        # distance, day and millisecond of the making, and of the last change, of each plane
        "uic2": b"".join(
            struct.pack("<6I", 0, 1, 2459000, 1000 * (1 + 60 * t), 0, 0) for t in range(count)
        ),
        "uic4": struct.pack("<H", 28)
        + b"".join(struct.pack("<iIiI", x, 100, y, 100) for x, y in stage)
        + struct.pack("<H", 40)
        + b"".join(struct.pack("<iI", z, 10) for z in depths)
        + struct.pack(f"<H{count}I", 41, *[valid] * count)
        + struct.pack("<H", 0),
    }
    places, at = {}, 8
    for name, block in blocks.items():
        places[name] = at
        at += len(block) + len(block) % 2
    uic1 = struct.pack("<8I", 3, 1, 4, places["x"], 5, places["y"], 6, places["unit"])
    places["uic1"], ifd = at, at + len(uic1)
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 16), (259, 3, 1, 1)]
    entries += [(262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, height)]
    entries += [(279, 4, 1, 2 * height * width), (33628, 4, 4, places["uic1"])]
    entries += [(33629, 5, count, places["uic2"]), (33631, 4, count, places["uic4"])]
    written = struct.pack("<2sHI", b"II", 42, ifd)
    written += b"".join(block + b"\x00" * (len(block) % 2) for block in blocks.values()) + uic1
    written += struct.pack("<H", len(entries))
    written += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", 0)
    path.write_bytes(written)
    return path


def test_the_stage_of_a_metamorph_movie_is_its_origin(tmp_path: Path) -> None:
    file = stk(tmp_path / "a.stk", [(120_050, 30_000)] * 3, [755] * 3)
    movie = open_movie(file)
    assert np.array_equal(np.asarray(movie.data[2]), MOVIE[2])
    assert (movie.scale.pixel_size, movie.scale.interval_s) == ((0.5, 0.25), 60)
    assert movie.scale.origin == Origin(x=1200.5, y=300, z=75.5)


def test_a_depth_of_metamorph_counts_only_where_it_is_valid(tmp_path: Path) -> None:
    file = stk(tmp_path / "a.stk", [(100, 200)] * 3, [755] * 3, valid=0)
    assert open_movie(file).scale.origin == Origin(x=1, y=2)


def test_negative_positions_of_a_metamorph_stack_are_left_out(tmp_path: Path) -> None:
    file = stk(tmp_path / "a.stk", [(-120_050, 30_000)] * 3, [0] * 3)
    with tifffile.TiffFile(file) as tif:  # they are read as unsigned
        assert (tif.stk_metadata or {})["StagePosition"][0, 0] > 40_000_000
    assert open_movie(file).scale.origin == Origin(y=300)


def plane(path: Path, **values: float | str) -> Path:
    """A single plane of MetaMorph (MetaXpress)."""
    known = {"spatial-calibration-x": 0.25, "spatial-calibration-y": 0.5}
    texts = {"spatial-calibration-state": ("bool", "on")}
    texts["spatial-calibration-units"] = ("string", "um")
    texts |= {name: ("float", str(value)) for name, value in known.items()}
    texts |= {name.replace("_", "-"): ("float", str(value)) for name, value in values.items()}
    listed = "".join(f'<prop id="{k}" type="{t}" value="{v}"/>' for k, (t, v) in texts.items())
    described = f"<MetaData><PlaneInfo>{listed}</PlaneInfo></MetaData>"
    tifffile.imwrite(path, MOVIE[0], description=described, metadata=None, software="MetaSeries")
    return path


def test_the_stage_of_a_metamorph_plane_is_its_origin(tmp_path: Path) -> None:
    file = plane(tmp_path / "a.tif", stage_position_x=-3300.5, stage_position_y=20, z_position=7)
    scale = open_movie(file).scale
    assert (scale.pixel_size, scale.unit) == ((0.5, 0.25), "um")
    assert scale.origin == Origin(x=-3300.5, y=20, z=7)


def micromanager(path: Path, tag: dict[str, Any], **options: Any) -> Path:
    text = json.dumps(tag)
    extra = [(MICROMANAGER, 2, len(text) + 1, text, True)]
    tifffile.imwrite(path, MOVIE, photometric="minisblack", extratags=extra, **options)
    return path


def test_the_stage_of_a_micromanager_file_is_its_origin(tmp_path: Path) -> None:
    tag = {"XPositionUm": -12.5, "YPositionUm": 40, "ZPositionUm": 3.25}
    options = {"imagej": True, "metadata": {"axes": "TYX", "unit": "um"}, "resolution": (4, 2)}
    file = micromanager(tmp_path / "a.tif", tag, **options)
    assert open_movie(file).scale.origin == Origin(x=-12.5, y=40, z=3.25)


def test_an_origin_of_imagej_counts_before_the_stage(tmp_path: Path) -> None:
    metadata = {"axes": "TYX", "unit": "um", "xorigin": -40}
    options = {"imagej": True, "metadata": metadata, "resolution": (4, 2)}
    file = micromanager(tmp_path / "a.tif", {"XPositionUm": -12.5}, **options)
    assert open_movie(file).scale.origin == Origin(x=10)


def ome(path: Path, plane: str, stage: str) -> Path:
    """An OME file as converters of other formats write it, of three frames."""
    pixels = (
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="10" SizeY="8" SizeC="1" '
        'SizeZ="1" SizeT="3" PhysicalSizeX="0.25" PhysicalSizeXUnit="µm" PhysicalSizeY="0.5" '
        f'PhysicalSizeYUnit="µm"><Channel ID="Channel:0:0" SamplesPerPixel="1"/><TiffData/>{plane}'
        "</Pixels>"
    )
    described = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        f'<Image ID="Image:0">{stage}{pixels}</Image></OME>'
    )
    options = {"metadata": None, "photometric": "minisblack"}
    tifffile.imwrite(path, MOVIE, description=described.encode(), **options)
    return path


STAGE = '<StageLabel Name="Scene 0" X="-0.388" XUnit="mm" Y="16038.1" YUnit="µm" Z="7"/>'


def test_the_stage_label_of_ome_is_the_origin_where_planes_have_none(tmp_path: Path) -> None:
    origin = open_movie(ome(tmp_path / "a.ome.tif", "", STAGE)).scale.origin
    assert origin is not None
    assert origin.values == pytest.approx((0, 0, 16038.1, -388))  # Z has no unit


def test_positions_of_planes_count_before_the_stage_label(tmp_path: Path) -> None:
    plane = (
        '<Plane TheZ="0" TheT="0" TheC="0" DeltaT="2" PositionX="5" PositionXUnit="µm" '
        'PositionY="9" PositionYUnit="reference frame"/>'
    )
    origin = open_movie(ome(tmp_path / "a.ome.tif", plane, STAGE)).scale.origin
    assert origin is not None
    assert origin.values == pytest.approx((2, 0, 16038.1, 5))


def test_volumes_of_zeiss_have_the_origin_too(tmp_path: Path) -> None:
    file = lsm(tmp_path / "a.lsm", STACK_SCAN, OriginX=1e-5, OriginZ=4e-6)
    origin = open_volumes(file).scale.origin
    assert origin is not None
    assert origin.values == pytest.approx((0, 4, 0, 10))
