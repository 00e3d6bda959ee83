"""Journal: the undo steps of a document, and the recording of its calls."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from napari_sam2.annotation.actions import Group, held_bytes
from napari_sam2.annotation.journal_entries import (
    Called,
    Entry,
    Folded,
    Forgotten,
    Recorded,
    Redone,
    Undone,
)

UNDO_BYTES = 2**30  # of the masks that undo and redo restore
_MARK = "is_callable_by_name"
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Listener = Callable[[Sequence[Entry]], None]


class Journal:
    """Two stacks of groups: undo steps, and undone steps that can be repeated.

    The journal changes nothing in the document: its owner makes a change and then moves the group.
    Every entry is also sent to a listener, which may write it to a file. If the groups exceed the
    memory budget, the oldest ones are forgotten, but never the last one.

    Parameters
    ----------
    budget_bytes : int
        Memory that masks of the groups may take.

    Attributes
    ----------
    listener : callable or None
        Gets a list of the entries of one change, in their order.
    """

    def __init__(self, budget_bytes: int = UNDO_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._done: list[Group] = []
        self._undone: list[Group] = []
        self._held_bytes = 0
        self._holds = 0
        self.listener: Listener | None = None
        self._depth = 0
        self._waiting: list[Entry] = []

    @property
    def done(self) -> tuple[Group, ...]:
        """Groups that can be undone, oldest first."""
        return tuple(self._done)

    @property
    def next_undo(self) -> Group | None:
        """Group that an undo takes back."""
        return self._done[-1] if self._done else None

    @property
    def next_redo(self) -> Group | None:
        """Group that a redo repeats."""
        return self._undone[-1] if self._undone else None

    @property
    def undone_count(self) -> int:
        """How many groups can be redone."""
        return len(self._undone)

    def record(self, group: Group) -> None:
        """Add a group that was just done; a redo is impossible afterwards."""
        self._done.append(group)
        self._held_bytes += held_bytes(group)
        self.tell(Recorded(group))
        self.forget_undone()
        self._forget_oldest()

    def forget_undone(self) -> None:
        """Forget all undone groups, so that a redo is impossible."""
        if self._undone:
            self._held_bytes -= sum(map(held_bytes, self._undone))
            self._undone.clear()
            self.tell(Forgotten())

    def _forget_oldest(self) -> None:
        while self._held_bytes > self._budget_bytes and len(self._done) > 1 and not self._holds:
            self._held_bytes -= held_bytes(self._done.pop(0))

    @contextmanager
    def keeping_all(self) -> Iterator[None]:
        """Ignore the memory budget inside the block, so that all its changes can be undone."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._forget_oldest()

    def assume(self, done: Group | None = None, undone: Group | None = None) -> None:
        """Insert a group below all others, as the oldest one done or undone."""
        if done is not None:
            self._done.insert(0, done)
            self._held_bytes += held_bytes(done)
        if undone is not None:
            self._undone.insert(0, undone)
            self._held_bytes += held_bytes(undone)

    def step_back(self) -> None:
        """Move the last group done to those undone."""
        self._undone.append(self._done.pop())
        self.tell(Undone(self._undone[-1]))

    def step_forward(self) -> None:
        """Move the last group undone back to those done."""
        self._done.append(self._undone.pop())
        self.tell(Redone(self._done[-1]))

    def fold(self, start: int, text: str) -> None:
        """Make one group of all groups after the first `start`."""
        groups = tuple(self._done[start:])
        if groups:
            self._done[start:] = [Group(text, groups)]
            self.tell(Folded(len(groups), text))

    # Listener

    def tell(self, entry: Entry) -> None:
        """Send an entry to the listener; entries of one call are sent together at its end."""
        self._waiting.append(entry)
        if not self._depth:
            self._hand_out()

    @contextmanager
    def call(self) -> Iterator[bool]:
        """Send all entries of the block together; yields whether this is the outermost block."""
        self._depth += 1
        try:
            yield self._depth == 1
        finally:
            self._depth -= 1
            if not self._depth:
                self._hand_out()

    def _hand_out(self) -> None:
        entries, self._waiting = self._waiting, []
        if entries and self.listener is not None:
            self.listener(entries)


class HasJournal(Protocol):
    """A document."""

    @property
    def journal(self) -> Journal:
        """Journal that records the calls."""
        ...


class Part(Protocol):
    """A part of an annotation, whose methods change the document that it was given."""

    @property
    def _document(self) -> HasJournal: ...


Owner = TypeVar("Owner", bound=Part)
Method = TypeVar("Method", bound=Callable[..., Any])


def callable_by_name(method: Method) -> Method:
    """Mark a method as one that `Annotation.call` may call; `journaled` does so, too."""
    vars(method)[_MARK] = True
    return method


def is_callable_by_name(method: object) -> bool:
    """Whether `Annotation.call` may call a method."""
    return getattr(method, _MARK, False) is True


def journaled(
    method: Callable[Concatenate[Owner, Parameters], Result],
) -> Callable[Concatenate[Owner, Parameters], Result]:
    """Record each call of a method that changes the document as a `Called` entry.

    A call that raises, or that another journaled method makes, is not recorded. The listener of the
    journal gets all entries of one call together.
    """
    signature = inspect.signature(method)

    @wraps(method)
    def call(self: Owner, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        bound = signature.bind(self, *args, **kwargs)
        _, *given = bound.arguments
        for name in given:
            if isinstance(bound.arguments[name], Iterator):  # it can be walked through only once
                bound.arguments[name] = tuple(bound.arguments[name])
        with self._document.journal.call() as is_outermost:
            result = method(*bound.args, **bound.kwargs)
            if is_outermost:
                arguments = {name: bound.arguments[name] for name in given}
                self._document.journal.tell(Called(method.__name__, arguments))
        return result

    return cast("Callable[Concatenate[Owner, Parameters], Result]", callable_by_name(call))
