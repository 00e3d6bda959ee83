"""The objects of a document and what is said of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import SupportsIndex

from napari_sam2.annotation.actions import Action, Group, SetObject, SetReviewed
from napari_sam2.annotation.changes import Document
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.objects import AnnotatedObject, Status, checked_object_id


class ObjectList(Document):
    """The list of objects."""

    @property
    def objects(self) -> dict[int, AnnotatedObject]:
        """The objects by id, in the order of the ids: a copy."""
        return dict(sorted(self._state.objects.items()))

    def new_object_id(self) -> int:
        """An id that no object of this document has or had, removed and undone ones included."""
        return self._state.largest_id + 1

    @journaled
    def add_object(self, object_id: SupportsIndex | None = None, name: str = "") -> int:
        """Add an object that has no prompt yet.

        Parameters
        ----------
        object_id : int, optional
            Its value in the labels; a new one if None.
        name : str
            Its name.

        Returns
        -------
        int
            The id of the object.

        Raises
        ------
        ValueError
            If the id is taken, or is not a possible value of labels.
        """
        object_id = checked_object_id(self.new_object_id() if object_id is None else object_id)
        if object_id in self._state.objects:
            raise ValueError(f"object {object_id} exists already; choose another id")
        properties = AnnotatedObject(object_id, _checked_name(name))
        added = SetObject(object_id, None, properties)
        self._perform(Group(f"add object {object_id}", (added,)), object_id)
        return object_id

    @journaled
    def remove_object(self, object_id: int) -> None:
        """Remove an object with its prompts and masks from all frames.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        properties = self._known(object_id)
        object_id = properties.object_id
        actions: list[Action] = [SetObject(object_id, properties, None)]
        relatives = {k: v for k, v in self._without_parent(properties) if k != object_id}
        for child in map(self._known, self._daughters(object_id)):
            relatives[child.object_id] = replace(child, parent=None, birth=None)
        actions += [SetObject(k, self._known(k), after) for k, after in relatives.items()]
        if object_id in self._state.tracker.object_ids:
            actions.append(self._state.removal(object_id))
        if reviewed := self._state.reviewed.get(object_id):
            actions.append(SetReviewed(object_id, reviewed, frozenset()))
        self._perform(Group(f"remove object {object_id}", tuple(actions)))

    @journaled
    def rename_object(self, object_id: int, name: str) -> None:
        """Give an object another name.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        before = self._known(object_id)
        self._set_properties("rename", replace(before, name=_checked_name(name)))

    @journaled
    def set_status(self, object_id: int, status: Status) -> None:
        """Say how far the review of an object has come.

        Parameters
        ----------
        object_id : int
            The object.
        status : Status
            A status or its text.

        Raises
        ------
        ValueError
            If there is no such object or status.
        """
        before = self._known(object_id)
        self._set_properties("set status of", replace(before, status=Status(status)))

    def _set_properties(self, verb: str, after: AnnotatedObject) -> None:
        """Give one object other properties, if they are others."""
        object_id = after.object_id
        before = self._known(object_id)
        if after != before:
            change = SetObject(object_id, before, after)
            self._perform(Group(f"{verb} object {object_id}", (change,)))

    def _without_parent(self, child: AnnotatedObject) -> Iterator[tuple[int, AnnotatedObject]]:
        """What a daughter and her mother are when they have nothing to do with each other."""
        yield child.object_id, replace(child, parent=None, birth=None)
        if child.parent is not None:
            siblings = [k for k in self._daughters(child.parent) if k != child.object_id]
            births = [b for k in siblings if (b := self._known(k).birth) is not None]
            end = min(births) - 1 if births else None
            yield child.parent, replace(self._known(child.parent), end=end)

    def _daughters(self, object_id: int) -> list[int]:
        return [k for k, other in self._state.objects.items() if other.parent == object_id]


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be text; got {name!r}")
    return name
