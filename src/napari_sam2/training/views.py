"""Crops of large movies in which cells have a size that suits the network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from .pseudo_video import CELL_SIZES

ZOOMS = (0.35, 3.0)
"""Least and most pixels of a view per pixel of the movie, as far as the movie is large enough."""


def choose_view(
    labels: NDArray[np.integer], shape: tuple[int, int], rng: np.random.Generator
) -> tuple[slice, slice]:
    """Rows and columns about a random object, so that it has a usual size when they fill `shape`.

    Parameters
    ----------
    labels : (Y, X) integers
        Of the first frame.
    shape : (int, int)
        Size (Y, X) that the part is brought to.
    rng : numpy.random.Generator
        Source of chance.
    """
    ids, areas = np.unique(labels, return_counts=True)
    ids, areas = ids[ids > 0], areas[ids > 0]
    zoom, centre = 1.0, rng.uniform(0, labels.shape)
    if len(ids):
        chosen = int(rng.integers(len(ids)))
        wanted = np.exp(rng.uniform(*np.log(CELL_SIZES)))
        zoom = float(np.clip(wanted / np.sqrt(areas[chosen] * 4 / np.pi), *ZOOMS))
        centre = np.argwhere(labels == ids[chosen]).mean(0)
    zoom = max(zoom, *(side / there for side, there in zip(shape, labels.shape, strict=True)))
    size = np.maximum(np.floor(np.array(shape) / zoom + 1e-6).astype(int), 1)
    corner = centre - size / 2 + rng.uniform(-0.3, 0.3, 2) * size
    top, left = np.clip(corner, 0, np.array(labels.shape) - size).astype(int)
    return slice(top, top + int(size[0])), slice(left, left + int(size[1]))


def resize_images(images: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """(T, Y, X) or (T, Y, X, 3) at another size, without aliasing."""
    light = torch.from_numpy(np.ascontiguousarray(images)).float()
    light = light[:, None] if images.ndim == 3 else light.permute(0, 3, 1, 2)
    resized = F.interpolate(light, shape, mode="bilinear", align_corners=False, antialias=True)
    pixels = resized.round().clamp(0, 255).to(torch.uint8)
    return np.asarray((pixels[:, 0] if images.ndim == 3 else pixels.permute(0, 2, 3, 1)).numpy())


def resize_labels(labels: NDArray[np.uint16], shape: tuple[int, int]) -> NDArray[np.uint16]:
    """(T, Y, X) at another size, each pixel from the one that it lies in."""
    rows, columns = (
        ((np.arange(side) + 0.5) * there / side).astype(int)
        for side, there in zip(shape, labels.shape[1:], strict=True)
    )
    return np.ascontiguousarray(labels[:, rows[:, None], columns])
