"""Windows: the square of the image that the network sees ("Microscopy is not video").

A cell of 20 pixels in a field of 1000 loses its detail when the field is resized to the network's
input. The network therefore sees each object through a window that is a few times as large as the
object. Windows lie on a grid, so that neighbouring objects share a window and its features. An
object keeps its window until it comes near the border. The choice of the window depends only on the
masks of that object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.arrays import Pixels
from napari_sam2.model.config import WindowMode

Extent = tuple[float, float, float, float]
"""(y0, x0, y1, x1) edges of a rectangle in pixels."""

SIDES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)
"""Sides of windows as multiples of the network's input."""
FINEST = 0.25  # side of the window of a tiny object, as a multiple of the network's input
TINY = 6 / 64  # such a multiple: smaller objects cover few entries of a mask in other windows
WANTED = 2.4  # preferred side of a window, in sides of its object
TIGHT, WIDE = 1.6, 5.0  # limits within which a window is kept, in sides of its object
BORDER = 1 / 16  # share of the side: nearer objects get another window
STEP_BACK = 1.9  # factor between the windows for an object of unknown size
SMALL = 1 / 4  # share of the side: larger objects need a finer grid
TOKEN = 16  # pixels of the network's input in a token
STAY = 1.25  # how much larger than tiny an object gets before the whole image is enough for it


@dataclass(frozen=True)
class Window:
    """The part of the image that the network sees.

    Attributes
    ----------
    y0, x0 : int
        First row and column, in pixels; negative if the window exceeds the image.
    height, width : int
        Size in pixels.
    gain : int
        How many times brighter than it is the part is shown, see `tracking/dim_cells.py`.
    """

    y0: int
    x0: int
    height: int
    width: int
    gain: int = 1

    @property
    def plain(self) -> Window:
        """The same part of the image as it is."""
        return self if self.gain == 1 else replace(self, gain=1)

    def contains(self, extent: Extent, border: float = 0.0) -> bool:
        """Whether a rectangle lies inside the window, at least `border` pixels from its edges."""
        y0, x0, y1, x1 = extent
        return (
            y0 - self.y0 >= border
            and x0 - self.x0 >= border
            and self.y0 + self.height - y1 >= border
            and self.x0 + self.width - x1 >= border
        )

    def crop(self, image: Pixels) -> NDArray[Any]:
        """Crop the window from a (Y, X, ...) image; outside the image, the border is repeated."""
        rows = np.clip(np.arange(self.y0, self.y0 + self.height), 0, image.shape[0] - 1)
        columns = np.clip(np.arange(self.x0, self.x0 + self.width), 0, image.shape[1] - 1)
        if self._lies_inside(image.shape):
            inside: NDArray[Any] = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            return inside
        repeated: NDArray[Any] = image[rows][:, columns]
        return repeated

    def within(self, shape: Sequence[int]) -> Window:
        """The part of the window that lies in an image of (Y, X, ...) pixels."""
        top, left = max(self.y0, 0), max(self.x0, 0)
        bottom = min(self.y0 + self.height, shape[0])
        right = min(self.x0 + self.width, shape[1])
        return replace(self, y0=top, x0=left, height=bottom - top, width=right - left)

    def _lies_inside(self, shape: tuple[int, ...]) -> bool:
        return (
            self.y0 >= 0
            and self.x0 >= 0
            and self.y0 + self.height <= shape[0]
            and self.x0 + self.width <= shape[1]
        )


