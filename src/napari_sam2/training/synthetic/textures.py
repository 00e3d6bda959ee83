"""Textures inside cells and between them: noise, nuclei, granules, specks."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, zoom

FloatArray = NDArray[np.float32]

REACH = 1.7
"""A patch covers the cell's own coordinates from -REACH to REACH radii."""

PATCH = 128
"""Side of a patch in its own pixels."""


def band_noise(
    shape: tuple[int, int], fine: float, coarse: float, rng: np.random.Generator
) -> FloatArray:
    """Noise without structure below `fine` and above `coarse` pixels, standard deviation 1."""
    white = rng.standard_normal(shape, dtype=np.float32)
    noise = gaussian_filter(white, fine, mode="wrap") - gaussian_filter(white, coarse, mode="wrap")
    return np.asarray(noise / (noise.std() + 1e-6), dtype=np.float32)


def smooth_field(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> FloatArray:
    """A smooth random surface with about `cells` hills a side, values -1 to 1.

    Returns
    -------
    (Y, X) float32
    """
    coarse = rng.uniform(-1, 1, (cells + 3, cells + 3)).astype(np.float32)
    factors = (shape[0] / cells + 1, shape[1] / cells + 1)
    fine = zoom(coarse, factors, order=1)
    blurred = gaussian_filter(fine, (factors[0] / 2, factors[1] / 2), truncate=2.0)
    return np.asarray(blurred[: shape[0], : shape[1]], dtype=np.float32)


def add_spots(
    canvas: FloatArray,
    centres: NDArray[np.float64],
    sizes: NDArray[np.float64],
    heights: NDArray[np.float64],
) -> None:
    """Add Gaussian spots to an image, in place; spots may lie partly outside.

    Parameters
    ----------
    canvas : (Y, X) float32
        Changed in place.
    centres : (P, 2) float64
        (y, x) in pixels.
    sizes, heights : (P,) float64
        Standard deviations in pixels and peak values.
    """
    for (y, x), size, height in zip(centres, sizes, heights, strict=True):
        reach = int(3 * size) + 1
        rows = np.arange(max(int(y) - reach, 0), min(int(y) + reach + 1, canvas.shape[0]))
        columns = np.arange(max(int(x) - reach, 0), min(int(x) + reach + 1, canvas.shape[1]))
        if len(rows) and len(columns):
            along_y = np.exp(-0.5 * ((rows - y) / size) ** 2)
            along_x = np.exp(-0.5 * ((columns - x) / size) ** 2)
            canvas[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += (
                height * along_y[:, None] * along_x
            )


def sample_patch(patch: FloatArray, y: FloatArray, x: FloatArray) -> FloatArray:
    """Values of a patch at a cell's own coordinates (radii), bilinear."""
    scale = (PATCH - 1) / (2 * REACH)
    places = np.stack([(y + REACH) * scale, (x + REACH) * scale])
    return np.asarray(map_coordinates(patch, places, order=1, mode="mirror"), dtype=np.float32)


def spread_patch(rng: np.random.Generator) -> FloatArray:
    """Relative phase inside a flat adherent cell: nucleus, nucleoli, granules, vesicles.

    Returns
    -------
    (128, 128) float32
        Around 0; 1 is as much as the cell body itself.
    """
    fine = rng.uniform(0.7, 1.5)
    patch = rng.uniform(0.03, 0.2) * band_noise((PATCH, PATCH), fine, 3 * fine, rng)
    nucleus, edge = _ellipse(rng.uniform(0.25, 0.45), rng)
    patch *= 1 - 0.6 * nucleus
    patch += rng.uniform(-0.25, 0.35) * nucleus + rng.uniform(0, 0.35) * edge
    _scatter(patch, int(rng.integers(1, 4)), 0.12, (1.0, 2.4), (0.4, 1.4), rng)
    _scatter(patch, int(rng.integers(0, 30)), 0.35, (0.5, 1.2), (0.4, 1.6), rng)
    if rng.uniform() < 0.3:
        _scatter(patch, int(rng.integers(1, 9)), 0.3, (0.6, 1.8), (-3.0, -1.0), rng)
    return patch.astype(np.float32)


def chromatin_patch(rng: np.random.Generator) -> FloatArray:
    """Relative brightness inside a labelled nucleus: chromatin and dark nucleoli, (128, 128)."""
    fine = rng.uniform(1.0, 5.0)
    patch = rng.uniform(0.03, 0.25) * band_noise((PATCH, PATCH), fine, 3 * fine, rng)
    sign = rng.choice((-1, -1, 1))
    limits = (-0.6, -0.1) if sign < 0 else (0.1, 0.8)
    _scatter(patch, int(rng.integers(0, 6)), 0.4, (2.0, 5.0), limits, rng)
    return patch.astype(np.float32)


def cytoplasm_patch(rng: np.random.Generator) -> FloatArray:
    """Relative brightness of a labelled cell body around a dark or bright nucleus, (128, 128)."""
    fine = rng.uniform(0.7, 3.0)
    patch = rng.uniform(0.05, 0.3) * band_noise((PATCH, PATCH), fine, 3 * fine, rng)
    nucleus, edge = _ellipse(rng.uniform(0.3, 0.5), rng)
    patch += rng.uniform(-0.6, 0.5) * nucleus + rng.uniform(0, 0.4) * edge
    _scatter(patch, int(rng.integers(0, 20)), 0.45, (0.5, 2.0), (-0.3, 0.8), rng)
    return patch.astype(np.float32)


def plain_patch(rng: np.random.Generator) -> FloatArray:
    """Relative thickness inside a compact cell: granules and sometimes a vacuole, (128, 128)."""
    fine = rng.uniform(1.0, 3.0)
    patch = rng.uniform(0.02, 0.15) * band_noise((PATCH, PATCH), fine, 3 * fine, rng)
    _scatter(patch, int(rng.integers(0, 12)), 0.4, (1.0, 3.0), (-0.4, 0.6), rng)
    if rng.uniform() < 0.4:
        vacuole, edge = _ellipse(rng.uniform(0.25, 0.5), rng)
        patch += rng.uniform(-0.6, 0.3) * vacuole + rng.uniform(0, 0.3) * edge
    return patch.astype(np.float32)


def _ellipse(radius: float, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    axis = np.linspace(-REACH, REACH, PATCH, dtype=np.float32)
    angle = rng.uniform(0, np.pi)
    y = axis[:, None] - rng.normal(0, 0.12)
    x = axis - rng.normal(0, 0.12)
    aspect = rng.uniform(1.0, 1.4)
    along = (np.cos(angle) * x + np.sin(angle) * y) / aspect
    across = (np.cos(angle) * y - np.sin(angle) * x) * aspect
    distance = (np.hypot(along, across) - radius) / 0.06
    inside = 1 / (1 + np.exp(np.clip(2 * distance, -30, 30)))
    return inside.astype(np.float32), np.exp(-(distance**2)).astype(np.float32)


def _scatter(
    patch: FloatArray,
    count: int,
    spread: float,
    sizes: tuple[float, float],
    heights: tuple[float, float],
    rng: np.random.Generator,
) -> None:
    scale = PATCH / (2 * REACH)
    centres = PATCH / 2 + scale * rng.normal(0, spread, (count, 2))
    add_spots(patch, centres, rng.uniform(*sizes, count), rng.uniform(*heights, count))
