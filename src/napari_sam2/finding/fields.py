"""Fields: the maps of the cell head over a part of an image, put together from windows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2.arrays import Pixels
from napari_sam2.finding.progress import Steps
from napari_sam2.model import FrameFeatures, Sam2
from napari_sam2.model.cell_head import OFFSET_SCALE
from napari_sam2.tracking.device import inference
from napari_sam2.tracking.frame_encoder import preprocess_windows
from napari_sam2.tracking.windows import Window

ENCODE_BATCH = 4  # windows in one run of the encoder
STEP = 5 / 8  # from one window to the next, as a share of the side

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Field:
    """Maps of the cell head over a part of an image.

    Attributes
    ----------
    corner : tuple of int
        First row and column of the part, in pixels of the image.
    pixel : int
        Side of an entry of the maps in pixels of the image.
    foreground : ndarray
        (H, W) float32, 0 to 1.
    offsets : ndarray
        (2, H, W) float32, way (dy, dx) to the middle of the cell in entries of the maps.
    windows : list of Window
        The windows that were encoded.
    features : list of FrameFeatures
        Their features.
    """

    corner: tuple[int, int]
    pixel: int
    foreground: FloatArray
    offsets: FloatArray
    windows: list[Window]
    features: list[FrameFeatures]

    def place(self, row: float, column: float) -> tuple[float, float]:
        """(y, x) in pixels of the image of a place in the maps."""
        y0, x0 = self.corner
        middle = (self.pixel - 1) / 2
        return y0 + row * self.pixel + middle, x0 + column * self.pixel + middle


def see_field(model: Sam2, image: Pixels, pixel: int, part: Window, steps: Steps) -> Field:
    """Maps of a part of an image.

    Parameters
    ----------
    model : Sam2
        With a cell head.
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    pixel : int
        Side of an entry of the maps, in pixels: 1 enlarges the image four times, 4 keeps its size.
    part : Window
        The part of the image; windows at its border may reach beyond it.
    steps : Steps
        One step is a window.

    Returns
    -------
    Field
    """
    windows = list(lay_windows(model, pixel, part))
    steps.expect(len(windows))
    size = (-(-part.height // pixel), -(-part.width // pixel))
    total = np.zeros((3, *size), np.float32)
    weight = np.zeros(size, np.float32)
    features: list[FrameFeatures] = []
    for start in range(0, len(windows), ENCODE_BATCH):
        group = windows[start : start + ENCODE_BATCH]
        found, maps = _see_windows(model, image, group)
        features += found
        for window, seen in zip(group, maps, strict=True):
            _add(total, weight, seen, window, part, pixel)
        steps.advance(len(group))
    total /= np.maximum(weight, 1e-6)
    return Field((part.y0, part.x0), pixel, total[0], total[1:], windows, features)


def lay_windows(model: Sam2, pixel: int, part: Window) -> Iterator[Window]:
    """Windows that cover a part, with overlaps; they lie on the grid of the maps."""
    side = model.config.low_res_size * pixel
    rows = _starts(part.height, side, pixel)
    columns = _starts(part.width, side, pixel)
    for y in rows:
        for x in columns:
            yield Window(part.y0 + y, part.x0 + x, side, side)


def _starts(length: int, side: int, pixel: int) -> list[int]:
    """Evenly spaced starts of windows along an axis, multiples of an entry of the maps."""
    entries, wide = -(-length // pixel), side // pixel
    if entries <= wide:
        return [-((wide - entries) // 2) * pixel]
    count = int(np.ceil((entries - wide) / (STEP * wide))) + 1
    places = np.linspace(0, entries - wide, count).round().astype(int)
    return [int(place) * pixel for place in places]


def _see_windows(
    model: Sam2, image: Pixels, windows: list[Window]
) -> tuple[list[FrameFeatures], FloatArray]:
    """Features of windows, and (N, 3, S / 4, S / 4): foreground and offsets in entries."""
    pixels = preprocess_windows(model, image, windows)
    with inference(model):
        features = model.encode_frame(pixels)
        maps = model.see_cells(pixels, features).float()
    foreground = maps[:, :1].sigmoid()
    offsets = maps[:, 2:] * (OFFSET_SCALE / 4)
    return features.unstack(), torch.cat([foreground, offsets], dim=1).cpu().numpy()


def _add(
    total: FloatArray,
    weight: FloatArray,
    seen: FloatArray,
    window: Window,
    part: Window,
    pixel: int,
) -> None:
    """Add the maps of a window; its middle weighs more than its border."""
    side = seen.shape[-1]
    line = np.minimum(np.arange(side) + 1, side - np.arange(side)).astype(np.float32)
    share = np.minimum(np.minimum(line[:, None], line), side / 4) ** 2
    row, column = (window.y0 - part.y0) // pixel, (window.x0 - part.x0) // pixel
    there = (
        slice(max(row, 0), min(row + side, total.shape[1])),
        slice(max(column, 0), min(column + side, total.shape[2])),
    )
    here = (
        slice(there[0].start - row, there[0].stop - row),
        slice(there[1].start - column, there[1].stop - column),
    )
    total[:, *there] += seen[:, *here] * share[here]
    weight[there] += share[here]
