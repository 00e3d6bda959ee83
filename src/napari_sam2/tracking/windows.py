"""Windows: the square of the image that the network sees ("Microscopy is not video").

A cell of 20 pixels in a field of 1000 is a smear once the field is squashed to the network's input.
So an object is looked at through a window that is a few times as large as itself. Windows lie on a
grid, so that neighbours share one and its features, and an object keeps its window until it comes
near the border; which window an object has depends on its own masks alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WindowMode = Literal["auto", "whole"]
Extent = tuple[float, float, float, float]
"""(y0, x0, y1, x1) edges of a rectangle in pixels."""

SIDES = (0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0)
"""Sides of windows as multiples of the network's input."""
WANTED = 2.4  # sides of an object that its window should span
TIGHT, WIDE = 1.6, 5.0  # a window is kept while it spans between these many sides of its object
BORDER = 1 / 16  # of the side: an object that comes nearer to the border gets another window
STEP_BACK = 1.9  # from one look at something of unknown size to the next
SMALL = 1 / 4  # of the side: objects up to this size fit the coarse grid


@dataclass(frozen=True)
class Window:
    """The part of the image that the network sees.

    Attributes
    ----------
    y0, x0 : int
        First row and column, in pixels; below 0 where the window reaches past the border.
    height, width : int
        Size in pixels.
    """

    y0: int
    x0: int
    height: int
    width: int

    def contains(self, extent: Extent, border: float = 0.0) -> bool:
        """Whether a rectangle lies inside, so many pixels from the border."""
        y0, x0, y1, x1 = extent
        return (
            y0 - self.y0 >= border
            and x0 - self.x0 >= border
            and self.y0 + self.height - y1 >= border
            and self.x0 + self.width - x1 >= border
        )

    def crop(self, image: NDArray[np.generic]) -> NDArray[np.generic]:
        """The window cut out of a (Y, X, ...) image; outside, the border is repeated."""
        rows = np.clip(np.arange(self.y0, self.y0 + self.height), 0, image.shape[0] - 1)
        columns = np.clip(np.arange(self.x0, self.x0 + self.width), 0, image.shape[1] - 1)
        if self._lies_inside(image.shape):
            return image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return image[rows][:, columns]

    def _lies_inside(self, shape: tuple[int, ...]) -> bool:
        return (
            self.y0 >= 0
            and self.x0 >= 0
            and self.y0 + self.height <= shape[0]
            and self.x0 + self.width <= shape[1]
        )


class WindowGrid:
    """The windows that an image of some size may be seen through.

    Parameters
    ----------
    shape : tuple of int
        (Y, X) of the image.
    size : int
        Side of the network's input in pixels.
    mode : str
        `whole`: always the whole image, squashed to the square. `auto`: as large as suits the
        object, small ones enlarged up to twice.

    Raises
    ------
    ValueError
        If the mode is neither.
    """

    def __init__(self, shape: tuple[int, int], size: int, mode: WindowMode) -> None:
        if mode not in ("auto", "whole"):
            raise ValueError(f"windows must be auto or whole; got {mode!r}")
        self._shape = shape
        self.whole = Window(0, 0, *shape)
        sides = (int(size * share) for share in SIDES)
        self._sides = [s for s in sides if mode == "auto" and _is_worth_it(s, shape)]

    def choose(self, extent: Extent | None, current: Window | None = None) -> Window:
        """The window for an object.

        Parameters
        ----------
        extent : tuple of float or None
            Edges of the object, (y0, x0, y1, x1); None where nothing is known of it.
        current : Window, optional
            The window that it had, which it keeps while it fits.

        Returns
        -------
        Window
        """
        if extent is None:
            return current or self.whole
        length = max(extent[2] - extent[0], extent[3] - extent[1], 1.0)
        if current is not None and self._still_fits(current, extent, length):
            return current
        for side in self._fitting_sides(length):
            window = self._on_grid(side, extent, length)
            if window.contains(extent):
                return window
        return self.whole

    def looks(self, extent: Extent | None) -> list[Window]:
        """Windows for something of unknown size at a place, from the nearest to the farthest.

        Parameters
        ----------
        extent : tuple of float or None
            What was clicked.

        Returns
        -------
        list of Window
            Each shows about twice as much as the one before; the last one is the whole image.
        """
        windows: list[Window] = []
        for side in self._sides:
            if extent is None or (windows and side < STEP_BACK * windows[-1].width):
                continue
            window = self._on_grid(side, extent, side)
            if window.contains(extent):
                windows.append(window)
        return [*windows, self.whole]

    def _still_fits(self, window: Window, extent: Extent, length: float) -> bool:
        side = max(window.height, window.width)
        if window == self.whole or side not in self._sides:
            return not self._sides or length * WANTED > self._sides[-1]
        is_smallest = side == self._sides[0]
        fits = TIGHT * length <= side and (is_smallest or side <= WIDE * length)
        return fits and window.contains(extent, BORDER * side)

    def _fitting_sides(self, length: float) -> Iterator[int]:
        """The side nearest to the one that is wanted, then the larger ones."""
        if self._sides and length * TIGHT <= self._sides[-1]:
            ratios = np.abs(np.log(np.array(self._sides) / (length * WANTED)))
            best = int(ratios.argmin())
            yield from (side for side in self._sides[best:] if side >= length * TIGHT)

    def _on_grid(self, side: int, extent: Extent, length: float) -> Window:
        """The window of this side whose middle is nearest to that of the object."""
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


def _is_worth_it(side: int, shape: tuple[int, int]) -> bool:
    """Whether a window of this side shows clearly more than the whole image."""
    return side * side <= 0.7 * shape[0] * shape[1] and side <= max(shape)


def join_extents(one: Extent | None, other: Extent | None) -> Extent | None:
    """The rectangle about two, of which either may be missing."""
    if one is None or other is None:
        return one or other
    return (
        min(one[0], other[0]),
        min(one[1], other[1]),
        max(one[2], other[2]),
        max(one[3], other[3]),
    )


def move_logits(logits: NDArray[np.float32], source: Window, target: Window) -> NDArray[np.float32]:
    """Logits of one window as another window would show them.

    Parameters
    ----------
    logits : ndarray
        (S, S) float32.
    source, target : Window
        Where they are from, and where they are wanted.

    Returns
    -------
    ndarray
        (S, S) float32, bilinear; outside of the source it is background.
    """
    if source == target:
        return logits
    size = len(logits)
    scale = np.array([target.height / source.height, target.width / source.width])
    start = np.array([target.y0 - source.y0, target.x0 - source.x0]) * size
    start = start / np.array([source.height, source.width]) + (scale - 1) / 2
    moved = ndimage.affine_transform(
        logits, scale, start, order=1, mode="constant", cval=float(min(logits.min(), -10.0))
    )
    return np.asarray(moved, np.float32)
