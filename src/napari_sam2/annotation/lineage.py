"""Lineage of a document: who came from whom by division."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from napari_sam2.annotation.actions import Action, Group, SetObject
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.object_list import ObjectList


class Lineage(ObjectList):
    """Mothers and daughters: no daughter has a mask before its birth, no mother after her end."""

    @journaled
    def set_parent(self, object_id: int, parent: int | None) -> None:
        """Say from which object this one came by division, or that it did not.

        An object with masks is born on the first frame that has one, and its mother ends on the
        frame before. Without a parent it may be on any frame again, and so may a mother without
        daughters.

        Parameters
        ----------
        object_id : int
            The daughter.
        parent : int or None
            The mother.

        Raises
        ------
        ValueError
            If there is no such object, a mother would be her own descendant, or she has masks
            where the daughter lives already.
        """
        child = self._known(object_id)
        if child.parent == parent:
            return
        changes = dict(self._without_parent(child))
        if parent is not None:
            mother = changes.get(parent, self._known(parent))
            if object_id in self._ancestors(parent):
                raise ValueError(f"object {parent} descends from object {object_id} itself")
            birth = min(self._visible_frames(object_id), default=None)
            self._check_ended(parent, birth)
            changes[object_id] = replace(child, parent=parent, birth=birth)
            if birth is not None:
                end = birth - 1 if mother.end is None else min(mother.end, birth - 1)
                changes[parent] = replace(mother, end=end)
        actions: tuple[Action, ...] = tuple(
            SetObject(key, self._known(key), after) for key, after in changes.items()
        )
        verb = "unlink" if parent is None else "link"
        self._perform(Group(f"{verb} object {object_id}", actions))

    def _ancestors(self, object_id: int | None) -> Iterator[int]:
        """An object, its mother, her mother..."""
        while object_id is not None:
            yield object_id
            object_id = self._known(object_id).parent

    def _visible_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object has pixels in the labels."""
        document_state = self._state
        document_state.stale |= document_state.measures.update(document_state.labels)
        return frozenset(np.flatnonzero(document_state.measures.trace(object_id).area).tolist())

    def _check_ended(self, mother: int, birth: int | None) -> None:
        """Raise a ValueError if a mother has masks from the birth of her daughter on."""
        if birth is None:
            return
        left = [t for t in self._visible_frames(mother) if t >= birth]
        if birth == 0 or left:
            raise ValueError(
                f"object {mother} must end before frame {birth}, where its daughter begins: "
                f"divide it or clear its masks from there on first"
            )
