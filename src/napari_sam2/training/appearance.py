"""Random appearance: images drawn from label maps, with a wider range than natural ones.

A network that learns from drawn clips learns what drawn clips look like. Here shapes and motion
stay those of the labels, and everything that a microscope decides (levels, texture, profile, rim,
halo, light, relief, blur, noise) is drawn at random for each clip.

Notes
-----
Billot et al. 2023, "SynthSeg", and Dey et al. 2024, "AnyStar", train on images that are drawn from
label maps in this way. The SAM 2 paper does not do this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]

_TEXTURE_SIDE = 512  # pixels of a tile of texture, which repeats beyond


@dataclass(frozen=True)
class _Geometry:
    """Position of each pixel of a frame in its object.

    Attributes
    ----------
    index : (Y, X) int
        Position of the object in the list of objects, 0 for the background.
    depth : (Y, X) float32
        Distance to the border of the object in pixels, 0 outside.
    share : (Y, X) float32
        The same as a share of the greatest depth of the object, 0 to 1.
    outside : (Y, X) float32
        Distance of the background to the nearest object in pixels, 0 inside.
    rows, columns : (Y, X) int
        Pixel relative to the centre of its object.
    """

    index: NDArray[np.intp]
    depth: FloatArray
    share: FloatArray
    outside: FloatArray
    rows: NDArray[np.intp]
    columns: NDArray[np.intp]


def draw_appearance(labels: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a clip that shows the objects of a label map in a random appearance.

    Parameters
    ----------
    labels : (T, Y, X) integers
        Object ids; 0 is background. An object keeps its id, and thereby its texture, over time.
    rng : numpy.random.Generator
        Source of chance; the same state draws the same clip.

    Returns
    -------
    (T, Y, X) uint8
    """
    ids = np.unique(labels)
    ids = np.concatenate([[0], ids[ids > 0]])
    background = _Background.draw(labels.shape[1:], rng)
    style = _Style.draw(len(ids), rng)
    frames = np.stack([style.paint(_geometry(frame, ids), background.image) for frame in labels])
    frames *= _illumination(labels.shape[1:], rng)
    if rng.random() < 0.25:
        frames = _relief(frames, rng)
    return _to_bytes(_blur_and_noise(frames, rng))


def _geometry(labels: NDArray[np.integer], ids: NDArray[np.integer]) -> _Geometry:
    index = np.searchsorted(ids, labels)
    is_border = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        differs = np.diff(labels, axis=axis) != 0
        first, second = [slice(None)] * 2, [slice(None)] * 2
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        is_border[tuple(first)] |= differs
        is_border[tuple(second)] |= differs
    depth = ndimage.distance_transform_edt(~is_border).astype(np.float32) + 1
    depth[labels == 0] = 0
    is_background = labels == 0
    outside = ndimage.distance_transform_edt(is_background).astype(np.float32)
    numbers = np.arange(len(ids))
    deepest = np.maximum(ndimage.maximum(depth, index, numbers), 1).astype(np.float32)
    rows, columns = np.indices(labels.shape)
    sizes = np.maximum(np.bincount(index.ravel(), minlength=len(ids)), 1)
    centres = [
        (np.bincount(index.ravel(), place.ravel(), len(ids)) / sizes).astype(np.intp)
        for place in (rows, columns)
    ]
    for centre in centres:
        centre[0] = 0  # the background has no middle: its texture stays where it is
    return _Geometry(
        index,
        depth,
        depth / deepest[index],
        outside,
        rows - centres[0][index],
        columns - centres[1][index],
    )


@dataclass(frozen=True)
class _Background:
    image: FloatArray

    @classmethod
    def draw(cls, shape: tuple[int, ...], rng: np.random.Generator) -> _Background:
        """A level and a texture that stay the same on all frames."""
        rows, columns = (np.arange(side) % _TEXTURE_SIDE for side in shape)
        texture = _texture(rng)[np.ix_(rows, columns)]
        level = rng.uniform(0, 1)
        return cls(np.full(shape, level, np.float32) + rng.uniform(0, 0.25) * texture)


