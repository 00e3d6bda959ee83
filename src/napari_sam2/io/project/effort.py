"""Effort: the time and the corrections that an annotation took, from the history of its project.

The history holds every change with its time. The time of a change is the pause before it, of which
`MAX_PAUSE_S` seconds count at most. Time in which the computer tracks is not counted, except for
changes that a person makes meanwhile.
"""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.tags import BEGIN, END, TRACK

MAX_PAUSE_S = 30.0  # longer pauses are idle time
Place = tuple[int, int | None]  # object, and frame; None for the object as a whole


class Phase(StrEnum):
    """How the masks of an object were made, as in Table 1 of the paper."""

    BY_HAND = "by hand"  # painted or drawn, never clicked or tracked
    CLICKS = "clicks only"  # clicks and boxes on each frame, never painted or tracked
    SAM = "SAM per frame"  # clicks and boxes, corrected with the brush, never tracked
    TRACKED = "tracked"  # at least one mask was tracked
    OTHER = "imported"  # without a click or stroke: imported, or split off from another object


@dataclass(frozen=True)
class FrameEffort:
    """What one object took on one frame.

    Attributes
    ----------
    object_id : int
        The object.
    frame : int or None
        The frame; None for changes of the whole object, such as its name or status.
    seconds : float
        Time spent.
    clicks, strokes, edits : int
        Clicks, painted or drawn masks, and all other changes of masks: boxes, removed prompts,
        cleared frames, corrected tracks.
    """

    object_id: int
    frame: int | None
    seconds: float = 0.0
    clicks: int = 0
    strokes: int = 0
    edits: int = 0

    @property
    def is_edited(self) -> bool:
        """Whether a person changed the mask."""
        return self.clicks + self.strokes + self.edits > 0


@dataclass(frozen=True)
class ObjectEffort:
    """What one object took, on all its frames.

    Attributes
    ----------
    object_id : int
        The object.
    name : str
        Its name.
    phase : Phase
        How its masks were made.
    frames : int
        Frames on which it has a mask.
    edited_frames, clicked_frames : int
        Those of them that a person changed, and clicked.
    seconds : float
        Time spent.
    clicks, strokes, edits : int
        As in `FrameEffort`.
    """

    object_id: int
    name: str
    phase: Phase
    frames: int
    edited_frames: int
    clicked_frames: int
    seconds: float
    clicks: int
    strokes: int
    edits: int


@dataclass(frozen=True)
class PhaseEffort:
    """A row of Table 1 of the paper; a ratio is None where its divisor is 0.

    Attributes
    ----------
    phase : Phase
        How the masks were made.
    objects, frames : int
        Objects, and frames of them with a mask.
    seconds : float
        Time spent.
    seconds_per_frame : float or None
        Time for each frame of an object.
    edited_share : float or None
        Share of frames that a person changed, 0..1.
    clicks_per_clicked_frame : float or None
        Clicks for each frame with a click.
    """

    phase: Phase
    objects: int
    frames: int
    seconds: float
    seconds_per_frame: float | None
    edited_share: float | None
    clicks_per_clicked_frame: float | None


@dataclass(frozen=True)
class Effort:
    """Time and corrections of an annotation.

    Attributes
    ----------
    frames : tuple of FrameEffort
        Each object and frame on which anything was done, in their order. Objects that were
        deleted since are included.
    objects : tuple of ObjectEffort
        The objects that there are now.
    """

    frames: tuple[FrameEffort, ...]
    objects: tuple[ObjectEffort, ...]

    @property
    def seconds(self) -> float:
        """Time of the whole annotation, deleted objects included."""
        return sum(row.seconds for row in self.frames)

    @property
    def phases(self) -> tuple[PhaseEffort, ...]:
        """A row for each phase that has an object."""
        groups = ([row for row in self.objects if row.phase is phase] for phase in Phase)
        return tuple(_phase_row(rows) for rows in groups if rows)


def effort_of(deeds: Sequence[Deed], annotation: Annotation) -> Effort:
    """Time and corrections of an annotation.

    Parameters
    ----------
    deeds : sequence of Deed
        All deeds of its project, as `napari_sam2.io.project.reading.read_deeds` returns them.
    annotation : Annotation
        The annotation as it is now: its masks are counted.

    Returns
    -------
    Effort
    """
    log = _Log(annotation.shape[0])
    for deed in deeds:
        log.add(deed)
    by_object: defaultdict[int, dict[int | None, _Tally]] = defaultdict(dict)
    for (object_id, t), tally in log.tallies.items():
        by_object[object_id][t] = tally
    objects = (_object_row(key, annotation, by_object[key]) for key in annotation.objects)
    return Effort(log.rows(), tuple(objects))


def write_effort_csv(path: str | os.PathLike[str], effort: Effort) -> None:
    """Write a table with a row for each object and frame.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    columns = list(FrameEffort.__dataclass_fields__)
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({**asdict(row), "seconds": round(row.seconds, 2)} for row in effort.frames)


def write_effort_json(path: str | os.PathLike[str], effort: Effort) -> None:
    """Write everything: phases, objects, and each object and frame.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    content = {
        "seconds": effort.seconds,
        "phases": [asdict(row) for row in effort.phases],
        **asdict(effort),
    }
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


TITLES: Final = (
    "masks made", "cells", "frames", "s per frame", "edited frames", "clicks per clicked frame",
)  # fmt: skip


