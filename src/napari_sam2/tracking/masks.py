"""Mask records: masks stored as small crops of logits, and drawn at full size on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Extent, Window, move_logits

Direction = Literal["forward", "backward"]
KEEP_ABOVE = -6.0  # logits; lower values are certain background (probability 0.25 %)
MARGIN = 2
PAINTED_LOGIT = 10.0
SPECK_PIXELS = 200  # paper §E.1 "automatic masklets"
SPECK_SHARE = 0.05  # share of the object, so that small cells keep their shape


class _Computed:
    """Slots of what is computed of a record once; they are no fields, so no file has them.

    A long movie has hundreds of thousands of records, and a dictionary for each is too much.
    """

    __slots__ = ("_area", "_extent")
    _area: float
    _extent: Extent | None


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class MaskRecord(_Computed):
    """Mask of one object on one frame, with the scores of the model.

    Attributes
    ----------
    corner : tuple of int
        Row and column of the crop in the low-resolution map.
    crop : ndarray
        (h, w) float32 or float16 logits; empty for an object that is not visible.
    floor : float
        Logit outside the crop.
    size : int
        Side of the low-resolution map.
    predicted_iou : float
        0..1.
    occlusion_score : float
        Logit that the object is visible.
    pointer : ndarray
        (C,) float32 object pointer; (0,) if the network has not processed the mask yet.
    direction : str or None
        The pass that created the mask; None on prompted frames.
    window : Window
        The part of the image that the map covers.
    painted : PixelMask or None
        The pixels of a mask that the user painted; None for other masks.
    anchor : int or None
        For a tracked mask, the nearest frame with a prompt or a locked mask of the object; None if
        unknown.
    basis : int or None
        For a tracked mask, the digest of the prompts and locks of its object when it was tracked;
        None if unknown. A mask with another digest is out of date.
    precedes : bool
        Whether the mask was tracked to a frame before the first prompt of its object. Such a mask
        takes no pixels from other objects.
    made_by : str
        Name of the model that made the mask; empty for the present model of the document.
    agreement : float or None
        Mean IoU of the three guesses of the network with the mask; None for masks that were not
        tracked, or were tracked by an earlier version of the program.
    cell_overlap : float or None
        IoU of the mask with the cell that the cell U-Net or the cell head sees there; None as
        above, for a network without both, and on frames on which they were not asked.
    backward_iou : float or None
        IoU of the mask with the one that tracking back from the end of its stretch gives; None if
        this was not checked.
    """

    corner: tuple[int, int]
    crop: NDArray[np.floating]
    floor: float
    size: int
    predicted_iou: float
    occlusion_score: float
    pointer: NDArray[np.float32]
    direction: Direction | None
    window: Window
    painted: PixelMask | None = None
    anchor: int | None = None
    basis: int | None = None
    precedes: bool = False
    made_by: str = ""
    agreement: float | None = None
    cell_overlap: float | None = None
    backward_iou: float | None = None

    def __repr__(self) -> str:
        """Size and scores, not the pixels."""
        return (
            f"MaskRecord({self.crop.shape[0]} x {self.crop.shape[1]} logits at {self.corner}, "
            f"predicted_iou={self.predicted_iou:.3g}, occlusion_score={self.occlusion_score:.3g}, "
            f"direction={self.direction!r})"
        )

    @property
    def is_prompted(self) -> bool:
        """Whether the mask was prompted, painted or locked, rather than only tracked."""
        return self.direction is None

    @property
    def is_visible(self) -> bool:
        """Whether the object is visible on the frame."""
        return self.crop.size > 0

    @property
    def area(self) -> float:
        """Area of the mask in pixels of the image, estimated without drawing."""
        if not hasattr(self, "_area"):
            cell = self.window.height * self.window.width / self.size**2
            object.__setattr__(self, "_area", float(np.count_nonzero(self.crop > 0) * cell))
        return self._area

    @property
    def nbytes(self) -> int:
        """Size of the arrays in bytes."""
        painted = 0 if self.painted is None else self.painted.crop.nbytes
        return self.crop.nbytes + self.pointer.nbytes + painted

    def logits(self) -> NDArray[np.float32]:
        """(size, size) float32 low-resolution logits."""
        full = np.full((self.size, self.size), self.floor, np.float32)
        (row, column), (height, width) = self.corner, self.crop.shape
        full[row : row + height, column : column + width] = self.crop
        return full

    def logits_in(self, window: Window) -> NDArray[np.float32]:
        """(size, size) float32 logits, resampled to another window."""
        if window.plain == self.window.plain:
            return self.logits()
        if self.painted is not None and self.is_visible:
            return _painted_logits(self.painted, window, self.size)
        return move_logits(self.logits(), self.window, window)

    def with_logits(self, logits: NDArray[np.float32], *, exact: bool = False) -> MaskRecord:
        """The record with other (size, size) float32 logits, kept as `pack_logits` does."""
        corner, crop, floor = pack_logits(logits, exact=exact)
        return replace(self, corner=corner, crop=crop, floor=floor)

    @property
    def extent(self) -> Extent | None:
        """Edges of the mask in the image, (y0, x0, y1, x1) in pixels; None if it is empty."""
        if not hasattr(self, "_extent"):
            object.__setattr__(self, "_extent", self._find_extent())
        return self._extent

    def _find_extent(self) -> Extent | None:
        inside = np.argwhere(self.crop > 0)
        if not len(inside):
            return None
        window = self.window
        cell = np.array([window.height, window.width]) / self.size
        low = (inside.min(0) + self.corner) * cell + (window.y0, window.x0)
        high = (inside.max(0) + 1 + self.corner) * cell + (window.y0, window.x0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def pack_logits(
    logits: NDArray[np.float32], *, exact: bool
) -> tuple[tuple[int, int], NDArray[np.floating], float]:
    """Crop a map of logits to the part around the mask.

    Parameters
    ----------
    logits : ndarray
        (S, S) float32.
    exact : bool
        Keep the whole map in float32, as for the few prompted frames.

    Returns
    -------
    corner, crop, floor
        See `MaskRecord`.
    """
    if not (logits > 0).any():
        return (0, 0), np.zeros((0, 0), np.float32), float(max(logits.mean(), -1024.0))
    if exact:
        return (0, 0), logits.copy(), 0.0
    rows, columns = (np.flatnonzero((logits > KEEP_ABOVE).any(axis=axis)) for axis in (1, 0))
    y0, x0 = max(rows[0] - MARGIN, 0), max(columns[0] - MARGIN, 0)
    y1, x1 = rows[-1] + 1 + MARGIN, columns[-1] + 1 + MARGIN
    crop = logits[y0:y1, x0:x1]
    outside = logits.size - crop.size
    floor = float((logits.sum(dtype=np.float64) - crop.sum(dtype=np.float64)) / max(outside, 1))
    return (int(y0), int(x0)), crop.astype(np.float16), floor if outside else 0.0


def paint_record(record: MaskRecord, mask: PixelMask | NDArray[np.bool_]) -> MaskRecord:
    """A record with the pixels of a (Y, X) mask that the user painted or accepted."""
    mask = PixelMask.of(mask)
    logits = _painted_logits(mask, record.window, record.size)
    changed = record.with_logits(logits)
    return replace(changed, painted=mask, direction=None, backward_iou=None)


def draw_record(mask: PixelMask | NDArray[np.bool_], window: Window, size: int) -> MaskRecord:
    """The record of an external (Y, X) mask, which the network has not processed yet."""
    mask = PixelMask.of(mask)
    logits = _painted_logits(mask, window, size)
    if mask.any() and not (logits > 0).any():  # the mask is smaller than a cell of the map
        logits.flat[logits.argmax()] = PAINTED_LOGIT
    corner, crop, floor = pack_logits(logits, exact=False)
    return MaskRecord(
        corner=corner,
        crop=crop,
        floor=floor,
        size=size,
        predicted_iou=1.0,
        occlusion_score=PAINTED_LOGIT if mask.any() else -PAINTED_LOGIT,
        pointer=np.zeros(0, np.float32),
        direction=None,
        window=window,
        painted=mask,
    )


def join_records(one: MaskRecord, other: MaskRecord) -> MaskRecord:
    """The union of two masks, in the larger of their windows.

    The predicted IoU is the lower one, the occlusion score the higher one, and the pointer that of
    the larger mask.
    """
    window = max(one.window, other.window, key=lambda w: w.height * w.width)
    logits = np.maximum(one.logits_in(window), other.logits_in(window))
    larger = max(one, other, key=lambda r: (r.pointer.size, int((r.crop > 0).sum())))
    return replace(
        larger.with_logits(logits),
        window=window,
        painted=None,
        predicted_iou=min(one.predicted_iou, other.predicted_iou),
        occlusion_score=max(one.occlusion_score, other.occlusion_score),
        backward_iou=None,
    )


@dataclass(frozen=True, eq=False)
class Region:
    """A mask at the size of the image, cropped to its extent.

    Attributes
    ----------
    window : tuple of slice
        Rows and columns of the image.
    logits : ndarray
        (h, w) float32.
    mask : ndarray
        (h, w) bool, after cleaning.
    """

    window: tuple[slice, slice]
    logits: NDArray[np.float32]
    mask: NDArray[np.bool_]

    @property
    def nbytes(self) -> int:
        """Size of both arrays in bytes."""
        return self.logits.nbytes + self.mask.nbytes


class Renderer:
    """Draws masks at the size of the image.

    Parameters
    ----------
    size : int
        Side of the low-resolution maps.
    shape : tuple of int
        (Y, X) of the image.
    clean : bool
        Whether small holes are filled and specks removed: those below 200 pixels and below 5 % of
        the object.
    """

    def __init__(self, size: int, shape: tuple[int, int], *, clean: bool) -> None:
        self.size = size
        self.shape = shape
        self.clean = clean

    def region(self, record: MaskRecord) -> Region:
        """Draw a mask on the part of the image that it covers."""
        if record.painted is not None:
            return _painted_region(record.painted)
        if not record.is_visible:
            nothing = np.zeros((0, 0), np.float32)
            return Region((slice(0, 0), slice(0, 0)), nothing, nothing.astype(bool))
        inside = np.argwhere(record.crop > 0)
        low = inside.min(0) + record.corner - 1
        high = inside.max(0) + record.corner + 2
        window = record.window
        rows = self._weights(window.y0, window.height, self.shape[0], low[0], high[0])
        columns = self._weights(window.x0, window.width, self.shape[1], low[1], high[1])
        seen = record.logits()[rows.seen, columns.seen]
        logits = np.asarray(rows.weights @ seen @ columns.weights.T, np.float32)
        mask = logits > 0
        mask = _cleaned(mask) if self.clean else mask
        return Region((rows.pixels, columns.pixels), logits, mask)

    def mask(self, record: MaskRecord) -> NDArray[np.bool_]:
        """(Y, X) bool mask."""
        full = np.zeros(self.shape, bool)
        region = self.region(record)
        full[region.window] = region.mask
        return full

    def _weights(self, start: int, length: int, limit: int, low: int, high: int) -> _Weights:
        """Interpolation of the image pixels that depend on the map cells `low` to `high`."""
        # one more cell on each side, since the interpolation uses neighbours
        seen = slice(max(low - 1, 0), min(high + 1, self.size))
        weights = interpolation(self.size, length)[:, seen]
        touched = np.flatnonzero(weights[:, max(low, 0) - seen.start : high - seen.start].any(1))
        if not len(touched):  # the image is so small that no pixel depends on these cells
            return _Weights(slice(0, 0), seen, weights[:0])
        first = max(int(touched[0]), -start)
        last = max(min(int(touched[-1]) + 1, limit - start), first)
        return _Weights(slice(start + first, start + last), seen, weights[first:last])


@dataclass(frozen=True, eq=False)
class _Weights:
    """Pixels along an axis of the image, and their weights on part of a low-resolution map."""

    pixels: slice
    seen: slice
    weights: NDArray[np.float32]


@lru_cache(maxsize=64)
def interpolation(size: int, length: int) -> NDArray[np.float32]:
    """(length, size) weights of bilinear interpolation between pixel centres."""
    place = np.clip((np.arange(length) + 0.5) * size / length - 0.5, 0, size - 1)
    lower = np.floor(place).astype(int)
    share = (place - lower).astype(np.float32)
    weights = np.zeros((length, size), np.float32)
    index = np.arange(length)
    weights[index, lower] = 1 - share
    weights[index, np.minimum(lower + 1, size - 1)] += share
    return weights


def _painted_logits(painted: PixelMask, window: Window, size: int) -> NDArray[np.float32]:
    """(size, size) logits of +-10, from the painted share of each cell."""
    seen = painted.cut(window)
    rows, columns = (_shares(size, length) for length in seen.shape)
    return np.asarray(PAINTED_LOGIT * (2 * (rows @ seen @ columns.T) - 1), np.float32)


@lru_cache(maxsize=64)
def _shares(size: int, length: int) -> NDArray[np.float32]:
    """(size, length) weights of the mean over each of `size` cells along an axis."""
    edges = np.arange(size + 1) * length / size
    pixels = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = overlap.clip(0).astype(np.float32)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _painted_region(mask: PixelMask) -> Region:
    logits = np.where(mask.crop, PAINTED_LOGIT, -PAINTED_LOGIT).astype(np.float32)
    return Region(mask.window, logits, mask.crop)


def _cleaned(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Fill small holes and remove specks."""
    limit = min(SPECK_PIXELS, SPECK_SHARE * mask.sum())
    kept = _without_small(mask, limit)
    holes = _without_small(np.pad(~kept, 1, constant_values=True), limit)[1:-1, 1:-1]
    return ~holes


