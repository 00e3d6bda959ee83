"""Frames of a stack, read one at a time with the same contrast (`Microscopy is not video`)."""

from __future__ import annotations

import copy
import os
import time
import zlib
from functools import singledispatch
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.tracking.image_parts import PartsOfImage
from napari_sam2.tracking.volume_planes import planes_of

DARK, BRIGHT = 0.06, 0.6  # limits of a dark and a bright background, shares of the contrast
SAMPLED_FRAMES = 16
SAMPLED_PIXELS = 65536
LOW_PERCENTILE, HIGH_PERCENTILE = 0.1, 99.9
HUGE = 1e300  # keeps the difference of two limits finite in float64
RETRY_WAITS_S = (0.1, 0.2, 0.4)  # before each retry of a drive that does not respond


class DamagedFrame(ValueError):
    """A frame exists but cannot be decoded; another attempt would fail, too."""


class FrameOutOfReach(OSError):
    """The file of a frame cannot be reached at the moment, for example on a network drive.

    Attributes
    ----------
    t : int
        The frame.
    """

    def __init__(self, t: int, reason: str) -> None:
        super().__init__(reason)
        self.t = t


class OpenedMovie(Protocol):
    """An opened movie: its pixels, and whether they are in colour."""

    @property
    def data(self) -> ArrayLike:
        """(T, Y, X) or (T, Y, X, 3 or 4)."""
        ...

    @property
    def rgb(self) -> bool:
        """Whether the last axis is colour."""
        ...


