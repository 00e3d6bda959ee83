"""Map the labels of another layer to the pixels of an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.plugin.layers.image_axes import axes_of
from napari_sam2.plugin.layers.source_image import data_of, stack_shape
from napari_sam2.plugin.napari_io.layer_metadata import PARENTS
from napari_sam2.plugin.protocol.sources import NOWHERE, LabelSource, VolumePlanes

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from numpy.typing import NDArray


def label_source(layer: Labels, image: Image) -> LabelSource:
    """Labels of a layer on the pixels of an image, by the transforms of both layers.

    Labels in physical units with the shape of an image in pixels lie on it pixel for pixel: the
    reader of the image did not read its scale and position, which the labels have.

    Raises
    ------
    ValueError
        If the layer has too many axes longer than 1, does not overlap the image, or is rotated
        relative to it.
    """
    if axes_of(image).in_3d:
        return _volume_source(layer, image)
    stack = stack_shape(image)
    data, kept = _without_single_axes(layer)
    shape = tuple(int(length) for length in data.shape)
    is_same = shape in (stack, stack[1:]) and _has_no_scale(image) and _has_units(layer)
    steps, offset = (np.ones(3), np.zeros(3)) if is_same else _pixel_map(layer, image, kept)
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


def _volume_source(layer: Labels, image: Image) -> LabelSource:
    """Labels of volumes that lie on an image in 3D voxel for voxel.

    Raises
    ------
    ValueError
        If the layer has another shape than the volumes.
    """
    axes, data = axes_of(image), data_of(layer)
    own = sorted(axes.kept)  # the order of the layer
    shape = tuple(axes.lengths[axis] for axis in own)
    found = tuple(int(length) for length in data.shape)
    if tuple(n for n in found if n > 1) != tuple(n for n in shape if n > 1):
        raise ValueError(
            f"“{layer.name}” has the shape {found}: in 3D, labels must have the shape of the "
            f"volumes, {shape}"
        )
    length, height, width = axes.stack_shape
    volumes = data.reshape(shape).transpose([own.index(axis) for axis in axes.kept])
    return LabelSource(
        str(layer.name),
        VolumePlanes(volumes, axes.planes),
        np.arange(length),
        np.arange(height),
        np.arange(width),
    )


def _has_no_scale(layer: Image) -> bool:
    """Whether a layer lies at the origin with steps of one pixel, without a unit."""
    is_at_origin = not np.any(layer.translate) and bool(np.all(np.asarray(layer.scale) == 1))
    return is_at_origin and not _has_units(layer)


def _has_units(layer: Image | Labels) -> bool:
    return any(str(unit) != "pixel" for unit in layer.units)


def _without_single_axes(layer: Labels) -> tuple[Any, list[int]]:
    """Data of a layer as (Y, X) or (T, Y, X), and the axes of the layer that these are.

    Raises
    ------
    ValueError
        If more axes than these are longer than 1.
    """
    data = data_of(layer)
    shape = tuple(int(length) for length in data.shape)
    if len(shape) <= 3:
        return data, list(range(len(shape)))
    long = [axis for axis, length in enumerate(shape[:-2]) if length > 1]
    if len(long) > 1:
        raise ValueError(
            f"“{layer.name}” has {len(shape)} axes {shape}, expected (Y, X) or (T, Y, X): "
            "save its labels as (T, Y, X) and open them again"
        )
    kept = [*long, len(shape) - 2, len(shape) - 1]
    return data.reshape([shape[axis] for axis in kept]), kept


def _pixel_map(
    layer: Labels, image: Image, kept: list[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Steps and offset such that layer (t, y, x) = steps * image (t, y, x) + offset."""
    axes = axes_of(image)

    def there(*place: float) -> NDArray[np.float64]:
        coordinates = axes.coordinates(*place)
        world = np.asarray(image.data_to_world(coordinates), dtype=np.float64)[list(axes.kept)]
        padded = np.zeros(layer.ndim)
        count = min(len(world), len(kept))
        padded[kept[len(kept) - count :]] = world[len(world) - count :]
        found = np.asarray(layer.world_to_data(padded), dtype=np.float64)[kept]
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
