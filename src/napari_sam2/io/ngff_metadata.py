"""Metadata of OME-Zarr images: letters, steps and positions of the axes, and contrast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_sam2.io.scale import Step
from napari_sam2.io.stack import Limits, limits

_LETTERS = {"t": "T", "time": "T", "z": "Z", "depth": "Z", "y": "Y", "x": "X"}
_LETTERS |= {"c": "C", "channel": "C", "s": "S", "rgb": "S"}
_LETTERS_BY_TYPE = {"time": "T", "channel": "C"}

Steps = dict[str, Step]


def axis_letter(axis: Mapping[str, Any]) -> str:
    """Letter of an axis by its name, or by its type where the name is unknown; "?" for neither."""
    name: str = axis["name"]
    return _LETTERS.get(name.lower()) or _LETTERS_BY_TYPE.get(axis.get("type", ""), "?")


def steps_and_origins(
    axes: list[dict[str, Any]], letters: str, *transformed: Mapping[str, Any]
) -> tuple[Steps, Steps]:
    """Steps along the axes of a resolution, and the position of its first pixel.

    Lengths without a unit count as multiples of a pixel of another image, as ``pixel``; a length of
    1 without a unit says nothing.

    Parameters
    ----------
    axes : list of dict
        Axes of the image.
    letters : str
        A letter for each of them.
    *transformed : mapping
        What has ``coordinateTransformations``, in the order in which they apply: the resolution,
        then the image, whose transformations hold for all resolutions.

    Raises
    ------
    ValueError, TypeError
        If a transformation does not fit the axes.
    """
    transformations = [
        step for place in transformed for step in place.get("coordinateTransformations", ())
    ]
    if not any({"scale", "translation"} & step.keys() for step in transformations):
        return {}, {}
    sizes, positions = np.ones(len(axes)), np.zeros(len(axes))
    for step in transformations:
        if "scale" in step:
            factors = _numbers(step["scale"], len(axes))
            sizes, positions = sizes * factors, positions * factors
        if "translation" in step:
            positions = positions + _numbers(step["translation"], len(axes))
    steps, origins = Steps(), Steps()
    rows = zip(letters, axes, sizes.tolist(), positions.tolist(), strict=True)
    for letter, axis, size, position in rows:
        is_length = letter in "ZYX"
        unit = axis.get("unit") or ("pixel" if is_length else None)
        is_known = axis.get("unit") is not None or not is_length or size != 1
        steps[letter.lower()] = (size, unit if is_known else None)
        origins[letter.lower()] = (position, unit)
    return steps, origins


def _numbers(values: Any, count: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers of a transformation, one per axis."""
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (count,):
        raise ValueError(f"a transformation has {found.shape} numbers for {count} axes")
    return found


def omero_limits(omero: Any) -> tuple[Limits | None, ...]:
    """Values that are shown as black and white, for each channel of the block ``omero``.

    A window that begins and ends where its slider does was not chosen by anybody.
    """
    channels = omero.get("channels") if isinstance(omero, Mapping) else None
    return tuple(map(_channel_limits, channels)) if isinstance(channels, list) else ()


def _channel_limits(channel: Any) -> Limits | None:
    window = channel.get("window") if isinstance(channel, Mapping) else None
    if not isinstance(window, Mapping):
        return None
    shown = limits(window.get("start"), window.get("end"))
    return None if shown == limits(window.get("min"), window.get("max")) else shown
