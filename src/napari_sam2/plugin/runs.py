"""A propagation on its way, and how it goes on after a pause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_sam2.plugin.messages import Direction

if TYPE_CHECKING:
    from napari_sam2.tracking import FrameResult


@dataclass(frozen=True)
class Reach:
    """How far objects are carried: a direction, frames [start, stop), and whether locks end it."""

    direction: Direction
    start: int
    stop: int
    until_locked: bool = False

    def covers(self, other: Reach) -> bool:
        """Whether nothing is left to do for `other` once this is done."""
        has_direction = self.direction in ("both", other.direction)
        has_frames = self.start <= other.start and self.stop >= other.stop
        return has_direction and has_frames and self.until_locked <= other.until_locked


@dataclass(frozen=True)
class Part:
    """Objects that are carried through a range of frames by one call."""

    reach: Reach
    object_ids: tuple[int, ...]

    @property
    def arguments(self) -> tuple[int, int, Direction, tuple[int, ...]]:
        """What `Annotation.propagate` takes."""
        return self.reach.start, self.reach.stop, self.reach.direction, self.object_ids


@dataclass
class Run:
    """A propagation on its way.

    Parameters
    ----------
    steps : iterator of FrameResult
        What is still to come.
    whole : Part
        What was asked for.
    total : int
        Steps in all.
    """

    steps: Iterator[FrameResult]
    whole: Part
    total: int
    done: int = 0
    last: int | None = None  # the frame of the last step
    passed_over: list[int] = field(default_factory=list)  # frames that are damaged

    def took(self, result: FrameResult) -> None:
        """Count a step."""
        self.done += 1
        self.last = result.t
        if result.problem is not None:
            self.passed_over.append(result.t)


@dataclass(frozen=True)
class Pause:
    """A run that stopped before a frame that could not be reached, and what is left of it."""

    whole: Part
    parts: tuple[Part, ...]


def pause_before(t: int, run: Run, firsts: Mapping[int, int]) -> Pause:
    """What is left of a run that came to frame `t` and no further.

    Parameters
    ----------
    t : int
        The frame.
    run : Run
    firsts : mapping of int to int
        Frame from which each object sets out when it is carried both ways.
    """
    reach, ids = run.whole.reach, run.whole.object_ids
    direction, stop = reach.direction, reach.stop
    is_forward = direction != "backward" and (run.last is None or t > run.last)
    parts = [Part(replace(reach, direction="forward", start=t), ids)] if is_forward else []
    if direction == "backward":
        parts.append(Part(replace(reach, stop=t + 1), ids))
    elif direction == "both":
        end = stop if is_forward else t + 1
        for first in sorted(set(firsts.values())):
            behind = tuple(k for k in ids if firsts.get(k) == first)
            # below its first frame, an object that is carried both ways only goes backward
            parts.append(Part(replace(reach, stop=min(first, end)), behind))
    left = (part for part in parts if part.reach.start < part.reach.stop and part.object_ids)
    return Pause(run.whole, tuple(left))
