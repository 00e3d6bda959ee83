"""History of a project: the deeds of a user in their order, and their replay."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal_entries import Advanced, Began, Called, Ended, Entry, Folded
from napari_sam2.annotation.model_change import Work
from napari_sam2.annotation.objects import Status
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.parts import Batch, Deed
from napari_sam2.io.project.tags import (
    BEGIN,
    CARRY_OVER,
    END,
    FOLD,
    LOCK,
    TRACK,
    calls_by_method,
)
from napari_sam2.tracking import ObjectState

logger = logging.getLogger(__name__)


class History:
    """Converts journal entries to deeds.

    Calls are deeds as they are. Of a propagation each frame is a separate deed, with the objects
    that the model wrote there: so it can be repeated however it was interrupted.
    """

    def __init__(self) -> None:
        self._is_tracking = False

    def deeds(self, batch: Batch) -> Iterator[Deed]:
        """The deeds of a batch that a replay has to repeat."""
        is_call = any(isinstance(entry, Called) for entry in batch.entries)
        for entry in batch.entries:
            if isinstance(entry, Called):
                yield Deed(batch.time, entry.name, entry.arguments)
            elif isinstance(entry, Ended) and self._is_tracking:
                self._is_tracking = False
                yield Deed(batch.time, END, {})
            elif not is_call:  # within a call, the call itself repeats it
                yield from self._deeds_of(batch.time, entry)

    def _deeds_of(self, time: float, entry: Entry) -> Iterator[Deed]:
        if isinstance(entry, Began):
            self._is_tracking = True
            yield Deed(time, BEGIN, {})
        elif isinstance(entry, Advanced):
            for direction in ("forward", "backward"):
                moved = tuple(
                    object_id
                    for object_id, state in entry.states.items()
                    if _direction(state, entry.t) == direction
                )
                if moved:
                    arguments = {"t": entry.t, "direction": direction, "object_ids": moved}
                    yield Deed(time, TRACK, arguments)
        elif isinstance(entry, Folded):
            yield Deed(time, FOLD, {"count": entry.count, "text": entry.text})


def _direction(state: ObjectState | None, t: int) -> str | None:
    """The pass that has just written a frame, None where it only passed by."""
    if state is None or t in state.prompted or t in state.locked or t not in state.records:
        return None
    return state.records[t].direction


def before_model_step(deeds: Sequence[Deed]) -> tuple[Sequence[Deed], Work] | None:
    """What there was before the last change of the model, if that can still be undone.

    Parameters
    ----------
    deeds : sequence of Deed
        All deeds of a project.

    Returns
    -------
    tuple of sequence of Deed and Work, or None
        The deeds before the change, and the work with the masks of the model before. Of work that
        was never saved, the deeds before are not known, and one deed takes over the work. None if
        the last change of the model was no undo step, or if anything but tracking was done since:
        undo would take that back as well.
    """
    place = max((i for i, deed in enumerate(deeds) if deed.name == CARRY_OVER), default=None)
    if place is None:
        return None
    work: Work = deeds[place].arguments["work"]
    if not work.step or not all(_is_tracking(deed, work) for deed in deeds[place + 1 :]):
        return None
    taken = Deed(deeds[place].time, CARRY_OVER, {"work": replace(work, made_by="", step="")})
    return deeds[:place] or [taken], work


def _is_tracking(deed: Deed, work: Work) -> bool:
    """Whether a deed belongs to tracking, which locks the masks that were reviewed before."""
    if deed.name in (BEGIN, TRACK, END, FOLD):
        return True
    frames = deed.arguments.get("frames")
    if deed.name != LOCK or frames is None:
        return False
    object_id = deed.arguments["object_id"]
    whole = {known.object_id for known in work.objects if known.status is Status.REVIEWED}
    return object_id in whole or set(frames) <= work.reviewed.get(object_id, frozenset())


def repeat(deeds: Sequence[Deed], annotation: Annotation) -> Iterator[int]:
    """Repeat deeds on an empty annotation, with any model.

    Deeds that do not fit the masks of another model, such as the division of a cell that it does
    not see, are left out with a line in the log. Deeds before the last change of the model in the
    window are left out as well, because that change brings all objects along.

    Parameters
    ----------
    deeds : sequence of Deed
        Deeds to repeat.
    annotation : Annotation
        Of the same image.

    Yields
    ------
    int
        How many deeds are done.

    Raises
    ------
    ProjectError
        If a deed is nothing that can be done to an annotation.
    """
    place = max((i for i, deed in enumerate(deeds) if deed.name == CARRY_OVER), default=0)
    while place < len(deeds):
        if deeds[place].name == BEGIN:
            with annotation.grouped("track"):
                waiting: set[int] = set()  # objects of the volume in 3D, which is tracked at once
                while place + 1 < len(deeds) and deeds[place + 1].name == TRACK:
                    place += 1
                    deed, waiting = (
                        deeds[place],
                        waiting | set(deeds[place].arguments["object_ids"]),
                    )
                    if _is_same_volume(deed, deeds[place + 1 : place + 2], annotation.planes):
                        continue
                    _track(deed, annotation, waiting)
                    waiting = set()
                    yield place
        elif deeds[place].name != END:
            _do(deeds[place], annotation)
        place += 1
        yield place


def _do(deed: Deed, annotation: Annotation) -> None:
    if deed.name == TRACK:
        _track(deed, annotation, set(deed.arguments["object_ids"]))
        return
    call = calls_by_method.get(deed.name)
    if call is None and deed.name != FOLD:
        raise ProjectError(f"the history tells of {deed.name!r}, which is not known")
    try:
        if call is None:
            annotation.fold(deed.arguments["count"], deed.arguments["text"])
        else:
            annotation.call(Called(deed.name, deed.arguments))
    except (ValueError, TypeError, LookupError) as error:
        logger.warning("left out of the replay: %s (%s)", deed.name, error)


def _is_same_volume(deed: Deed, after: Sequence[Deed], planes: int) -> bool:
    """Whether the next deed, too, is the tracking of a plane of a volume in 3D."""
    if planes == 1 or not after or after[0].name != TRACK:
        return False
    one, two = deed.arguments, after[0].arguments
    return bool(one["t"] // planes == two["t"] // planes and one["direction"] == two["direction"])


def _track(deed: Deed, annotation: Annotation, object_ids: Collection[int]) -> None:
    """Carry on those of the objects that there are with this model, too."""
    t, direction = deed.arguments["t"], deed.arguments["direction"]
    known = sorted(key for key in object_ids if key in annotation.objects)
    if known:
        for _ in annotation.propagate(t, t + 1, direction, known):
            pass
