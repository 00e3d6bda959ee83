"""Outlines of cells: a radius per angle, stretched and bent, which change slowly."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from .cell_kinds import CellKind

FloatArray = NDArray[np.float32]

N_ANGLES = 256
_ANGLES = np.linspace(0, 2 * np.pi, N_ANGLES, endpoint=False)
_HARMONICS = np.arange(2, 25)
_TIP = 0.4  # how blunt a protrusion is, in its widths
_TURNS = np.exp(1j * _HARMONICS[:, None] * _ANGLES)


@dataclass(frozen=True, eq=False)
class Shape:
    """Outline of one cell on one frame, in units of its radius.

    Attributes
    ----------
    waves : (23,) complex128
        Fourier coefficients of the irregularity, harmonics 2 to 24.
    arm_angles, arm_lengths, arm_widths : (A,) float64
        Protrusions; widths in radians.
    aspect, squareness, bend : float
        As in `CellKind`.
    """

    waves: NDArray[np.complex128]
    arm_angles: NDArray[np.float64]
    arm_lengths: NDArray[np.float64]
    arm_widths: NDArray[np.float64]
    aspect: float
    squareness: float
    bend: float


def draw_shape(kind: CellKind, roughness: float, rng: np.random.Generator) -> Shape:
    """Outline of a new cell.

    Parameters
    ----------
    kind : CellKind
        Ranges to draw from.
    roughness : float
        Amplitude of the irregularity, in radii.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Shape
        Its area is that of the unit disc once `radius_profile` has scaled it.
    """
    arms = int(rng.integers(kind.arms[0], kind.arms[1] + 1))
    return Shape(
        waves=_draw_waves(roughness, rng),
        arm_angles=_spread_angles(arms, rng),
        arm_lengths=rng.uniform(*kind.arm_length, arms),
        arm_widths=rng.uniform(0.12, 0.7, arms),
        aspect=float(rng.uniform(*kind.aspect)),
        squareness=float(rng.uniform(*kind.squareness)),
        bend=float(rng.uniform(*kind.bend) * rng.choice((-1, 1))),
    )


def move_shape(
    shape: Shape, kind: CellKind, roughness: float, forget: float, rng: np.random.Generator
) -> Shape:
    """Outline one frame later: waves and arms take a step of a stationary random walk.

    Parameters
    ----------
    shape : Shape
        Outline before.
    kind : CellKind
        Ranges to draw from.
    roughness : float
        Amplitude of the irregularity, in radii.
    forget : float
        Share that is forgotten, 0 (rigid) to 1 (new shape).
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Shape
        Same number of arms.
    """
    keep, new = np.sqrt(1 - forget), np.sqrt(forget)
    arms = len(shape.arm_angles)
    pull = forget * (rng.uniform(*kind.arm_length, arms) - shape.arm_lengths)
    jitter = new * 0.25 * (kind.arm_length[1] - kind.arm_length[0]) * rng.standard_normal(arms)
    return replace(
        shape,
        waves=keep * shape.waves + new * _draw_waves(roughness, rng),
        arm_angles=shape.arm_angles + 0.3 * forget * rng.standard_normal(arms),
        arm_lengths=np.maximum(shape.arm_lengths + pull + jitter, 0),
        aspect=max(1.0, shape.aspect * float(np.exp(0.15 * forget * rng.standard_normal()))),
        bend=shape.bend + 0.1 * forget * float(rng.standard_normal()),
    )


def round_up(shape: Shape, rounding: float, aspect: float) -> Shape:
    """Outline on the way to a round cell: arms, waves and bend fade with `rounding` (0 to 1)."""
    rest = 1 - rounding
    return replace(
        shape,
        waves=rest * shape.waves,
        arm_lengths=rest * shape.arm_lengths,
        aspect=rest * shape.aspect + rounding * aspect,
        squareness=rest * shape.squareness + rounding * 2.0,
        bend=rest * shape.bend,
    )


def radius_profile(shape: Shape) -> FloatArray:
    """Radius at 256 angles before stretch and bend, for the area of the unit disc.

    Returns
    -------
    (256,) float32
        Angle 0 is the long axis.
    """
    n = shape.squareness
    radius = (np.abs(np.cos(_ANGLES)) ** n + np.abs(np.sin(_ANGLES)) ** n) ** (-1 / n)
    radius = radius * np.maximum(1 + (shape.waves @ _TURNS).real, 0.3)
    offsets = 2 * np.sin((_ANGLES - shape.arm_angles[:, None]) / 2) / shape.arm_widths[:, None]
    lobes = np.exp(_TIP - np.sqrt(_TIP**2 + offsets**2))  # pointed, with hollow flanks
    radius = radius + shape.arm_lengths @ lobes
    area = 0.5 * np.mean(radius**2) * 2 * np.pi
    return (radius * np.sqrt(np.pi / area)).astype(np.float32)


def outline(shape: Shape, profile: FloatArray) -> FloatArray:
    """Border points in the cell's own axes.

    Returns
    -------
    (256, 2) float32
        Across and along the long axis, in radii.
    """
    stretch = np.sqrt(shape.aspect)
    along = profile * np.cos(_ANGLES) * stretch
    across = profile * np.sin(_ANGLES) / stretch + shape.bend * along**2
    return np.stack([across, along], axis=1).astype(np.float32)


def _draw_waves(roughness: float, rng: np.random.Generator) -> NDArray[np.complex128]:
    amplitude = roughness * 3 / _HARMONICS**1.35
    real, imaginary = rng.standard_normal((2, len(_HARMONICS)))
    return np.asarray(amplitude * (real + 1j * imaginary))


def _spread_angles(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    even = np.arange(count) * 2 * np.pi / max(count, 1)
    return even + rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.35, count)
