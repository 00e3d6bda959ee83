"""Augmentations: views, look-alikes, disappearing objects, drift out of the field, haze.

Most clips show their objects from the first frame to the last. A tracker that has learnt from such
clips alone continues on a piece of background or on a neighbour when a cell has left the field. So
some objects are taken out of a clip, for good or for a while, some clips drift until an object has
gone over the border, and some hold blobs out of focus, which have no label. Some are shown four
times beside themselves, so that every object has look-alikes, or turned and sheared.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform, binary_dilation, gaussian_filter
from skimage.transform import AffineTransform

from .views import resize_images, resize_labels

Images = NDArray[np.uint8]
Labels = NDArray[np.uint16]

OFFSETS = 48  # places tried for a piece of background
MOST_FOREIGN = 0.03  # share of a patch that may be cell
HALO = 0.12  # of the diameter: this margin moves with the cell
HAZE_RADII = (8.0, 60.0)  # pixels
MOST_TURN, MOST_SHEAR = 25.0, 20.0  # degrees
SCALES = (0.8, 1.25)
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
    images : (T, Y, X) or (T, Y, X, 3) uint8
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
    weight = _over_colours(weight, images)
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
    images : (T, Y, X) or (T, Y, X, 3) uint8
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
    images : (T, Y, X) or (T, Y, X, 3) uint8
    labels : (T, Y, X) uint16
        Half of the blobs lie beside a labelled object.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    ndarray
        Of the same shape, a new array.
    """
    length, *shape = labels.shape
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
            light[t] += _over_colours(blob * envelope * (1 + swell * time), images)
    return np.clip(light, 0, 255).astype(np.uint8)


def _over_colours(weights: NDArray, images: Images) -> NDArray:
    """Numbers of pixels, for the three colours of images that have them."""
    return weights[..., None] if images.ndim == 4 else weights


def tile_four_times(images: Images, labels: Labels) -> tuple[Images, Labels]:
    """A clip four times beside itself, at half of its size (§D.2.2).

    Every object has three look-alikes with numbers of their own, so that a network learns to tell
    an object from others that look the same.

    Parameters
    ----------
    images : (T, Y, X) or (T, Y, X, 3) uint8
        Both sides even.
    labels : (T, Y, X) uint16

    Returns
    -------
    images, labels : ndarray
        Of the same shapes.
    """
    half = (labels.shape[1] // 2, labels.shape[2] // 2)
    small, known = resize_images(images, half), resize_labels(labels, half)
    step = int(known.max(initial=0))
    copies = [np.where(known > 0, known + n * step, 0).astype(labels.dtype) for n in range(4)]
    tiled = np.tile(small, (1, 2, 2) + (1,) * (images.ndim - 3))
    upper, lower = np.concatenate(copies[:2], 2), np.concatenate(copies[2:], 2)
    return tiled, np.concatenate([upper, lower], 1)


def turn_and_shear(
    images: Images, labels: Labels, rng: np.random.Generator
) -> tuple[Images, Labels]:
    """A clip turned, sheared and scaled about its middle, all frames alike (§D.2.2).

    Parameters
    ----------
    images : (T, Y, X) or (T, Y, X, 3) uint8
        What comes into view has the median of the clip, as beyond the border of a real image.
    labels : (T, Y, X) uint16
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    images, labels : ndarray
        Of the same shapes.
    """
    turn, lean = np.radians(rng.uniform(-1, 1, 2) * (MOST_TURN, MOST_SHEAR))
    scale = float(np.exp(rng.uniform(*np.log(SCALES))))
    way = AffineTransform(rotation=turn, shear=lean, scale=scale)
    middle = (np.array(labels.shape[1:]) - 1) / 2
    to_source = np.linalg.inv(way.params[:2, :2])
    start = middle - to_source @ middle

    def seen(frame: NDArray, order: int, beyond: float) -> NDArray:
        return affine_transform(frame, to_source, start, order=order, cval=beyond)

    beyond = float(np.median(images[:, ::4, ::4]))
    colours = np.moveaxis(images, -1, 1) if images.ndim == 4 else images[:, None]
    turned = np.stack([[seen(part, 1, beyond) for part in frame] for frame in colours])
    truth = np.stack([seen(frame, 0, 0) for frame in labels])
    return (np.moveaxis(turned, 1, -1) if images.ndim == 4 else turned[:, 0]), truth


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
