"""What was done to a document, in order, and what of it was taken back."""

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

_MARK = "is_callable_by_name"
UNDO_BYTES = 2**30  # of the masks that undo and redo bring back
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Listener = Callable[[Sequence[Entry]], None]


class Journal:
    """Two stacks of groups: those done, and those undone that can be done again.

    The journal only remembers; who owns it makes the changes and then moves the group. What it is
    told goes on to a listener, which may keep it on disk. Where the groups take more memory than
    they may, the oldest ones are forgotten, but never the last one.

    Parameters
    ----------
    budget_bytes : int
        Memory that masks of the groups may take.

    Attributes
    ----------
    listener : callable or None
        Gets the entries that belong together, in their order.
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

    @property
    def undone_count(self) -> int:
        """How many groups can be done again."""
        return len(self._undone)

    def record(self, group: Group) -> None:
        """Remember a group that was just done; what was undone before is forgotten."""
        self._done.append(group)
        self._held_bytes += held_bytes(group)
        self.tell(Recorded(group))
        self.forget_undone()
        self._forget_oldest()

    def forget_undone(self) -> None:
        """Make a redo impossible: the document went another way."""
        if self._undone:
            self._held_bytes -= sum(map(held_bytes, self._undone))
            self._undone.clear()
            self.tell(Forgotten())

    def _forget_oldest(self) -> None:
        while self._held_bytes > self._budget_bytes and len(self._done) > 1 and not self._holds:
            self._held_bytes -= held_bytes(self._done.pop(0))

    @contextmanager
    def keeping_all(self) -> Iterator[None]:
        """Forget nothing inside the block, so that all that is done in it can be taken back."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            self._forget_oldest()

    def assume(self, done: Group | None = None, undone: Group | None = None) -> None:
        """Put a group below all others: it was done, or taken back, before the rest is told."""
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
        """Make one group of all that was done after the first `start` groups."""
        groups = tuple(self._done[start:])
        if groups:
            self._done[start:] = [Group(text, groups)]
            self.tell(Folded(len(groups), text))

    # Who listens

    def tell(self, entry: Entry) -> None:
        """Hand an entry to the listener, inside a call together with the others of that call."""
        self._waiting.append(entry)
        if not self._depth:
            self._hand_out()

    @contextmanager
    def call(self) -> Iterator[bool]:
        """Keep what is told inside the block together; gives whether no other block is open."""
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


class Journaled(Protocol):
    """What has a journal that listens to calls."""

    _journal: Journal


Owner = TypeVar("Owner", bound=Journaled)


Method = TypeVar("Method", bound=Callable[..., Any])


def callable_by_name(method: Method) -> Method:
    """Allow `Annotation.call` to call a method by its name; `journaled` does so, too."""
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
        with self._journal.call() as is_outermost:
            result = method(*bound.args, **bound.kwargs)
            if is_outermost:
                arguments = {name: bound.arguments[name] for name in given}
                self._journal.tell(Called(method.__name__, arguments))
        return result

    return cast("Callable[Concatenate[Owner, Parameters], Result]", callable_by_name(call))
