"""What was done to a document, in order, and what of it was taken back."""

from __future__ import annotations

from napari_sam2.annotation.actions import Group


class Journal:
    """Two stacks of groups: those done, and those undone that can be done again.

    The journal only remembers; who owns it makes the changes and then moves the group.
    """

    def __init__(self) -> None:
        self._done: list[Group] = []
        self._undone: list[Group] = []

    @property
    def done(self) -> tuple[Group, ...]:
        """What made the document what it is, oldest first."""
        return tuple(self._done)

    @property
    def next_undo(self) -> Group | None:
        """The group that an undo takes back."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> Group | None:
        """The group that a redo does again."""
        return self._undone[-1] if self._undone else None

    def record(self, group: Group) -> None:
        """Remember a group that was just done; what was undone before is forgotten."""
        self._done.append(group)
        self.forget_undone()

    def forget_undone(self) -> None:
        """Make a redo impossible: the document went another way."""
        self._undone.clear()

    def step_back(self) -> None:
        """Move the last group done to those undone."""
        self._undone.append(self._done.pop())

    def step_forward(self) -> None:
        """Move the last group undone back to those done."""
        self._done.append(self._undone.pop())

    def fold(self, start: int, text: str) -> None:
        """Make one group of all that was done after the first `start` groups."""
        groups = tuple(self._done[start:])
        if groups:
            self._done[start:] = [Group(text, groups)]
