"""When to stop: how many wrong masks are left, from the chances of an error or from a sample."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

if TYPE_CHECKING:
    from napari_sam2.annotation.quality import Timeline

SAMPLE_SIZE = 50
COVERED = 0.95


@dataclass(frozen=True)
class Share:
    """An estimated share of masks that are wrong, with a 95 % interval; all from 0 to 1."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        """As the screen shows it: "2 % (95 %: 1 to 4 %)"."""
        share, low, high = (round(100 * part) for part in (self.share, self.low, self.high))
        return f"{share} % (95 %: {low} to {high} %)"

    def scaled(self, factor: float) -> Share:
        """The share of a larger set in which no other mask is wrong."""
        return Share(self.share * factor, self.low * factor, self.high * factor)


@dataclass(frozen=True)
class ErrorSums:
    """What the chances of an error of one object add up to.

    Attributes
    ----------
    masks : int
        Masks whose chance of an error is known.
    errors : float
        Expected number of wrong masks that no person has vouched for.
    spread : float
        Standard deviation of this number, if the masks of the object are wrong together.
    """

    masks: int
    errors: float
    spread: float

    @classmethod
    def of(cls, timeline: Timeline) -> ErrorSums:
        """Sums over the masks of a timeline; reviewed masks count as right."""
        chance = np.where(timeline.is_reviewed, 0, timeline.error_probability)
        chance = chance[~np.isnan(chance)].astype(np.float64)
        spread = float(np.sqrt(chance * (1 - chance)).sum())
        return cls(len(chance), float(chance.sum()), spread)


def expected_share(objects: Iterable[ErrorSums]) -> Share | None:
    """Share of wrong masks that the chances of an error tell; None where none is known.

    Masks of one object often go wrong together, so the interval is as wide as if all masks of an
    object were wrong together, and objects independently of each other. It is the interval of a
    beta distribution. That the chances themselves may be too high or too low is not in it.
    """
    counted = [one for one in objects if one.masks]
    masks = sum(one.masks for one in counted)
    if not masks:
        return None
    mean = sum(one.errors for one in counted) / masks
    variance = sum(one.spread**2 for one in counted) / masks**2
    if variance <= 0 or not 0 < mean < 1:
        return Share(mean, mean, mean)
    weight = max(mean * (1 - mean) / variance - 1, 1e-3)
    tail = (1 - COVERED) / 2
    low, high = (
        float(betaincinv(mean * weight, (1 - mean) * weight, part)) for part in (tail, 1 - tail)
    )
    return Share(mean, low, high)


@dataclass(frozen=True)
class MaskSample:
    """Masks to be judged, drawn at random.

    Attributes
    ----------
    places : tuple of (int, int)
        Frame and object of each mask.
    unseen : int
        Masks from which they were drawn: those that were neither prompted, locked nor reviewed.
    masks : int
        All masks.
    """

    places: tuple[tuple[int, int], ...]
    unseen: int
    masks: int


def draw_masks(timelines: Mapping[int, Timeline], size: int, seed: int | None) -> MaskSample:
    """Draw masks that no person has vouched for, each with the same chance.

    Parameters
    ----------
    timelines : mapping of int to Timeline
        By object.
    size : int
        How many; all if there are fewer.
    seed : int, optional
        Makes the draw repeatable.
    """
    masks = sum(int(line.has_mask.sum()) for line in timelines.values())
    places = [
        (t, object_id)
        for object_id, line in sorted(timelines.items())
        for t in np.flatnonzero(_is_unseen(line)).tolist()
    ]
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(places), min(size, len(places)), replace=False)
    return MaskSample(tuple(places[index] for index in chosen.tolist()), len(places), masks)


def _is_unseen(line: Timeline) -> NDArray[np.bool_]:
    return line.has_mask & ~(line.is_prompted | line.is_locked | line.is_reviewed)


def sampled_share(wrong: int, judged: int, sample: MaskSample) -> Share | None:
    """Share of all masks that are wrong, as a sample tells; None before the first verdict.

    Parameters
    ----------
    wrong, judged : int
        Masks of the sample that a person found wrong, and all that were judged.
    sample : MaskSample
        The sample.

    Returns
    -------
    Share or None
        With the interval of Wilson. Masks that a person vouched for count as right.

    Raises
    ------
    ValueError
        If more masks are wrong than were judged.
    """
    from scipy.stats import binomtest  # slow to import, and seldom needed

    if not 0 <= wrong <= judged:
        raise ValueError(f"{wrong} of {judged} masks cannot be wrong")
    if not judged:
        return None
    interval = binomtest(wrong, judged).proportion_ci(COVERED, method="wilson")
    low, high = (value if math.isfinite(value) else 0.0 for value in (interval.low, interval.high))
    found = Share(wrong / judged, float(low), float(high))
    return found.scaled(sample.unseen / max(sample.masks, 1))
