"""Life cycles: generation, birth and division of each object, from labels and their mothers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from napari_sam2.io.tracked import TrackedLabels


@dataclass(frozen=True)
class LifeCycle:
    """What the mothers of an annotation say about the life of one object.

    Attributes
    ----------
    generation : int
        Number of ancestors that are known: 0 without a mother, 1 for a daughter.
    birth : int or None
        First frame of an object that has a mother. The birth of any other object was not seen.
    division : int or None
        Frame on which the first of its daughters begins, None without daughters.
    """

    generation: int = 0
    birth: int | None = None
    division: int | None = None

    @property
    def length(self) -> int | None:
        """Frames from birth to division, None where one of them was not seen."""
        if self.birth is None or self.division is None:
            return None
        return self.division - self.birth


def life_cycles(tracked: TrackedLabels) -> dict[int, LifeCycle]:
    """Life cycles of all objects that have a mother or daughters.

    Parameters
    ----------
    tracked : TrackedLabels
        Each frame is read once; none is read where no object has a mother.
    """
    parents = tracked.parents
    if not parents:
        return {}
    first: dict[int, int] = {}
    for t, object_id in tracked.lineage.names:
        first[object_id] = min(t, first.get(object_id, t))
    divisions: dict[int, int] = {}
    for daughter, mother in parents.items():
        if daughter in first and mother in first:
            divisions[mother] = min(first[daughter], divisions.get(mother, first[daughter]))
    return {
        object_id: LifeCycle(
            generation=_generation(object_id, parents),
            birth=first.get(object_id) if object_id in parents else None,
            division=divisions.get(object_id),
        )
        for object_id in {*parents, *parents.values()}
    }


def _generation(object_id: int, parents: Mapping[int, int]) -> int:
    """Number of ancestors; a circle of mothers is counted once."""
    seen = {object_id}
    while (mother := parents.get(object_id)) is not None and mother not in seen:
        seen.add(mother)
        object_id = mother
    return len(seen) - 1
