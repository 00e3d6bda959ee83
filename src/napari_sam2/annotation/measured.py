"""Measurements of an object over time: its area and its speed on each frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.measures import Trace

UNITS = {"area": "pixels", "speed": "pixels per frame"}  # of each measurement
TYPICAL = (5, 95)  # percentiles


@dataclass(frozen=True, eq=False)
class Measurement:
    """One measurement of one object on each of T frames.

    Attributes
    ----------
    values : (T,) float32
        In the unit of `UNITS`; NaN where there is none.
    low, high : float
        5th and 95th percentile of the values; NaN if there are none.
    """

    values: NDArray[np.float32]
    low: float
    high: float

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> Measurement:
        """The measurement with its percentiles."""
        known = values[~np.isnan(values)]
        low, high = np.percentile(known, TYPICAL).tolist() if known.size else (np.nan, np.nan)
        return cls(values, low, high)


def measurements_of(trace: Trace) -> dict[str, Measurement]:
    """Measure an object from its masks.

    Parameters
    ----------
    trace : Trace
        Areas and centres of its masks.

    Returns
    -------
    dict of str to Measurement
        ``"area"`` in pixels, and ``"speed"``, the way of the centre since the frame before, in
        pixels.
    """
    has_mask = trace.area > 0
    area = np.where(has_mask, trace.area, np.nan).astype(np.float32)
    speed = np.full(len(area), np.nan, np.float32)
    both = has_mask[1:] & has_mask[:-1]
    speed[1:][both] = np.hypot(np.diff(trace.y), np.diff(trace.x))[both]
    return {"area": Measurement.of(area), "speed": Measurement.of(speed)}
