"""The list of objects with their names and statuses."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, SupportsIndex

from napari_sam2.annotation.actions import Action, Group, SetObject
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.lineage import without_parent
from napari_sam2.annotation.objects import AnnotatedObject, Status, checked_object_id
from napari_sam2.errors import ObjectError

if TYPE_CHECKING:
    from napari_sam2.annotation.document import Document


class ObjectList:
    """Adds, removes and renames objects.

    Parameters
    ----------
    document : Document
        The shared state.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state

    def all(self) -> dict[int, AnnotatedObject]:
        """The objects by id, in the order of the ids: a copy."""
        return dict(sorted(self._state.objects.items()))

    def new_object_id(self) -> int:
        """An id that no object has or ever had, not even one that was removed or undone."""
        return self._state.new_object_id()

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
        object_id = checked_object_id(
            self._state.new_object_id() if object_id is None else object_id
        )
        if object_id in self._state.objects:
            raise ObjectError("{0} exists already; choose another id", object_id)
        properties = AnnotatedObject(object_id, _checked_name(name))
        added = SetObject(object_id, None, properties)
        self._document.perform(Group(f"add cell {object_id}", (added,)), object_id)
        return object_id

    @journaled
    def remove_object(self, object_id: int) -> None:
        """Remove an object with its prompts and masks from all frames.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        properties = self._state.known(object_id)
        object_id = properties.object_id
        actions: list[Action] = [SetObject(object_id, properties, None)]
        relatives = {k: v for k, v in without_parent(self._state, properties) if k != object_id}
        for child in map(self._state.known, self._state.daughters(object_id)):
            relatives[child.object_id] = replace(child, parent=None, birth=None)
        actions += [SetObject(k, self._state.known(k), after) for k, after in relatives.items()]
        if object_id in self._state.tracker.object_ids:
            actions.append(self._state.removal(object_id))
        actions += self._state.without_verdicts(object_id)
        self._document.perform(Group(f"remove cell {object_id}", tuple(actions)))

    @journaled
    def rename_object(self, object_id: int, name: str) -> None:
        """Give an object another name.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        before = self._state.known(object_id)
        self._set_properties("rename", replace(before, name=_checked_name(name)))

    @journaled
    def set_status(self, object_id: int, status: Status) -> None:
        """Set the review status of an object without saying who judged it; see `Review.judge`.

        Parameters
        ----------
        object_id : int
            The object.
        status : Status
            The status, or its text such as ``"reviewed"``.

        Raises
        ------
        ValueError
            If there is no such object or status.
        """
        before = self._state.known(object_id)
        after = replace(before, status=Status(status), verdict=None)
        self._set_properties("set the status of", after)

    def _set_properties(self, verb: str, after: AnnotatedObject) -> None:
        """Replace the properties of an object, unless they are the same."""
        object_id = after.object_id
        before = self._state.known(object_id)
        if after != before:
            change = SetObject(object_id, before, after)
            self._document.perform(Group(f"{verb} cell {object_id}", (change,)))


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be text; got {name!r}")
    return name
