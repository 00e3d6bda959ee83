"""Movies of every order of the axes T, Z and C: the chosen part is opened with its scale.

A pixel of frame t, plane z and channel c is 100 t + 10 z + c, so that the right values are known
without a reader. Inputs are written and outputs are read by tifffile, ome-types and zarr.
"""

from __future__ import annotations

import csv
import json
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import zarr
from geff.core_io import read_to_memory

from napari_sam2.cli import main
from napari_sam2.io.movies import open_movie
from napari_sam2.io.scale import ImageScale, Origin
from napari_sam2.io.selection import parse_channels
from tests.tracking.tiny import build_tiny_model

LENGTHS = {"T": 3, "Z": 4, "C": 2, "Y": 12, "X": 16}
PLACES = {"T": 100, "Z": 10, "C": 1}
ORDERS = [
    "".join(order) + "YX"
    for count in range(4)
    for chosen in combinations("TZC", count)
    for order in permutations(chosen)
]
PIXEL = (0.5, 0.25)
UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
STEPS = {"T": 30.0, "Z": 2.0, "C": 1.0, "Y": 0.5, "X": 0.25}


def stack(axes: str) -> np.ndarray:
    data = np.zeros([LENGTHS[a] for a in axes], np.uint16)
    for place, letter in enumerate(axes[:-2]):
        steps = PLACES[letter] * np.arange(LENGTHS[letter], dtype=np.uint16)
        data += steps.reshape([-1 if p == place else 1 for p in range(len(axes))])
    return data


def plain_tiff(folder: Path, axes: str) -> Path:
    tifffile.imwrite(folder / "a.tif", stack(axes), photometric="minisblack")
    return folder / "a.tif"


def ome_tiff(folder: Path, axes: str) -> Path:
    metadata = {"axes": axes, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.25, "PhysicalSizeZ": 2}
    metadata |= {"TimeIncrement": 30} if "T" in axes else {}
    tifffile.imwrite(folder / "a.ome.tif", stack(axes), photometric="minisblack", metadata=metadata)
    return folder / "a.ome.tif"


def zipped_tiff(folder: Path, axes: str) -> Path:
    path = ome_tiff(folder, axes)
    with tifffile.TiffFile(path) as tif:
        description = tif.ome_metadata
    assert description
    tifffile.imwrite(
        path, stack(axes), photometric="minisblack", compression="zlib",
        description=description.encode(), metadata=None,
    )  # fmt: skip
    return path


def ngff(folder: Path, axes: str) -> Path:
    group = zarr.open_group(folder / "a.zarr", mode="w")
    group.create_array("0", data=stack(axes), chunks=stack(axes).shape)
    kinds = {"T": "time", "C": "channel"}
    named = [{"name": a.lower(), "type": kinds.get(a, "space"), "unit": UNITS.get(a)} for a in axes]
    scale = {"type": "scale", "scale": [STEPS[a] for a in axes]}
    dataset = {"path": "0", "coordinateTransformations": [scale]}
    group.attrs["multiscales"] = [{"axes": named, "datasets": [dataset]}]
    return folder / "a.zarr"


def part(axes: str) -> dict[str, Any]:
    """Channel 1, the brightest of all planes of each frame, frames 1 and 2."""
    chosen: dict[str, Any] = {"channel": 1} if "C" in axes else {}
    chosen |= {"z": "max"} if "Z" in axes else {}
    return chosen | ({"frames": slice(1, 3)} if "T" in axes else {})


def right_values(axes: str) -> list[int]:
    shown = (30 if "Z" in axes else 0) + (1 if "C" in axes else 0)
    return [100 + shown, 200 + shown] if "T" in axes else [shown]


