"""Prompts: points, a box or a painted mask, for one object on one frame."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.errors import ObjectError
from napari_sam2.tracking.pixels import PixelMask

Box = tuple[float, float, float, float]
MAX_OBJECT_ID = 2**31 - 1  # labels of a frame are int32
GUESSES = 3  # masks that the network has for a single click


def _no_points() -> NDArray[np.float64]:
    return np.zeros((0, 2))


def _no_labels() -> NDArray[np.int8]:
    return np.zeros(0, np.int8)


def _no_rounds() -> NDArray[np.int32]:
    return np.zeros(0, np.int32)


@dataclass(frozen=True, eq=False)
class Prompt:
    """Points, box and mask that the user gave for one object on one frame.

    Attributes
    ----------
    t : int
        Frame.
    object_id : int
        Object, 1 or larger.
    points : ndarray
        (P, 2) float64 (y, x) in pixels, with pixel centres at integers.
    labels : ndarray
        (P,) int8, 1 includes and 0 excludes.
    rounds : ndarray
        (P,) int32, ascending: index of the call that added each point. The decoder runs once per
        round and starts from the mask of the previous round.
    box : tuple of float, optional
        (y0, x0, y1, x1), part of the first round.
    mask : PixelMask, optional
        (Y, X) painted mask, also accepted as an array. Points and box refine it.
    guess : int
        Which of the three masks that the network has for a single first click is used, 1 to 3; the
        network likes the first one best. It has no effect where `has_guesses` is false.
    """

    t: int
    object_id: int
    points: NDArray[np.float64] = field(default_factory=_no_points)
    labels: NDArray[np.int8] = field(default_factory=_no_labels)
    rounds: NDArray[np.int32] = field(default_factory=_no_rounds)
    box: Box | None = None
    mask: PixelMask | None = None
    guess: int = 1

    def __post_init__(self) -> None:
        given: Any = self.mask
        if isinstance(given, np.ndarray) and given.dtype == np.bool_ and given.ndim == 2:
            object.__setattr__(self, "mask", PixelMask.of(given))  # or see `check_prompt`

    @property
    def is_empty(self) -> bool:
        """Whether the prompt has no points, no box and no mask."""
        return not len(self.points) and self.box is None and self.mask is None

    @property
    def has_guesses(self) -> bool:
        """Whether the first round is a single click, for which the network has three masks."""
        is_alone = np.count_nonzero(self.rounds == self.rounds[:1]) == 1
        return is_alone and self.box is None and self.mask is None

    @property
    def is_single_click(self) -> bool:
        """Whether the prompt is one click and nothing else, so that another guess can be shown."""
        return self.has_guesses and len(self.points) == 1

    @cached_property
    def digest(self) -> bytes:
        """Digest of the frame, points, box, mask and guess; the object id does not affect it."""
        found = blake2b(repr((self.t, self.box and tuple(map(float, self.box)))).encode())
        for given in (self.points, self.labels, self.rounds):
            found.update(np.asarray(given, np.float64).tobytes())
        if self.mask is not None:
            found.update(repr((self.mask.corner, self.mask.crop.shape)).encode())
            found.update(np.packbits(self.mask.crop).tobytes())
        if self.guess > 1:  # files hold digests from before there were guesses
            found.update(bytes([self.guess]))
        return found.digest()

    def shows_object(self, number: int) -> bool:
        """Whether the rounds up to `number` show the object, so that it must be visible."""
        is_painted = self.mask is not None and self.mask.any()
        is_clicked = bool((self.labels[self.rounds <= number] == 1).any())
        return is_painted or is_clicked or self.box is not None

    def first_click(self, number: int) -> tuple[float, float] | None:
        """Place (y, x) of the first click up to a round that includes; None without one."""
        places = self.points[(self.rounds <= number) & (self.labels == 1)]
        return (float(places[0, 0]), float(places[0, 1])) if len(places) else None

    def single_click(self, number: int) -> tuple[float, float] | None:
        """Place (y, x) of the click that a round is, if nothing is given before it."""
        is_alone = self.has_guesses and number == self.rounds[0]
        return self.first_click(number) if is_alone else None

    def extent(self, number: int) -> Box | None:
        """Edges of the points and box up to a round, (y0, x0, y1, x1); None for only a mask."""
        points = self.points[self.rounds <= number]
        corners = np.concatenate([points, np.array(self.box or ()).reshape(-1, 2)])
        if not len(corners):
            return None
        (y0, x0), (y1, x1) = corners.min(0), corners.max(0)
        return float(y0), float(x0), float(y1), float(x1)

    def with_points(self, points: ArrayLike, labels: ArrayLike) -> Prompt:
        """Add a new round of points.

        Parameters
        ----------
        points : array_like
            (P, 2) (y, x).
        labels : array_like
            (P,) 1 or 0.

        Returns
        -------
        Prompt

        Raises
        ------
        ValueError
            If shapes or labels are wrong.
        """
        new_points, new_labels = check_points(points, labels)
        first = int(self.rounds[-1]) + 1 if len(self.rounds) else 0
        if self.box is not None and not len(self.rounds):
            first = 1  # the box was a separate round
        rounds = np.full(len(new_points), first, np.int32)
        return replace(
            self,
            points=np.concatenate([self.points, new_points]),
            labels=np.concatenate([self.labels, new_labels]),
            rounds=np.concatenate([self.rounds, rounds]),
        )

    def without_point(self, index: int) -> Prompt:
        """Remove a point; without the first click, the guess is the first one again.

        Raises
        ------
        ValueError
            If the index is out of range.
        """
        if not 0 <= index < len(self.points):
            raise ValueError(f"no point {index}: this prompt has {len(self.points)} points")
        keep = np.arange(len(self.points)) != index
        return replace(
            self,
            points=self.points[keep],
            labels=self.labels[keep],
            rounds=self.rounds[keep],
            guess=self.guess if index else 1,
        )

    def with_next_guess(self) -> Prompt:
        """Use the next of the three masks of a single click; the first one follows the last one.

        Raises
        ------
        ObjectError
            If the prompt is anything but a single click.
        """
        if not self.is_single_click:
            raise ObjectError(
                "only a single click has other guesses: "
                "the prompt of {0} on frame {t} is not a single click",
                self.object_id,
                t=self.t,
            )
        return replace(self, guess=self.guess % GUESSES + 1)

    def with_box(self, box: Sequence[float]) -> Prompt:
        """Replace the box.

        Raises
        ------
        ValueError
            If the box is empty or invalid.
        """
        return replace(self, box=check_box(box))

    def with_mask(self, mask: ArrayLike | PixelMask) -> Prompt:
        """Replace the whole prompt by a painted mask.

        Raises
        ------
        ValueError
            If the mask is not two-dimensional.
        """
        return Prompt(self.t, self.object_id, mask=check_mask(mask))

    def round_numbers(self) -> list[int]:
        """Rounds in order; empty if the prompt is only a painted mask."""
        numbers = {int(r) for r in self.rounds}
        return sorted(numbers | {0} if self.box is not None else numbers)


def check_integer(value: SupportsIndex, name: str) -> int:
    """Convert a value to an int.

    Raises
    ------
    TypeError
        If the value is not an integer.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}") from None


