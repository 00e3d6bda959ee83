"""Decode JSON to values, by the type annotations of our dataclasses."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.actions import Action
from napari_sam2.annotation.journal_entries import Called
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.tags import from_file, kinds_by_class, kinds_by_tag, renamed
from napari_sam2.tracking.masks import MaskRecord

_NAMES_OF_HINTS = (Any, Callable, Iterable, Iterator, Mapping, Sequence)


@cache
def _hints(cls: type) -> dict[str, Any]:
    """Types of the fields of a dataclass; names that only type checkers see are known here."""
    names: dict[str, Any] = {getattr(hint, "__name__", "Any"): hint for hint in _NAMES_OF_HINTS}
    names |= {"Any": Any, "NDArray": NDArray, "np": np}
    names |= {known.__name__: known for known in kinds_by_class}
    hints = get_type_hints(cls, localns=names)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


class TypedReader:
    """Turns JSON into values of the types that are expected.

    Parameters
    ----------
    arrays : sequence of ndarray
        Arrays to which values such as ``{"array": 3}`` refer.
    record : callable
        From the number of a mask record to the record.
    """

    def __init__(self, arrays: Sequence[NDArray[Any]], record: Callable[[int], MaskRecord]) -> None:
        self._arrays = arrays
        self._record = record

    def value(self, tree: Any, hint: Any) -> Any:
        """A value of the type `hint`.

        Raises
        ------
        ProjectError
            If it is of another type.
        """
        origin = get_origin(hint)
        if hint is Any:
            return self._anything(tree)
        if origin in (Union, types.UnionType):
            return self._one_of(tree, get_args(hint))
        if origin is Literal:
            return self._checked(tree, tree in get_args(hint), hint)
        if origin is np.ndarray:
            return self._array(tree, hint)
        if origin in (tuple, list, frozenset, set):
            return self._sequence(tree, origin, get_args(hint))
        if origin is not None and issubclass(origin, Mapping):
            return self._mapping(tree, *get_args(hint))
        return self._single(tree, hint)

    def dataclass(self, tree: Any, cls: type) -> Any:
        """A dataclass from its fields; those that have a default may be missing."""
        hints = _hints(cls)
        given = {name: part for name, part in tree.items() if name != "is"}
        given = renamed(given, kinds_by_class[cls].fields)
        if unknown := given.keys() - hints.keys():
            raise ProjectError(f"{cls.__name__} has no field {', '.join(sorted(unknown))}")
        try:
            value = cls(**{name: self.value(part, hints[name]) for name, part in given.items()})
        except TypeError as error:
            raise ProjectError(f"{cls.__name__} is incomplete: {error}") from error
        return from_file(value) if isinstance(value, Called | Deed) else value

    def _single(self, tree: Any, hint: Any) -> Any:
        if hint is None or hint is types.NoneType:
            return self._checked(tree, tree is None, hint)
        if hint is float:
            is_number = isinstance(tree, int | float) and not isinstance(tree, bool)
            return float(self._checked(tree, is_number, hint))
        if hint in (bool, int, str):
            return self._checked(tree, type(tree) is hint, hint)
        if hint is MaskRecord:
            fits = isinstance(tree, dict) and type(tree.get("record")) is int
            return self._record(self._checked(tree, fits, hint)["record"])
        if isinstance(hint, type) and issubclass(hint, Enum):
            return hint(tree)
        return self._tagged(tree, hint)

    def _tagged(self, tree: Any, hint: Any) -> Any:
        """A dataclass that says which one it is: the expected one or a special kind of it."""
        tag = tree.get("is") if isinstance(tree, dict) else None
        kind = kinds_by_tag.get(tag) if isinstance(tag, str) else None
        if kind is None or (hint is not Action and not issubclass(kind.cls, hint)):
            expected = getattr(hint, "__name__", hint)
            raise ProjectError(f"expected {expected}; got {tag or tree!r}")
        if hint is Action and not hasattr(kind.cls, "inverse"):
            raise ProjectError(f"{tag} is no action")
        return self.dataclass(tree, kind.cls)

    def _one_of(self, tree: Any, hints: tuple[Any, ...]) -> Any:
        if tree is None and types.NoneType in hints:
            return None
        problem = ProjectError(f"unexpected {tree!r}"[:200])
        for hint in hints:
            try:
                return self.value(tree, hint)
            except (ProjectError, ValueError) as error:
                problem = ProjectError(str(error))
        raise problem

    def _sequence(self, tree: Any, origin: type, hints: tuple[Any, ...]) -> Any:
        items = self._items(tree)
        if origin is tuple and not (len(hints) == 2 and hints[1] is Ellipsis):
            if len(items) != len(hints):
                raise ProjectError(f"expected {len(hints)} values; got {len(items)}")
            return tuple(self.value(item, hint) for item, hint in zip(items, hints, strict=True))
        return origin(self.value(item, hints[0]) for item in items)

    def _items(self, tree: Any) -> list[Any]:
        if isinstance(tree, dict):
            return list(self._array(tree, NDArray[np.int64]).ravel().tolist())
        return list(self._checked(tree, isinstance(tree, list), list))

    def _mapping(self, tree: Any, key_hint: Any, value_hint: Any) -> dict[Any, Any]:
        self._checked(tree, isinstance(tree, dict) and "keys" in tree, dict)
        if "numbers" in tree:
            keys = self._items({"array": tree["keys"]})
            numbers = self._items({"array": tree["numbers"]})
            numbers = self._checked(numbers, _takes_records(value_hint), value_hint)
            values = [self._record(number) if number else None for number in numbers]
            if None in values:
                self._checked(values, types.NoneType in get_args(value_hint), value_hint)
        else:
            keys = [self.value(key, key_hint) for key in self._items(tree["keys"])]
            values = [self.value(part, value_hint) for part in self._items(tree["values"])]
        return dict(zip(keys, values, strict=True))

    def _array(self, tree: Any, hint: Any) -> NDArray[Any]:
        index = tree.get("array") if isinstance(tree, dict) else None
        if type(index) is not int or not 0 <= index < len(self._arrays):
            raise ProjectError(f"expected an array; got {tree!r}"[:200])
        array = self._arrays[index]
        wanted = get_args(get_args(hint)[1])[0]
        fits = wanted is Any or np.issubdtype(array.dtype, get_origin(wanted) or wanted)
        return np.asarray(self._checked(array, fits, hint))

    def _anything(self, tree: Any) -> Any:
        """Decode a value whose type is in its tag; lists become tuples."""
        if isinstance(tree, list):
            return tuple(self._anything(item) for item in tree)
        if not isinstance(tree, dict):
            return tree
        if "array" in tree:
            return self._array(tree, NDArray[Any])
        if "is" in tree:
            return self._tagged(tree, object)
        if "record" in tree:
            return self._single(tree, MaskRecord)
        return self._mapping(tree, Any, MaskRecord | None if "numbers" in tree else Any)

    @staticmethod
    def _checked(tree: Any, fits: bool, hint: Any) -> Any:
        if not fits:
            expected = getattr(hint, "__name__", str(hint))
            raise ProjectError(f"expected {expected}; got {tree!r}"[:200])
        return tree


def _takes_records(hint: Any) -> bool:
    return hint is MaskRecord or MaskRecord in get_args(hint)