@pytest.mark.parametrize("axes", ORDERS)
@pytest.mark.parametrize("write", [ome_tiff, zipped_tiff, ngff])
def test_the_chosen_part_of_any_order_of_axes_is_opened(
    tmp_path: Path, write: Any, axes: str
) -> None:
    movie = open_movie(write(tmp_path, axes), **part(axes))
    assert movie.shape == (len(right_values(axes)), 12, 16)
    for t, value in enumerate(right_values(axes)):
        np.testing.assert_array_equal(movie.frame(t), np.full((12, 16), value))
    interval = 30.0 if "T" in axes else None
    origin = Origin(t=interval) if interval else None  # the range begins at frame 1
    assert movie.scale == ImageScale(PIXEL, "um", interval, None, "t" if interval else None, origin)


@pytest.mark.parametrize("axes", ORDERS)
def test_axes_of_a_plain_file_can_be_given(tmp_path: Path, axes: str) -> None:
    movie = open_movie(plain_tiff(tmp_path, axes), axes=axes, **part(axes))
    assert [int(movie.frame(t).max()) for t in range(movie.shape[0])] == right_values(axes)


def test_time_may_come_last(tmp_path: Path) -> None:
    zarr.save_array(tmp_path / "a.zarr", np.moveaxis(stack("TYX"), 0, -1))
    movie = open_movie(tmp_path / "a.zarr", axes="YXT")
    assert movie.shape == (3, 12, 16)
    assert [int(movie.frame(t).min()) for t in range(3)] == [0, 100, 200]


def zstack(folder: Path, axes: str = "TZYX", sharp: int = 2) -> Path:
    """Flat planes but for one with fine lines; plane z of frame t is 100 t + 10 z."""
    data = stack(axes)
    data[:, sharp, ::2] += 50
    tifffile.imwrite(folder / "z.ome.tif", data, photometric="minisblack", metadata={"axes": axes})
    return folder / "z.ome.tif"


def test_planes_and_projections(tmp_path: Path) -> None:
    path = zstack(tmp_path)
    assert open_movie(path, z=3).frame(1).max() == 130
    assert open_movie(path, z="max").frame(1)[:2, 0].tolist() == [170, 130]
    mean = open_movie(path, z="mean").frame(1)
    assert (mean.dtype, mean[:2, 0].tolist()) == (np.float32, [127.5, 115.0])
    assert open_movie(path, z="focus").frame(1)[:2, 0].tolist() == [170, 120]


def test_channels_are_mixed_as_colours_with_their_own_contrast(tmp_path: Path) -> None:
    data = np.zeros((2, 3, 12, 16), np.uint16)
    data[:, 0, :, 8:] = 4000  # as a channel of 12 bits
    data[:, 2, :6] = 7
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="minisblack")
    movie = open_movie(tmp_path / "a.tif", axes="TCYX", channel={0: 1.0, 2: 0.5})
    assert (movie.rgb, movie.shape) == (True, (2, 12, 16))
    frame = movie.frame(0)
    for (y, x), colour in {(0, 0): (0, 0.5, 0), (0, 9): (1, 0.5, 0), (9, 9): (1, 0, 0)}.items():
        assert frame[y, x].tolist() == pytest.approx(colour)


def test_every_second_frame_doubles_the_interval(tmp_path: Path) -> None:
    movie = open_movie(ome_tiff(tmp_path, "TYX"), frames=slice(0, 3, 2))
    assert movie.frame(1).max() == 200
    assert movie.scale.interval_s == 60.0


def test_slices_of_a_stack_are_told_to_be_frames(tmp_path: Path) -> None:
    movie = open_movie(ome_tiff(tmp_path, "ZYX"))
    assert movie.scale == ImageScale(PIXEL, "um", None, 2.0, "z")
    assert movie.note.endswith("(Z 4, Y 12, X 16): the 4 slices of the Z stack are taken as frames")


