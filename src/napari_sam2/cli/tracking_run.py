"""Tracking with a progress bar, and the table of its scores."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from napari_sam2.annotation.error_probability import error_probabilities, known_value
from napari_sam2.finding import find_objects
from napari_sam2.finding.automatic import track_found
from napari_sam2.io.tables import ScoreRow

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.cli.options import Direction
    from napari_sam2.model import Sam2
    from napari_sam2.tracking import Frames, Prompt
    from napari_sam2.tracking.plan import Sweep


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """A bar on stderr, gone when it is done; nothing where stderr is not a screen."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        yield bar


def carry_out(annotation: Annotation, prompts: Iterable[Prompt], direction: Direction) -> float:
    """Give all prompts, then carry the objects through the movie.

    Returns
    -------
    float
        Frames tracked per second, all objects together; the prompts themselves do not count.
    """
    given = list(prompts)
    with progress_bar() as bar:
        task = bar.add_task("prompts", total=len(given), rate="")
        for prompt in given:
            annotation.set_prompt(prompt)
            bar.advance(task)
        return _track(annotation, bar, direction.value)


def carry_out_found(
    annotation: Annotation,
    network: Sam2,
    frames: Frames,
    look_every: int | None,
    settings: dict[str, Any],
) -> float:
    """Find all objects of the first frame, track them, and look for new ones.

    Parameters
    ----------
    annotation : Annotation
        Without objects.
    network : Sam2
        Finds the objects.
    frames : Frames
        The movie.
    look_every : int or None
        Frames from one search for new objects to the next.
    settings : dict
        Arguments of `find_objects`.

    Returns
    -------
    float
        Frames per second, with the searches.
    """
    start, done = time.perf_counter(), 0
    with progress_bar() as bar:
        task = bar.add_task("finding and tracking", total=len(frames), rate="")
        for result in track_found(
            annotation,
            lambda t: find_objects(network, frames, t=t, **settings),
            lambda t: np.asarray(annotation.labels[t]),
            len(frames),
            look_every,
        ):
            done = max(done, result.t + 1)
            bar.update(task, completed=done, rate=f"{_rate(done, start):.2f} frames/s")
    return _rate(done, start)


def track_changed(annotation: Annotation) -> int:
    """Carry, both ways, all objects that were changed since they were tracked.

    Returns
    -------
    int
        How many objects there were.
    """
    changed = annotation.objects_to_track(direction="both")
    with progress_bar() as bar:
        _track(annotation, bar, "both", only_changed=True)
    return len(changed)


def _track(
    annotation: Annotation, bar: Progress, direction: Sweep, *, only_changed: bool = False
) -> float:
    """Carry the objects through the movie; returns frames per second."""
    total = annotation.total_steps(direction=direction, only_changed=only_changed)
    task = bar.add_task("tracking", total=total, rate="")
    start = time.perf_counter()
    done = 0
    for _ in annotation.propagate(direction=direction, only_changed=only_changed):
        done += 1
        bar.update(task, advance=1, rate=f"{_rate(done, start):.2f} frames/s")
    return _rate(done, start)


def score_rows(annotation: Annotation) -> Iterator[ScoreRow]:
    """One row for each object and frame of which something is known."""
    prompted = {(prompt.t, prompt.object_id) for prompt in annotation.prompts()}
    chances = error_probabilities(annotation)
    for t, frame in enumerate(annotation.labels):
        ids, sizes = np.unique(frame, return_counts=True)
        areas = dict(zip(ids.tolist(), sizes.tolist(), strict=True))
        for object_id in sorted(annotation.objects):
            score = annotation.score(t, object_id)
            area = areas.get(object_id, 0)
            if score is None and not area:
                continue
            yield ScoreRow(
                frame=t,
                object_id=object_id,
                area_px=area,
                predicted_iou=score.predicted_iou if score else None,
                occlusion_score=score.occlusion_score if score else None,
                prompted=(t, object_id) in prompted,
                error_probability=known_value(chances[object_id][t]),
            )


def _rate(done: int, start: float) -> float:
    return done / max(time.perf_counter() - start, 1e-9)
