"""Axes, pixel size, depth between slices, time between frames and origin of an image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

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
# the names in full, as formats on zarr have them
SPELT_OUT_UNITS = {
    "um": "micrometer", "nm": "nanometer", "mm": "millimeter", "cm": "centimeter",
    "m": "meter", "inch": "inch", "pixel": "pixel",
}  # fmt: skip
LENGTH_UNITS = ("um", "nm", "mm", "cm", "m", "inch", "pixel")
# units that files of other programs may have, in a unit that we write
_OTHER_LENGTHS = {
    "å": (0.1, "nm"), "Å": (0.1, "nm"), "angstrom": (0.1, "nm"),
    "pm": (1e-3, "nm"), "picometer": (1e-3, "nm"), "dm": (10.0, "cm"), "decimeter": (10.0, "cm"),
}  # fmt: skip
_NANOMETRES = {"nm": 1.0, "um": 1e3, "mm": 1e6, "cm": 1e7, "inch": 2.54e7, "m": 1e9}
_SECONDS = {
    "s": 1.0, "sec": 1.0, "second": 1.0, "seconds": 1.0,
    "ms": 1e-3, "msec": 1e-3, "millisecond": 1e-3, "milliseconds": 1e-3,
    "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "microsecond": 1e-6, "microseconds": 1e-6,
    "min": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
}  # fmt: skip

FrameAxis = Literal["t", "z", "tz"]
Step = tuple[object, object]  # a size and the name of its unit, as a file or a layer has them
_NO_STEP: Step = (None, None)


@dataclass(frozen=True)
class Origin:
    """Position of the centre of the first pixel of an image, and time of its first frame.

    Parameters
    ----------
    t : float
        Time of the first frame, in seconds.
    z, y, x : float
        Position in the unit of lengths of the scale that the origin belongs to.

    Raises
    ------
    ValueError
        If a value is not finite.
    """

    t: float = 0.0
    z: float = 0.0
    y: float = 0.0
    x: float = 0.0

    def __post_init__(self) -> None:
        if not all(math.isfinite(value) for value in self.values):
            raise ValueError(f"the origin must be finite numbers; got {self.values}")

    @property
    def values(self) -> tuple[float, float, float, float]:
        """(t, z, y, x)."""
        return self.t, self.z, self.y, self.x

    def along(self, axes: str) -> tuple[float, ...]:
        """Position along some axes, given by their letters."""
        by_axis = dict(zip("tzyx", self.values, strict=True))
        return tuple(by_axis[axis] for axis in axes.lower())


@dataclass(frozen=True)
class ImageScale:
    """Axes and sizes of a stack of images, (T, Y, X) or (Z, Y, X), or of a single image (Y, X).

    The images may also be the planes of volumes over time, one volume after the other.

    Unknown values are None.

    Parameters
    ----------
    pixel_size : (float, float), optional
        Height and width of a pixel, (y, x), in `unit`.
    unit : str
        One of "um", "nm", "mm", "cm", "m", "inch", "pixel"; other spellings ("µm", "micron") become
        these.
    interval_s : float, optional
        Time from one frame, or volume, to the next, in seconds; a Z stack has none.
    z_spacing : float, optional
        Distance from one slice to the next, in `unit`; a movie of images has none.
    frame_axis : {"t", "z", "tz"}, optional
        Meaning of the first axis of a stack, time or depth, or the planes of volumes; an interval
        makes it time and a spacing depth. An unknown axis is written as time.
    origin : Origin, optional
        Position of the first pixel, with lengths in `unit`.

    Raises
    ------
    ValueError
        If a size, the spacing or the interval is not a positive number, the unit or the axis is
        unknown, or a Z stack has an interval or a movie a spacing.
    """

    pixel_size: tuple[float, float] | None = None
    unit: str = "um"
    interval_s: float | None = None
    z_spacing: float | None = None
    frame_axis: FrameAxis | None = None
    origin: Origin | None = None

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
        if self.z_spacing is not None and not _is_positive(float(self.z_spacing)):
            raise ValueError(f"z_spacing must be a positive number; got {self.z_spacing}")
        object.__setattr__(self, "unit", length_unit(self.unit))
        self._settle_axis()

    def _settle_axis(self) -> None:
        if self.frame_axis is None and self.interval_s is not None:
            object.__setattr__(self, "frame_axis", "t")
        if self.frame_axis is None and self.z_spacing is not None:
            object.__setattr__(self, "frame_axis", "z")
        if self.frame_axis not in (None, "t", "z", "tz"):
            raise ValueError(f"frame_axis must be 't', 'z', 'tz' or None; got {self.frame_axis!r}")
        if self.frame_axis == "z" and self.interval_s is not None:
            raise ValueError("a Z stack has no frame interval: leave out interval_s")
        if self.frame_axis not in ("z", "tz") and self.z_spacing is not None:
            raise ValueError("a movie has no z spacing: leave out z_spacing or interval_s")

    @property
    def is_depth(self) -> bool:
        """Whether the first axis of the stack is depth."""
        return self.frame_axis == "z"

    @property
    def physical_unit(self) -> str | None:
        """Unit of lengths; None where they are known in pixels only."""
        is_known = self.pixel_size is not None and self.unit != "pixel"
        return self.unit if is_known else None

    @property
    def steps(self) -> Mapping[str, Step]:
        """Sizes and units by axis, as `scale_of_steps` takes them; unknown sizes are None."""
        y, x = self.pixel_size or (None, None)
        lengths = {"z": self.z_spacing, "y": y, "x": x}
        steps: dict[str, Step] = {axis: (size, self.unit) for axis, size in lengths.items()}
        return steps | {"t": (self.interval_s, "s")}

    @property
    def origins(self) -> Mapping[str, Step]:
        """Position of the first pixel by axis, as `scale_of_steps` takes it; empty if unknown."""
        return origins_in(self.unit, self.origin)

    @property
    def frame_column(self) -> str:
        """Column of tables that holds the index of a frame, or of a slice: "frame" or "z"."""
        return "z" if self.is_depth else "frame"

    def frame_position(self, index: int) -> tuple[str, float] | None:
        """Column and value of the time or the depth of a frame; None where no step is known."""
        if self.interval_s is not None:
            return "time_s", index * self.interval_s
        if self.z_spacing is not None and self.unit != "pixel":
            return f"z_{self.unit}", index * self.z_spacing
        return None

    def of_frames(self, first: int, every: int = 1) -> ImageScale:
        """Scale of every so many frames or slices from the one with the index `first` on."""
        name, axis = ("z_spacing", "z") if self.is_depth else ("interval_s", "t")
        step: float | None = getattr(self, name)
        if step is None:
            return self
        origin = moved_origin(self.origin, axis, first * step)
        return replace(self, **{name: every * step, "origin": origin})  # type: ignore[arg-type]

    def axes(self, ndim: int) -> str:
        """Axes of an array of `ndim` axes with this scale: "YX", "TYX" or "ZYX"."""
        if ndim == 2:
            return "YX"
        return "ZYX" if self.is_depth else "TYX"

    def completed_by(self, other: ImageScale) -> ImageScale:
        """Fill in unknown values from another scale of the same image.

        A pixel size without a unit gets the unit of `other` where the numbers are the same, and so
        does the origin.
        """
        lacks_unit = self.unit == "pixel" and _are_close(self.pixel_size, other.pixel_size)
        lengths = other if self.pixel_size is None or lacks_unit else self
        has_depth = self.z_spacing is not None and (lengths is self or self.unit != "pixel")
        depths = self if has_depth or other.z_spacing is None else other
        times = other if self.interval_s is None else self
        steps = {
            "t": times.steps["t"],
            "z": depths.steps["z"],
            "y": lengths.steps["y"],
            "x": lengths.steps["x"],
        }
        frame_axis = self.frame_axis or other.frame_axis
        own = origins_in(other.unit, self.origin) if lacks_unit else self.origins
        completed = scale_of_steps(steps, frame_axis, own)
        if completed.origin is None:
            completed = scale_of_steps(steps, frame_axis, other.origins)
        return completed


def moved_origin(origin: Origin | None, axis: str, distance: float) -> Origin | None:
    """An origin that is moved along an axis; None where it is unknown and stays where it is."""
    if not distance:
        return origin
    start = origin or Origin()
    return replace(start, **{axis: getattr(start, axis) + distance})


def origins_in(unit: str, origin: Origin | None) -> dict[str, Step]:
    """Positions with their units by axis; empty where the origin is unknown."""
    if origin is None:
        return {}
    lengths: dict[str, Step] = {axis: (getattr(origin, axis), unit) for axis in "zyx"}
    return {"t": (origin.t, "s"), **lengths}


def scale_of_steps(
    steps: Mapping[str, Step],
    frame_axis: FrameAxis | None,
    origins: Mapping[str, Step] | None = None,
) -> ImageScale:
    """Scale of a stack from the steps along the axes that a file or a layer names.

    Lengths are turned into the unit of a pixel's width, and times into seconds. Steps that are no
    positive numbers, or have units that are not known here, are left out.

    Parameters
    ----------
    steps : mapping of str to (number, unit)
        By the lower-case letter of the axis: "t", "z", "y", "x". Others are passed over.
    frame_axis : {"t", "z", "tz"}, optional
        Meaning of the first axis of the stack; the step of another one is ignored.
    origins : mapping of str to (number, unit), optional
        Position of the first pixel along the same axes; 0 along those whose position is unknown.
    """
    found = origins or {}
    steps = {axis: _in_known_unit(*steps.get(axis, _NO_STEP)) for axis in "tzyx"}
    lengths = ("x", "z") if frame_axis in ("z", "tz") else ("x",)
    units = (known_length_unit(steps[axis][1]) for axis in lengths if positive(steps[axis][0]))
    placed = (
        known_length_unit(found[axis][1]) for axis in "xyz" if axis in found and found[axis][0]
    )
    unit = next((unit for unit in (*units, *placed) if unit), "um")
    origin = _origin(found, unit)
    y, x = (_length_in(unit, *steps[axis]) for axis in "yx")
    size = None if y is None or x is None else (y, x)
    if frame_axis == "z":
        return ImageScale(size, unit, None, _length_in(unit, *steps["z"]), "z", origin)
    spacing = _length_in(unit, *steps["z"]) if frame_axis == "tz" else None
    return ImageScale(size, unit, seconds(*steps["t"]), spacing, frame_axis, origin)


def _origin(found: Mapping[str, Step], unit: str) -> Origin | None:
    """Origin with lengths in a unit; None where no position is known or can be converted."""
    known = {axis: _position(unit, axis, *step) for axis, step in found.items() if axis in "tzyx"}
    positions = {axis: value for axis, value in known.items() if value is not None}
    return Origin(**positions) if any(positions.values()) else None


def has_position(step: Step | None) -> bool:
    """Whether a file tells a position along an axis of space, with its unit."""
    if step is None or known_length_unit(_in_known_unit(1.0, step[1])[1]) is None:
        return False
    try:
        return math.isfinite(float(step[0]))  # type: ignore[arg-type]  # anything may be in a file
    except (TypeError, ValueError):
        return False


def _position(unit: str, axis: str, value: object, unit_name: object) -> float | None:
    """A position in seconds or in a unit of length; None where it cannot be known."""
    try:
        number = float(value)  # type: ignore[arg-type]  # anything may be in a file
    except (TypeError, ValueError):
        return None
    if not number or not math.isfinite(number):
        return 0.0 if number == 0 else None
    size, known = _in_known_unit(abs(number), unit_name)
    length = seconds(size, known) if axis == "t" else _length_in(unit, size, known)
    return None if length is None else math.copysign(length, number)


def _in_known_unit(size: object, unit: object) -> Step:
    """A step in a unit that we write, where its unit is one of other programs."""
    factor, known = _OTHER_LENGTHS.get(
        unit.strip().lower() if isinstance(unit, str) else "", (1, unit)
    )
    number = positive(size)
    return (size, unit) if number is None or known is unit else (number * factor, known)


def seconds(duration: object, unit: object) -> float | None:
    """Convert a duration to seconds; None if it is no positive number in a unit of time."""
    number = positive(duration)
    factor = _SECONDS.get(unit.strip().lower()) if isinstance(unit, str) else None
    return None if number is None or factor is None else number * factor


def positive(value: object) -> float | None:
    """Convert a value of a file to a positive, finite number; None if it is anything else."""
    try:
        number = float(value)  # type: ignore[arg-type]  # anything may be in a file
    except (TypeError, ValueError):
        return None
    return number if _is_positive(number) else None


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
    """As `length_unit`; None if a file of another program holds no unit."""
    return _UNITS.get(name.strip().lower()) if isinstance(name, str) else None


def _is_positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def is_time_unit(name: str) -> bool:
    """Whether the name is that of a unit of time."""
    return name.strip().lower() in _SECONDS


def _length_in(wanted: str, size: object, unit_name: object) -> float | None:
    """A length in the unit `wanted`; None where it cannot be known."""
    number, unit = positive(size), known_length_unit(unit_name)
    if number is None or unit == wanted:
        return number
    if unit not in _NANOMETRES or wanted not in _NANOMETRES:
        return None
    return number * _NANOMETRES[unit] / _NANOMETRES[wanted]


def _are_close(one: tuple[float, float] | None, other: tuple[float, float] | None) -> bool:
    return one is not None and other is not None and all(map(math.isclose, one, other))
