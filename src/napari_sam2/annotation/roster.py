"""The objects of a document and what is said of them."""

from __future__ import annotations

from dataclasses import replace
from typing import SupportsIndex

from napari_sam2.annotation.actions import Action, SetObject
from napari_sam2.annotation.changes import Document
from napari_sam2.annotation.entries import journaled
from napari_sam2.annotation.objects import AnnotatedObject, checked_object_id


class Roster(Document):
    """The list of objects."""

    @property
    def objects(self) -> dict[int, AnnotatedObject]:
        """The objects by id, in the order of the ids: a copy."""
        return dict(sorted(self._content.objects.items()))

    def new_object_id(self) -> int:
        """An id that no object of this document has or had, removed and undone ones included."""
        return self._content.largest_id + 1

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
        if object_id in self._content.objects:
            raise ValueError(f"object {object_id} exists already; choose another id")
        properties = AnnotatedObject(object_id, _checked_name(name))
        self._perform("add", object_id, SetObject(object_id, None, properties))
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
        for child in self._content.objects.values():
            if child.parent == object_id:
                orphan = replace(child, parent=None)
                actions.append(SetObject(child.object_id, child, orphan))
        if object_id in self._content.tracker.object_ids:
            actions.append(self._content.removal(object_id))
        self._perform("remove", object_id, *actions)

    @journaled
    def rename_object(self, object_id: int, name: str) -> None:
        """Give an object another name.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        before = self._known(object_id)
        after = replace(before, name=_checked_name(name))
        if after != before:
            self._perform("rename", before.object_id, SetObject(before.object_id, before, after))


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be text; got {name!r}")
    return name
