"""Which part of a file is the movie: axes, channels, plane and frames."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

Projection = Literal["max", "mean", "focus"]
Channel: TypeAlias = int | Sequence[int] | Mapping[int, float]
In3D = Literal["3d"]
IN_3D: In3D = "3d"  # all planes, which are tracked in 3D
PROJECTIONS: tuple[Projection, ...] = ("max", "mean", "focus")
_LETTERS = "TZCYXS"
_MOST_CHANNELS = 3  # the model sees red, green and blue


@dataclass(frozen=True)
class Selection:
    """The part of a file to open as a movie; unset values are taken from the file.

    Parameters
    ----------
    axes : str, optional
        Letters of all axes in the order of the file, from T, Z, C, Y, X and S (colours), as
        "TCYX". Axes of length 1 may be left out.
    channel : int, sequence of int, or mapping of int to float, optional
        One channel, or two or three that the model sees as red, green and blue. Each channel of a
        mix gets its own contrast; a mapping gives each channel a weight between 0 and 1 too.
    z : int or {"max", "mean", "focus", "3d"}, optional
        One plane, or on each frame the brightest value, the mean, or the sharpest plane; or all
        planes in 3D, which are the frames of the movie, one volume after the other.
    frames : slice, optional
        Range of frames, or of volumes in 3D; frame 0 of the movie is then the first of the range.
    series : int, optional
        Which image of a file that holds several.

    Raises
    ------
    ValueError
        If a value is none of these.
    """

    axes: str | None = None
    channel: Channel | None = None
    z: int | Projection | In3D | None = None
    frames: slice | None = None
    series: int | None = None

    def __post_init__(self) -> None:
        if self.axes is not None:
            _check_letters(self.axes)
        if isinstance(self.z, str) and self.z not in (*PROJECTIONS, IN_3D):
            raise ValueError(f"z must be a plane, max, mean, focus or 3d; got {self.z!r}")
        if self.is_3d and self.is_mix:
            raise ValueError("volumes are tracked in one channel: choose one, such as channel=0")
        if self.z is not None and not isinstance(self.z, str):
            object.__setattr__(self, "z", operator.index(self.z))
        if self.frames is not None and (self.frames.step or 1) < 1:
            raise ValueError("frames must go forward: the step of the range must be positive")
        if self.channel is not None:
            _check_channels(self.channels, self.weights)

    @cached_property
    def channels(self) -> tuple[int, ...]:
        """The chosen channels; empty if none is chosen."""
        if self.channel is None:
            return ()
        if isinstance(self.channel, Mapping | Sequence):
            return tuple(operator.index(channel) for channel in self.channel)
        return (operator.index(self.channel),)

    @property
    def weights(self) -> tuple[float, ...]:
        """Weight of each chosen channel, 1 by default."""
        if isinstance(self.channel, Mapping):
            return tuple(float(weight) for weight in self.channel.values())
        return (1.0,) * len(self.channels)

    @property
    def is_3d(self) -> bool:
        """Whether all planes are tracked in 3D."""
        return self.z == IN_3D

    @property
    def is_mix(self) -> bool:
        """Whether the movie is in the colours of several channels."""
        return len(self.channels) > 1


EVERYTHING = Selection()


def parse_channels(text: str) -> int | tuple[int, ...] | dict[int, float]:
    """Channels of a list such as ``1`` or ``0,2``, or with their weights in a mix, ``0,2:0.5``.

    A channel of a mix without a weight has the weight 1.

    Raises
    ------
    ValueError
        If it is no such list.
    """
    parts = [part.strip().partition(":") for part in text.split(",")]
    wrong = f"--channel is a number such as 1, or a list such as 0,2 or 0,2:0.5; got {text!r}"
    if not all(channel.isdecimal() for channel, _, _ in parts):
        raise ValueError(wrong)
    channels = tuple(int(channel) for channel, _, _ in parts)
    if not any(colon for _, colon, _ in parts):
        return channels[0] if len(channels) == 1 else channels
    if len(channels) == 1 or len(set(channels)) < len(channels):
        raise ValueError(f"weights belong to two or three different channels; got {text!r}")
    try:
        weights = [float(weight) if colon else 1.0 for _, colon, weight in parts]
    except ValueError as error:
        raise ValueError(wrong) from error
    return dict(zip(channels, weights, strict=True))


def channels_text(selection: Selection) -> str:
    """Channels and weights as `parse_channels` takes them."""
    pairs = zip(selection.channels, selection.weights, strict=True)
    return ",".join(f"{one}" if weight == 1 else f"{one}:{weight:g}" for one, weight in pairs)


def parse_plane(text: str) -> int | Projection:
    """A plane, or the name of a projection.

    Raises
    ------
    ValueError
        If it is neither.
    """
    if text in PROJECTIONS:
        return text
    if not text.isdecimal():
        raise ValueError(f"--z is a number, max, mean or focus; got {text!r}")
    return int(text)


def parse_range(text: str) -> slice:
    """A range of frames such as ``10:80``, ``:80`` or ``10:80:2``; the end is not included.

    Raises
    ------
    ValueError
        If it is no such range.
    """
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(part == "" or part.isdecimal() for part in parts):
        raise ValueError(f"--range is first:end as in 10:80, counted from 0; got {text!r}")
    return slice(*(int(part) if part else None for part in parts))


def _check_letters(axes: str) -> None:
    unknown = [letter for letter in axes if letter not in _LETTERS]
    if unknown or len(set(axes)) < len(axes) or not {"Y", "X"} <= set(axes):
        raise ValueError(
            f"axes must name each axis once, Y and X among them, with the letters T (time), "
            f"Z (depth), C (channel), Y, X and S (colours); got {axes!r}"
        )


def _check_channels(channels: tuple[int, ...], weights: tuple[float, ...]) -> None:
    if not 1 <= len(channels) <= _MOST_CHANNELS:
        raise ValueError(f"one to three channels can be chosen; got {len(channels)}")
    if min(channels) < 0 or len(set(channels)) < len(channels):
        raise ValueError(f"channels are different numbers from 0 on; got {channels}")
    if not all(math.isfinite(weight) and 0 <= weight <= 1 for weight in weights):
        raise ValueError(f"weights of channels must be between 0 and 1; got {weights}")
