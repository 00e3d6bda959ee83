"""The opinion of the cell head: which pixels belong to the cell of a click, or of a mask.

The cell of a click helps to choose among the guesses of the network. The overlap of a tracked mask
with its cell is a sign of an error; where the network has a cell U-Net, that one tells it
(`SeenCells`). It is taken while the maps of the network are at hand, because later the frame would
have to be encoded again; `annotation/error_probability.py` turns it into a probability.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from napari_sam2.model import FrameFeatures, Sam2
from napari_sam2.model.cell_head import OFFSET_SCALE
from napari_sam2.tracking.votes import count_votes
from napari_sam2.tracking.windows import Window

REACH = 0.7  # of the radius of a mask: pixels that point so near to its middle belong to the cell
LOOK_EVERY = 2  # frames: errors last, and a look at all masks costs a tenth of tracking
BACKGROUND_WEIGHT = 1e-6  # of pixels that the cell head takes for background


class CellOpinion:
    """Asks the cell head which pixels belong to the cell of a mask.

    The head finds cells without knowing the mask. Its maps are kept for the windows of
    one frame, since neighbouring cells share a window.

    Parameters
    ----------
    model : Sam2
        With or without a cell head.
    """

    def __init__(self, model: Sam2) -> None:
        self._model = model
        self._t = -1
        self._maps: dict[Window, Tensor] = {}

    def overlap(
        self, t: int, windows: Sequence[Window], features: FrameFeatures, mask_logits: Tensor
    ) -> list[float | None]:
        """IoU of each mask with the cell that the head sees there.

        Parameters
        ----------
        t : int
            Frame.
        windows : sequence of Window
            The windows of B masks.
        features : FrameFeatures
            Of the frame: one for all masks, or one for each.
        mask_logits : Tensor
            (B, 1, S / 4, S / 4).

        Returns
        -------
        list of float or None
            B values from 0 to 1; None without a head, and on frames on which it is not asked.
        """
        if self._model.cell_head is None or t % LOOK_EVERY:
            return [None] * len(windows)
        self._look(t, windows, features)
        maps = torch.stack([self._maps[window] for window in windows])
        return list(cell_overlap(mask_logits, maps).tolist())

    def cells_at(
        self,
        t: int,
        windows: Sequence[Window],
        features: FrameFeatures,
        place: tuple[float, float],
    ) -> Tensor | None:
        """The cell that the head sees at a place, in some windows.

        Parameters
        ----------
        t : int
            Frame.
        windows : sequence of Window
            B windows that hold the place.
        features : FrameFeatures
            Of these windows.
        place : tuple of float
            (y, x) in pixels of the image.

        Returns
        -------
        Tensor or None
            (B, 1, S / 4, S / 4) bool, without pixels where it sees no cell; None without a head.
        """
        if self._model.cell_head is None:
            return None
        self._look(t, windows, features)
        pairs = [(self._maps[window], window) for window in windows]
        return torch.stack(
            [cell_at(maps, entry_of(place, window, maps.shape[-1])) for maps, window in pairs]
        )

    def _look(self, t: int, windows: Sequence[Window], features: FrameFeatures) -> None:
        """Compute the maps of windows that have none yet."""
        head = self._model.cell_head
        assert head is not None
        if t != self._t:
            self._t, self._maps = t, {}
        missing = {w: row for row, w in enumerate(windows) if w not in self._maps}
        if not missing:
            return
        rows = list(missing.values()) if len(features.stride16) > 1 else [0]
        self._maps.update(zip(missing, head(features.select(rows)).float(), strict=True))


def entry_of(place: tuple[float, float], window: Window, size: int) -> tuple[int, int]:
    """Row and column of a place (y, x) of the image, in (size, size) maps of a window."""
    share = (np.array(place) - (window.y0, window.x0) + 0.5) / (window.height, window.width)
    row, column = (share * size).astype(int).clip(0, size - 1).tolist()
    return row, column


def cell_at(maps: Tensor, entry: tuple[int, int]) -> Tensor:
    """The cell at an entry of maps, as the votes of its pixels tell.

    Parameters
    ----------
    maps : Tensor
        (4, h, w) maps of the cell head or of the cell U-Net.
    entry : tuple of int
        Row and column.

    Returns
    -------
    Tensor
        (1, h, w) bool, without pixels where no cell is seen.
    """
    foreground = maps[0].sigmoid().cpu().numpy()
    offsets = (maps[2:] * (OFFSET_SCALE / 4)).cpu().numpy()
    owner = count_votes(foreground, offsets).owner
    cell = (owner == owner[entry]) & (owner > 0)
    return torch.from_numpy(cell)[None].to(maps.device)


def cell_of_mask(mask_logits: Tensor, maps: Tensor) -> Tensor:
    """The cells where masks are, as a part of the network sees them that knows no masks.

    The cell of a mask consists of all foreground pixels that point near the place to which the
    pixels of the mask point on average.

    Parameters
    ----------
    mask_logits : Tensor
        (B, 1, h, w).
    maps : Tensor
        (B, 4, h, w) maps of the cell head or of the cell U-Net.

    Returns
    -------
    Tensor
        (B, 1, h, w) bool.
    """
    mask = (mask_logits > 0).float()
    rows = torch.arange(mask.shape[-2], device=mask.device, dtype=torch.float32)
    columns = torch.arange(mask.shape[-1], device=mask.device, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))
    aims = place + maps[:, 2:] * (OFFSET_SCALE / 4)  # (B, 2, h, w)
    weight = mask * (maps[:, :1].sigmoid() + BACKGROUND_WEIGHT)
    total = weight.sum((2, 3), keepdim=True).clamp(min=1e-9)
    aim = (aims * weight).sum((2, 3), keepdim=True) / total
    reach = REACH * (mask.sum((2, 3), keepdim=True).clamp(min=1) / torch.pi).sqrt()
    is_near = (aims - aim).norm(dim=1, keepdim=True) < reach
    cell: Tensor = is_near & (maps[:, :1] > 0)
    return cell


def cell_overlap(mask_logits: Tensor, maps: Tensor) -> Tensor:
    """IoU of masks with the cells that the head sees where the masks are, see `cell_of_mask`.

    Returns
    -------
    Tensor
        (B,) from 0 to 1; 0 for an empty mask.
    """
    mask, cell = mask_logits > 0, cell_of_mask(mask_logits, maps)
    union = (cell | mask).sum((1, 2, 3)).clamp(min=1)
    overlap: Tensor = (cell & mask).sum((1, 2, 3)) / union
    return overlap