class WindowGrid:
    """The possible windows of an image.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the image.
    size : int
        Side of the network's input in pixels.
    mode : str
        `whole`: always the whole image, resized to a square. `auto`: windows that fit the size of
        the object, with small objects enlarged up to twice. `small`: such windows for objects that
        are narrower than a token in the whole image, and the whole image for all others.
    is_fine : callable
        Whether clicks see tiny objects enlarged four times in the mode `auto`; it is asked when
        the first window is chosen, since the pixels of the stack may decide it.

    Raises
    ------
    ValueError
        If the mode is unknown.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        size: int,
        mode: WindowMode,
        is_fine: Callable[[], bool] = lambda: False,
    ) -> None:
        if mode not in get_args(WindowMode):
            raise ValueError(f"windows must be auto, small or whole; got {mode!r}")
        self._shape = shape
        self.whole = Window(0, 0, *shape)
        self._size = size
        self._tiny_only = mode == "small"
        has_windows = mode == "auto" or (self._tiny_only and max(shape) > size)
        sides = (int(size * share) for share in SIDES)
        self._sides = [s for s in sides if has_windows and _is_worth_it(s, shape)]
        self._finest = int(size * FINEST) if self._sides and mode == "auto" else None
        self._is_fine = is_fine

    def choose(
        self, extent: Extent | None, current: Window | None = None, *, is_click: bool = False
    ) -> Window:
        """The window for an object.

        Parameters
        ----------
        extent : tuple of float or None
            Edges of the object, (y0, x0, y1, x1); None if unknown.
        current : Window, optional
            The previous window of the object, which is kept while it fits.
        is_click : bool
            Whether the window is for clicks on a frame without memories: there, tiny objects are
            seen nearer, if they may be.

        Returns
        -------
        Window
            Not brightened.
        """
        current = None if current is None else current.plain
        if extent is None:
            return current or self.whole
        length = max(extent[2] - extent[0], extent[3] - extent[1], 1.0)
        if self._whole_is_enough(length, current):
            return self.whole
        finest = self.finest if is_click and length <= self._size * TINY else None
        if finest is None and current is not None and self._still_fits(current, extent, length):
            return current
        nearest = [] if finest is None else [finest]
        for side in (*nearest, *self._fitting_sides(length)):
            window = self._on_grid(side, extent, length)
            if window.contains(extent):
                return window
        return self.whole

    @property
    def finest(self) -> int | None:
        """Side of the window in which clicks see a tiny object; None if there is none."""
        return self._finest if self._finest is not None and self._is_fine() else None

    def looks(self, extent: Extent | None) -> list[Window]:
        """Windows for an object of unknown size, from the smallest to the largest.

        Parameters
        ----------
        extent : tuple of float or None
            Edges of the clicked points, (y0, x0, y1, x1).

        Returns
        -------
        list of Window
            Each is about twice as large as the one before; the last one is the whole image. Where
            only tiny objects get windows, it is the only one, and `finer_looks` may follow.
        """
        return [self.whole] if self._tiny_only else [*self._smaller_looks(extent), self.whole]

    def finer_looks(self, extent: Extent | None, seen: Extent | None) -> list[Window]:
        """Further windows for an object that is tiny in the whole image, or was not seen there.

        Parameters
        ----------
        extent : tuple of float or None
            Edges of the clicked points.
        seen : tuple of float or None
            Edges of the object in the whole image; None if it was not seen.

        Returns
        -------
        list of Window
            As `looks`, without the whole image; empty unless only tiny objects get windows.
        """
        if not self._tiny_only:
            return []
        length = 0.0 if seen is None else max(seen[2] - seen[0], seen[3] - seen[1])
        return [] if self._whole_is_enough(length, self.whole) else self._smaller_looks(extent)

    def _whole_is_enough(self, length: float, current: Window | None) -> bool:
        """Whether an object is large enough for the whole image, where tiny ones get windows.

        An object with a window keeps it a little longer, so that its view does not flicker.
        """
        if not self._tiny_only:
            return False
        has_window = current is not None and current != self.whole
        known = length / STAY if has_window else length
        return not is_small(known, self._shape, self._size)

    def _smaller_looks(self, extent: Extent | None) -> list[Window]:
        windows: list[Window] = []
        finest = [] if self.finest is None else [self.finest]
        for side in finest + self._sides:
            if extent is None or (windows and side < STEP_BACK * windows[-1].width):
                continue
            window = self._on_grid(side, extent, side)
            if window.contains(extent):
                windows.append(window)
        return windows

    def _still_fits(self, window: Window, extent: Extent, length: float) -> bool:
        side = max(window.height, window.width)
        if window == self.whole and self._tiny_only:
            return False
        if window == self.whole or side not in self._sides:
            return not self._sides or length * WANTED > self._sides[-1]
        is_smallest = side == self._sides[0]
        fits = TIGHT * length <= side and (is_smallest or side <= WIDE * length)
        return fits and window.contains(extent, BORDER * side)

    def _fitting_sides(self, length: float) -> Iterator[int]:
        """The side nearest to the wanted one, followed by all larger sides."""
        if self._sides and length * TIGHT <= self._sides[-1]:
            ratios = np.abs(np.log(np.array(self._sides) / (length * WANTED)))
            best = int(ratios.argmin())
            yield from (side for side in self._sides[best:] if side >= length * TIGHT)

    def _on_grid(self, side: int, extent: Extent, length: float) -> Window:
        """The window of this side whose centre is nearest to the centre of the object."""
        step = side // 2 if length <= SMALL * side else side // 4
        corner = []
        for axis in (0, 1):
            middle = (extent[axis] + extent[axis + 2]) / 2
            room = self._shape[axis] - side
            if room <= 0:
                corner.append(-(-room // 2))
            else:
                place = round((middle - side / 2) / step) * step
                corner.append(min(max(place, 0), room))
        return Window(corner[0], corner[1], side, side)


def shown_length(length: float, shape: tuple[int, int], image_size: int) -> float:
    """Length of an object in the network's input if it sees the whole image, in pixels.

    Parameters
    ----------
    length : float
        Length in pixels of the image.
    shape : tuple of int
        (Y, X) of the image.
    image_size : int
        Side of the network's input in pixels.
    """
    return length * image_size / max(shape)


def is_small(length: float, shape: tuple[int, int], image_size: int) -> bool:
    """Whether an object is narrower than a token of a network that sees the whole image.

    Only for images that are larger than the network's input, which windows show in more detail.
    """
    is_shrunk = max(shape) > image_size
    return is_shrunk and shown_length(length, shape, image_size) < TOKEN


def _is_worth_it(side: int, shape: tuple[int, int]) -> bool:
    """Whether a window of this side is clearly smaller than the whole image."""
    return side * side <= 0.7 * shape[0] * shape[1] and side <= max(shape)


def join_extents(one: Extent | None, other: Extent | None) -> Extent | None:
    """The bounding rectangle of two rectangles, of which one may be None."""
    if one is None or other is None:
        return one or other
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def move_logits(logits: NDArray[np.float32], source: Window, target: Window) -> NDArray[np.float32]:
    """Resample the logits of one window to another window.

    Parameters
    ----------
    logits : ndarray
        (S, S) float32.
    source, target : Window
        The window of the logits, and the window of the result.

    Returns
    -------
    ndarray
        (S, S) float32, interpolated bilinearly; background outside of the source.
    """
    if source.plain == target.plain:
        return logits
    size = len(logits)
    scale = np.array([target.height / source.height, target.width / source.width])
    start = np.array([target.y0 - source.y0, target.x0 - source.x0]) * size
    start = start / np.array([source.height, source.width]) + (scale - 1) / 2
    moved = ndimage.affine_transform(
        logits, scale, start, order=1, mode="constant", cval=float(min(logits.min(), -10.0))
    )
    return np.asarray(moved, np.float32)