def phase_texts(row: PhaseEffort) -> tuple[str, ...]:
    """A phase as texts below `TITLES`; a ratio that does not exist is a dash."""

    def text(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    return (
        str(row.phase),
        str(row.objects),
        str(row.frames),
        text(row.seconds_per_frame, ".2f"),
        text(row.edited_share, ".1%"),
        text(row.clicks_per_clicked_frame, ".2f"),
    )


@dataclass
class _Tally:
    seconds: float = 0.0
    clicks: int = 0
    strokes: int = 0
    edits: int = 0
    has_box: bool = False


@dataclass
class _Log:
    """Adds up deeds by object and frame."""

    length: int
    tallies: defaultdict[Place, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    clock: float | None = None  # when the deed before was done
    places: Sequence[Place] = ()  # where the deed before was done

    def add(self, deed: Deed) -> None:
        """Count a deed, and the time since the one before."""
        if deed.name == TRACK:
            return
        pause = 0.0 if self.clock is None else deed.time - self.clock
        self.clock = deed.time
        if deed.name == END:
            return
        count = _COUNTS.get(deed.name)
        if deed.name != BEGIN and count is not None:
            self.places = tuple(_places(deed.arguments, self.length))
        for place in self.places:
            self.tallies[place].seconds += min(max(pause, 0.0), MAX_PAUSE_S) / len(self.places)
            if count is not None:
                count(self.tallies[place], deed.arguments)

    def rows(self) -> tuple[FrameEffort, ...]:
        """A row for each object and frame, in their order."""
        order = sorted(self.tallies, key=lambda place: (place[0], _row_of(place[1])))
        return tuple(
            FrameEffort(*place, tally.seconds, tally.clicks, tally.strokes, tally.edits)
            for place, tally in ((place, self.tallies[place]) for place in order)
        )


def _row_of(t: int | None) -> int:
    """Place of a frame among the rows of an object; changes of the whole object come first."""
    return -1 if t is None else t


Count = Callable[[_Tally, Mapping[str, Any]], None]


def _click(tally: _Tally, arguments: Mapping[str, Any]) -> None:
    tally.clicks += len(arguments["labels"])


def _stroke(tally: _Tally, arguments: Mapping[str, Any]) -> None:
    tally.strokes += 1


def _edit(tally: _Tally, arguments: Mapping[str, Any]) -> None:
    tally.edits += 1


def _box(tally: _Tally, arguments: Mapping[str, Any]) -> None:
    tally.edits += 1
    tally.has_box = True


def _look(tally: _Tally, arguments: Mapping[str, Any]) -> None:
    """Only the time counts."""


# Calls that belong to objects; the time of all others belongs to the objects of the call before.
_COUNTS: Final[Mapping[str, Count]] = {
    "add_points": _click,
    "add_mask": _stroke,
    "add_box": _box,
    **dict.fromkeys(
        (
            "clear_masks",
            "clear_prompts",
            "divide_object",
            "merge_objects",
            "next_guess",
            "remove_box",
            "remove_point",
            "set_prompt",
            "split_object",
            "swap_objects",
        ),
        _edit,
    ),
    **dict.fromkeys(
        (
            "accept",
            "judge",
            "lock",
            "mark_wrong",
            "remove_object",
            "rename_object",
            "set_parent",
            "set_status",
            "unaccept",
            "unlock",
        ),
        _look,
    ),
}


def _places(arguments: Mapping[str, Any], length: int) -> Iterable[Place]:
    """Objects and frames of a call, from its arguments."""
    prompt = arguments.get("prompt")
    if prompt is not None:
        return [(int(prompt.object_id), int(prompt.t))]
    ids = [int(arguments[name]) for name in ("object_id", "keep", "other") if name in arguments]
    if "t" in arguments:
        frames: Iterable[int | None] = [int(arguments["t"])]
    elif "frames" in arguments and arguments["frames"] is not None:
        frames = [int(t) for t in arguments["frames"]]
    else:
        frames = [None]
    return [(object_id, t) for t in frames for object_id in ids]


def _object_row(
    object_id: int, annotation: Annotation, tallies: Mapping[int | None, _Tally]
) -> ObjectEffort:
    timeline = annotation.timeline(object_id)
    there = set(np.flatnonzero(timeline.has_mask).tolist())
    clicks = sum(tally.clicks for tally in tallies.values())
    strokes = sum(tally.strokes for tally in tallies.values())
    edits = sum(tally.edits for tally in tallies.values())
    is_pointed = clicks > 0 or any(tally.has_box for tally in tallies.values())
    is_tracked = bool((timeline.has_mask & ~timeline.is_prompted).any())
    times = {t: None if t is None else t // annotation.planes for t in tallies}
    edited = {times[t] for t, one in tallies.items() if one.clicks + one.strokes + one.edits}
    clicked = {times[t] for t, one in tallies.items() if one.clicks}
    return ObjectEffort(
        object_id,
        annotation.objects[object_id].name,
        _phase(is_tracked, is_pointed, strokes > 0),
        len(there),
        len(edited & there),
        len(clicked),
        sum(tally.seconds for tally in tallies.values()),
        clicks,
        strokes,
        edits,
    )


def _phase(is_tracked: bool, is_pointed: bool, is_painted: bool) -> Phase:
    if is_tracked:
        return Phase.TRACKED
    if is_pointed:
        return Phase.SAM if is_painted else Phase.CLICKS
    return Phase.BY_HAND if is_painted else Phase.OTHER


def _phase_row(rows: Sequence[ObjectEffort]) -> PhaseEffort:
    frames, seconds = sum(row.frames for row in rows), sum(row.seconds for row in rows)
    clicked = sum(row.clicked_frames for row in rows)
    return PhaseEffort(
        rows[0].phase,
        len(rows),
        frames,
        seconds,
        seconds / frames if frames else None,
        sum(row.edited_frames for row in rows) / frames if frames else None,
        sum(row.clicks for row in rows) / clicked if clicked else None,
    )
