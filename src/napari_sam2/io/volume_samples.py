"""Drawn volumes over time with their exact ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.io.volume_scale import VolumeScale

_BLUR = (0.8, 1.2, 1.2)  # of the lens in planes and pixels, widest along z in units of length
_SPACING, _PIXEL = 1.5, 0.5  # micrometres
_GAP = 1.15  # distance of the centres of two cells, relative to the sum of their radii


@dataclass(frozen=True, eq=False)
class VolumeSample:
    """Volumes over time with labels.

    Parameters
    ----------
    images : (T, Z, Y, X) uint16
    labels : (T, Z, Y, X) uint16
        0 is background; a cell has the same label in all volumes.
    scale : VolumeScale
    name : str
    """

    images: NDArray[np.uint16]
    labels: NDArray[np.uint16]
    scale: VolumeScale
    name: str


@dataclass(frozen=True)
class _Cells:
    """Ellipsoids: centres (T, N, 3) and half axes (N, 3) in planes and pixels, turns (N,)."""

    centres: NDArray[np.float64]
    radii: NDArray[np.float64]
    turns: NDArray[np.float64]
    brightness: NDArray[np.float64]


def synthetic_volumes(
    frames: int = 6,
    planes: int = 12,
    shape: tuple[int, int] = (128, 128),
    cells: int = 4,
    seed: int = 0,
) -> VolumeSample:
    """Draw ellipsoids that wander, half of them along z too, blurred as by a microscope.

    Parameters
    ----------
    frames, planes : int
        Time points, and planes of each volume.
    shape : (Y, X)
    cells : int
        At most as many as fit.
    seed : int
        The same seed draws the same volumes.

    Returns
    -------
    VolumeSample
        Made-up voxels of 1.5 x 0.5 x 0.5 µm and time points every 5 minutes.

    Raises
    ------
    ValueError
        If the numbers are not positive, or the cells do not fit.
    """
    if min(frames, planes, *shape, cells) < 1:
        raise ValueError(
            f"frames, planes, shape and cells must be positive; got {frames}, {planes}, {shape}, "
            f"{cells}"
        )
    rng = np.random.default_rng(seed)
    drawn = _draw_cells(rng, (planes, *shape), frames, cells)
    images = np.empty((frames, planes, *shape), np.uint16)
    labels = np.empty(images.shape, np.uint16)
    grain = 1 + 0.25 * _noise(rng, images.shape[1:])
    for t in range(frames):
        light, labels[t] = _place(drawn, t, images.shape[1:])
        images[t] = _photograph(rng, light * grain)
    scale = VolumeScale((_PIXEL, _PIXEL), "um", 300.0, _SPACING)
    return VolumeSample(images, labels, scale, "synthetic volumes")


def _draw_cells(
    rng: np.random.Generator, shape: tuple[int, ...], frames: int, cells: int
) -> _Cells:
    radius = rng.uniform(0.075, 0.11, cells) * min(shape[1:])
    radii = np.stack(
        [
            (0.2 * shape[0] + rng.uniform(0, 0.08, cells) * shape[0]).clip(1.0),
            radius * rng.uniform(1.0, 1.25, cells),
            radius,
        ],
        axis=1,
    )
    paths: list[NDArray[np.float64]] = []
    for cell in range(cells):
        others = [(path, radii[other]) for other, path in enumerate(paths)]
        paths.append(_free_path(rng, shape, frames, radii[cell], cell % 2 == 1, others))
    turns, brightness = rng.uniform(0, np.pi, cells), rng.uniform(0.7, 1.3, cells)
    return _Cells(np.stack(paths, axis=1), radii, turns, brightness)


def _free_path(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    frames: int,
    radii: NDArray[np.float64],
    is_diver: bool,
    others: list[tuple[NDArray[np.float64], NDArray[np.float64]]],
) -> NDArray[np.float64]:
    """(T, 3) centres of a cell that touches no other one; a diver crosses planes."""
    low, high = 0.8 * radii, np.array(shape) - 1 - 0.8 * radii
    for _ in range(500):
        start = rng.uniform(low, np.maximum(high, low))
        direction = rng.choice([-1.0, 1.0])
        dive = direction * rng.uniform(0.4, 0.7) * shape[0] / 12 if is_diver else 0.0
        step = np.array([dive, *rng.uniform(-0.02, 0.02, 2) * min(shape[1:])])
        path = start + step * np.arange(frames)[:, None] + rng.normal(0, 0.15, (frames, 3))
        inside = (path >= low).all() and (path <= high).all()
        apart = all(
            (np.linalg.norm((path - other) / (radii + size), axis=1) > _GAP).all()
            for other, size in others
        )
        if inside and apart:
            return path
    raise ValueError("the cells do not fit: draw fewer of them, or larger volumes")


def _place(
    cells: _Cells, t: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.uint16]]:
    """Light and labels of a volume, (Z, Y, X)."""
    z, y, x = np.meshgrid(*map(np.arange, shape), indexing="ij")
    light = np.zeros(shape)
    labels = np.zeros(shape, np.uint16)
    for k, (centre, radii, turn) in enumerate(
        zip(cells.centres[t], cells.radii, cells.turns, strict=True)
    ):
        dy, dx = y - centre[1], x - centre[2]
        along = dy * np.cos(turn) + dx * np.sin(turn)
        across = dx * np.cos(turn) - dy * np.sin(turn)
        scaled = ((z - centre[0]) / radii[0], along / radii[1], across / radii[2])
        distance = np.sqrt(sum(part**2 for part in scaled))
        inside = distance <= 1
        light[inside] = cells.brightness[k] * (1 - 0.35 * distance[inside] ** 2)
        labels[inside] = k + 1
    return light, labels


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    rough = ndimage.gaussian_filter(rng.normal(0, 1, shape), (0.8, 2.5, 2.5))
    noise: NDArray[np.float64] = rough / rough.std()
    return noise


def _photograph(rng: np.random.Generator, light: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Blur, background, noise of light and of the camera; 12 bits."""
    blurred = ndimage.gaussian_filter(light, _BLUR)
    counts = 2 * rng.poisson(400 * (0.08 + blurred).clip(0)) + rng.normal(100, 8, light.shape)
    image: NDArray[np.uint16] = counts.clip(0, 4095).astype(np.uint16)
    return image