def test_reading_one_frame_reads_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    decode = tifffile.TiffPage.asarray
    path = zipped_tiff(tmp_path, "TCZYX")
    movie = open_movie(path, channel=1, z="max")
    monkeypatch.setattr(
        tifffile.TiffPage, "asarray", lambda page: (read.append(page.index), decode(page))[1]
    )
    assert movie.frame(2).max() == 231
    assert read == [20, 21, 22, 23]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({}, r"a\.tif has axes whose meaning is unknown \(unnamed 3, unnamed 2, Y 12, X 16\)"),
        ({"axes": "TCYX"}, r"2 channels \(T 3, C 2, Y 12, X 16\): choose one with --channel 0 to"),
        ({"axes": "TZYX"}, "2 planes on each frame .*: choose one with --z 0 to 1, or --z max"),
        ({"axes": "TCYX", "channel": 2}, "has 2 channels, 0 to 1; got 2"),
        ({"axes": "TZYX", "z": 2}, "has 2 planes, 0 to 1; got 2"),
        ({"axes": "TCYX", "channel": 0, "z": "max"}, "has no axis of depth"),
        ({"axes": "TCYX", "channel": 0, "frames": slice(2, 9)}, "range 2:9 is not in it"),
        ({"axes": "TYX"}, r"has 4 axes .*; 'TYX' names 3"),
        ({"axes": "TTYX"}, "must name each axis once"),
        ({"channel": (0, 1, 2, 3)}, "one to three channels"),
        ({"channel": (0, 0)}, "different numbers"),
        ({"channel": {0: 2.0}}, "between 0 and 1"),
        ({"z": "sum"}, "z must be a plane, max, mean, focus or 3d"),
        ({"frames": slice(3, 0, -1)}, "must go forward"),
        ({"series": 1}, "has 1 images"),
    ],
)
def test_a_part_that_is_not_there_is_refused(
    tmp_path: Path, selection: dict[str, Any], message: str
) -> None:
    path = plain_tiff(tmp_path, "TCYX")
    with pytest.raises(ValueError, match=message):
        open_movie(path, **selection)


