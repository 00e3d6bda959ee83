"""Sample movies: a drawn one with its exact ground truth, and one of real cells."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import as_file, files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.io.scale import ImageScale
from napari_sam2.io.stack import movie_of
from napari_sam2.io.tiff import read_labels
from napari_sam2.io.tiff_pages import opened_tiff, tiff_stack

SampleKind = Literal["phase", "fluorescence"]
_MARGIN = 0.8  # cells turn round this many radii before the border
_MODES = 4  # waves around the outline of a cell, from the second on


@dataclass(frozen=True, eq=False)
class Sample:
    """A movie with labels.

    Parameters
    ----------
    images : (T, Y, X) uint8 or uint16
    labels : (T, Y, X) uint16
        0 is background.
    tracked : bool
        Whether a cell has the same label on all frames; else each frame is labelled by itself.
    scale : ImageScale
    name : str
    attribution : str
        Whom to name when the movie is shown; empty for drawn ones.
    """

    images: NDArray[Any]
    labels: NDArray[np.uint16]
    tracked: bool
    scale: ImageScale
    name: str
    attribution: str = ""


@dataclass(frozen=True)
class _Cells:
    """Seven numbers each for N cells: how they look and move."""

    radius: NDArray[np.float64]  # (N,) in pixels
    elongation: NDArray[np.float64]  # (N,) long by short half axis
    waves: NDArray[
        np.float64
    ]  # (N, M) heights of the waves around the outline, relative to the radius
    phases: NDArray[np.float64]  # (N, M) where they begin
    pace: NDArray[np.float64]  # (N, M) how fast they run, in radians per frame
    heading: NDArray[np.float64]  # (N,) direction of the long axis on frame 0
    turning: NDArray[np.float64]  # (N,) radians per frame
    texture: NDArray[np.float64]  # (N, 3, 3) waves of the inside: frequency y, frequency x, phase
    brightness: NDArray[np.float64]  # (N,) relative to the others


def synthetic_movie(
    kind: SampleKind = "phase",
    shape: tuple[int, int] = (256, 256),
    frames: int = 20,
    cells: int = 7,
    seed: int = 0,
) -> Sample:
    """Draw a movie of cells that wander, change shape, touch and slide along each other.

    Two cells set out towards each other and meet half-way through the movie. Nothing divides,
    leaves or enters.

    Parameters
    ----------
    kind : {"phase", "fluorescence"}
        Dark cells with bright halos, or bright cells on a dark ground.
    shape : (Y, X)
    frames : int
    cells : int
        At most as many as fit.
    seed : int
        The same seed draws the same movie.

    Returns
    -------
    Sample
        ``images`` uint16 in a 12-bit range, ``labels`` 1 to `cells`, tracked; made-up pixels of
        0.65 µm and frames of 5 minutes.

    Raises
    ------
    ValueError
        If the numbers are not positive, or the cells do not fit.
    """
    if kind not in ("phase", "fluorescence"):
        raise ValueError(f"kind must be 'phase' or 'fluorescence'; got {kind!r}")
    if min(*shape, frames, cells) < 1:
        raise ValueError(
            f"shape, frames and cells must be positive; got {shape}, {frames}, {cells}"
        )
    rng = np.random.default_rng(seed)
    look = _draw_lots(rng, cells, typical_radius=0.075 * min(shape))
    tracks = _tracks(rng, look, shape, frames)
    labels = np.empty((frames, *shape), np.uint16)
    images = np.empty((frames, *shape), np.uint16)
    lighting = _lighting(rng, shape)
    for t in range(frames):
        depth, texture, labels[t] = _place(look, tracks[t], t, shape)
        scene = (
            _phase(depth, texture, lighting)
            if kind == "phase"
            else _fluorescence(depth, texture, lighting)
        )
        images[t] = _photograph(rng, scene)
    name = f"synthetic {kind}"
    return Sample(images, labels, True, ImageScale((0.65, 0.65), "um", 300.0), name)


def c2c12_movie() -> Sample:
    """Ten frames of C2C12 mouse myoblasts in phase contrast, real cells with labels by hand.

    Every tenth frame of a part of a movie of Ker et al. 2018, whose pixel size and interval do not
    hold for this excerpt any more. Labels are of each frame by itself.

    Returns
    -------
    Sample
        ``images`` (10, 234, 234) uint8.
    """
    folder = files("napari_sam2.io") / "data"
    with as_file(folder / "c2c12.tif") as path, opened_tiff(path) as tif:
        images = np.array(movie_of(tiff_stack(tif, path.name)).data)
    with as_file(folder / "c2c12_labels.tif") as path:
        labels = np.asarray(read_labels(path)[0], np.uint16)
    attribution = (folder / "c2c12.txt").read_text(encoding="utf-8").strip()
    return Sample(images, labels, False, ImageScale(), "C2C12 myoblasts", attribution)


def _draw_lots(rng: np.random.Generator, cells: int, typical_radius: float) -> _Cells:
    falling = 1 / np.arange(2, 2 + _MODES)  # fine waves are low ones
    return _Cells(
        radius=typical_radius * rng.uniform(0.85, 1.2, cells),
        elongation=rng.uniform(1.1, 1.7, cells),
        waves=0.16 * falling * rng.uniform(0.3, 1.0, (cells, _MODES)),
        phases=rng.uniform(0, 2 * np.pi, (cells, _MODES)),
        pace=rng.uniform(-0.25, 0.25, (cells, _MODES)),
        heading=rng.uniform(0, np.pi, cells),
        turning=rng.uniform(-0.05, 0.05, cells),
        texture=rng.uniform(-1, 1, (cells, 3, 3)) * np.array([0.5, 0.5, np.pi]),
        brightness=rng.uniform(0.75, 1.25, cells),
    )


def _tracks(
    rng: np.random.Generator, look: _Cells, shape: tuple[int, int], frames: int
) -> NDArray[np.float64]:
    """Centres of the cells, (T, N, 2) in (y, x)."""
    reach = look.radius * np.sqrt(look.elongation)
    centres = _scatter(rng, reach, shape)
    speed = 0.09 * look.radius.mean()
    motion = rng.normal(0, speed, centres.shape)
    tracks = np.empty((frames, *centres.shape))
    low, high = _MARGIN * reach[:, None], np.array(shape) - 1 - _MARGIN * reach[:, None]
    for t in range(frames):
        tracks[t] = centres
        if len(centres) > 1:
            _attract_first_two(centres, motion, frames - t, frames)
        centres = centres + motion + _push_apart(centres, reach)
        motion = 0.9 * motion + rng.normal(0, 0.4 * speed, motion.shape)
        motion = np.where((centres < low) | (centres > high), -motion, motion)
        centres = centres.clip(low, high)
    return tracks


def _scatter(
    rng: np.random.Generator, reach: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Places that leave room for every cell, (N, 2) in (y, x)."""
    placed: list[NDArray[np.float64]] = []
    for own in reach:
        for _ in range(1000):
            spot = rng.uniform(1.1 * own, np.array(shape) - 1 - 1.1 * own)
            apart = [
                np.hypot(*(spot - other)) > 1.15 * (own + r)
                for other, r in zip(placed, reach, strict=False)
            ]
            if all(apart):
                placed.append(spot)
                break
        else:
            raise ValueError(f"{len(reach)} cells do not fit into {shape} pixels; ask for fewer")
    return np.array(placed)


