"""Results that cannot be written: the old one stays, and nothing else is left behind."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_sam2.io import atomic
from napari_sam2.io.exports import write_export
from napari_sam2.io.formats import FORMATS
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.training.checkpoints import write_weights
from tests.families import family, image

SIDE = 80


def noisy() -> TrackedLabels:
    """Labels that become large files."""
    random = np.random.default_rng(0)
    labels = random.integers(1, 300, (3, SIDE, SIDE), np.uint16)
    movie = random.integers(0, 255, labels.shape, np.uint8)
    return TrackedLabels(labels, scale=ImageScale(), channels={"a": movie})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file, hidden ones too."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@contextmanager
def full_disk(limit_bytes: int = 4096) -> Iterator[None]:
    """No file can grow larger; children of this process neither."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("name", FORMATS)
def test_a_full_disk_leaves_the_old_result(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"cells{FORMATS[name].suffixes[0]}"
    write_export(path, family(channels={"a": image()}))
    before = contents(tmp_path)
    with full_disk(), pytest.raises(OSError):
        write_export(path, noisy())
    assert contents(tmp_path) == before


def test_a_full_disk_leaves_the_old_model(tmp_path: Path) -> None:
    write_weights({"w": torch.ones(4)}, tmp_path / "mine.safetensors", {"preset": "cells"})
    before = contents(tmp_path)
    with full_disk(), pytest.raises(OSError) as told:
        write_weights({"w": torch.ones(9999)}, tmp_path / "mine.safetensors", {"preset": "cells"})
    assert told.value.errno == errno.EFBIG
    assert contents(tmp_path) == before


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a disk")
def test_a_small_disk_that_is_really_full(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        write_export(disk / "cells.tif", family())
        before = contents(disk)
        for name in ("cells.tif", "cells.ctc", "cells.geff.zarr"):
            with pytest.raises(OSError) as told:
                write_export(disk / name, noisy())
            assert told.value.errno == errno.ENOSPC
        assert contents(disk) == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_without_permission_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.mkdir", refuse)
    with pytest.raises(PermissionError, match="choose another one"):
        write_export(tmp_path / f"a{FORMATS[name].suffixes[0]}", family(channels={"a": image()}))
    monkeypatch.undo()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", FORMATS)
def test_a_folder_that_is_removed_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    flush = atomic._flush_to_disk

    def flush_nothing(path: Path) -> None:
        shutil.rmtree(folder)
        flush(path)

    monkeypatch.setattr(atomic, "_flush_to_disk", flush_nothing)
    with pytest.raises(FileNotFoundError):
        path = folder / f"cells{FORMATS[name].suffixes[0]}"
        write_export(path, family(channels={"a": image()}))
    assert not contents(tmp_path)


def test_the_old_folder_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "result"
    target.mkdir()
    (target / "old").write_text("old")
    moves: list[Path] = []
    replace = os.replace

    def fail_second(source: Any, place: Any) -> None:
        moves.append(place)
        if len(moves) == 2:
            raise OSError(errno.EIO, "the disk was pulled out")
        replace(source, place)

    monkeypatch.setattr("os.replace", fail_second)
    with (
        pytest.raises(OSError, match="pulled out"),
        atomic.atomic_folder(target, bool) as new,
    ):
        (new / "new").write_text("new")
    assert contents(tmp_path) == {"result/old": b"old"}


@pytest.mark.parametrize(
    "folder", ["mit Leerzeichen", "Zürich ß", "细胞", "خلايا", "a'b\"c;d", "🔬"]
)
def test_names_in_any_script_and_with_spaces(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    for name, choice in FORMATS.items():
        path = tmp_path / folder / f"{folder} {name}{choice.suffixes[0]}"
        write_export(path, family(channels={folder: image()}, names={1: folder}))
        assert path.exists()


@pytest.mark.parametrize("largest", [65_536, 2**24 + 1, 2**31 - 1])
def test_ids_above_16_bits_are_written_in_every_format(tmp_path: Path, largest: int) -> None:
    labels = np.zeros((2, 5, 6), np.uint32)
    labels[:, 1:3, 1:3] = largest
    for choice in FORMATS.values():
        path = tmp_path / f"cells{choice.suffixes[0]}"
        write_export(path, TrackedLabels(labels, channels={"a": labels.astype(np.uint8)}))
        assert path.exists()


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (3, 1, 1)])
@pytest.mark.parametrize("name", FORMATS)
def test_images_of_one_pixel_are_written_or_refused_in_words(
    tmp_path: Path, shape: tuple[int, ...], name: str
) -> None:
    path = tmp_path / f"cells{FORMATS[name].suffixes[0]}"
    tracked = TrackedLabels(np.ones(shape, np.uint16), channels={"a": np.zeros(shape)})
    if name in ("tiff", "ome"):
        with pytest.raises(ValueError, match="at least 2 pixels wide"):
            write_export(path, tracked)
    else:
        write_export(path, tracked)
        assert path.exists()
