"""Files that are damaged, hostile or huge: told in words, or read; never anything else."""

from __future__ import annotations

import json
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_sam2.io.ctc import write_ctc
from napari_sam2.io.exports import open_tracked
from napari_sam2.io.geff import write_geff
from napari_sam2.io.image_folder import read_image
from napari_sam2.io.movies import open_movie
from napari_sam2.io.prompt_files import read_prompts
from napari_sam2.io.tiff import read_labels, write_labels
from napari_sam2.io.tracks import read_tracks
from napari_sam2.model import load_model
from tests.families import family

IN_WORDS = (ValueError, OSError, TypeError)
MANY = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
flips = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=8)


def flipped(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    data = bytearray(content)
    for place, value in changes:
        data[place % len(data)] = value
    return bytes(data)


def is_read_or_told(read: Callable[[], Any]) -> bool:
    """Whether a call succeeds, or raises an error that says something."""
    try:
        read()
    except IN_WORDS as error:
        return bool(str(error))
    return True


def read_all(path: Path) -> None:
    movie = open_movie(path)
    for t in range(min(movie.shape[0], 5)):
        frame = movie.frame(t)
        assert frame.shape[:2] == movie.shape[1:]


@pytest.fixture(scope="module")
def tiffs(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("tiffs")
    labels = family().labels
    write_labels(folder / "ours.tif", labels, family().scale)
    write_labels(folder / "ome.tif", labels, family().scale, format="ome")
    tifffile.imwrite(folder / "plain.tif", labels)
    tifffile.imwrite(folder / "tiled.tif", labels, tile=(16, 16), compression="lzw")
    tifffile.imwrite(folder / "big.tif", labels, bigtiff=True, byteorder=">")
    return [file.read_bytes() for file in sorted(folder.iterdir())]


@MANY
@given(data=st.data(), changes=flips)
def test_a_tiff_with_any_bytes_flipped_is_read_or_told(
    tmp_path: Path, tiffs: list[bytes], data: st.DataObject, changes: list[tuple[int, int]]
) -> None:
    path = tmp_path / "flipped.tif"
    path.write_bytes(flipped(data.draw(st.sampled_from(tiffs)), changes))
    assert is_read_or_told(lambda: read_all(path))
    assert is_read_or_told(lambda: read_labels(path))


@MANY
@given(data=st.data(), length=st.floats(0, 1))
def test_a_tiff_that_ends_early_is_read_or_told(
    tmp_path: Path, tiffs: list[bytes], data: st.DataObject, length: float
) -> None:
    whole = data.draw(st.sampled_from(tiffs))
    path = tmp_path / "cut.tif"
    path.write_bytes(whole[: int(length * len(whole))])
    assert is_read_or_told(lambda: read_all(path))


plain = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats() | st.text(max_size=5)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
entries = st.fixed_dictionaries(
    {"frame": st.integers(-2, 9) | anything, "object": st.integers(-1, 9) | anything},
    optional={
        "points": anything,
        "labels": anything,
        "rounds": anything,
        "box": anything | st.lists(st.floats(), min_size=4, max_size=4),
        "mask": anything | st.fixed_dictionaries({"size": anything, "counts": anything}),
    },
)


@MANY
@given(content=st.fixed_dictionaries({"prompts": st.lists(entries | anything)}) | anything)
def test_any_prompt_file_is_read_or_told(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(content))
    assert is_read_or_told(lambda: read_prompts(path, (5, 8, 8)))


def test_a_mask_that_claims_to_be_huge_costs_no_memory(tmp_path: Path) -> None:
    huge = {"size": [2**20, 2**20], "counts": [2**40]}
    path = tmp_path / "bomb.json"
    path.write_text(json.dumps({"prompts": [{"frame": 0, "object": 1, "mask": huge}]}))
    tracemalloc.start()
    with pytest.raises(ValueError, match="the mask has the size"):
        read_prompts(path, (5, 8, 8))
    assert tracemalloc.get_traced_memory()[1] < 10**7
    tracemalloc.stop()


numbers = st.integers(-3, 9) | st.integers(2**31, 2**70)
tables = st.lists(st.lists(numbers, max_size=6), max_size=8).map(
    lambda rows: "\n".join(" ".join(map(str, row)) for row in rows)
)


@MANY
@given(table=tables | st.text(max_size=40))
def test_any_table_of_the_challenge_is_read_or_told(tmp_path: Path, table: str) -> None:
    if not (tmp_path / "res.ctc").exists():
        write_ctc(tmp_path / "res.ctc", family())
    path = tmp_path / "res.ctc" / "res_track.txt"
    path.write_bytes(table.encode("utf-8", "surrogatepass"))
    assert is_read_or_told(lambda: read_tracks(path))
    assert is_read_or_told(lambda: open_tracked(path.parent))


@MANY
@given(changes=flips, name=st.sampled_from([".zattrs", "nodes/ids/.zarray", "edges/ids/0.0"]))
def test_a_damaged_geff_is_read_or_told(
    tmp_path: Path, changes: list[tuple[int, int]], name: str
) -> None:
    if not (tmp_path / "cells.geff.zarr").exists():
        write_geff(tmp_path / "cells.geff.zarr", family())
        write_geff(tmp_path / "whole.geff.zarr", family())
    inner = Path("tracks.geff") / name
    whole = (tmp_path / "whole.geff.zarr" / inner).read_bytes()
    (tmp_path / "cells.geff.zarr" / inner).write_bytes(flipped(whole, changes))
    assert is_read_or_told(lambda: list(open_tracked(tmp_path / "cells.geff.zarr").frames()))


@pytest.mark.parametrize("path", ["../outside", "/etc", "a/../../outside", "..", "\x00"])
def test_a_zarr_that_points_out_of_itself_is_refused(tmp_path: Path, path: str) -> None:
    zarr.create_array(tmp_path / "outside", shape=(3, 4, 4), dtype="u1")
    group = zarr.open_group(tmp_path / "inside.zarr", mode="w")
    axes = [{"name": name} for name in "tyx"]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": [{"path": path}]}]
    with pytest.raises(IN_WORDS):
        open_movie(tmp_path / "inside.zarr")


@pytest.mark.parametrize("axes", [None, 3, [], ["t", "y"], [{"name": 3}] * 3, "tyx", [["t"]] * 3])
def test_an_ome_zarr_of_nonsense_is_refused(tmp_path: Path, axes: Any) -> None:
    group = zarr.open_group(tmp_path / "bad.zarr", mode="w")
    group.create_array("0", shape=(3, 4, 4), dtype="u1")
    scale = [{"type": "scale", "scale": ["x", None]}]
    datasets = [{"path": "0", "coordinateTransformations": scale}]
    group.attrs["multiscales"] = [{"axes": axes, "datasets": datasets}]
    with pytest.raises(IN_WORDS):
        open_movie(tmp_path / "bad.zarr")


class Attack:
    """Runs code when a pickle that holds it is loaded."""

    def __reduce__(self) -> Any:
        return exec, ("import builtins; builtins.attacked = True",)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_checkpoint_with_code_is_refused_and_does_not_run(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    if suffix == ".pt":
        torch.save({"model": Attack()}, path)
    else:
        path.write_bytes(pickle.dumps(Attack()))
    with pytest.raises(ValueError, match="no readable checkpoint"):
        load_model(path)
    assert not hasattr(__builtins__, "attacked")


def test_a_checkpoint_that_is_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    torch.save({"model": {"a": torch.zeros(4)}}, tmp_path / "small.pt")
    path = tmp_path / "bomb.pt"
    with (
        zipfile.ZipFile(tmp_path / "small.pt") as small,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for name in small.namelist():
            is_weights = "/data/" in name
            bomb.writestr(name, bytes(2**26) if is_weights else small.read(name))
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match="compressed"):
        load_model(path)


def test_an_image_that_is_too_large_for_its_format_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="cannot be read as an image"):
        read_image(tmp_path / "bomb.png")


def test_a_file_that_names_an_impossible_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "size.tif"
    tifffile.imwrite(path, np.zeros((4, 4), np.uint8), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as tif:
        for tag in ("ImageWidth", "ImageLength"):
            tif.pages.first.tags[tag].overwrite(2**31, dtype="I")
    with pytest.raises(ValueError, match=r"size\.tif"):
        read_all(path)
