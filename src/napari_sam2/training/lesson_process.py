"""Teach a model in a separate process, so that a window stays fluid and survives its end.

The two processes share a folder: the plan and the examples go in, the taught model and pictures of
some cells come out. A lesson that is asked to stop ends with the best that was learnt so far; one
that is killed, or whose input ends, leaves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_sam2.io.worker_process import MessageLines, WorkerProcess

MODULE = "napari_sam2.training.lesson"
PLAN, MODEL, PICTURES, LOG = "lesson.json", "taught.safetensors", "pictures.npy", "log.txt"
EXAMPLES = "example-*.npz"
Curve = tuple[tuple[int, float], ...]


class LessonFailedError(Exception):
    """A lesson ended without a model; the message is a sentence for the user."""


@dataclass(frozen=True)
class LessonPlan:
    """What to teach, and how.

    Attributes
    ----------
    model : str
        Name or file of the base model.
    device : str
        Device to train on.
    image_size : int or None
        Side of the input in pixels; None for that of the model.
    budget_s : float
        Time for everything, in seconds.
    threads : int
        Threads on a CPU.
    sources : tuple of str
        Projects and folders to learn from, too.
    """

    model: str
    device: str
    image_size: int | None
    budget_s: float
    threads: int
    sources: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        """Write the plan into the folder of the lesson."""
        (folder / PLAN).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> LessonPlan:
        """Read the plan from the folder of the lesson."""
        content = json.loads((folder / PLAN).read_text(encoding="utf-8"))
        return cls(**{**content, "sources": tuple(content["sources"])})


@dataclass(frozen=True)
class LessonAdvanced:
    """A step of the lesson is done; `steps` is 0 until their number is known."""

    step: int
    steps: int
    seconds: float
    budget_s: float
    curve: Curve


@dataclass(frozen=True)
class LessonEnded:
    """A lesson ended, and its model is in the folder.

    Attributes
    ----------
    before, after : float
        Mean IoU of the kept-aside masks with the base model and with the taught one.
    is_better : bool
        Whether that is a gain.
    learnt_masks, judged_masks : int
        Masks that were learnt, and masks that were kept aside.
    seconds : float
        How long it took.
    cells : tuple of (float, float)
        IoU before and after of each cell that has pictures.
    cells_aside : int
        How many of these cells, the first ones, were kept aside; the others were learnt.
    notes : tuple of str
        Sentences about the lesson that a person should read beside the figures.
    """

    before: float
    after: float
    is_better: bool
    learnt_masks: int
    judged_masks: int
    seconds: float
    cells: tuple[tuple[float, float], ...]
    cells_aside: int
    notes: tuple[str, ...] = ()


Message = LessonAdvanced | LessonEnded
LINES: MessageLines[Message] = MessageLines((LessonAdvanced, LessonEnded), LessonFailedError)


def write_example(folder: Path, number: int, name: str, image: NDArray, labels: NDArray) -> None:
    """Write an example into the folder of a lesson; the arrays are as in `Example`."""
    path = folder / EXAMPLES.replace("*", str(number))
    np.savez_compressed(path, image=image, labels=labels, name=np.array(name))


def read_pictures(folder: Path) -> NDArray[np.uint8]:
    """(N, 2, S, S, 3) uint8 pictures of N cells, with the base model and with the taught one."""
    pictures: NDArray[np.uint8] = np.load(folder / PICTURES)
    return pictures


class LessonProcess(WorkerProcess[Message]):
    """A lesson that runs in another process.

    Parameters
    ----------
    folder : Path
        With the plan, and examples if there are any.

    Raises
    ------
    OSError
        If no process can be started.
    """

    def __init__(self, folder: Path) -> None:
        threads = LessonPlan.read(folder).threads
        super().__init__(MODULE, [str(folder)], folder / LOG, threads, LINES)

    def messages(self) -> Iterator[Message]:
        """Messages until the lesson has ended; waits for each of them.

        Raises
        ------
        LessonFailedError
            If it fails, or its process ends without a word.
        """
        try:
            yield from self.messages_until(
                LessonEnded,
                "The program that teaches the model ended too early (code {code}). The computer "
                "may have run out of memory: close other programs, and try again.",
            )
        finally:
            self.kill()
