"""Timelines as the lanes and the table show them: plain numbers and pixels, no Qt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.families import daughters_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.quality import Timeline

# Blue, green, amber and vermilion of Okabe and Ito (2008): told apart with any colour vision.
REVIEWED_COLOUR = (86, 180, 233)
LOST_COLOUR = (213, 94, 0)
UNUSUAL_COLOUR = (204, 121, 167)  # the purple of the same colours
QUALITY_STOPS = ((0.0, (213, 94, 0)), (0.5, (230, 159, 0)), (1.0, (0, 158, 115)))
DOUBTFUL_VALUE = 0.0  # a doubtful frame is coloured as the worst, however good its mask looks
LOST_VALUE, REVIEWED_VALUE = -1.0, 2.0  # below and above every quality
RAMP_STEPS = 64

# Stops of viridis without its darkest part, which a dark theme hides: told apart with any colour
# vision, and in grey.
MEASURED_STOPS = (
    (0.0, (59, 82, 139)),
    (1 / 3, (33, 145, 140)),
    (2 / 3, (94, 201, 98)),
    (1.0, (253, 231, 37)),
)

BAR, LOST, LOCK, UNUSUAL = range(4)  # rows of the picture of a lane


@dataclass(frozen=True)
class Colouring:
    """A measurement that colours the bars of the lanes.

    Parameters
    ----------
    name : str
        The measurement.
    low, high : float
        Values that get the first and the last colour.
    """

    name: str
    low: float
    high: float

    def pixels(self, values: NDArray[np.float32]) -> NDArray[np.uint32]:
        """Pixels 0xAARRGGBB of values; transparent where a value is NaN."""
        share = (values - self.low) / max(self.high - self.low, 1e-9)
        colours = _colours(np.clip(np.nan_to_num(share), 0, 1), MEASURED_STOPS)
        return np.where(np.isnan(values), 0, colours).astype(np.uint32)


@dataclass(frozen=True)
class Summary:
    """Counts of one object for the table.

    Parameters
    ----------
    first, last : int, optional
        First and last frame with a mask; None if there is none.
    prompts : int
        Frames with a prompt.
    doubtful : int
        Frames with a doubt, reviewed or not.
    reviewed : int
        Doubtful frames that are reviewed.
    stops : int
        Frames on which a stretch of likely wrong masks that are not reviewed begins.
    masks : int
        Frames with a mask whose chance of an error is known.
    errors, found_errors : float
        Expected number of wrong masks that are not reviewed, and of those among them to which the
        stops lead.
    spread : float
        Standard deviation of this number, if the masks of the object are wrong together.
    length : int
        Frames with a mask.
    """

    first: int | None = None
    last: int | None = None
    prompts: int = 0
    doubtful: int = 0
    reviewed: int = 0
    stops: int = 0
    masks: int = 0
    errors: float = 0.0
    found_errors: float = 0.0
    spread: float = 0.0
    length: int = 0


def summarise(timeline: Timeline) -> Summary:
    """Count the frames that the table and the progress of the review show."""
    chance = np.where(timeline.is_reviewed, 0, np.nan_to_num(timeline.error_probability))
    present = np.flatnonzero(timeline.has_mask)
    is_doubtful = np.asarray(timeline.doubts) != 0
    return Summary(
        first=int(present[0]) if present.size else None,
        last=int(present[-1]) if present.size else None,
        length=int(present.size),
        prompts=int(np.count_nonzero(timeline.is_prompted)),
        doubtful=int(np.count_nonzero(is_doubtful)),
        reviewed=int(np.count_nonzero(is_doubtful & timeline.is_reviewed)),
        stops=int(np.count_nonzero(timeline.is_stop)),
        masks=int(np.count_nonzero(~np.isnan(timeline.error_probability))),
        errors=float(chance.sum()),
        found_errors=float(chance[timeline.is_likely_wrong].sum()),
        spread=float(np.sqrt(chance * (1 - chance)).sum()),
    )


def outlook_text(summaries: Iterable[Summary]) -> str:
    """How much a look at the doubtful frames is worth; empty where chances are unknown.

    For example "12 of 340 frames worth a look: about 95 % of the errors". Frames that are doubtful
    for other reasons, such as a jump, are counted apart.
    """
    counted = list(summaries)
    stops, masks = sum(one.stops for one in counted), sum(one.masks for one in counted)
    others = sum(one.doubtful - one.reviewed for one in counted) - stops
    errors = sum(one.errors for one in counted)
    if not masks or not (stops or others):
        return ""
    text = "No mask is likely wrong"
    if stops:
        share = sum(one.found_errors for one in counted) / errors
        text = f"{stops} of {masks} frames worth a look: about {share:.0%} of the errors"
    if others:
        number = f"{others} more" if stops else str(others)
        text += f"; {number} {'is' if others == 1 else 'are'} doubtful for other reasons"
    return text.replace("%", " %")


def wrong_share_text(summaries: Iterable[Summary]) -> str:
    """The estimated share of wrong masks that are left; empty where chances are unknown.

    For example "Estimated share of wrong masks left: 2 % (95 %: 1 to 4 %)".
    """
    from napari_sam2.annotation.wrong_share import ErrorSums, expected_share  # imports scipy

    share = expected_share(ErrorSums(one.masks, one.errors, one.spread) for one in summaries)
    return "" if share is None else f"Estimated share of wrong masks left: {share}"


def lane_picture(
    timeline: Timeline,
    width: int,
    ink: tuple[int, int, int],
    colouring: Colouring | None = None,
) -> NDArray[np.uint32]:
    """Render a lane as a small picture, which is stretched on the screen.

    Parameters
    ----------
    timeline : Timeline
        Timeline of T frames.
    width : int
        At most T. Where frames share a pixel, the worst one shows, or the largest measurement.
    ink : (int, int, int)
        RGB 0..255 of what is drawn on the background: locks.
    colouring : Colouring, optional
        The measurement that colours the bar; by default its quality does.

    Returns
    -------
    (4, width) uint32
        Pixels 0xAARRGGBB of the bar, of the line where the object is lost, of the locks, and of the
        marks of unusual masks.
    """
    starts = (np.arange(width) * len(timeline.has_mask)) // width
    values = np.fmin.reduceat(lane_values(timeline), starts)
    is_locked = np.logical_or.reduceat(np.asarray(timeline.is_locked), starts)
    is_unusual = np.logical_or.reduceat(timeline.is_unusual & ~timeline.is_reviewed, starts)
    picture = np.zeros((4, width), np.uint32)
    if colouring is None or colouring.name not in timeline.measurements:
        picture[BAR] = bar_colours(values)
    else:
        measured = timeline.measurements[colouring.name].values
        picture[BAR] = colouring.pixels(np.fmax.reduceat(measured, starts))
    picture[LOST, values == LOST_VALUE] = _pixel(LOST_COLOUR)
    picture[LOCK, is_locked] = _pixel(ink)
    picture[UNUSUAL, is_unusual] = _pixel(UNUSUAL_COLOUR)
    return picture


def lane_values(timeline: Timeline) -> NDArray[np.float32]:
    """Values that colour a lane, (T,) float32: the chance to be right, or a special value.

    Where the chance is unknown, it is the quality, and 0 for a doubtful mask. NaN on frames with
    nothing to show.
    """
    chance = 1 - np.asarray(timeline.error_probability)
    quality = np.where(np.isnan(timeline.quality), 1.0, np.clip(timeline.quality, 0, 1))
    values = np.where(np.asarray(timeline.doubts) != 0, DOUBTFUL_VALUE, quality)
    values = np.where(np.isnan(chance), values, chance)
    values = np.where(timeline.is_reviewed, REVIEWED_VALUE, values)
    values = np.where(timeline.has_mask, values, np.nan)
    lost = timeline.is_lost & ~np.asarray(timeline.has_mask)
    return np.where(lost, LOST_VALUE, values).astype(np.float32)


def bar_colours(values: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Pixels 0xAARRGGBB of values of `lane_values`; transparent where there is no bar."""
    steps = np.nan_to_num(np.clip(values, 0, 1)) * (RAMP_STEPS - 1)
    colours = _ramp()[np.round(steps).astype(np.intp)]
    colours = np.where(values == REVIEWED_VALUE, _pixel(REVIEWED_COLOUR), colours)
    return np.where(values >= 0, colours, 0).astype(np.uint32)


