"""Colours of prompts and labels.

The border colour of a prompt shows its sign (include or exclude), and the face colour shows its
object. Prompts of objects other than the current one are dimmed.
"""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from numpy.typing import NDArray

GREEN = (0.18, 0.80, 0.25, 1.0)
RED = (0.93, 0.20, 0.20, 1.0)
DIMMED = 0.35  # opacity of the prompts of other objects

PALETTE_SIZE = 60
MOST_COLOURS = 2**16  # limit of a colour table in napari
FIRST_HUE = 0.54  # azure; consecutive ids have very different hues
GOLDEN_RATIO = 0.618034
SHADES = ((0.75, 1.0), (0.95, 0.85), (0.5, 1.0))  # saturation and value, used alternately

SIGN_COLOURS = {"include": GREEN, "exclude": RED}
Colour = tuple[float, float, float, float]
LabelColours: TypeAlias = CyclicLabelColormap | DirectLabelColormap


def object_palette() -> CyclicLabelColormap:
    """Label colours that are easy to see on a grey image."""
    hues = [(FIRST_HUE + GOLDEN_RATIO * index) % 1 for index in range(PALETTE_SIZE)]
    shades = [SHADES[index % len(SHADES)] for index in range(PALETTE_SIZE)]
    bright = [
        (*colorsys.hsv_to_rgb(hue, *shade), 1.0) for hue, shade in zip(hues, shades, strict=True)
    ]
    return CyclicLabelColormap(colors=np.array([(0, 0, 0, 0), *bright]), background_value=0)


def palette_without(hidden: Collection[int], colours: LabelColours, length: int) -> LabelColours:
    """Label colours that make some objects transparent.

    The colours are a table of all labels. A dictionary of colours would be simpler, but napari
    compiles code for several seconds, in the GUI thread, before it draws the first one.

    Parameters
    ----------
    hidden : collection of int
        Objects to hide.
    colours : CyclicLabelColormap or DirectLabelColormap
        Colours of all objects.
    length : int
        Number of labels in the table, at most 65536; see `palette_length`.
    """
    if not hidden:
        return colours
    table = np.array(colours.map(np.arange(length)), dtype=np.float32)
    table[[0, *(object_id for object_id in hidden if object_id < length)]] = 0
    return CyclicLabelColormap(colors=table, background_value=0)


def palette_length(object_ids: Collection[int]) -> int:
    """Length of a colour table for objects, with room for new objects."""
    needed = max(object_ids, default=0) + PALETTE_SIZE
    return int(min(1 << needed.bit_length(), MOST_COLOURS))


def sign_colour(sign: str, is_current: bool = True) -> Colour:
    """Border colour of a prompt."""
    return _dimmed(SIGN_COLOURS[sign], is_current)


def object_colours(
    object_ids: Sequence[int], current: int, colour_of: Callable[[int], Colour]
) -> NDArray[np.float64]:
    """Face colours of prompts, (N, 4); `colour_of` returns the label colour of an object."""
    faces = [_dimmed(colour_of(object_id), object_id == current) for object_id in object_ids]
    return np.array(faces, dtype=np.float64).reshape(-1, 4)


def sign_colours(
    signs: Sequence[str], object_ids: Sequence[int], current: int
) -> NDArray[np.float64]:
    """Border colours of prompts, (N, 4)."""
    pairs = zip(signs, object_ids, strict=True)
    borders = [sign_colour(sign, object_id == current) for sign, object_id in pairs]
    return np.array(borders, dtype=np.float64).reshape(-1, 4)


def _dimmed(colour: Sequence[float], is_current: bool) -> Colour:
    red, green, blue, alpha = (float(part) for part in colour)
    return red, green, blue, alpha if is_current else alpha * DIMMED
