"""Labels of a movie with what is known of their objects: what exports write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.io.movie import ArrayLike
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tracks import Lineage, lineage


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
        """(Y, X) grey image of every channel on a frame; colours are channels of their own."""
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
