"""What a journal tells whoever keeps it: all that is needed to come to the same document again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from napari_sam2.annotation.actions import Group
    from napari_sam2.annotation.journal import Journal
    from napari_sam2.annotation.propagation import Request
    from napari_sam2.tracking import ObjectState

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Entry:
    """One line of a journal."""


@dataclass(frozen=True, eq=False)
class Recorded(Entry):
    """A group was done."""

    group: Group


@dataclass(frozen=True, eq=False)
class Undone(Entry):
    """The last group done was taken back; None where the reader has it already."""

    group: Group | None


@dataclass(frozen=True, eq=False)
class Redone(Entry):
    """The last group undone was done again; None where the reader has it already."""

    group: Group | None


@dataclass(frozen=True, eq=False)
class Forgotten(Entry):
    """What was undone cannot be done again."""


@dataclass(frozen=True, eq=False)
class Folded(Entry):
    """The last `count` groups done are one group from now on."""

    count: int
    text: str


@dataclass(frozen=True, eq=False)
class Began(Entry):
    """From here on a propagation writes frames; its group is recorded when it ends."""

    request: Request


@dataclass(frozen=True, eq=False)
class Advanced(Entry):
    """A propagation handed out frame `t`: all that the tracker has of its objects there."""

    t: int
    states: Mapping[int, ObjectState | None]

    @property
    def object_ids(self) -> tuple[int, ...]:
        """The objects."""
        return tuple(self.states)


@dataclass(frozen=True, eq=False)
class TookOver(Entry):
    """An empty document got the work of another one, which is no step of its history."""

    group: Group
    largest_id: int


@dataclass(frozen=True, eq=False)
class Ended(Entry):
    """The propagation that began last is over; its group is what it has written since."""


@dataclass(frozen=True, eq=False)
class Called(Entry):
    """A call that a replay can make again, by the name of the method and of its arguments."""

    name: str
    arguments: Mapping[str, Any]


class Journaled(Protocol):
    """What has a journal that listens to calls."""

    _journal: Journal


Owner = TypeVar("Owner", bound=Journaled)


def journaled(
    method: Callable[Concatenate[Owner, Parameters], Result],
) -> Callable[Concatenate[Owner, Parameters], Result]:
    """Let the journal know of the calls of a method: those that change the document.

    Calls that raise, and those made from within another call, are not told. All that one call
    leaves in the journal is told together.
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

    return cast("Callable[Concatenate[Owner, Parameters], Result]", call)
