"""Kinds of synthetic cells and microscopy: ranges of their parameters."""

from dataclasses import dataclass

Range = tuple[float, float]


@dataclass(frozen=True)
class CellKind:
    """Ranges from which one clip of a kind is drawn.

    Lengths are in pixels, or in cell radii where said so; times in frames.

    Attributes
    ----------
    optics : str
        How matter becomes light: ``"phase"``, ``"fluorescence"``, ``"dic"`` or ``"brightfield"``.
    content : str
        Texture of a cell, a key of ``render.CONTENTS``.
    diameter : (float, float)
        Diameter of the disc of equal area, in pixels, drawn log-uniformly for a clip.
    size_spread : (float, float)
        Standard deviation of the log of the diameter between cells of a clip.
    coverage : (float, float)
        Share of the image that cells cover.
    aspect : (float, float)
        Length over width.
    squareness : (float, float)
        Exponent of the superellipse: 2 is an ellipse, 4 almost a box.
    roughness : (float, float)
        Amplitude of the smooth irregularity of the outline, in radii.
    arms : (int, int)
        Number of protrusions, both ends included.
    arm_length : (float, float)
        In radii.
    bend : (float, float)
        Curvature of the long axis, in inverse radii.
    strength : (float, float)
        Largest phase shift in radians, or brightness for fluorescence.
    strength_spread : (float, float)
        Standard deviation of the log of the strength between cells of a clip.
    speed : (float, float)
        Movement between frames, in diameters, drawn log-uniformly for a clip.
    restlessness : (float, float)
        How much of the shape is forgotten between two frames, 0 to 1.
    growth : (float, float)
        Relative growth of the area in a frame.
    division : float
        Chance that a cell divides in a frame.
    budding : float
        Chance that a cell starts a bud in a frame.
    rounded : (float, float)
        Share of cells that are rounded up.
    clustering : (float, float)
        Share of cells that start beside another cell.
    mitotic_size : float
        Radius of a rounded cell, relative to the spread one.
    mitotic_aspect : float
        Aspect of a cell about to divide.
    mitotic_strength : float
        Strength of a rounded cell, relative to the spread one.
    """

    optics: str
    content: str
    diameter: Range
    coverage: Range = (0.05, 0.5)
    size_spread: Range = (0.05, 0.3)
    aspect: Range = (1.0, 1.4)
    squareness: Range = (2.0, 2.0)
    roughness: Range = (0.02, 0.1)
    arms: tuple[int, int] = (0, 0)
    arm_length: Range = (0.0, 0.0)
    bend: Range = (0.0, 0.05)
    strength: Range = (0.3, 1.0)
    strength_spread: Range = (0.02, 0.45)
    speed: Range = (0.01, 0.2)
    restlessness: Range = (0.03, 0.2)
    growth: Range = (0.0, 0.02)
    division: float = 0.015
    budding: float = 0.0
    rounded: Range = (0.0, 0.0)
    clustering: Range = (0.0, 0.7)
    mitotic_size: float = 0.8
    mitotic_aspect: float = 1.05
    mitotic_strength: float = 1.5


CELL_KINDS: dict[str, CellKind] = {
    "phase_spread": CellKind(
        optics="phase",
        content="spread",
        diameter=(28, 110),
        coverage=(0.06, 0.6),
        size_spread=(0.1, 0.45),
        aspect=(1.0, 2.2),
        roughness=(0.02, 0.1),
        arms=(2, 6),
        arm_length=(0.1, 2.4),
        bend=(0.0, 0.25),
        strength=(0.1, 0.4),
        strength_spread=(0.02, 0.25),
        speed=(0.01, 0.15),
        restlessness=(0.03, 0.25),
        division=0.008,
        rounded=(0.0, 0.15),
        mitotic_size=0.55,
        mitotic_strength=16.0,
    ),
    "nuclei": CellKind(
        optics="fluorescence",
        content="nucleus",
        diameter=(10, 60),
        coverage=(0.03, 0.5),
        aspect=(1.0, 1.8),
        roughness=(0.005, 0.03),
        strength=(0.3, 1.0),
        speed=(0.01, 0.3),
        division=0.02,
        mitotic_size=0.65,
        mitotic_aspect=2.2,
        mitotic_strength=1.7,
    ),
    "cytoplasm": CellKind(
        optics="fluorescence",
        content="cytoplasm",
        diameter=(20, 110),
        coverage=(0.05, 0.6),
        size_spread=(0.1, 0.45),
        aspect=(1.0, 2.5),
        roughness=(0.01, 0.08),
        arms=(0, 6),
        arm_length=(0.1, 1.2),
        bend=(0.0, 0.2),
        division=0.01,
        rounded=(0.0, 0.1),
        mitotic_size=0.6,
        mitotic_strength=2.0,
    ),
    "phase_round": CellKind(
        optics="phase",
        content="dome",
        diameter=(10, 50),
        coverage=(0.02, 0.45),
        aspect=(1.0, 2.2),
        roughness=(0.005, 0.04),
        arms=(0, 2),
        arm_length=(0.0, 0.6),
        strength=(0.4, 3.0),
        speed=(0.02, 0.5),
        division=0.015,
        mitotic_strength=1.4,
    ),
    "yeast": CellKind(
        optics="phase",
        content="walled",
        diameter=(12, 64),
        coverage=(0.03, 0.5),
        size_spread=(0.05, 0.2),
        aspect=(1.0, 1.35),
        roughness=(0.0, 0.02),
        strength=(0.3, 1.0),
        strength_spread=(0.02, 0.2),
        speed=(0.003, 0.03),
        restlessness=(0.01, 0.05),
        growth=(0.0, 0.04),
        division=0.0,
        budding=0.03,
        clustering=(0.3, 0.95),
    ),
    "rods": CellKind(
        optics="phase",
        content="walled",
        diameter=(10, 34),
        coverage=(0.02, 0.4),
        size_spread=(0.05, 0.25),
        aspect=(2.0, 5.5),
        squareness=(2.4, 3.6),
        roughness=(0.0, 0.015),
        bend=(0.0, 0.08),
        strength=(0.3, 1.0),
        strength_spread=(0.02, 0.2),
        speed=(0.005, 0.2),
        restlessness=(0.01, 0.05),
        growth=(0.01, 0.08),
        division=0.03,
        clustering=(0.2, 0.9),
    ),
    "dic": CellKind(
        optics="dic",
        content="dome",
        diameter=(16, 100),
        coverage=(0.04, 0.5),
        aspect=(1.0, 2.0),
        roughness=(0.01, 0.06),
        arms=(0, 4),
        arm_length=(0.0, 0.8),
        strength=(0.3, 1.2),
        rounded=(0.0, 0.15),
    ),
    "brightfield": CellKind(
        optics="brightfield",
        content="dome",
        diameter=(12, 90),
        coverage=(0.04, 0.5),
        aspect=(1.0, 2.0),
        roughness=(0.01, 0.06),
        arms=(0, 4),
        arm_length=(0.0, 0.7),
        strength=(0.3, 1.2),
        rounded=(0.0, 0.2),
    ),
    "membrane": CellKind(
        optics="fluorescence",
        content="membrane",
        diameter=(16, 90),
        coverage=(0.15, 0.85),
        aspect=(1.0, 1.6),
        squareness=(2.0, 2.6),
        roughness=(0.01, 0.06),
        clustering=(0.4, 0.95),
        mitotic_size=0.8,
        mitotic_strength=1.2,
    ),
}

KINDS = tuple(CELL_KINDS)
"""Names of the kinds, the most important first."""
