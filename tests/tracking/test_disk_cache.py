"""Features go to the disk when memory is full, and a short device gets smaller batches."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from napari_sam2.model import FrameFeatures, Sam2
from napari_sam2.tracking import Tracker, disk_cache
from napari_sam2.tracking.disk_cache import LOCK, PREFIX, DiskCache, remove_stale
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import clicked, close, equal, logits, run

WINDOW = Window(0, 0, 8, 8)


def features(value: float) -> FrameFeatures:
    last = torch.full((1, 2, 2, 4), value).permute(0, 3, 1, 2)  # channels last, as from the neck
    return FrameFeatures(last, torch.full((1, 2, 4, 4), value), torch.full((1, 1, 8, 8), value))


SIZE = features(0).nbytes


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_comes_back_as_it_was_written(tmp_path: Path) -> None:
    cache = DiskCache(10 * SIZE, tmp_path)
    cache.put((3, WINDOW), features(1.5))
    found = cache.get((3, WINDOW))
    assert found is not None
    for name, x in vars(features(1.5)).items():
        assert torch.equal(getattr(found, name), x)
        assert getattr(found, name).stride() == x.stride()


def test_oldest_file_goes_when_the_budget_is_spent(tmp_path: Path) -> None:
    cache = DiskCache(2 * SIZE, tmp_path)
    for t in range(3):
        cache.put((t, WINDOW), features(t))
    assert [(t, WINDOW) in cache for t in range(3)] == [False, True, True]
    assert len(files(tmp_path)) == 2


def test_nothing_is_written_without_need_or_budget(tmp_path: Path) -> None:
    DiskCache(SIZE - 1, tmp_path).put((0, WINDOW), features(0))
    assert not list(tmp_path.iterdir())


def test_folder_goes_with_its_cache(tmp_path: Path) -> None:
    cache = DiskCache(SIZE, tmp_path)
    cache.put((0, WINDOW), features(0))
    del cache
    assert not list(tmp_path.iterdir())


def test_folder_goes_at_the_end_of_the_program(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.tracking.test_disk_cache import DiskCache, SIZE, WINDOW, features\n"
        "cache = DiskCache(SIZE, Path(sys.argv[1])); cache.put((0, WINDOW), features(0))\n"
        "assert list(Path(sys.argv[1]).rglob('*.safetensors'))"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=True, cwd=Path.cwd())
    assert not list(tmp_path.iterdir())


def test_stale_folders_are_removed_and_those_in_use_stay(tmp_path: Path) -> None:
    stale, used, foreign = (tmp_path / name for name in (f"{PREFIX}a", f"{PREFIX}b", "mine"))
    for folder in (stale, used, foreign):
        folder.mkdir()
        (folder / LOCK).touch()
    with FileLock(used / LOCK):
        remove_stale(tmp_path)
    assert sorted(tmp_path.iterdir()) == [used, foreign]


def test_damaged_file_counts_as_gone(tmp_path: Path) -> None:
    cache = DiskCache(SIZE, tmp_path)
    cache.put((0, WINDOW), features(0))
    files(tmp_path)[0].write_bytes(b"short")
    assert cache.get((0, WINDOW)) is None
    assert (0, WINDOW) not in cache


def test_full_disk_is_said_once_and_costs_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk_cache, "save_file", full)
    cache = DiskCache(9 * SIZE, tmp_path)
    for t in range(3):
        cache.put((t, WINDOW), features(t))
    assert (0, WINDOW) not in cache
    assert len(caplog.records) == 1


def test_masks_do_not_depend_on_where_features_are(
    tiny_model: Sam2, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second pass reads every frame from the disk: no frame is encoded twice."""
    tracker = clicked(tiny_model, world, 1, cache_bytes=0, cache_folder=tmp_path)
    run(tracker)
    before = logits(tracker)
    assert len(files(tmp_path)) == len(tracker.frames) - 1
    monkeypatch.setattr(tiny_model, "encode_frame", None)
    run(tracker)
    assert equal(logits(tracker), before)


# -- a device that is short of memory -----------------------------------------------------------


@pytest.fixture
def most_objects(tiny_model: Sam2, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Room for so many objects; may be changed."""
    room = [100]
    attend = type(tiny_model).attend

    def attend_if_there_is_room(found: FrameFeatures, memory: Any, *rest: Any) -> torch.Tensor:
        if len(memory.tokens) > room[0]:
            raise torch.OutOfMemoryError("out of memory.\nTried to allocate 9 GiB")
        return attend(tiny_model, found, memory, *rest)

    monkeypatch.setattr(tiny_model, "attend", attend_if_there_is_room)
    return room


def four_objects(model: Sam2, world: World) -> Tracker:
    tracker = clicked(model, world, 1, 2)
    tracker.add_points(0, 3, [(5, 5)], [1])
    tracker.add_points(0, 4, [(35, 50)], [1])
    return tracker


def test_batch_is_halved_until_it_fits(
    tiny_model: Sam2, world: World, most_objects: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    whole = four_objects(tiny_model, world)
    run(whole)
    most_objects[0] = 1
    short = four_objects(tiny_model, world)
    run(short)
    assert close(logits(short), logits(whole))
    assert "1 objects at a time" in caplog.text


def test_says_so_when_one_object_is_too_much(
    tiny_model: Sam2, world: World, most_objects: list[int]
) -> None:
    """What was done stays."""
    tracker = clicked(tiny_model, world, 1)
    run(tracker, 0, 3)
    before = logits(tracker)
    most_objects[0] = 0
    with pytest.raises(MemoryError, match="smaller model or input"):
        run(tracker, 3)
    assert equal(logits(tracker), before)
