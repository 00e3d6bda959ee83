"""Augmentations: disappearing objects, drift out of the field, out-of-focus haze.

Most clips show their objects from the first frame to the last. A tracker that has learnt from such
clips alone continues on a piece of background or on a neighbour when a cell has left the field. So
some objects are taken out of a clip, for good or for a while, some clips drift until an object has
gone over the border, and some hold blobs out of focus, which have no label.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter

Images = NDArray[np.uint8]
Labels = NDArray[np.uint16]

OFFSETS = 48  # places tried for a piece of background
MOST_FOREIGN = 0.03  # share of a patch that may be cell
HALO = 0.12  # of the diameter: this margin moves with the cell
HAZE_RADII = (8.0, 60.0)  # pixels
HAZE_WAY = 10.0  # pixels, standard deviation over a clip
RINGS = (1.0, 3.0)  # of diffraction in the radius of a blob
FEATHER = 1.5  # pixels over which a patch passes into the image


def take_out(
    images: Images, labels: Labels, object_id: int, rng: np.random.Generator
) -> tuple[Images, Labels]:
    """A clip in which an object is gone from some frame on, or for a while.

    The background of another place is put over it, the same place on each frame.

    Parameters
    ----------
    images : (T, Y, X) uint8
    labels : (T, Y, X) uint16
    object_id : int
        The object; it stays on the first frame.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    images, labels
        New arrays; the given ones where no piece of background is free of cells, or there is but
        one frame.
    """
    length = len(images)
    if length < 2:
        return images, labels
    first = int(rng.integers(1, length))
    last = length if rng.random() < 0.6 else min(length, first + 1 + int(rng.integers(length)))
    is_object = labels[first:last] == object_id
    if not is_object.any():
        return images, labels
    reach = 2 + round(HALO * 2 * np.sqrt(is_object.sum((1, 2)).max() / np.pi))
    hole = np.stack([binary_dilation(mask, iterations=reach) for mask in is_object])
    others = (labels[first:last] > 0) & ~is_object
    hole &= ~others
    offset = _find_background(hole, labels[first:last] > 0, rng)
    if offset is None:
        return images, labels
    images, labels = images.copy(), labels.copy()
    weight = np.maximum(gaussian_filter(hole.astype(np.float32), (0, FEATHER, FEATHER)), is_object)
    weight[others] = 0
    patch = np.roll(images[first:last], offset, (1, 2))
    mixed = images[first:last] * (1 - weight) + patch * weight
    images[first:last] = mixed.round().astype(np.uint8)
    labels[first:last][is_object] = 0
    return images, labels


def drift_away(
    images: Images, labels: Labels, object_id: int, rng: np.random.Generator
) -> tuple[Images, Labels]:
    """A clip that drifts until an object has crossed the nearest border, wholly or nearly.

    Past the border its last pixels are repeated, as in a window that reaches past the image; the
    border may lie inside the given images.

    Parameters
    ----------
    images : (T, Y, X) uint8
    labels : (T, Y, X) uint16
    object_id : int
        Visible on the first frame.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    images, labels
        New arrays of the same shape.
    """
    rows, columns = np.nonzero(labels[0] == object_id)
    height, width = labels.shape[1:]
    room = (rows.min(), height - 1 - rows.max(), columns.min(), width - 1 - columns.max())
    side = int(np.argmin(room))
    axis, is_far = divmod(side, 2)
    places = (rows, columns)[axis]
    inset = int(rng.integers(0, max(1, min(int(room[side]), 64) + 1)))
    extent = int(np.ptp(places)) + 1
    way = (room[side] - inset + extent) * rng.uniform(0.6, 1.4)
    begin = rng.uniform(0, 0.5)
    times = np.linspace(0, 1, len(images))
    steps = np.round(way * np.clip((times - begin) / (1 - begin), 0, 1)).astype(int)
    size = labels.shape[1 + axis]
    out_images, out_labels = np.empty_like(images), np.zeros_like(labels)
    for t, step in enumerate(steps):
        wanted = np.arange(size) + (-step if is_far else step)
        taken = np.clip(wanted, 0, size - 1)
        border = size - 1 - inset if is_far else inset
        inside = np.arange(size) <= border if is_far else np.arange(size) >= border
        taken = np.where(inside, taken, taken[border])
        out_images[t] = np.take(images[t], taken, axis)
        out_labels[t] = np.take(labels[t], taken, axis)
        is_seen = inside & (wanted >= 0) & (wanted < size)
        out_labels[t] *= np.expand_dims(is_seen, 1 - axis)
    return out_images, out_labels


def add_haze(images: Images, labels: Labels, rng: np.random.Generator) -> Images:
    """Blobs out of focus, with the soft texture of cells above or below the focal plane.

    Half of them have rings of diffraction around them, as debris has in phase contrast.

    Parameters
    ----------
    images : (T, Y, X) uint8
    labels : (T, Y, X) uint16
        Half of the blobs lie beside a labelled object.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray
        (T, Y, X) uint8, a new array.
    """
    length, *shape = images.shape
    grid = np.indices(shape, dtype=np.float32)
    times = np.linspace(-0.5, 0.5, length)
    light = images.astype(np.float32)
    places = np.argwhere(labels[0] > 0)
    for _ in range(int(rng.integers(1, 4))):
        radii = np.exp(rng.uniform(np.log(HAZE_RADII[0]), np.log(HAZE_RADII[1]), 2))
        centre = rng.random(2) * shape
        if len(places) and rng.random() < 0.5:
            centre = places[rng.integers(len(places))] + rng.normal(0, radii.max(), 2)
        grain = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), rng.uniform(1.5, 6))
        grain *= rng.uniform(0, 1) / max(float(grain.std()), 1e-6)
        blob = rng.uniform(-1, 1) + grain
        blob *= rng.uniform(8, 45)
        way, swell = rng.normal(0, HAZE_WAY, 2), rng.normal(0, 0.2)
        rings = rng.uniform(*RINGS) if rng.random() < 0.5 else 0.0
        for t, time in enumerate(times):
            away = [
                (g - c - w * time) / r for g, c, w, r in zip(grid, centre, way, radii, strict=True)
            ]
            distance = np.hypot(away[0], away[1])
            envelope = np.exp(-(distance**3))
            if rings:
                envelope += np.cos(2 * np.pi * rings * distance) * np.exp(-distance)
            light[t] += blob * envelope * (1 + swell * time)
    return np.clip(light, 0, 255).astype(np.uint8)


def _find_background(
    hole: NDArray[np.bool_], cells: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[int, int] | None:
    """A shift (rows, columns) of the image that brings background over the hole, or None."""
    is_hole, is_cell = np.asarray(hole.any(0)), np.asarray(cells.any(0))
    rows, columns = np.nonzero(is_hole)
    limits = (rows.min(), rows.max(), columns.min(), columns.max())
    best, least = None, MOST_FOREIGN * len(rows)
    for _ in range(OFFSETS):
        dy = int(rng.integers(limits[1] - is_hole.shape[0] + 1, limits[0] + 1))
        dx = int(rng.integers(limits[3] - is_hole.shape[1] + 1, limits[2] + 1))
        foreign = int(is_cell[rows - dy, columns - dx].sum())
        if foreign < least:
            best, least = (dy, dx), foreign
    return best
