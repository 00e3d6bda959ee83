"""Lineage: mothers and daughters of cell divisions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.actions import Action, Group, SetObject
from napari_sam2.annotation.journal import journaled
from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.document import Document
    from napari_sam2.annotation.objects import AnnotatedObject
    from napari_sam2.annotation.state import DocumentState


class Lineage:
    """Links daughters to mothers: no daughter has masks before its birth, no mother after her end.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    def tracks(self) -> tuple[NDArray[np.float64], dict[int, int]]:
        """The paths and families of all objects.

        Returns
        -------
        rows : ndarray
            (N, 4) float64 object, frame, y and x of the centre of each mask, by object and then by
            frame, as a Tracks layer of napari wants them.
        parents : dict of int to int
            Daughter to mother, for objects that both have masks.
        """
        state = self._state
        state.stale |= state.measures.update(state.labels)
        paths = []
        for key in sorted(state.objects):
            trace = state.measures.trace(key)
            frames = np.flatnonzero(trace.area)
            columns = (np.full(len(frames), key), frames, trace.y[frames], trace.x[frames])
            paths.append(np.stack(columns, axis=1).astype(np.float64))
        rows = np.concatenate(paths) if paths else np.zeros((0, 4))
        seen = set(rows[:, 0].astype(int).tolist())
        families = {key: one.parent for key, one in state.objects.items() if one.parent in seen}
        return rows, {key: mother for key, mother in families.items() if mother and key in seen}

    @journaled
    def set_parent(self, object_id: int, parent: int | None) -> None:
        """Set or remove the mother from which an object came by division.

        The birth of a daughter is the first frame on which it has a mask, and its mother ends on
        the frame before. An object without a mother, and a mother without daughters, may have masks
        on any frame.

        Parameters
        ----------
        object_id : int
            The daughter.
        parent : int or None
            The mother; None removes the link.

        Raises
        ------
        ValueError
            If there is no such object, a mother would be her own descendant, or she has masks
            where the daughter lives already.
        """
        child = self._state.known(object_id)
        if child.parent == parent:
            return
        changes = dict(without_parent(self._state, child))
        if parent is not None:
            mother = changes.get(parent, self._state.known(parent))
            if object_id in ancestors(self._state, parent):
                raise ObjectError("{0} descends from {1} itself", parent, object_id)
            birth = min(self._state.visible_frames(object_id), default=None)
            self._check_ended(parent, birth)
            changes[object_id] = replace(child, parent=parent, birth=birth)
            if birth is not None:
                end = birth - 1 if mother.end is None else min(mother.end, birth - 1)
                changes[parent] = replace(mother, end=end)
        actions: tuple[Action, ...] = tuple(
            SetObject(key, self._state.known(key), after) for key, after in changes.items()
        )
        verb = "unlink" if parent is None else "link"
        self._document.perform(Group(f"{verb} cell {object_id}", actions))

    def _check_ended(self, mother: int, birth: int | None) -> None:
        """Raise a ValueError if a mother has masks from the birth of her daughter on."""
        if birth is None:
            return
        left = [t for t in self._state.visible_frames(mother) if t >= birth]
        if birth == 0 or left:
            raise ObjectError(
                "{0} must end before frame {birth}, where its daughter begins: "
                "divide it or clear its masks from there on first",
                mother,
                birth=birth,
            )


def ancestors(state: DocumentState, object_id: int | None) -> Iterator[int]:
    """An object, its mother, her mother..."""
    while object_id is not None:
        yield object_id
        object_id = state.known(object_id).parent


def without_parent(
    state: DocumentState, child: AnnotatedObject
) -> Iterator[tuple[int, AnnotatedObject]]:
    """Ids and properties of a daughter and her mother once the link between them is removed."""
    yield child.object_id, replace(child, parent=None, birth=None)
    if child.parent is not None:
        siblings = [key for key in state.daughters(child.parent) if key != child.object_id]
        births = [birth for key in siblings if (birth := state.known(key).birth) is not None]
        end = min(births) - 1 if births else None
        yield child.parent, replace(state.known(child.parent), end=end)