def _attract_first_two(
    centres: NDArray[np.float64], motion: NDArray[np.float64], left: int, frames: int
) -> None:
    """Head the first two cells for each other until half-way through the movie, in place."""
    if left > frames / 2:
        way = (centres[1] - centres[0]) / max(left - frames / 2, 1)
        motion[0], motion[1] = 0.35 * way, -0.35 * way


def _push_apart(centres: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far cells that are too close move away from each other, (N, 2)."""
    between = centres[:, None] - centres[None]
    distance = np.hypot(between[..., 0], between[..., 1]) + np.eye(len(centres))
    overlap = (0.85 * (reach[:, None] + reach[None]) - distance).clip(0) * (
        1 - np.eye(len(centres))
    )
    push: NDArray[np.float64] = (0.5 * (overlap / distance)[..., None] * between).sum(axis=1)
    return push


def _place(
    look: _Cells, centres: NDArray[np.float64], t: int, shape: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.uint16]]:
    """Lay the cells on the grid.

    Returns
    -------
    depth : (Y, X)
        1 at the centre of a cell, 0 on its outline, below 0 outside.
    texture : (Y, X)
        Grain that moves with the cells, about -1 to 1, times their brightness.
    labels : (Y, X) uint16
        Where cells meet, a pixel belongs to the one that it is deeper in.
    """
    depth = np.full(shape, -np.inf)
    texture = np.zeros(shape)
    labels = np.zeros(shape, np.uint16)
    for i, centre in enumerate(centres):
        around = _neighbourhood(centre, 2.5 * look.radius[i] * look.elongation[i], shape)
        own, grain = _cell(look, i, centre, t, around)
        nearer = own > depth[around]
        depth[around] = np.where(nearer, own, depth[around])
        texture[around] = np.where(nearer, look.brightness[i] * (1 + 0.3 * grain), texture[around])
        labels[around][nearer & (own > 0)] = i + 1
    return depth, texture, labels


def _neighbourhood(
    centre: NDArray[np.float64], reach: float, shape: tuple[int, int]
) -> tuple[slice, slice]:
    low = np.floor(centre - reach).astype(int).clip(0, shape)
    high = np.ceil(centre + reach).astype(int).clip(0, shape)
    return slice(low[0], high[0]), slice(low[1], high[1])


def _cell(
    look: _Cells, i: int, centre: NDArray[np.float64], t: int, around: tuple[slice, slice]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth and grain of cell `i` around its centre; see `_place`."""
    y, x = np.mgrid[around] - centre[:, None, None]
    angle = look.heading[i] + look.turning[i] * t
    stretch = np.sqrt(look.elongation[i])
    along = (y * np.sin(angle) + x * np.cos(angle)) / stretch
    across = (y * np.cos(angle) - x * np.sin(angle)) * stretch
    direction = np.arctan2(across, along)
    outline = np.ones(y.shape)
    for mode in range(_MODES):
        run = look.phases[i, mode] + look.pace[i, mode] * t
        outline += look.waves[i, mode] * np.cos((mode + 2) * direction + run)
    depth = 1 - np.hypot(along, across) / (look.radius[i] * outline)
    fy, fx, phase = look.texture[i].T[:, :, None, None]
    grain: NDArray[np.float64] = np.cos(fy * along + fx * across + phase).mean(axis=0)
    return depth, grain


def _lighting(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float64]:
    """Uneven light and faint dirt, about 1, (Y, X)."""
    y, x = np.meshgrid(*(np.linspace(-1, 1, size) for size in shape), indexing="ij")
    slope = rng.uniform(-0.05, 0.05, 2)
    dirt = ndimage.gaussian_filter(rng.normal(0, 1, shape), 2.5)
    lighting: NDArray[np.float64] = (
        1 + slope[0] * y + slope[1] * x - 0.06 * (y**2 + x**2) + 0.05 * dirt
    )
    return lighting


def _phase(
    depth: NDArray[np.float64], texture: NDArray[np.float64], lighting: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Dark, grainy bodies with a dark nucleus in a bright halo, (Y, X) about 1."""
    inside = depth > 0
    body = np.where(inside, -0.16 * texture - 0.10 * (depth > 0.6), 0.0)
    halo = 0.30 * np.exp(-(((depth + 0.10) / 0.12) ** 2))
    return lighting + body + np.where(inside, 0.6 * halo, halo)


def _fluorescence(
    depth: NDArray[np.float64], texture: NDArray[np.float64], lighting: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bright bodies with a brighter nucleus on a dark ground, (Y, X) about 1."""
    body = 0.7 * np.sqrt(depth.clip(0)) + 0.35 * (depth > 0.6)
    scene: NDArray[np.float64] = 0.25 * lighting + texture * body
    return scene


def _photograph(rng: np.random.Generator, scene: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Blur of the lens, noise of light and of the camera; 12 bits, (Y, X) uint16."""
    electrons = rng.poisson(900 * ndimage.gaussian_filter(scene, 1.1).clip(0))
    counts: NDArray[np.float64] = 2 * electrons + rng.normal(100, 8, scene.shape)
    return counts.clip(0, 4095).astype(np.uint16)