def quality_colour(value: float) -> tuple[int, int, int]:
    """RGB of one value of `lane_values`."""
    pixel = int(bar_colours(np.array([value], np.float32))[0])
    return (pixel >> 16) & 255, (pixel >> 8) & 255, pixel & 255


def _ramp() -> NDArray[np.uint32]:
    return _colours(np.linspace(0, 1, RAMP_STEPS), QUALITY_STOPS)


def _colours(
    shares: NDArray[np.floating[Any]], stops: Sequence[tuple[float, tuple[int, int, int]]]
) -> NDArray[np.uint32]:
    """Pixels 0xAARRGGBB of shares from 0 to 1, interpolated between stops."""
    places = [place for place, _ in stops]
    parts = np.array([colour for _, colour in stops], dtype=np.float64).T
    red, green, blue = (np.round(np.interp(shares, places, part)) for part in parts)
    return (0xFF000000 + red * 2**16 + green * 2**8 + blue).astype(np.uint32)


def _pixel(colour: tuple[int, int, int]) -> np.uint32:
    red, green, blue = colour
    return np.uint32(0xFF000000 | red << 16 | green << 8 | blue)


def lineage_order(objects: Mapping[int, AnnotatedObject]) -> list[int]:
    """Order of the lanes: ids by number, with daughters below their mother."""
    daughters = daughters_of(objects)
    order: list[int] = []
    waiting = list(reversed(daughters.get(None, [])))
    while waiting:
        object_id = waiting.pop()
        order.append(object_id)
        waiting += reversed(daughters.get(object_id, []))
    return order


def run_around(is_there: NDArray[np.bool_], t: int) -> range:
    """The unbroken range of True values around frame `t`; only `t` if it is False."""
    if not is_there[t]:
        return range(t, t + 1)
    gaps = np.flatnonzero(~np.asarray(is_there))
    after = np.searchsorted(gaps, t)
    start = int(gaps[after - 1]) + 1 if after else 0
    stop = int(gaps[after]) if after < gaps.size else len(is_there)
    return range(start, stop)


def frames_text(first: int | None, last: int | None) -> str:
    """Format a range of frames: "3–12", "3", or "–"."""
    if first is None or last is None:
        return "–"
    return str(first) if first == last else f"{first}–{last}"


def extent_text(summary: Summary) -> str:
    """Format the frames of an object and their number: "3–12 (9)", "3 (1)", or "–"."""
    frames = frames_text(summary.first, summary.last)
    return f"{frames} ({summary.length})" if summary.length else frames


def sequence_text(frames: range) -> str:
    """Format a range of frames in words: "frame 3", "frames 3–12"."""
    noun = "frame" if len(frames) == 1 else "frames"
    return f"{noun} {frames_text(frames[0], frames[-1])}"
