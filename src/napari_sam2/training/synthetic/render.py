"""Render poses as maps of density: each cell is drawn inside its bounding box only."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cell_kinds import CellKind
from .motion import Pose
from .shapes import N_ANGLES, outline, radius_profile
from .textures import (
    FloatArray,
    chromatin_patch,
    cytoplasm_patch,
    plain_patch,
    sample_patch,
    spread_patch,
)

LOOKS = 8
"""Number of different inner textures in a clip."""


@dataclass(frozen=True, eq=False)
class Style:
    """Textures of the cells of one clip, drawn once.

    Attributes
    ----------
    strength : float
        Largest phase in radians, or brightness.
    lamella : float
        Thickness of the flat part, relative to the middle.
    ruffle : float
        Extra thickness along the border.
    edge : float
        Width over which thickness rises from the border, in pixels.
    wall : float
        Width of a wall or membrane, in pixels.
    roundness : float
        Exponent of the dome: 0.15 a plateau, 0.5 a half-ball.
    texture : float
        Weight of the inner texture.
    seam : float
        How much matter is missing (or, negative, added) where two cells touch.
    patches : (8, 128, 128) float32
        Inner textures.
    """

    strength: float
    lamella: float
    ruffle: float
    edge: float
    wall: float
    roundness: float
    texture: float
    seam: float
    patches: FloatArray


@dataclass(frozen=True, eq=False)
class View:
    """Pixels of one cell in its bounding box.

    Attributes
    ----------
    level : (h, w) float32
        0 in the centre, 1 on the border.
    depth : (h, w) float32
        Distance to the border in pixels along the ray from the centre, negative outside.
    y, x : (h, w) float32
        Across and along the straightened long axis, in radii.
    """

    level: FloatArray
    depth: FloatArray
    y: FloatArray
    x: FloatArray


def draw_style(kind: CellKind, diameter: float, rng: np.random.Generator) -> Style:
    """Draw the textures of the cells of a clip.

    Parameters
    ----------
    kind : CellKind
        Ranges to draw from.
    diameter : float
        Mean diameter of the cells in pixels: walls and edges cannot be wider than a cell.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    Style
    """
    make_patch = _PATCHES[kind.content]
    return Style(
        strength=rng.uniform(*kind.strength),
        lamella=rng.uniform(0.1, 1.0),
        ruffle=rng.uniform(0.0, 1.2) * rng.choice((0, 1, 1)),
        edge=rng.uniform(0.6, 3.0),
        wall=float(np.clip(diameter * rng.uniform(0.03, 0.1), 0.8, 3.5)),
        roundness=rng.uniform(0.15, 0.6),
        texture=rng.uniform(0.3, 1.2),
        seam=rng.uniform(-0.4, 0.8),
        patches=np.stack([make_patch(rng) for _ in range(LOOKS)]),
    )


def render_frame(
    poses: list[Pose], kind: CellKind, style: Style, shape: tuple[int, int]
) -> tuple[FloatArray, NDArray[np.uint16]]:
    """Matter and labels of one frame.

    A pixel belongs to the cell in which it is deepest, so masks never overlap.

    Parameters
    ----------
    poses : list of Pose
        Cells of the frame, in any order.
    kind : CellKind
        Textures of the cells.
    style : Style
        How they are filled.
    shape : (int, int)
        (Y, X).

    Returns
    -------
    matter : (Y, X) float32
        Phase in radians, or brightness.
    labels : (Y, X) uint16
        ``cell_id``, 0 for background.
    """
    matter = np.zeros(shape, np.float32)
    labels = np.zeros(shape, np.uint16)
    first = np.ones(shape, np.float32)
    second = np.ones(shape, np.float32)
    fill = CONTENTS[kind.content]
    for pose in poses:
        profile = radius_profile(pose.shape)
        box = _bounding_box(pose, profile, shape)
        if box is None:
            continue
        view = _look(pose, profile, box)
        level = view.level
        nearest, mine = first[box], view.level < first[box]
        second[box] = np.where(mine, nearest, np.minimum(second[box], level))
        matter[box] = np.where(mine, fill(view, pose, style), matter[box])
        labels[box] = np.where(mine, np.uint16(pose.cell_id), labels[box])
        first[box] = np.minimum(nearest, level)
    touching = np.exp(-np.maximum(second - first, 0) / 0.06) * (second < 1)
    return matter * (1 - style.seam * touching), labels


def _bounding_box(
    pose: Pose, profile: FloatArray, shape: tuple[int, int]
) -> tuple[slice, slice] | None:
    across, along = (pose.radius * outline(pose.shape, profile)).T
    sine, cosine = np.sin(pose.angle), np.cos(pose.angle)
    y = pose.position[0] + along * sine + across * cosine
    x = pose.position[1] + along * cosine - across * sine
    top, left = max(int(y.min()) - 1, 0), max(int(x.min()) - 1, 0)
    bottom, right = min(int(y.max()) + 3, shape[0]), min(int(x.max()) + 3, shape[1])
    if top >= bottom or left >= right:
        return None
    return slice(top, bottom), slice(left, right)


def _look(pose: Pose, profile: FloatArray, box: tuple[slice, slice]) -> View:
    rows = np.arange(box[0].start, box[0].stop, dtype=np.float32)[:, None]
    columns = np.arange(box[1].start, box[1].stop, dtype=np.float32)
    y = (rows - np.float32(pose.position[0])) / np.float32(pose.radius)
    x = (columns - np.float32(pose.position[1])) / np.float32(pose.radius)
    sine, cosine = np.float32(np.sin(pose.angle)), np.float32(np.cos(pose.angle))
    along: FloatArray = x * cosine + y * sine
    across: FloatArray = y * cosine - x * sine
    across -= np.float32(pose.shape.bend) * along**2
    stretch = np.float32(np.sqrt(pose.shape.aspect))
    distance: FloatArray = np.hypot(along / stretch, across * stretch)
    border = _interpolate(profile, np.arctan2(across * stretch, along / stretch))
    depth: FloatArray = (border - distance) * np.float32(pose.radius)
    return View(np.asarray(distance / border), depth, across, along)


def _interpolate(profile: FloatArray, angles: FloatArray) -> FloatArray:
    place = angles * np.float32(N_ANGLES / (2 * np.pi)) + np.float32(N_ANGLES)
    low = place.astype(np.int32)
    part = place - low
    looped = np.concatenate([profile, profile, profile[:2]])
    return np.asarray(looped[low] * (1 - part) + looped[low + 1] * part)


def _inner_texture(view: View, pose: Pose, style: Style) -> FloatArray:
    turn = pose.look // LOOKS * 0.7
    sine, cosine = np.float32(np.sin(turn)), np.float32(np.cos(turn))
    y, x = cosine * view.y + sine * view.x, cosine * view.x - sine * view.y
    return style.texture * sample_patch(style.patches[pose.look % LOOKS], y, x)


def _dome(view: View, power: float) -> FloatArray:
    return np.asarray(np.maximum(1 - view.level**2, 0) ** np.float32(power))


def _spread(view: View, pose: Pose, style: Style) -> FloatArray:
    """A flat cell: thin lamella, thicker middle, ruffled border; a ball when rounded up."""
    rise = 1 - np.exp(-np.maximum(view.depth, 0) / style.edge)
    middle = np.exp(-(2 * view.y**2 + view.x**2) / 0.5)
    flat = style.lamella + (1 - style.lamella) * middle
    texture = _inner_texture(view, pose, style)
    outer = np.clip(np.hypot(view.y, view.x) - 0.5, 0, 1)
    border = np.exp(-(((view.depth - style.wall) / style.wall) ** 2))
    flat += style.ruffle * border * outer * np.maximum(1 + 4 * texture, 0)
    inner = flat + texture * (1 - 0.5 * pose.rounding)
    ball = _dome(view, 0.5)
    thickness = (1 - pose.rounding) * rise * inner + pose.rounding * (ball + 0.05 * inner * ball)
    return np.asarray(style.strength * pose.strength * thickness)


def _nucleus(view: View, pose: Pose, style: Style) -> FloatArray:
    inner = 1 + _inner_texture(view, pose, style) * (1 - 0.7 * pose.rounding)
    brightness = _dome(view, style.roundness) * np.maximum(inner, 0.1)
    return np.asarray(style.strength * pose.strength * brightness)


def _cytoplasm(view: View, pose: Pose, style: Style) -> FloatArray:
    rise = 1 - np.exp(-np.maximum(view.depth, 0) / style.edge)
    middle = np.exp(-(view.y**2 + view.x**2) / 0.6)
    flat = style.lamella + (1 - style.lamella) * middle
    inner = np.maximum(flat * (1 + _inner_texture(view, pose, style)), 0.03)
    return np.asarray(style.strength * pose.strength * rise * inner)


def _dome_cell(view: View, pose: Pose, style: Style) -> FloatArray:
    inner = 1 + 0.6 * _inner_texture(view, pose, style)
    return np.asarray(style.strength * pose.strength * _dome(view, style.roundness) * inner)


def _walled(view: View, pose: Pose, style: Style) -> FloatArray:
    """A cell in a wall: denser along the border than inside."""
    rise = 1 - np.exp(-np.maximum(view.depth, 0) / 0.8)
    wall = style.ruffle * np.exp(-((view.depth / style.wall - 1) ** 2))
    body = _dome(view, 0.3) * (1 + 0.6 * _inner_texture(view, pose, style))
    return np.asarray(style.strength * pose.strength * rise * (body + wall))


def _membrane(view: View, pose: Pose, style: Style) -> FloatArray:
    border = np.exp(-((view.depth / style.wall - 0.5) ** 2))
    inner = 0.3 * style.lamella * (1 + _inner_texture(view, pose, style))
    return np.asarray(style.strength * pose.strength * (border + np.maximum(inner, 0)))


CONTENTS: dict[str, Callable[[View, Pose, Style], FloatArray]] = {
    "spread": _spread,
    "nucleus": _nucleus,
    "cytoplasm": _cytoplasm,
    "dome": _dome_cell,
    "walled": _walled,
    "membrane": _membrane,
}

_PATCHES: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "spread": spread_patch,
    "nucleus": chromatin_patch,
    "cytoplasm": cytoplasm_patch,
    "dome": plain_patch,
    "walled": plain_patch,
    "membrane": plain_patch,
}
