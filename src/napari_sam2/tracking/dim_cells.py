"""Dim cells: a cell that is dim beside others is shown to the network brighter than it is.

One contrast for a whole movie suits its brightest cells. In fluorescence, other cells are ten times
dimmer, and the network hardly sees them. The window of a dim cell is therefore shown two, four or
eight times brighter; brighter neighbours are then white. Movies in brightfield or phase contrast
have a bright background, against which cells are not dim, and stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.windows import Extent, Window

WANTED_LEVEL = 0.3  # of a cell above the background, as a share of the contrast limits
MOST = 8
STAY = 1.5  # a gain is kept until it is off by this factor, so that a view does not flicker
LEAST_LEVEL = WANTED_LEVEL / MOST
CLICK_RADIUS = 2  # pixels around a click
BOX_PERCENTILE = 75  # of the pixels in a box, since the cell does not fill it


class DimCells:
    """Chooses how bright the network sees the cells of a stack.

    Parameters
    ----------
    encoder : FrameEncoder
        Reads the frames of the stack.
    is_used : bool
        Whether the network is shown dim cells brighter at all.
    """

    def __init__(self, encoder: FrameEncoder, *, is_used: bool) -> None:
        self._encoder = encoder
        self._is_used = is_used
        self._levels: WeakKeyDictionary[MaskRecord, float] = WeakKeyDictionary()

    def view(self, window: Window, t: int, record: MaskRecord) -> Window:
        """A window, brightened as suits the cell of a mask.

        Parameters
        ----------
        window : Window
            The part of the image.
        t : int
            Frame of the mask.
        record : MaskRecord
            The mask; an object that is not visible keeps the gain of its window.

        Returns
        -------
        Window
        """
        if not self._may_brighten():
            return window
        if not record.is_visible:
            return replace(window, gain=record.window.gain)
        level = self._levels.get(record)
        if level is None:
            level = self._levels[record] = self._level_of_mask(t, record)
        return replace(window, gain=self._gain(level, record.window.gain))

    def views_of_place(self, windows: Sequence[Window], t: int, place: Extent) -> list[Window]:
        """Windows, brightened as suits the cell at the clicks or in the box of a prompt.

        Parameters
        ----------
        windows : sequence of Window
            Parts of the image.
        t : int
            Frame.
        place : tuple of float
            Edges of the clicks or of the box.

        Returns
        -------
        list of Window
        """
        if not self._may_brighten():
            return list(windows)
        gain = self._gain(self._level_of_place(t, place))
        return [replace(window, gain=gain) for window in windows]

    def forget(self) -> None:
        """Measure all masks again, since pixels were changed."""
        self._levels.clear()

    def _may_brighten(self) -> bool:
        return self._is_used and self._encoder.frames.is_dark

    def _gain(self, level: float, current: int = 1) -> int:
        """How many times brighter a cell is shown whose level above the background is given."""
        wanted = float(np.clip(WANTED_LEVEL / max(level, LEAST_LEVEL), 1, MOST))
        if current > 1 and 1 / STAY < wanted / current < 2 * STAY:
            return current
        return int(2 ** np.floor(np.log2(wanted)))

    def _level_of_mask(self, t: int, record: MaskRecord) -> float:
        """Mean level of a mask above the background."""
        window, size = record.window, record.size
        cells = np.argwhere(record.crop > 0) + record.corner
        steps = np.array([window.height, window.width]) / size
        places = ((cells + 0.5) * steps).astype(int) + np.array([window.y0, window.x0])
        height, width = self._encoder.frames.shape[1:]
        is_inside = ((places >= 0) & (places < (height, width))).all(axis=1)
        if not is_inside.any():
            return 1.0
        rows, columns = places[is_inside].T
        y0, x0 = int(rows.min()), int(columns.min())
        part = self._part(t, slice(y0, int(rows.max()) + 1), slice(x0, int(columns.max()) + 1))
        return float(part[rows - y0, columns - x0].mean()) - self._encoder.frames.background

    def _level_of_place(self, t: int, place: Extent) -> float:
        """Level of a click or a box above the background."""
        low = np.floor(np.array(place[:2])).astype(int) - CLICK_RADIUS
        high = np.ceil(np.array(place[2:])).astype(int) + CLICK_RADIUS + 1
        (y0, x0), (y1, x1) = low.clip(0), high
        part = self._part(t, slice(int(y0), int(y1)), slice(int(x0), int(x1)))
        if not part.size:
            return 1.0
        is_box = place[:2] != place[2:]
        level = np.percentile(part, BOX_PERCENTILE) if is_box else part.mean()
        return float(level) - self._encoder.frames.background

    def _part(self, t: int, rows: slice, columns: slice) -> NDArray[np.float32]:
        """(h, w) part of a normalised frame."""
        part: NDArray[np.float32] = self._encoder.image(t)[rows, columns]
        return part[..., 0]
