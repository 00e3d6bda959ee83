"""Track the objects of one movie, step by step: from prompts, from found objects, or what changed.

`napari-sam2 track` and every movie of a batch run through these generators, so both write the same
labels.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.division_proposals import DivisionProposal
from napari_sam2.finding import CellSize, Proposal, find_objects
from napari_sam2.finding.automatic import track_found
from napari_sam2.io.growing import LOOK_EVERY_S, GrowingMovie
from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Prompt
from napari_sam2.tracking.plan import Sweep


@dataclass(frozen=True)
class RunStep:
    """How far one stage of the work on a movie is.

    Attributes
    ----------
    stage : str
        Name of the stage, for the screen.
    done, total : int
        Steps of the stage. Each stage begins with ``done`` 0, before its work.
    """

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class FindingSettings:
    """How objects are found without prompts.

    Attributes
    ----------
    look_every : int or None
        Frames from one search to the next; 0 searches the first frame only. None searches every
        frame with a network that sees the centres of cells, and the first frame with others, which
        take minutes for each.
    cell_size : float or None
        Diameter of a typical cell in pixels; None finds it by trial.
    min_score : float
        Proposals with a lower score are left out.
    """

    look_every: int | None = None
    cell_size: float | None = None
    min_score: float = 0.5

    def step(self, network: Sam2) -> int | None:
        """Frames from one search with a network to the next; None for one search."""
        if self.look_every is None:
            return 1 if network.sees_cells else None
        return self.look_every or None


def track_prompts(
    annotation: Annotation, prompts: Iterable[Prompt], direction: Sweep = "both"
) -> Generator[RunStep]:
    """Give all prompts, then track their objects through the movie.

    Parameters
    ----------
    annotation : Annotation
        The document; its objects are tracked too.
    prompts : iterable of Prompt
        Prompts to give, in this order.
    direction : str
        ``"forward"``, ``"backward"`` or ``"both"``.

    Yields
    ------
    RunStep
        Of the stages ``"prompts"`` and ``"tracking"``.
    """
    given = list(prompts)
    yield RunStep("prompts", 0, len(given))
    for done, prompt in enumerate(given, start=1):
        annotation.set_prompt(prompt)
        yield RunStep("prompts", done, len(given))
    yield from _propagate(annotation, direction)


def track_found_objects(
    annotation: Annotation, network: Sam2, frames: Frames, settings: FindingSettings
) -> Generator[RunStep]:
    """Find all objects, track them, and note which of them are daughters.

    Parameters
    ----------
    annotation : Annotation
        Without objects.
    network : Sam2
        Finds the objects.
    frames : Frames
        The movie.
    settings : FindingSettings
        How objects are found.

    Yields
    ------
    RunStep
        Of the stage ``"finding and tracking"``, counted in frames.
    """
    stage, done, total = "finding and tracking", 0, len(frames)
    size = CellSize(settings.cell_size) if settings.cell_size else None

    def find(t: int) -> list[Proposal]:
        nonlocal size
        score = settings.min_score
        found = find_objects(network, frames, t=t, cell_size=size, min_score=score)
        size = size or CellSize.of(found)  # cells of a movie keep their size: one trial is enough
        return found

    def labels_of(t: int) -> NDArray[np.integer]:
        return np.asarray(annotation.labels[t])

    yield RunStep(stage, 0, total)
    for result in track_found(annotation, find, labels_of, total, settings.step(network)):
        done = max(done, result.t + 1)
        yield RunStep(stage, done, total)
    link_found_daughters(annotation)


def link_found_daughters(annotation: Annotation) -> None:
    """Link objects that begin beside a dividing object to it, where the signs are sure enough.

    Parameters
    ----------
    annotation : Annotation
        The document, tracked.
    """
    while True:
        sisters: dict[int, DivisionProposal] = {}
        for one in annotation.propose_divisions():  # the surest first
            if one.sister is not None:
                sisters.setdefault(one.sister, one)
        if not sisters:
            return
        # The last division comes first: it gives the later masks of its mother another number.
        for one in sorted(sisters.values(), key=lambda one: -one.t):
            assert one.sister is not None
            annotation.link_daughters([one.mother, one.sister], one.mother, one.t)


def track_changed(annotation: Annotation) -> Generator[RunStep]:
    """Track, both ways, all objects that were changed since they were tracked.

    Yields
    ------
    RunStep
        Of the stage ``"tracking"``.
    """
    yield from _propagate(annotation, "both", only_changed=True)


def track_growing(
    annotation: Annotation,
    growing: GrowingMovie,
    quiet_s: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    wait: Callable[[float], None] = time.sleep,
) -> Generator[RunStep]:
    """Track all objects into the new frames of a movie, until no frame has come for a while.

    Parameters
    ----------
    annotation : Annotation
        The document of the frames so far, tracked; it grows with the movie.
    growing : GrowingMovie
        The movie.
    quiet_s : float
        Seconds without a new frame after which the acquisition counts as ended.
    clock, wait : callable
        The time in seconds, and a pause of so many seconds.

    Yields
    ------
    RunStep
        Of the stage ``"new frames"``, counted in frames that are new.

    Raises
    ------
    MovieChanged
        If frames that were there are gone or have changed.
    """
    begin = annotation.shape[0]
    yield RunStep("new frames", 0, 1)
    last_news = clock()
    while clock() - last_news < quiet_s:
        movie = growing.look_if_reachable()
        if movie is None:
            wait(min(LOOK_EVERY_S, quiet_s / 4))
            continue
        first = annotation.shape[0]
        annotation.grow(movie.data)
        total = annotation.shape[0] - begin
        for result in annotation.propagate(first, direction="forward"):
            yield RunStep("new frames", result.t + 1 - begin, total)
        last_news = clock()


def check_backward(annotation: Annotation) -> Generator[RunStep]:
    """Track all objects back from their end, and note how far their masks agree.

    Yields
    ------
    RunStep
        Of the stage ``"checking backward"``.
    """
    for step in annotation.check_backward():
        yield RunStep("checking backward", step.done, step.total)


def _propagate(
    annotation: Annotation, direction: Sweep, *, only_changed: bool = False
) -> Generator[RunStep]:
    total = annotation.total_steps(direction=direction, only_changed=only_changed)
    yield RunStep("tracking", 0, total)
    results = annotation.propagate(direction=direction, only_changed=only_changed)
    for done, _ in enumerate(results, start=1):
        yield RunStep("tracking", done, total)