def _without_small(mask: NDArray[np.bool_], limit: float) -> NDArray[np.bool_]:
    """The connected components of at least `limit` pixels; the largest is always kept."""
    components, count = ndimage.label(mask)
    if count < 2:
        return mask
    areas = np.bincount(components.ravel())
    areas[0] = 0
    keep: NDArray[np.bool_] = (areas >= min(limit, areas.max()))[components]
    return keep


def clip(region: Region, part: tuple[slice, slice]) -> Region:
    """Crop a mask to a part of the image; its window is then relative to the part."""
    inner, there = [], []
    for whole, cut in zip(region.window, part, strict=True):
        start = max(whole.start, cut.start)
        stop = max(min(whole.stop, cut.stop), start)
        inner.append(slice(start - whole.start, stop - whole.start))
        there.append(slice(start - cut.start, stop - cut.start))
    rows, columns = inner
    return Region((there[0], there[1]), region.logits[rows, columns], region.mask[rows, columns])


def part_about(
    pixels: NDArray[np.bool_], windows: Sequence[tuple[slice, slice]]
) -> tuple[slice, slice]:
    """The smallest part of the image that contains the (Y, X) pixels and the windows."""
    sides = []
    for axis in (0, 1):
        found = np.flatnonzero(pixels.any(axis=1 - axis))
        ends = [(window[axis].start, window[axis].stop) for window in windows]
        ends = [(start, stop) for start, stop in ends if start < stop]
        if len(found):
            ends.append((int(found[0]), int(found[-1]) + 1))
        start = min((start for start, _ in ends), default=0)
        sides.append(slice(start, max((stop for _, stop in ends), default=start)))
    return sides[0], sides[1]


def may_reach(record: MaskRecord, part: tuple[slice, slice]) -> bool:
    """Whether a mask may cover a pixel of a part of the image, estimated without drawing."""
    painted = record.painted
    extent = record.extent if painted is None else painted.extent
    if extent is None:
        return False
    y0, x0, y1, x1 = extent
    rows, columns = part  # a drawn mask exceeds its extent by less than one cell of the map
    margin_y = record.window.height / record.size + 1
    margin_x = record.window.width / record.size + 1
    return bool(
        y0 - margin_y < rows.stop
        and y1 + margin_y > rows.start
        and x0 - margin_x < columns.stop
        and x1 + margin_x > columns.start
    )