@dataclass(frozen=True)
class _Style:
    """Appearance of the objects of a clip; arrays have an entry per object, the background first.

    Attributes
    ----------
    levels, texture_strengths : (K,) float32
        Mean brightness, and how much the texture adds.
    offsets : (K, 2) int
        Place of each object in the tile of texture.
    """

    levels: FloatArray
    texture_strengths: FloatArray
    offsets: NDArray[np.intp]
    texture: FloatArray
    profile_power: float
    profile: float
    nucleus_from: float
    nucleus: float
    rim_width: float
    rim: float
    halo_width: float
    halo: float
    opacity: float

    @classmethod
    def draw(cls, count: int, rng: np.random.Generator) -> _Style:
        """A style for `count` objects, the background included."""
        level, spread = rng.uniform(-0.2, 1.2), rng.uniform(0, 0.15)
        return cls(
            levels=(level + spread * rng.standard_normal(count)).astype(np.float32),
            texture_strengths=(rng.uniform(0, 0.35) * rng.uniform(0.5, 1.5, count)).astype(
                np.float32
            ),
            offsets=rng.integers(_TEXTURE_SIDE, size=(count, 2)),
            texture=_texture(rng),
            profile_power=float(np.exp(rng.uniform(-1, 1))),
            profile=float(rng.choice((0.0, 1.0)) * rng.normal(0, 0.5)),
            nucleus_from=float(rng.uniform(0.3, 0.8)),
            nucleus=float(rng.choice((0.0, 1.0), p=(0.6, 0.4)) * rng.normal(0, 0.4)),
            rim_width=float(rng.uniform(1, 3.5)),
            rim=float(rng.choice((0.0, 1.0)) * rng.normal(0, 0.5)),
            halo_width=float(rng.uniform(1, 6)),
            halo=float(rng.choice((0.0, 1.0)) * rng.normal(0, 0.4)),
            opacity=float(rng.uniform(0.3, 1)),
        )

    def paint(self, place: _Geometry, background: FloatArray) -> FloatArray:
        """One frame, (Y, X) float32; nothing that is added is clipped yet."""
        row, column = self.offsets[place.index].transpose(2, 0, 1)
        rows = (place.rows + row) % _TEXTURE_SIDE
        columns = (place.columns + column) % _TEXTURE_SIDE
        cell = self.levels[place.index]
        cell += self.texture_strengths[place.index] * self.texture[rows, columns]
        cell += self.profile * place.share**self.profile_power
        cell += self.nucleus * (place.share > self.nucleus_from)
        cell += self.rim * (place.depth <= self.rim_width)
        is_inside = place.index > 0
        mixed = self.opacity * cell + (1 - self.opacity) * background
        glow = self.halo * np.exp(-place.outside / self.halo_width)
        return np.where(is_inside, mixed, background + glow).astype(np.float32)


def _texture(rng: np.random.Generator) -> FloatArray:
    """A tile of noise of several octaves, mean 0 and standard deviation 1, seamless."""
    total = np.zeros((_TEXTURE_SIDE, _TEXTURE_SIDE), np.float32)
    for width in (1, 2, 4, 8, 16, 32):
        side = _TEXTURE_SIDE // width
        noise = rng.standard_normal((side, side), dtype=np.float32) * rng.uniform(0, 1)
        if width > 1:
            noise = ndimage.zoom(noise, width, order=1, mode="grid-wrap", grid_mode=True)
        total += noise
    return np.asarray((total - total.mean()) / (total.std() + 1e-6), np.float32)


def _illumination(shape: tuple[int, ...], rng: np.random.Generator) -> FloatArray:
    """A linear fall of the light over the field, (Y, X), mean 1."""
    slopes = rng.uniform(-0.3, 0.3, 2) * rng.choice((0.0, 1.0))
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    return np.asarray(1 + slopes[0] * y[:, None] + slopes[1] * x, np.float32)


def _relief(frames: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Light from the side, as in differential interference contrast."""
    sigma, angle = rng.uniform(0.7, 2), rng.uniform(0, 2 * np.pi)
    smooth = ndimage.gaussian_filter(frames, (0, sigma, sigma))
    slope = np.cos(angle) * np.gradient(smooth, axis=1) + np.sin(angle) * np.gradient(
        smooth, axis=2
    )
    return np.asarray(slope * sigma * 4 + rng.uniform(0, 0.3) * frames, np.float32)


def _blur_and_noise(frames: FloatArray, rng: np.random.Generator) -> FloatArray:
    sigma = rng.uniform(0, 1.3)
    blurred = ndimage.gaussian_filter(frames, (0, sigma, sigma))
    contrast = np.float32(blurred.std() + 1e-3)
    strength = np.float32(rng.choice((0.0, 0.1, 0.3)) * rng.uniform()) * contrast
    noise = strength * rng.standard_normal(frames.shape, dtype=np.float32)
    return np.asarray(blurred + noise, np.float32)


def _to_bytes(frames: FloatArray) -> NDArray[np.uint8]:
    low, high = np.percentile(frames[:, ::4, ::4], (0.2, 99.8))
    scaled = (frames - low) * (255 / max(high - low, 1e-6))
    return np.clip(scaled, 0, 255).astype(np.uint8)
