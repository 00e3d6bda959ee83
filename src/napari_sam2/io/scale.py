"""How large a pixel is and how long a frame takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

# lower-case spelling in files -> the one spelling used here
_UNITS = {
    "um": "um", "µm": "um", "μm": "um", "\\u00b5m": "um", "micron": "um", "microns": "um",
    "micrometer": "um", "micrometers": "um", "micrometre": "um",
    "nm": "nm", "nanometer": "nm", "nanometers": "nm", "nanometre": "nm",
    "mm": "mm", "millimeter": "mm", "millimeters": "mm", "millimetre": "mm",
    "cm": "cm", "centimeter": "cm", "centimeters": "cm", "centimetre": "cm",
    "m": "m", "meter": "m", "meters": "m", "metre": "m",
    "inch": "inch", "in": "inch", "inches": "inch",
    "pixel": "pixel", "pixels": "pixel", "px": "pixel",
}  # fmt: skip
LENGTH_UNITS = ("um", "nm", "mm", "cm", "m", "inch", "pixel")


@dataclass(frozen=True)
class ImageScale:
    """Size of a pixel and time between frames; what is not known is None.

    Parameters
    ----------
    pixel_size : (float, float), optional
        Height and width of a pixel, (y, x), in `unit`.
    unit : str
        One of "um", "nm", "mm", "cm", "m", "inch", "pixel"; other spellings ("µm", "micron") become
        these.
    interval_s : float, optional
        Time from one frame to the next, in seconds.

    Raises
    ------
    ValueError
        If a size or the interval is not a positive number, or the unit is unknown.
    """

    pixel_size: tuple[float, float] | None = None
    unit: str = "um"
    interval_s: float | None = None

    def __post_init__(self) -> None:
        if self.pixel_size is not None:
            y, x = (float(size) for size in self.pixel_size)
            if not (_is_positive(y) and _is_positive(x)):
                raise ValueError(
                    f"pixel_size must be two positive numbers (y, x); got {self.pixel_size}"
                )
            object.__setattr__(self, "pixel_size", (y, x))
        if self.interval_s is not None and not _is_positive(float(self.interval_s)):
            raise ValueError(
                f"interval_s must be a positive number of seconds; got {self.interval_s}"
            )
        object.__setattr__(self, "unit", length_unit(self.unit))


def length_unit(name: str) -> str:
    """The one spelling of a unit of length that we use.

    Raises
    ------
    ValueError
        If `name` is not a unit of length that TIFF files can carry.
    """
    unit = _UNITS.get(name.strip().lower())
    if unit is None:
        raise ValueError(f"unit must be one of {', '.join(LENGTH_UNITS)}; got {name!r}")
    return unit


def known_length_unit(name: object) -> str | None:
    """As `length_unit`, with None for what a foreign file may hold instead of a unit."""
    return _UNITS.get(name.strip().lower()) if isinstance(name, str) else None


def _is_positive(number: float) -> bool:
    return math.isfinite(number) and number > 0
