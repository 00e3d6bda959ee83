"""Kill a program that annotates, at random moments, and see whether anything is lost.

Each time a process clicks, tracks, edits, undoes and saves, with a network of a few thousand
random weights. It tells through a pipe what it is about to keep and what it has kept. Then it is
killed (SIGKILL), its work is restored, and labels, prompts, objects, locks and reviews are compared
with what it had told last.

    python benchmarks/kill_test.py --times 50
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.actions import describe_prompt
from napari_sam2.annotation.recovery import tracker_of
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.reading import make_tracker
from napari_sam2.io.project.subject import ImageOrigin, subject_of
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World, discs_that_cross

LONGEST_S = 3.0  # that a process is left to work


def state_of(annotation: Annotation) -> str:
    """Digest of all that a person sees of an annotation."""
    digest = blake2b(np.ascontiguousarray(annotation.labels).tobytes(), digest_size=16)
    ids = sorted(annotation.objects)
    told = (
        sorted(map(repr, map(describe_prompt, annotation.prompts()))),
        list(annotation.objects.values()),
        [
            (sorted(annotation.locked_frames(key)), sorted(annotation.reviewed_frames(key)))
            for key in ids
        ],
    )
    digest.update(repr(told).encode())
    return digest.hexdigest()


class Worker:
    """A person in a hurry: random actions on an annotation, one after the other."""

    def __init__(self, annotation: Annotation, world: World, seed: int) -> None:
        self.annotation = annotation
        self.world = world
        self.random = random.Random(seed)
        self.running: Iterator[Any] | None = None

    def act(self) -> None:
        """Do something at random; an action that the annotation refuses changes nothing.

        An annotation refuses by a ValueError: a prompt on a locked frame, for example, or a
        propagation of no objects.
        """
        chances: dict[Callable[[], None], int] = {
            self._track: 12,
            self._click: 4,
            self._box: 1,
            self._paint: 1,
            self._undo: 2,
            self._redo: 1,
            self._lock: 1,
            self._unlock: 1,
            self._accept: 1,
            self._rename: 1,
            self._remove: 1,
        }
        action = self.random.choices(list(chances), list(chances.values()))[0]
        with contextlib.suppress(ValueError):
            action()

    def _place(self) -> tuple[int, int, tuple[float, float]]:
        """A frame, an object, and where one of the discs is."""
        t, object_id = self.random.randrange(len(self.world.images)), self.random.randint(1, 3)
        return t, object_id, self.world.centre(t, self.random.randint(1, 2))

    def _click(self) -> None:
        t, object_id, place = self._place()
        self.annotation.add_points(t, object_id, [place], [1])

    def _box(self) -> None:
        t, object_id, (y, x) = self._place()
        self.annotation.add_box(t, object_id, (y - 5, x - 5, y + 5, x + 5))

    def _paint(self) -> None:
        t, object_id, (y, x) = self._place()
        mask = np.zeros(self.annotation.shape[1:], bool)
        mask[int(y) : int(y) + 6, int(x) : int(x) + 6] = True
        self.annotation.add_mask(t, object_id, mask)

    def _track(self) -> None:
        """A frame of the propagation that is under way, or of a new one."""
        if self.running is None:
            direction = self.random.choice(["forward", "backward", "both"])
            self.running = iter(self.annotation.propagate(direction=direction))
        if next(self.running, None) is None:
            self.running = None

    def _undo(self) -> None:
        self.running = None
        self.annotation.undo()

    def _redo(self) -> None:
        self.running = None
        self.annotation.redo()

    def _lock(self) -> None:
        t, object_id, _ = self._place()
        self.annotation.lock(object_id, [t])

    def _unlock(self) -> None:
        _, object_id, _ = self._place()
        self.annotation.unlock(object_id)

    def _accept(self) -> None:
        t, object_id, _ = self._place()
        self.annotation.accept(object_id, [t])

    def _rename(self) -> None:
        _, object_id, _ = self._place()
        self.annotation.rename_object(object_id, f"cell {self.random.randint(0, 9)}")

    def _remove(self) -> None:
        _, object_id, _ = self._place()
        self.annotation.remove_object(object_id)


def work(path: Path, seed: int, pipe: Connection) -> None:
    """What the process does until it is killed."""
    torch.set_num_threads(1)
    world = discs_that_cross()
    annotation = Annotation(Tracker(build_tiny_model(), world.images))
    tracker = tracker_of(annotation)
    about = subject_of(tracker, world.images, ImageOrigin("movie"), "tiny")
    folder = ProjectFolder.create(path, annotation, about)
    pipe.send(("kept", state_of(annotation)))

    def keep(entries: Sequence[Any]) -> None:
        state = state_of(annotation)
        pipe.send(("keeping", state))
        folder.keep(entries)
        pipe.send(("kept", state))

    annotation.follow_journal(keep)
    worker = Worker(annotation, world, seed)
    while True:
        worker.act()
        if worker.random.random() < 0.05:
            folder.save()


@dataclass(frozen=True)
class Outcome:
    """What came of one kill.

    Attributes
    ----------
    kept : int
        Changes that the process had told as kept.
    is_lost : bool
        Whether any of them is missing.
    problem : str
        What went wrong, if anything.
    """

    kept: int
    is_lost: bool
    problem: str = ""


def kill_once(folder: Path, seed: int) -> Outcome:
    """Let a process work for a while, kill it and look at what is left.

    Parameters
    ----------
    folder : Path
        Where it may write.
    seed : int
        Of what it does, and of when it is killed.
    """
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("fork" if "fork" in methods else "spawn")
    ours, theirs = context.Pipe(duplex=False)
    path = folder / f"killed {seed}.sam2"
    process = context.Process(target=work, args=(path, seed, theirs))
    process.start()
    theirs.close()
    told = [ours.recv()]  # it has begun
    end = time.monotonic() + random.Random(seed).uniform(0, LONGEST_S)
    while (left := end - time.monotonic()) > 0 and process.is_alive():
        if ours.poll(left):
            told.append(ours.recv())
    process.kill()
    told += _rest(ours)
    process.join()
    was_killed = process.exitcode not in (0, 1)
    outcome = _compare(path, told) if was_killed else Outcome(0, True, "it ended by itself")
    shutil.rmtree(path, ignore_errors=True)
    return outcome


def _rest(pipe: Connection) -> Iterator[tuple[str, str]]:
    """What was told before the end; a torn message is none."""
    while True:
        try:
            yield pipe.recv()
        except (EOFError, OSError):
            return


def _compare(path: Path, told: list[tuple[str, str]]) -> Outcome:
    kept = [state for what, state in told if what == "kept"]
    allowed = {kept[-1]}
    if told[-1][0] == "keeping":  # it may have been kept without being told
        allowed.add(told[-1][1])
    world = discs_that_cross()
    model = build_tiny_model()
    try:
        folder = ProjectFolder.open(path, lambda found: make_tracker(found, model, world.images))
    except (ValueError, OSError) as error:
        return Outcome(len(kept), True, str(error))
    is_lost = state_of(folder.annotation) not in allowed
    folder.close()
    return Outcome(len(kept), is_lost, "what was restored differs" if is_lost else "")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the test; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=50, help="how often (default: 50)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the first time")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    survived = lost = 0
    with tempfile.TemporaryDirectory(prefix="kill-test-") as name:
        for seed in range(options.seed, options.seed + options.times):
            outcome = kill_once(Path(name), seed)
            lost += outcome.is_lost
            survived += not outcome.is_lost
            verdict = f"LOST: {outcome.problem}" if outcome.is_lost else "survived"
            print(f"seed {seed}: killed after {outcome.kept} changes, {verdict}", flush=True)
    print(f"{survived} survived, {lost} lost")
    return 1 if lost else 0


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
