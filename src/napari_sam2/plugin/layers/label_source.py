"""Map the labels of another layer to the pixels of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.plugin.layers.source_image import data_of, stack_shape
from napari_sam2.plugin.napari_io.layer_metadata import PARENTS
from napari_sam2.plugin.protocol.sources import NOWHERE, LabelSource

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from numpy.typing import NDArray


def label_source(layer: Labels, image: Image) -> LabelSource:
    """Labels of a layer on the pixels of an image, by the transforms of both layers.

    Raises
    ------
    ValueError
        If the layer has too many axes, does not overlap the image, or is rotated relative to it.
    """
    data, stack = data_of(layer), stack_shape(image)
    shape = tuple(int(length) for length in data.shape)
    if len(shape) not in (2, 3):
        raise ValueError(
            f"“{layer.name}” has {len(shape)} axes {shape}, expected (Y, X) or (T, Y, X): "
            "right-click the layer, choose Split Stack, and use one of the new layers"
        )
    steps, offset = _pixel_map(layer, image)
    rows, columns = (
        _indices(stack[axis], steps[axis], offset[axis], shape[axis - 3]) for axis in (1, 2)
    )
    has_frames = len(shape) == 3 and shape[0] > 1
    frames = _indices(stack[0], steps[0], offset[0], shape[0]) if has_frames else None
    if any((found == NOWHERE).all() for found in (rows, columns, frames) if found is not None):
        raise ValueError(
            f"“{layer.name}” does not overlap “{image.name}”: check scale and translate"
        )
    parents = {int(k): int(mother) for k, mother in layer.metadata.get(PARENTS, {}).items()}
    return LabelSource(str(layer.name), data, frames, rows, columns, parents)


def _pixel_map(layer: Labels, image: Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and offset such that layer (t, y, x) = steps * image (t, y, x) + offset."""

    def there(*place: float) -> NDArray[np.float64]:
        world = np.asarray(image.data_to_world(place[-image.ndim :]), dtype=np.float64)
        padded = np.concatenate([np.zeros(max(0, layer.ndim - len(world))), world])
        found = np.asarray(layer.world_to_data(padded[-layer.ndim :]), dtype=np.float64)
        return np.concatenate([np.zeros(3 - len(found)), found])

    origin = there(0, 0, 0)
    moved = np.array([there(*unit) - origin for unit in np.eye(3)])
    space = moved[1:, 1:]
    if not np.allclose(space, np.diag(np.diag(space)), atol=1e-6 * np.abs(space).max()):
        raise ValueError(f"“{layer.name}” is rotated or sheared relative to “{image.name}”")
    return np.diag(moved), origin


def _indices(count: int, step: float, offset: float, length: int) -> NDArray[np.intp]:
    places = np.rint(np.arange(count) * step + offset).astype(np.intp)
    return np.where((places >= 0) & (places < length), places, NOWHERE)
