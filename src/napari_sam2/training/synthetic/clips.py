"""One synthetic time-lapse with its exact truth."""

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .cell_kinds import CELL_KINDS
from .motion import Story, draw_behaviour, simulate
from .optics import draw_background, draw_microscope, expose, form_image
from .render import Style, draw_style, render_frame
from .textures import FloatArray

_DEBRIS_CHANCE = 0.15


@dataclass(frozen=True, eq=False)
class Clip:
    """A short movie and its ground truth.

    Attributes
    ----------
    images : (T, Y, X) uint8
        As a camera would give them.
    labels : (T, Y, X) uint16
        Object ids from 1, the same over all frames; 0 is background.
    parents : dict of int to int
        Daughter to mother, for objects that are both seen. A mother is gone on the first frame
        of her daughters.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    parents: dict[int, int]


def generate_clip(
    kind: str, shape: tuple[int, int] = (256, 256), frames: int = 8, seed: int = 0
) -> Clip:
    """A synthetic time-lapse of cells.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    shape : (int, int)
        Size (Y, X) in pixels, at least 32 each. Cells have the same size in pixels in any image,
        but on average are not wider than half of it.
    frames : int
        Number of frames, at least 1.
    seed : int
        Not negative. The same arguments give the same clip.

    Returns
    -------
    Clip

    Raises
    ------
    ValueError
        If `kind` is unknown, or `shape`, `frames` or `seed` are out of range.

    Notes
    -----
    Phase contrast follows Zernike: with phase p and a ring that transmits the amplitude r, the
    light is ``r**2 + 2 * (1 - cos(p) - r * sin(p))``, so thin matter is dark and thick matter
    bright; the halo is a share of the blurred phase taken away. A bud of yeast is a new object
    without a parent, since its mother continues.
    """
    _check_arguments(kind, shape, frames, seed)
    cell_kind = CELL_KINDS[kind]
    rng = np.random.default_rng([seed, zlib.crc32(kind.encode())])
    behaviour = draw_behaviour(cell_kind, shape, rng)
    story = simulate(cell_kind, behaviour, shape, frames, rng)
    style = draw_style(cell_kind, behaviour.diameter, rng)
    matter, labels = _render_story(story, style, shape)
    matter += draw_background(cell_kind.optics, style.strength, story.stage, shape, rng)
    if rng.uniform() < _DEBRIS_CHANCE:
        _float_debris(matter, labels, rng)
    microscope = draw_microscope(cell_kind.optics, rng)
    images = expose(form_image(cell_kind.optics, matter, microscope, rng), microscope, rng)
    return _tidy_clip(images, labels, story.parents)


def _check_arguments(kind: str, shape: tuple[int, int], frames: int, seed: int) -> None:
    if kind not in CELL_KINDS:
        raise ValueError(f"kind must be one of {', '.join(CELL_KINDS)}; got {kind!r}")
    if len(shape) != 2 or min(shape) < 32:
        raise ValueError(f"shape must be (Y, X) with at least 32 pixels each; got {shape}")
    if frames < 1:
        raise ValueError(f"frames must be at least 1; got {frames}")
    if seed < 0:
        raise ValueError(f"seed must not be negative; got {seed}")


def _render_story(
    story: Story, style: Style, shape: tuple[int, int]
) -> tuple[FloatArray, NDArray[np.uint16]]:
    frames = [render_frame(poses, story.kind, style, shape) for poses in story.poses]
    return np.stack([frame[0] for frame in frames]), np.stack([frame[1] for frame in frames])


def _float_debris(matter: FloatArray, labels: NDArray[np.uint16], rng: np.random.Generator) -> None:
    """Draw, in place, a clump of debris that moves across the image and hides cells."""
    frames, height, width = matter.shape
    size = rng.uniform(4, 16)
    place = rng.uniform(0, 1, 2) * (height, width)
    velocity = rng.normal(0, rng.choice((0.5, 5.0)), 2)
    bumps = gaussian_filter(rng.standard_normal((height, width)), size / 3, mode="wrap")
    bumps /= bumps.std()
    strength = rng.uniform(0.5, 1.5) * max(float(np.percentile(matter, 99.5)), 0.2)
    for t in range(frames):
        y = np.arange(height)[:, None] - place[0] - t * velocity[0]
        x = np.arange(width) - place[1] - t * velocity[1]
        moved = np.roll(bumps, (int(t * velocity[0]), int(t * velocity[1])), (0, 1))
        thick = 1 - np.hypot(y, x) / size + 0.35 * moved
        covered = (np.hypot(y, x) < 2 * size) & (thick > 0)
        matter[t] = np.where(covered, strength * np.sqrt(np.maximum(thick, 0)), matter[t])
        labels[t][covered] = 0


def _tidy_clip(
    images: NDArray[np.uint8], labels: NDArray[np.uint16], parents: dict[int, int]
) -> Clip:
    seen = np.flatnonzero(np.bincount(labels.ravel()))
    seen = seen[seen > 0]
    numbers = np.zeros(int(labels.max()) + 1, np.uint16)
    numbers[seen] = np.arange(1, len(seen) + 1)
    known = set(seen.tolist())
    kept = {
        int(numbers[daughter]): int(numbers[mother])
        for daughter, mother in parents.items()
        if daughter in known and mother in known
    }
    return Clip(images, numbers[labels], kept)
