"""Families of objects: daughters by their mothers, and names such as 1.2.1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.annotation.objects import AnnotatedObject


def daughters_of(objects: Mapping[int, AnnotatedObject]) -> dict[int | None, list[int]]:
    """Ids of the daughters of each mother, ascending.

    Parameters
    ----------
    objects : mapping of int to AnnotatedObject
        The objects by id.

    Returns
    -------
    dict
        Under None, the objects without a mother, and those whose mother is missing.
    """
    daughters: dict[int | None, list[int]] = {}
    for key in sorted(objects):
        parent = objects[key].parent
        daughters.setdefault(parent if parent in objects else None, []).append(key)
    return daughters


def lineage_names(objects: Mapping[int, AnnotatedObject]) -> dict[int, str]:
    """Names of objects by their families: 1, her daughters 1.1 and 1.2, granddaughter 1.1.2.

    Parameters
    ----------
    objects : mapping of int to AnnotatedObject
        The objects by id. An object whose mother is missing counts as the first of its family.

    Returns
    -------
    dict of int to str
        Name of each object.
    """
    daughters = daughters_of(objects)
    names = {key: str(key) for key in daughters.get(None, ())}
    waiting = list(names)
    while waiting:
        mother = waiting.pop()
        for number, key in enumerate(daughters.get(mother, ()), start=1):
            names[key] = f"{names[mother]}.{number}"
            waiting.append(key)
    return names


def family_of(objects: Mapping[int, AnnotatedObject], object_id: int) -> frozenset[int]:
    """The ids of an object, its ancestors, and all their descendants.

    Parameters
    ----------
    objects : mapping of int to AnnotatedObject
        The objects by id.
    object_id : int
        One of them.
    """
    first = object_id
    while (parent := objects[first].parent) is not None and parent in objects:
        first = parent
    daughters = daughters_of(objects)
    family, waiting = {first}, [first]
    while waiting:
        found = daughters.get(waiting.pop(), ())
        family.update(found)
        waiting += found
    return frozenset(family)
