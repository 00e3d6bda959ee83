"""Labels of a movie with names, mothers and scale: the input of all exports."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tracks import Lineage, lineage

if TYPE_CHECKING:
    from napari_sam2.annotation import AnnotatedObject


@dataclass(frozen=True, eq=False)
class TrackedLabels:
    """Object ids of every frame, with mothers, names, scale and images.

    Parameters
    ----------
    labels : (T, Y, X) or (Y, X) array-like of integers
        0 is background. May be lazy: one frame is read at a time.
    parents : mapping of int to int
        Daughter -> mother.
    names : mapping of int to str
        Names that a person gave to objects.
    scale : ImageScale
        Pixel size and frame interval.
    channels : mapping of str to array-like
        Images of the same shape, by the name of the channel; colours may come last.
    error_probability : mapping of int to (T,) array
        Chance that the mask of an object is wrong on each frame, NaN where unknown; may be empty.
    shown_limits : mapping of str to (float, float)
        Values of channels that are shown as black and white, as far as they are known.

    Raises
    ------
    ValueError
        If the labels have other axes, or images another shape.
    TypeError
        If the labels are not integers.
    """

    labels: ArrayLike
    parents: Mapping[int, int] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    scale: ImageScale = field(default_factory=ImageScale)
    channels: Mapping[str, ArrayLike] = field(default_factory=dict)
    error_probability: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)
    shown_limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = tuple(self.labels.shape)
        if len(shape) not in (2, 3) or 0 in shape:
            raise ValueError(f"labels must be (T, Y, X) or (Y, X); got an array of shape {shape}")
        if np.dtype(self.labels.dtype).kind not in "ui":
            raise TypeError(f"labels must be integers; got {self.labels.dtype}")
        for name, images in self.channels.items():
            if tuple(images.shape[: len(shape)]) != shape:
                raise ValueError(
                    f"the image {name} has the shape {tuple(images.shape)}, the labels {shape}: "
                    "they must have the same frames"
                )

    @classmethod
    def of_objects(
        cls,
        labels: ArrayLike,
        objects: Mapping[int, AnnotatedObject],
        scale: ImageScale | None = None,
        channels: Mapping[str, ArrayLike] | None = None,
        error_probability: Mapping[int, NDArray[np.float32]] | None = None,
    ) -> TrackedLabels:
        """Labels of an annotation, with the mothers and names of its objects.

        Rejected objects are left out.
        """
        parents = {k: known.parent for k, known in objects.items() if known.parent is not None}
        names = {k: known.name for k, known in objects.items() if known.name}
        tracked = cls(
            labels, parents, names, scale or ImageScale(), channels or {}, error_probability or {}
        )
        return tracked.without(rejected_ids(objects))

    def without(self, object_ids: Collection[int]) -> TrackedLabels:
        """The same labels without some objects; daughters of these have no mother.

        Parameters
        ----------
        object_ids : collection of int
            Objects whose pixels become background when a frame is read.
        """
        if not object_ids:
            return self
        left_out = frozenset(object_ids)
        parents = {k: p for k, p in self.parents.items() if left_out.isdisjoint((k, p))}
        names = {k: name for k, name in self.names.items() if k not in left_out}
        labels = _LabelsWithout(self.labels, np.array(sorted(left_out)))
        return replace(self, labels=labels, parents=parents, names=names)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        shape = tuple(self.labels.shape)
        return (1, *shape) if len(shape) == 2 else shape  # type: ignore[return-value]

    def frame(self, t: int) -> NDArray[Any]:
        """(Y, X) labels of a frame.

        Raises
        ------
        ValueError
            If an id is negative.
        """
        frame = np.asarray(self.labels[t] if len(self.labels.shape) == 3 else self.labels)
        if frame.dtype.kind == "i" and frame.min() < 0:
            raise ValueError(f"object ids start at 1; frame {t} has {frame.min()}")
        return frame

    def frames(self) -> Iterator[NDArray[Any]]:
        """The labels of every frame, read one at a time."""
        return (self.frame(t) for t in range(self.shape[0]))

    def images(self, t: int) -> dict[str, NDArray[Any]]:
        """(Y, X) grey image of every channel on a frame; each colour is a channel."""
        found: dict[str, NDArray[Any]] = {}
        for name, images in self.channels.items():
            image = np.asarray(images[t] if len(self.labels.shape) == 3 else images)
            if image.ndim == 2:
                found[name] = image
            else:
                found |= {f"{name}_{c}": image[..., k] for k, c in enumerate("rgb")}
        return found

    @cached_property
    def lineage(self) -> Lineage:
        """The objects as tracks without gaps; reads every frame once."""
        ids = (np.unique(frame) for frame in self.frames())
        return lineage([found[found > 0].tolist() for found in ids], self.parents)


def compact_labels(frame: NDArray[Any]) -> tuple[list[int], NDArray[np.int32]]:
    """Objects of a frame numbered without gaps: tools need memory for the largest number.

    Parameters
    ----------
    frame : (Y, X) integers
        0 is background.

    Returns
    -------
    ids : list of int
        Ids of the K objects, ascending.
    labels : (Y, X) int32
        1 to K: the place in `ids`, counted from 1.
    """
    ids, labels = np.unique(frame, return_inverse=True)
    has_background = bool(ids[0] == 0)
    compact = labels.reshape(frame.shape).astype(np.int32) + (not has_background)
    return ids[int(has_background) :].tolist(), compact


def rejected_ids(objects: Mapping[int, AnnotatedObject]) -> list[int]:
    """Objects that a person rejected; exports leave them out."""
    return [object_id for object_id, known in objects.items() if known.is_rejected]


def left_out_text(count: int) -> str:
    """Sentence for the user: "1 rejected cell was left out", "2 rejected cells were left out"."""
    return f"{count} rejected cell{' was' if count == 1 else 's were'} left out"


@dataclass(frozen=True, eq=False)
class _LabelsWithout:
    """Labels in which some ids are replaced by background whenever a frame is read."""

    labels: ArrayLike
    left_out: NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.labels.shape)

    @property
    def dtype(self) -> Any:
        return self.labels.dtype

    def __getitem__(self, key: Any, /) -> NDArray[Any]:
        found = np.array(self.labels[key])
        found[np.isin(found, self.left_out)] = 0
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self[...], dtype)