class Frames:
    """A stack of images; frames are read one at a time, on demand.

    Parameters
    ----------
    data : array_like
        (Y, X), (T, Y, X), (T, Y, X, 3 or 4), or (Y, X, 3 or 4) with `rgb`. Integers, floats or
        bool. The fourth channel (alpha) is not used.
    contrast_limits : tuple of float, optional
        Values that are mapped to 0 and 1, the same for all frames. Default: robust percentiles of
        `shown_limits`, or else robust percentiles of some frames of the stack; the full range of
        the type for frames in colour.
    rgb : bool, optional
        Whether the last axis is colour. Default: whether there are four axes.
    shown_limits : tuple of float, optional
        Values that a file says are shown as black and white, for grey images. Those that programs
        write by themselves are not used: the full range of the type, and exactly the smallest and
        the largest value of a frame, or of some frames.

    Attributes
    ----------
    planes : int
        Planes of each volume, where the frames are the planes of volumes over time; 1 for a movie.
    has_given_limits : bool
        Whether `contrast_limits` were given, instead of measured.
    unreadable : dict of int to str
        Frames that could not be decoded so far, with the reason.
    is_rgb : bool
        Whether the pixels are stored in colour.
    channels : int
        Channels of a frame as the network sees it: 3 in colour, 1 in grey.
    changed : set of int
        Frames whose pixels were changed after the network had seen them; who tells the user of
        them empties the set.

    Raises
    ------
    TypeError
        If `data` is not an array, or its type is not numeric.
    ValueError
        If the shape does not fit, an axis is empty or the limits are not ascending.
    """

    def __init__(
        self,
        data: ArrayLike,
        *,
        contrast_limits: tuple[float, float] | None = None,
        rgb: bool | None = None,
        shown_limits: tuple[float, float] | None = None,
    ) -> None:
        if not hasattr(data, "shape") or not hasattr(data, "dtype"):
            raise TypeError(f"expected an array; got {type(data).__name__}")
        if np.dtype(data.dtype).kind not in "biuf":
            raise TypeError(f"pixels must be integers, floats or bool; got {data.dtype}")
        self.is_rgb = len(data.shape) == 4 if rgb is None else rgb
        self.channels = 3 if self.is_rgb else 1
        self.shape = _stack_shape(data.shape, self.is_rgb)
        self._is_single = len(data.shape) == (3 if self.is_rgb else 2)
        self._data = data
        self.planes = planes_of(data)
        self.has_given_limits = contrast_limits is not None
        if contrast_limits is not None:
            contrast_limits = _check_limits(contrast_limits)
        self._limits = contrast_limits
        self._shown = None if shown_limits is None else _check_limits(shown_limits)
        self._median: float | None = None  # of sampled pixels, as they are stored
        self.unreadable: dict[int, str] = {}
        self.changed: set[int] = set()

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def data(self) -> ArrayLike:
        """The stack as it was given."""
        return self._data

    @property
    def contrast_limits(self) -> tuple[float, float]:
        """Values that are mapped to 0 and 1; measured at the first use if none were given."""
        if self._limits is None:
            self._limits = self._grey_limits() if self.channels == 1 else self._full_range()
        return self._limits

    @property
    def background(self) -> float:
        """Level of the background of grey frames, 0..1: the median of some pixels of some frames.

        It is measured at the first use.
        """
        low, high = self.contrast_limits
        return float(np.clip((self._measured_median() - low) / (high - low), 0, 1))

    @property
    def is_dark(self) -> bool:
        """Whether the background of grey frames is dark, as in fluorescence."""
        return self.channels == 1 and self.background <= DARK

    @property
    def has_stain(self) -> bool:
        """Whether cells are stained: grey frames are dark, or bright as brightfield is.

        In phase contrast and other light without a stain, the background is in between.
        """
        return self.channels == 1 and not DARK < self.background < BRIGHT

    def without_colour(self) -> Self:
        """The same stack in grey, the mean of red, green and blue, with the contrast of that.

        Limits that were given stay, and unreadable and changed frames are noted for both.
        """
        if self.channels == 1:
            return self
        grey = copy.copy(self)
        grey.channels = 1
        grey._limits = self._limits if self.has_given_limits else None
        grey._median = None
        return grey

    def grow(self, data: ArrayLike) -> None:
        """Add the new frames of a longer stack, such as a movie that is being acquired.

        The contrast stays that of the frames that there were, so that no frame changes.

        Parameters
        ----------
        data : array_like
            The stack from its first frame on; only new frames differ from the stack so far.

        Raises
        ------
        ValueError
            If frames or pixels are missing, or the type of the pixels is another one.
        """
        shape = _stack_shape(data.shape, self.is_rgb)
        if shape[1:] != self.shape[1:] or np.dtype(data.dtype) != np.dtype(self._data.dtype):
            raise ValueError(
                f"new frames are {shape[1:]} {data.dtype}; the frames so far are "
                f"{self.shape[1:]} {self._data.dtype}"
            )
        if planes_of(data) != self.planes:
            raise ValueError(f"volumes of {self.planes} planes cannot get {planes_of(data)}")
        if shape[0] < len(self) or self._is_single:
            raise ValueError(f"a stack of {len(self)} frames cannot become one of {shape[0]}")
        self._limits = self.contrast_limits  # measured before there are other frames
        if self.channels == 1:
            self._measured_median()
        self._data, self.shape = data, shape

    def read(self, t: int) -> NDArray[np.float32]:
        """Read a normalised frame, the input of the network.

        Parameters
        ----------
        t : int
            Frame, counted from 0.

        Returns
        -------
        ndarray
            (Y, X, 3) float32 in 0..1, which must not be modified; NaN becomes 0.

        Raises
        ------
        ValueError
            If the frame is outside the stack.
        DamagedFrame
            If the frame cannot be decoded.
        FrameOutOfReach
            If the file cannot be reached after several attempts within a second.
        """
        self._check_frame(t)
        scaled = self._scaled(self._raw(t))
        return scaled if self.channels == 3 else np.broadcast_to(scaled, (*scaled.shape[:2], 3))

    def view(self, t: int) -> PartsOfImage:
        """A normalised frame of which parts are computed when they are indexed.

        Beside the frame as it is stored, no copy of it is kept in memory; a memory-mapped frame
        stays on the disk.

        Parameters
        ----------
        t : int
            Frame, counted from 0.

        Returns
        -------
        PartsOfImage
            (Y, X, 3) in colour, else (Y, X, 1), float32 in 0..1.

        Raises
        ------
        ValueError, DamagedFrame, FrameOutOfReach
            As for `read`.
        """
        self._check_frame(t)
        return PartsOfImage(self._raw(t), self._scaled, (*self.shape[1:], self.channels))

    def _check_frame(self, t: int) -> None:
        if not 0 <= t < len(self):
            raise ValueError(f"frame {t} is outside the stack of {len(self)} frames")

    def _scaled(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Normalise pixels, (..., 3) in colour and (..., 1) in grey."""
        low, high = self.contrast_limits
        pixels = self._seen(pixels)
        share: NDArray[Any] = pixels.astype(_precision(pixels.dtype))
        np.subtract(share, low, out=share)  # in place, since a frame may have gigabytes
        np.divide(share, high - low, out=share)
        np.clip(share, 0, 1, out=share)
        if pixels.dtype.kind == "f":
            np.nan_to_num(share, copy=False, nan=0.0)
        scaled = share.astype(np.float32, copy=False)
        return scaled if self.channels == 3 else scaled[..., None]

    def _seen(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Stored pixels without alpha, and without colour if the network does not see it."""
        if not self.is_rgb:
            return pixels
        if self.channels == 3:
            return pixels[..., :3]
        grey: NDArray[Any] = pixels[..., :3].mean(axis=-1, dtype=_precision(pixels.dtype))
        return grey

    def pixels(self, t: int) -> NDArray[Any]:
        """Read a frame as it is stored, (Y, X) or (Y, X, C); see `read` for the errors."""
        self._check_frame(t)
        return self._raw(t)

    def mark(self, t: int) -> int | None:
        """A checksum of the pixels of a frame, at 3 GB/s; None if they cannot be changed in place.

        Only arrays in memory can, such as those of a layer that another plugin writes to.
        """
        whole = getattr(self._data, "whole", self._data)  # a part of an array is read on demand
        if not isinstance(whole, np.ndarray) or not whole.flags.writeable:
            return None
        return zlib.adler32(np.ascontiguousarray(self._decoded(t)).data)

    def clipped(self, t: int) -> tuple[float, float]:
        """Fractions of the finite pixels of a frame below and above the contrast limits."""
        low, high = self.contrast_limits
        pixels = self._seen(self._raw(t))
        pixels = pixels[np.isfinite(pixels)]
        if not pixels.size:
            return 0.0, 0.0
        return float((pixels < low).mean()), float((pixels > high).mean())

    def _raw(self, t: int) -> NDArray[Any]:
        """Read a frame without normalisation."""
        for wait_s in RETRY_WAITS_S:
            try:
                return self._decoded(t)
            except OSError:  # a network drive may be unavailable for a moment
                time.sleep(wait_s)
        try:
            return self._decoded(t)
        except OSError as error:
            raise FrameOutOfReach(t, str(error) or f"frame {t} cannot be reached") from error

    def _decoded(self, t: int) -> NDArray[Any]:
        try:
            pixels = np.asarray(self._data[...] if self._is_single else self._data[t])
        except (OSError, MemoryError):
            raise
        except Exception as error:  # libraries raise different errors for damaged data
            raise self._damaged(t, f"frame {t} cannot be read: {error}") from error
        if pixels.shape[:2] != self.shape[1:]:
            raise self._damaged(
                t, f"frame {t} has the shape {pixels.shape}; expected {self.shape[1:]} in (y, x)"
            )
        return pixels

    def _damaged(self, t: int, reason: str) -> DamagedFrame:
        self.unreadable[t] = reason
        return DamagedFrame(reason)

    def _full_range(self) -> tuple[float, float]:
        dtype = np.dtype(self._data.dtype)
        if dtype.kind in "iu":
            return 0.0, float(np.iinfo(dtype).max)
        return 0.0, 1.0

    def _grey_limits(self) -> tuple[float, float]:
        if self._shown is None or self._are_automatic(self._shown):
            return self._percentiles()
        return self._shown

    def _are_automatic(self, limits: tuple[float, float]) -> bool:
        """Whether limits are those that a program sets without being asked."""
        kind = np.dtype(self._data.dtype)
        if kind.kind in "iu":
            every = np.iinfo(kind)
            if limits == (float(every.min), float(every.max)):
                return True
        ranges = [found for t in self._sampled_frames() if (found := self._range(t)) is not None]
        if not ranges:
            return False
        lows, highs = zip(*ranges, strict=True)
        return any(np.allclose(limits, found) for found in (*ranges, (min(lows), max(highs))))

    def _range(self, t: int) -> tuple[float, float] | None:
        """Smallest and largest finite value of a frame; None if it has none or is damaged."""
        try:
            pixels = self._raw(t)
        except DamagedFrame:
            return None
        pixels = pixels[np.isfinite(pixels)]
        return (float(pixels.min()), float(pixels.max())) if pixels.size else None

    def _sampled_frames(self) -> list[int]:
        """Some frames from the first to the last, evenly spaced."""
        count = min(len(self), SAMPLED_FRAMES)
        chosen: list[int] = np.linspace(0, len(self) - 1, count).round().astype(int).tolist()
        return chosen

    def _measured_median(self) -> float:
        """Median of a sample of pixels, as they are stored; contrast limits measure it as well."""
        if self._median is None:
            values = self._sampled_values()
            self._median = float(np.median(values)) if values.size else 0.0
        return self._median

    def _percentiles(self) -> tuple[float, float]:
        """Robust value range of some frames, from a sample of their pixels."""
        values = self._sampled_values()
        if not values.size:
            raise ValueError("the image has no finite values in the sampled frames")
        low, high = np.percentile(values, [LOW_PERCENTILE, HIGH_PERCENTILE])
        self._median = float(np.median(values))
        if low == high:  # a few pixels differ from a constant background: they are not outliers
            low, high = values.min(), values.max()
        if low == high:  # a constant image is black
            high = low + max(1.0, abs(low) * 1e-6)
        return float(low), float(high)

    def _sampled_values(self) -> NDArray[np.float64]:
        """A sample of the finite pixels of some frames; damaged frames are left out.

        Raises
        ------
        DamagedFrame
            If all of them are damaged.
        """
        samples = [
            pixels for t in self._sampled_frames() if (pixels := self._sample(t)) is not None
        ]
        if not samples:
            self._raw(0)  # raises the error of that frame
        return np.concatenate(samples).clip(-HUGE, HUGE)

    def _sample(self, t: int) -> NDArray[np.float64] | None:
        """A sample of the finite pixels of a frame; None if the frame is damaged."""
        try:
            frame = self._raw(t)
        except DamagedFrame:
            return None
        pixels = frame.reshape(-1, *frame.shape[2:])  # with its colours, if there are any
        some = self._seen(pixels[:: max(1, len(pixels) // SAMPLED_PIXELS)]).astype(np.float64)
        return np.asarray(some[np.isfinite(some)])


Stack: TypeAlias = Frames | ArrayLike | OpenedMovie | str | os.PathLike[str]


@singledispatch
def as_frames(stack: Any) -> Frames:
    """Convert a stack to `Frames`, depending on its type.

    Arrays are supported here. `napari_sam2.io.sources` registers paths and opened movies, so that
    this package does not import file readers.

    Parameters
    ----------
    stack : Frames, array_like, Movie or path
        The images.

    Raises
    ------
    TypeError
        If the type is not supported, or the pixels are not numbers.
    ValueError
        If the shape does not fit.
    """
    if isinstance(stack, str | os.PathLike):
        raise TypeError(
            f"expected an array; got the path {stack}: import Tracker and Annotation from "
            "napari_sam2 to open files"
        )
    return Frames(stack)


@as_frames.register
def _(stack: Frames) -> Frames:
    return stack


def _stack_shape(shape: tuple[int, ...], is_rgb: bool) -> tuple[int, int, int]:
    """(T, Y, X) shape of an array of this shape."""
    axes = tuple(shape)
    if is_rgb:
        if len(axes) not in (3, 4) or axes[-1] not in (3, 4):
            raise ValueError(
                f"colour images must be (T, Y, X, 3 or 4) or (Y, X, 3 or 4); got {axes}"
            )
        axes = axes[:-1]
    if len(axes) == 2:
        axes = (1, *axes)
    if len(axes) != 3:
        raise ValueError(
            f"expected (T, Y, X), (Y, X) or colour; got shape {shape}: "
            "choose one channel or position"
        )
    if 0 in axes:
        raise ValueError(f"the stack is empty: shape {shape}")
    return axes[0], axes[1], axes[2]


def _precision(stored: np.dtype[Any]) -> type[np.floating[Any]]:
    """The type to compute with: a small range far from 0 needs more precision than float32."""
    return np.float32 if stored.itemsize <= 2 else np.float64


def _check_limits(limits: tuple[float, float]) -> tuple[float, float]:
    values = np.asarray(limits, np.float64)
    if values.shape != (2,) or not np.isfinite(values).all() or values[0] >= values[1]:
        raise ValueError(f"contrast limits must be two ascending finite numbers; got {limits}")
    return float(values[0]), float(values[1])