def check_prompt(prompt: Prompt) -> Prompt:
    """Check and convert every part of a prompt to the right type and shape.

    Raises
    ------
    ValueError, TypeError
        If a part has a wrong type or shape, or the parts do not match.
    """
    points, labels = prompt.points, prompt.labels
    rounds = np.asarray(prompt.rounds)
    if len(points):
        points, labels = check_points(points, labels)
    if rounds.shape != (len(points),) or (np.diff(rounds, prepend=0) < 0).any():
        raise ValueError(f"rounds must be a number from 0 for each point, ascending; got {rounds}")
    return Prompt(
        check_integer(prompt.t, "frame"),
        check_integer(prompt.object_id, "object id"),
        points,
        labels,
        rounds.astype(np.int32),
        None if prompt.box is None else check_box(prompt.box),
        None if prompt.mask is None else check_mask(prompt.mask),
        check_guess(prompt.guess),
    )


def check_guess(guess: SupportsIndex) -> int:
    """Check the number of a guess.

    Raises
    ------
    ValueError, TypeError
        If it is not 1, 2 or 3.
    """
    number = check_integer(guess, "guess")
    if not 1 <= number <= GUESSES:
        raise ValueError(f"guess must be from 1 to {GUESSES}; got {number}")
    return number


def check_points(
    points: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Convert points to (P, 2) float64 and labels to (P,) int8.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is not finite, or a label is neither 0 nor 1.
    """
    place = np.asarray(points, dtype=np.float64)
    sign = np.asarray(labels)
    if place.ndim != 2 or place.shape[1] != 2 or not len(place):
        raise ValueError(f"points must be (P, 2) pairs (y, x), at least one; got {place.shape}")
    if sign.shape != (len(place),):
        raise ValueError(f"one label for each point: {len(place)} points, labels {sign.shape}")
    if not np.isin(sign, (0, 1)).all():
        raise ValueError(f"labels must be 1 (include) or 0 (exclude); got {sign.tolist()}")
    if not np.isfinite(place).all():
        raise ValueError("points must be finite numbers")
    return place, sign.astype(np.int8)


def check_box(box: Sequence[float]) -> Box:
    """Convert a box to four floats.

    Raises
    ------
    ValueError
        If the box is not (y0, x0, y1, x1) with positive sides.
    """
    try:
        values = np.asarray(box, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.zeros(0)
    fits = values.shape == (4,) and bool(np.isfinite(values).all())
    if not fits or values[0] >= values[2] or values[1] >= values[3]:
        raise ValueError(f"box must be (y0, x0, y1, x1) with y0 < y1 and x0 < x1; got {box!r}")
    return (float(values[0]), float(values[1]), float(values[2]), float(values[3]))


def check_mask(mask: ArrayLike | PixelMask) -> PixelMask:
    """Convert a mask to a new `PixelMask`.

    Raises
    ------
    ValueError
        If the mask is not two-dimensional or contains anything but finite numbers.
    """
    if isinstance(mask, PixelMask):
        return mask
    array = np.asarray(mask)
    if array.ndim != 2:
        raise ValueError(f"mask must be (Y, X); got shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"mask must hold bool or numbers; got {array.dtype}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("mask must not hold NaN or infinity")
    return PixelMask.of(array.astype(bool))


def check_inside(prompt: Prompt, shape: tuple[int, int, int]) -> None:
    """Check that a prompt fits a stack.

    Parameters
    ----------
    prompt : Prompt
        Any prompt.
    shape : tuple of int
        (T, Y, X) of the stack.

    Raises
    ------
    ValueError
        If the frame is outside the stack, a point or the whole box is outside the image, the mask
        has another shape, or the object id is not a valid label.
    """
    length, height, width = shape
    if not 1 <= prompt.object_id <= MAX_OBJECT_ID:
        raise ValueError(f"object ids are 1 to {MAX_OBJECT_ID}; got {prompt.object_id}")
    if not 0 <= prompt.t < length:
        raise ValueError(f"frame {prompt.t} is outside the stack of {length} frames")
    y, x = prompt.points[:, 0], prompt.points[:, 1]
    inside = (y >= -0.5) & (y <= height - 0.5) & (x >= -0.5) & (x <= width - 0.5)
    if not inside.all():
        wrong = prompt.points[~inside][0].tolist()
        raise ValueError(f"point {wrong} (y, x) is outside the image of {height} x {width} pixels")
    if prompt.box is not None:
        y0, x0, y1, x1 = prompt.box
        if y1 < 0 or x1 < 0 or y0 > height - 1 or x0 > width - 1:
            raise ValueError(f"box {prompt.box} is outside the image of {height} x {width} pixels")
    if prompt.mask is not None and prompt.mask.shape != (height, width):
        raise ValueError(
            f"mask must have the image's shape {(height, width)}; got {prompt.mask.shape}"
        )
