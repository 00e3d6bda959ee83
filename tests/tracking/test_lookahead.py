"""The next frame is read, and encoded where a core is free, while the current one is computed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, lookahead
from napari_sam2.tracking.frames import DamagedFrame
from napari_sam2.tracking.lookahead import Lookahead
from napari_sam2.tracking.windows import Window
from tests.worlds import World

from .tiny import clicked, close, logits, run

HERE = Window(0, 0, 40, 56)


@pytest.fixture(params=[False, True], ids=["reads", "encodes"])
def ahead(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether frames are encoded ahead, too."""
    monkeypatch.setattr(lookahead, "helps_to_encode", lambda device: request.param)
    return request.param


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, list[str]]]:
    """The threads that read each frame."""
    found: dict[int, list[str]] = {}
    read = Frames.read

    def noted(self: Frames, t: int) -> np.ndarray:
        found.setdefault(t, []).append(threading.current_thread().name)
        return read(self, t)

    monkeypatch.setattr(Frames, "read", noted)
    return found


def test_each_frame_is_read_once_and_ahead(
    tiny_model: Sam2, world: World, ahead: bool, readers: dict[int, list[str]]
) -> None:
    run(clicked(tiny_model, world, 1))
    assert all(len(threads) == 1 for threads in readers.values())
    assert all(readers[t] == ["lookahead_0"] for t in range(2, 8))


def test_masks_are_the_same(
    tiny_model: Sam2, world: World, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    eager, plain = clicked(tiny_model, world, 1, 2), clicked(tiny_model, world, 1, 2)
    run(eager)
    monkeypatch.setattr(Lookahead, "expect", lambda *args: None)
    run(plain)
    assert close(logits(eager), logits(plain))


def test_frames_at_hand_are_not_read_again(
    tiny_model: Sam2, world: World, ahead: bool, readers: dict[int, list[str]]
) -> None:
    tracker = clicked(tiny_model, world, 1)
    run(tracker)
    readers.clear()
    run(tracker)
    assert not readers


def test_damage_is_told_when_the_frame_is_due(
    tiny_model: Sam2, world: World, ahead: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = Frames._decoded

    def broken(self: Frames, t: int) -> np.ndarray:
        if t == 4:
            raise DamagedFrame("frame 4 cannot be read: torn")
        return decoded(self, t)

    monkeypatch.setattr(Frames, "_decoded", broken)
    results = list(clicked(tiny_model, world, 1).propagate())
    assert [result.t for result in results if result.problem] == [4]


def test_what_is_not_taken_is_given_up() -> None:
    images = {t: np.full((2, 2, 3), t, np.float32) for t in range(3)}
    coming = Lookahead(images.__getitem__, lambda image, windows: [], torch.device("meta"))
    coming.expect(1, [HERE])
    coming.expect(2, [HERE])
    assert coming.take(1) is None
    glimpse = coming.take(2)
    assert glimpse is not None
    assert glimpse.image is images[2]
    assert coming.take(2) is None


def test_short_of_memory_it_only_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "helps_to_encode", lambda device: True)

    def fail(image: np.ndarray, windows: object) -> list[object]:
        raise torch.OutOfMemoryError("no room")

    coming = Lookahead(lambda t: np.zeros((2, 2, 3), np.float32), fail, torch.device("cpu"))
    coming.expect(1, [HERE])
    glimpse = coming.take(1)
    assert glimpse is not None
    assert not glimpse.features


def test_a_busy_processor_encodes_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookahead, "_cores", lambda: 2 * torch.get_num_threads())
    assert not lookahead.helps_to_encode(torch.device("cpu"))
    monkeypatch.setattr(lookahead, "_cores", lambda: 2 * torch.get_num_threads() + 1)
    assert lookahead.helps_to_encode(torch.device("cpu"))
    assert lookahead.helps_to_encode(torch.device("cuda"))


def test_its_thread_ends_with_it() -> None:
    coming = Lookahead(lambda t: np.zeros((2, 2, 3), np.float32), list, torch.device("meta"))
    coming.expect(1, [HERE])
    coming.take(1)
    (thread,) = coming._thread._threads
    del coming
    thread.join(timeout=10)
    assert not thread.is_alive()
