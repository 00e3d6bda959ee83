"""Any value of our dataclasses, made from their type annotations, and how two are compared."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from napari_sam2.annotation.actions import Action
from napari_sam2.io.project.tags import kinds_by_tag
from napari_sam2.io.project.typed import _hints
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window

NUMBERS = st.integers(-(2**31), 2**31)
REALS = st.floats(allow_nan=False, width=32)
KINDS = {np.floating: np.float16, np.bool_: np.bool_, Any: np.uint16, np.integer: np.uint16}


def actions() -> dict[str, type]:
    """The kinds of actions by their tags."""
    return {tag: kind.cls for tag, kind in kinds_by_tag.items() if hasattr(kind.cls, "inverse")}


def values_of(hint: Any, depth: int = 2) -> st.SearchStrategy[Any]:
    """Values of a type; groups hold groups down to some depth."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint is Any:
        return NUMBERS | REALS | st.text(max_size=5) | st.none() | arrays(np.float64)
    if origin in (Union, types.UnionType):
        return st.one_of([values_of(part, depth) for part in parts])
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is np.ndarray:
        return arrays(get_args(parts[1])[0])
    if origin is tuple and parts[-1] is Ellipsis:
        return st.lists(values_of(parts[0], depth - 1), max_size=max(depth, 0)).map(tuple)
    if origin is tuple:
        return st.tuples(*(values_of(part, depth) for part in parts))
    if origin is frozenset:
        return st.frozensets(values_of(parts[0]), max_size=20)
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(*(values_of(part, depth - 1) for part in parts), max_size=2)
    return single_values(hint, depth)


def single_values(hint: Any, depth: int) -> st.SearchStrategy[Any]:
    simple = {int: NUMBERS, float: REALS, str: st.text(max_size=9), bool: st.booleans()}
    if hint is None or hint is types.NoneType:
        return st.none()
    if hint in simple:
        return simple[hint]
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint is MaskRecord:
        return RECORDS
    if hint is PixelMask:
        return arrays(np.bool_, (5, 7)).map(PixelMask.of)
    if hint is Action:
        kinds = sorted(actions()) if depth > 0 else ["SetObject"]
        return st.sampled_from(kinds).flatmap(lambda name: instances(actions()[name], depth - 1))
    return instances(hint, depth)


def instances(cls: type, depth: int = 2) -> st.SearchStrategy[Any]:
    """Instances of one of our dataclasses."""
    if cls is MaskRecord:
        return RECORDS
    hints = _hints(cls)
    return st.builds(cls, **{name: values_of(hint, depth) for name, hint in hints.items()})


def arrays(kind: Any, shape: Any = None) -> st.SearchStrategy[np.ndarray]:
    dtype = KINDS.get(get_origin(kind) or kind, kind)
    return npst.arrays(dtype, shape or npst.array_shapes(min_dims=0, max_dims=3, max_side=9))


@st.composite
def records(draw: st.DrawFn) -> MaskRecord:
    size = draw(st.integers(4, 20))
    row, column = draw(st.integers(0, size)), draw(st.integers(0, size))
    height, width = draw(st.integers(0, size - row)), draw(st.integers(0, size - column))
    return MaskRecord(
        corner=(row, column),
        crop=draw(arrays(draw(st.sampled_from([np.float16, np.float32])), (height, width))),
        floor=draw(st.floats(-1024, 1024, width=32)),
        size=size,
        predicted_iou=draw(REALS),
        occlusion_score=draw(REALS),
        pointer=draw(arrays(np.float32, (8,))),
        direction=draw(st.sampled_from(["forward", "backward", None])),
        window=Window(*(draw(NUMBERS) for _ in range(4))),
        painted=draw(st.none() | arrays(np.bool_, (5, 7)).map(PixelMask.of)),
    )


RECORDS = records()


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal to the last bit and of the same types."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        alike = (one.dtype, one.shape) == (other.dtype, other.shape)
        return alike and one.tobytes() == other.tobytes()
    if type(one) is not type(other):
        return False
    if dataclasses.is_dataclass(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)
