"""Seen cells: a mask is drawn towards the cell that the cell U-Net sees under it.

The U-Net finds cells without memories, so that its outlines do not drift with the frames. Whether
it draws cells of this kind as the person does is measured on the prompted frame: only where its
cell there is nearly the prompted mask, the masks that are tracked from this frame follow it. How
well a mask fits its cell is a sign of errors in any case. The U-Net looks at a square about each
mask, which takes a quarter of the time of a whole window.

The mask of a single click is drawn towards the cell under the click.

A mask is raised in its cell, and lowered as much where the U-Net sees other cells. It is lowered
less on what the U-Net takes for background, since the U-Net sees only the bright middle of cells of
some kinds, to which a mask would shrink in the course of many frames.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.model import Decoded, FrameFeatures, Sam2
from napari_sam2.model.mask_decoder import mask_overlap
from napari_sam2.tracking.device import inference
from napari_sam2.tracking.dim_cells import DimCells
from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.signs import LOOK_EVERY, cell_at, cell_of_mask, entry_of
from napari_sam2.tracking.windows import Window

TRUSTED_IOU = 0.75  # of the cell and the mask on the prompted frame, from here on they are alike
SAME_IOU = 0.5  # of the cell and a mask, from here on they are the same cell
PULL = 2.2  # logits by which a mask is raised in its cell, and lowered in other cells
BACKGROUND_PUSH = 1.1  # logits by which a mask is lowered on background
MARGIN = 24  # pixels of the network's input about a mask
LEAST_SIDE = 96  # of a square, in the same pixels
SIDE_STEP, CORNER_STEP, MAP_STRIDE = 32, 16, 4  # strides of the U-Net, the encoder and the maps


@dataclass(frozen=True)
class Square:
    """A square part of what the network is shown of a window, in pixels of its input.

    Attributes
    ----------
    window : Window
        The window.
    y, x : int
        Corner, multiples of 16.
    side : int
        A multiple of 32.
    """

    window: Window
    y: int
    x: int
    side: int

    @classmethod
    def about(cls, mask: NDArray[np.bool_], window: Window) -> Square:
        """The square about a mask, given as (S / 4, S / 4) bool of which some are true."""
        whole = mask.shape[0] * MAP_STRIDE
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        low = np.array([rows[0], columns[0]]) * MAP_STRIDE - MARGIN
        high = np.array([rows[-1] + 1, columns[-1] + 1]) * MAP_STRIDE + MARGIN
        side = int(-(-(high - low).max() // SIDE_STEP) * SIDE_STEP)
        side = min(max(side, LEAST_SIDE), whole)
        steps = np.round((low + high - side) / (2 * CORNER_STEP)).astype(int)
        y, x = (steps * CORNER_STEP).clip(0, whole - side).tolist()
        return cls(window, y, x, side)

    def of(self, maps: Tensor, stride: int = 1) -> Tensor:
        """The part of (..., S / stride, S / stride) maps of the window."""
        y, x, side = (value // stride for value in (self.y, self.x, self.side))
        return maps[..., y : y + side, x : x + side]

    def of_features(self, features: FrameFeatures) -> FrameFeatures:
        """The part of the features of the window."""
        return FrameFeatures(
            self.of(features.stride16, 16),
            self.of(features.stride8, 8),
            self.of(features.stride4, 4),
        )


def shared(squares: Sequence[Square], whole: int) -> list[Square]:
    """The same squares, or all of a window where its squares have together more pixels.

    Parameters
    ----------
    squares : sequence of Square
        Squares of some windows.
    whole : int
        Side of the network's input.
    """
    areas: dict[Window, int] = defaultdict(int)
    for square in dict.fromkeys(squares):
        areas[square.window] += square.side**2
    return [
        Square(square.window, 0, 0, whole) if areas[square.window] > whole**2 else square
        for square in squares
    ]


class SeenCells:
    """Draws tracked and clicked masks towards the cells that the cell U-Net sees.

    Parameters
    ----------
    model : Sam2
        The network. Without a U-Net, or if its configuration says so, masks stay as they are.
    encoder : FrameEncoder
        Features of the stack.
    dim_cells : DimCells
        How bright the network sees the cells.
    """

    def __init__(self, model: Sam2, encoder: FrameEncoder, dim_cells: DimCells) -> None:
        self._model = model
        self._encoder = encoder
        self._dim_cells = dim_cells
        self._trust: WeakKeyDictionary[MaskRecord, bool] = WeakKeyDictionary()

    def forget(self) -> None:
        """Look at all prompted frames again, since pixels were changed."""
        self._trust.clear()

    def follow(
        self,
        t: int,
        windows: Sequence[Window],
        decoded: Decoded,
        prompted: Sequence[tuple[int, MaskRecord]],
    ) -> tuple[Decoded, list[float | None]]:
        """Tracked masks, drawn towards their cells.

        Parameters
        ----------
        t : int
            Frame.
        windows : sequence of Window
            The windows of B masks.
        decoded : Decoded
            The masks, as the network tracked them.
        prompted : sequence of (int, MaskRecord)
            Frame and mask of the prompt from which each of them is tracked.

        Returns
        -------
        Decoded
            With other logits where the U-Net is trusted and sees the same cell.
        list of float or None
            B values from 0 to 1: the IoU of each mask with its cell before it was drawn there, a
            sign of errors; None where the U-Net was not asked. Where it is not trusted, it is asked
            on every second frame only.
        """
        overlaps: list[float | None] = [None] * len(windows)
        if self._model.cell_unet is None:
            return decoded, overlaps
        masks = (decoded.mask_logits[:, 0] > 0).cpu().numpy()
        visible = [row for row in range(len(windows)) if masks[row].any()]
        followed: list[int] = []
        if self._model.config.follow_seen_cells:
            self._measure_trust([prompted[row] for row in visible])
            followed = [row for row in visible if self._trust[prompted[row][1]]]
        chosen = visible if t % LOOK_EVERY == 0 else followed
        if not chosen:
            return decoded, overlaps
        logits = decoded.mask_logits.clone()
        squares = shared(
            [Square.about(masks[row], windows[row]) for row in chosen],
            self._model.config.image_size,
        )
        with inference(self._model):
            maps = self._maps(t, squares)
            for row, square in zip(chosen, squares, strict=True):
                part = square.of(logits[row : row + 1], MAP_STRIDE)
                cell = cell_of_mask(part, maps[square])
                overlap = float(mask_overlap(cell, part))
                if row in followed and overlap >= SAME_IOU:
                    part += _pull(cell, maps[square])
                overlaps[row] = overlap
        return replace(decoded, mask_logits=logits), overlaps

    def draw_click(self, t: int, record: MaskRecord, place: tuple[float, float]) -> MaskRecord:
        """The mask of a single click, drawn towards the cell under the click.

        Parameters
        ----------
        t : int
            Frame.
        record : MaskRecord
            The mask.
        place : tuple of float
            The click (y, x) in pixels of the image.

        Returns
        -------
        MaskRecord
            The same mask where the U-Net sees another cell or none, or is not followed.
        """
        is_followed = self._model.cell_unet is not None and self._model.config.follow_seen_cells
        if not is_followed or not record.is_visible:
            return record
        given = record.logits()
        square = Square.about(given > 0, record.window)
        logits = torch.from_numpy(given)[None, None].to(self._model.device)
        row, column = entry_of(place, record.window, record.size)
        part = square.of(logits, MAP_STRIDE)
        entry = (row - square.y // MAP_STRIDE, column - square.x // MAP_STRIDE)
        if not all(0 <= step < size for step, size in zip(entry, part.shape[2:], strict=True)):
            return record  # the click lies far outside its mask
        with inference(self._model):
            maps = self._maps(t, [square])[square]
            cell = cell_at(maps[0], entry)[None]
        if float(mask_overlap(part, cell)) < SAME_IOU:
            return record
        part += _pull(cell, maps)
        return record.with_logits(logits[0, 0].cpu().numpy(), exact=True)

    def _measure_trust(self, prompted: Iterable[tuple[int, MaskRecord]]) -> None:
        """Note of prompted masks whether the U-Net draws their cells alike, once for each.

        All masks of a frame are looked at together, so that it is read once.
        """
        by_frame: dict[int, list[MaskRecord]] = defaultdict(list)
        for t, record in prompted:
            if record not in self._trust:
                by_frame[t].append(record)
        for t, records in by_frame.items():
            given: list[tuple[MaskRecord, Square, Tensor]] = []
            for record in records:
                window = self._dim_cells.view(record.window, t, record)
                logits = np.ascontiguousarray(record.logits_in(window), np.float32)
                self._trust[record] = False
                if (logits > 0).any():
                    shown = torch.from_numpy(logits)[None, None].to(self._model.device)
                    given.append((record, Square.about(logits > 0, window), shown))
            if not given:
                continue
            with inference(self._model):
                maps = self._maps(t, [square for _, square, _ in given])
                for record, square, shown in given:
                    part = square.of(shown, MAP_STRIDE)
                    overlap = float(mask_overlap(cell_of_mask(part, maps[square]), part))
                    self._trust[record] = overlap >= TRUSTED_IOU

    def _maps(self, t: int, squares: Sequence[Square]) -> dict[Square, Tensor]:
        """(1, 4, side / 4, side / 4) maps of each square of a frame."""
        unet = self._model.cell_unet
        assert unet is not None
        by_side: dict[int, list[Square]] = defaultdict(list)
        for square in dict.fromkeys(squares):
            by_side[square.side].append(square)
        windows = list(dict.fromkeys(square.window for square in squares))
        pixels = dict(zip(windows, torch.split(self._encoder.inputs(t, windows), 1), strict=True))
        found: dict[Square, Tensor] = {}
        for group in by_side.values():
            shown = torch.cat([square.of(pixels[square.window]) for square in group])
            features = FrameFeatures.stack(
                [square.of_features(self._encoder.load(t, [square.window])) for square in group]
            )
            found.update(zip(group, torch.split(unet(shown, features).float(), 1), strict=True))
        return found


def _pull(cell: Tensor, maps: Tensor) -> Tensor:
    """(1, 1, h, w) logits that draw a mask towards a cell of (1, 4, h, w) maps."""
    in_other_cell = maps[:, :1] > 0
    beside = torch.where(in_other_cell, PULL, BACKGROUND_PUSH)
    return torch.where(cell, PULL, -beside)
