"""Parts of a project as they are stored in its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from napari_sam2.annotation.actions import Action
from napari_sam2.annotation.journal_entries import Entry
from napari_sam2.tracking import ObjectState


@dataclass(frozen=True, eq=False)
class Properties:
    """Properties of the objects beside their prompts and masks.

    Attributes
    ----------
    tracked : tuple of int
        Objects of the tracker, in its order.
    actions : tuple of Action
        Actions that give an empty document the properties of this one.
    largest_id : int
        Largest object id that there ever was.
    """

    tracked: tuple[int, ...]
    actions: tuple[Action, ...]
    largest_id: int


@dataclass(frozen=True, eq=False)
class Masks:
    """Prompts, masks and locks on some frames, by object id."""

    states: Mapping[int, ObjectState]


@dataclass(frozen=True, eq=False)
class Batch:
    """Entries of the journal that belong together; `time` in seconds since 1970."""

    time: float
    entries: tuple[Entry, ...]


@dataclass(frozen=True, eq=False)
class Deed:
    """Something that a person did, to be done again by a replay.

    Attributes
    ----------
    time : float
        In seconds since 1970.
    name : str
        A method of the annotation, or one of the words in `tags`.
    arguments : mapping
        Its arguments by name.
    """

    time: float
    name: str
    arguments: Mapping[str, Any]
