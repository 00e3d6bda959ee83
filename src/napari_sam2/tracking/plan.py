"""Plan of a propagation: which objects are tracked on which frames, in what order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from napari_sam2.tracking.masklet import Masklet
from napari_sam2.tracking.masks import Direction

Sweep = Literal["forward", "backward", "both"]


@dataclass(frozen=True)
class Step:
    """One frame of a pass.

    Attributes
    ----------
    t : int
        Frame.
    direction : str
        ``"forward"`` or ``"backward"``.
    object_ids : tuple of int
        Objects that are tracked on the frame.
    """

    t: int
    direction: Direction
    object_ids: tuple[int, ...]


def checked_range(
    start: int | None, stop: int | None, direction: Sweep, length: int, noun: str = "frames"
) -> range:
    """The range of a propagation in a stack of some length.

    Raises
    ------
    ValueError
        If it is not a range within the stack, or the direction is unknown; `noun` says what the
        stack consists of.
    """
    start, stop = 0 if start is None else start, length if stop is None else stop
    if not 0 <= start < stop <= length:
        raise ValueError(
            f"{noun} {start} to {stop} are not a range within the stack of {length} {noun}"
        )
    if direction not in get_args(Sweep):
        raise ValueError(f"direction must be forward, backward or both; got {direction!r}")
    return range(start, stop)


def plan_steps(
    frames: range,
    direction: Sweep,
    masklets: Mapping[int, Masklet],
    spans: Mapping[int, range],
    *,
    until_locked: bool,
    only_changed: bool = False,
) -> list[Step]:
    """Plan a propagation: each object is tracked outward from its own anchors.

    Parameters
    ----------
    frames : range
        Only these frames are changed.
    direction : str
        `forward` from the first anchor, `backward` from the last one, or `both` from the first one.
    masklets : mapping of int to Masklet
        The objects to track; objects without an anchor are ignored.
    spans : mapping of int to range
        Frames to which the masks of an object are limited, if they are.
    until_locked : bool
        Whether the pass of an object ends before the first locked frame that it reaches.
    only_changed : bool
        Whether the pass of an object starts at its first mask that is out of date or missing.

    Returns
    -------
    list of Step
        The steps in order; frames on which no object is tracked have no step.
    """
    origins = {k: anchors for k, m in masklets.items() if (anchors := m.anchors())}
    steps: list[Step] = []

    def sweep(ahead: Sequence[int], direction: Direction, starts: Mapping[int, int]) -> None:
        sign = 1 if direction == "forward" else -1
        passing: dict[int, list[int]] = {t: [] for t in ahead}
        for object_id, start in starts.items():
            span = spans.get(object_id)
            path = [t for t in ahead if sign * (t - start) >= 0 and (span is None or t in span)]
            if until_locked:
                path = before_lock(path, masklets[object_id].locked.keys())
            if only_changed:
                path = _not_tracked(path, masklets[object_id])
            for t in path:
                passing[t].append(object_id)
        steps.extend(Step(t, direction, tuple(ids)) for t, ids in passing.items() if ids)

    if direction in ("forward", "both"):
        sweep(frames, "forward", {k: min(anchors) for k, anchors in origins.items()})
    if direction == "backward":
        sweep(frames[::-1], "backward", {k: max(anchors) for k, anchors in origins.items()})
    if direction == "both":
        sweep(frames[::-1], "backward", {k: min(anchors) - 1 for k, anchors in origins.items()})
    return steps


def before_lock(path: list[int], locked: Iterable[int]) -> list[int]:
    """The frames of a path up to its first locked frame; locked frames at its start are ignored."""
    locked = frozenset(locked)
    has_left = False
    for index, t in enumerate(path):
        if t not in locked:
            has_left = True
        elif has_left:
            return path[:index]
    return path


def _not_tracked(path: list[int], masklet: Masklet) -> list[int]:
    """The frames of a path, starting at the first that was not tracked with the current prompts.

    A frame without a mask that lies before tracked frames is damaged or was cleared, and is not
    counted. If no frame was tracked yet, the whole path is returned, including its prompted start.
    """
    tracked = masklet.tracked()
    last = max((index for index, t in enumerate(path) if t in tracked), default=-1)
    has_begun = False
    for index, t in enumerate(path):
        if t in tracked:
            has_begun = True
        elif not masklet.is_fixed(t) and (t in masklet.records or index > last):
            return path[index:] if has_begun else path
    return []