def shell(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0), capsys.readouterr().err


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Labels of two frames, beside a tiny network that keeps them as prompts."""
    monkeypatch.setattr("napari_sam2.model.load_model", lambda *_, **__: build_tiny_model())
    labels = np.zeros((2, 12, 16), np.uint8)
    labels[0, 2:6, 3:9], labels[1, 4:8, 5:11] = 5, 5
    tifffile.imwrite(tmp_path / "truth.tif", labels, photometric="minisblack")
    return labels


OPTIONS = ("--channel", "1", "--z", "max", "--range", "1:3")
SAID = "channel 1 of 0 to 1; brightest value of 4 planes; frames 1 to 2 of 0 to 2 (frame 0 of the"


@pytest.mark.parametrize("axes", ["TZCYX", "CTZYX"])
def test_the_shell_tracks_a_part_and_writes_its_axes_and_scale(
    tmp_path: Path, truth: np.ndarray, capsys: pytest.CaptureFixture[str], axes: str
) -> None:
    import ome_types  # slow to import

    movie, out = ngff(tmp_path, axes), tmp_path / "labels.ome.tif"
    code, said = shell(capsys, "track", movie, "-p", tmp_path / "truth.tif", "-o", out, *OPTIONS)
    assert code == 0, said
    assert SAID in said
    np.testing.assert_array_equal(tifffile.imread(out), truth)
    with tifffile.TiffFile(out) as tif:
        assert tif.series[0].axes == "TYX"
    pixels = ome_types.from_tiff(out).images[0].pixels
    assert (pixels.physical_size_y, pixels.physical_size_x, pixels.time_increment) == (*PIXEL, 30.0)


def test_the_shell_exports_and_measures_the_same_part(
    tmp_path: Path, truth: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    movie, labels = ngff(tmp_path, "TCZYX"), tmp_path / "truth.tif"
    for name in ("out.tif", "out.geff.zarr", "out.csv"):
        target = ("-o", tmp_path / name, "--image", movie)
        code, said = shell(capsys, "export", labels, *target, *OPTIONS)
        assert code == 0, said
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert (tif.series[0].axes, tif.imagej_metadata["finterval"]) == ("TYX", 30.0)
    frames, y, x = read_to_memory(tmp_path / "out.geff.zarr" / "tracks.geff")["metadata"].axes
    assert (frames.scale, y.scale, x.scale) == (30.0, *PIXEL)
    with (tmp_path / "out.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    means = [float(row[key]) for row in rows for key in row if key.endswith("_mean")]
    assert means == [131.0, 231.0]
    assert [float(row["time_s"]) for row in rows] == [0.0, 30.0]


def test_without_a_channel_each_one_is_measured(
    tmp_path: Path, truth: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    movie, out = ngff(tmp_path, "TCYX"), tmp_path / "out.csv"
    options = ("--image", movie, "--range", "0:2")
    code, said = shell(capsys, "export", tmp_path / "truth.tif", "-o", out, *options)
    assert code == 0, said
    with out.open(encoding="utf-8", newline="") as lines:
        row = list(csv.DictReader(lines))[1]
    means = {key: float(row[key]) for key in row if key.endswith("_mean")}
    assert list(means.values()) == [100.0, 101.0]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--channel", "one"), "--channel is a number such as 1, or a list such as 0,2"),
        (("--z", "sum"), "--z is a number, max, mean or focus"),
        (("--range", "10-80"), "--range is first:end as in 10:80"),
        (("--axes", "TQYX"), "axes must name each axis once"),
    ],
)
def test_wrong_options_are_wrong_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: tuple[str, str], message: str
) -> None:
    out = tmp_path / "out.tif"
    code, said = shell(capsys, "find", plain_tiff(tmp_path, "TYX"), "-o", out, *option)
    assert (code, message in said) == (2, True)


def test_the_shell_says_which_channels_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    movie = ome_tiff(tmp_path, "TCYX")
    code, said = shell(capsys, "find", movie, "-o", tmp_path / "out.tif")
    assert code == 1
    assert "has 2 channels (T 3, C 2, Y 12, X 16): choose one with --channel 0 to 1" in said


def test_the_shell_names_frames_that_it_could_not_read(
    tmp_path: Path, truth: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (3, 12, 16)).astype(np.uint8)
    options: Any = {"compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(tmp_path / "a.tif", noise, metadata={"axes": "TYX"}, **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        place = tif.pages[2].dataoffsets[0]
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[place : place + 20] = bytes(20)
    (tmp_path / "a.tif").write_bytes(content)
    prompts = {"prompts": [{"frame": 0, "object": 1, "points": [[5, 5]]}]}
    (tmp_path / "p.json").write_text(json.dumps(prompts))
    out = tmp_path / "out.tif"
    code, said = shell(capsys, "track", tmp_path / "a.tif", "-p", tmp_path / "p.json", "-o", out)
    assert code == 4
    assert "a.tif: frame 2 was skipped" in said
    assert tifffile.imread(out).shape == (3, 12, 16)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0:1,2:0.5", {0: 1.0, 2: 0.5}), ("1,0:0.25", {1: 1.0, 0: 0.25}), ("0,2", (0, 2)), ("1", 1)],
)
def test_channels_of_the_shell_may_have_weights(text: str, expected: Any) -> None:
    assert parse_channels(text) == expected


@pytest.mark.parametrize("text", ["0:", "0:0.5", "0:1,0:0.5", "0:a,1", "0:1:2,1", ":1,2"])
def test_wrong_weights_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="channel"):
        parse_channels(text)


def test_the_note_says_the_weights(tmp_path: Path) -> None:
    movie = open_movie(ome_tiff(tmp_path, "TCYX"), channel={0: 1.0, 1: 0.5})
    assert "channels 0 as red, 1 as green x 0.5, of 2" in movie.note
    np.testing.assert_allclose(movie.frame(0)[..., 1].max(), 0.5 * movie.frame(0)[..., 0].max())
