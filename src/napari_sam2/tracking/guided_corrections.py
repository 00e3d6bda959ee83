"""Guided corrections: what clicks on a wrong tracked mask mean beyond their places.

A person who clicks on a tracked mask says that it is wrong, although the memories say that it is
right, and the network believes both. Two things are therefore told to it that the person takes
for granted: a click that excludes another cell excludes the whole of that cell, and the middle of
what is left of the mask belongs to the object.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from napari_sam2.model import Decoded, PromptTensors
from napari_sam2.model.prompt_encoder import BOX_START, NEGATIVE, POSITIVE
from napari_sam2.tracking.mirrored import mean_of_masks
from napari_sam2.tracking.whole_cells import MAP_STRIDE

LEAST_LEFT = 0.3  # share of a mask: a cell that is more of it is likely the object itself
LEAST_DEPTH = 0.5  # of the middle of a cell: a click that is less deep in it is about its outline
EXCLUDED_LOGIT = -10.0


def without_cells(
    mask_logits: Tensor, clicks: Iterable[tuple[int, int]], cells: Iterable[Tensor]
) -> Tensor:
    """Remove cells that a person excluded from a mask.

    Parameters
    ----------
    mask_logits : Tensor
        (1, 1, h, w).
    clicks : iterable of (int, int)
        Row and column of each click that excludes, in the map. Clicks beside the mask mean nothing.
    cells : iterable of Tensor
        (1, h, w) bool, the cell under each click; without pixels where none is known.

    Returns
    -------
    Tensor
        (1, 1, h, w). A cell stays that would leave less than `LEAST_LEFT` of the mask, or that was
        clicked near its rim: such a click is about the outline.
    """
    for (row, column), cell in zip(clicks, cells, strict=True):
        mask = mask_logits > 0
        left = mask & ~cell[None]
        depth = depth_in(cell[0])
        is_meant = depth[row, column] >= LEAST_DEPTH * depth.max()
        if mask[0, 0, row, column] and is_meant and left.sum() > LEAST_LEFT * mask.sum():
            mask_logits = mask_logits.masked_fill(cell[None], EXCLUDED_LOGIT)
    return mask_logits


def depth_in(mask: Tensor) -> NDArray[np.float64]:
    """(h, w) distance of each entry of a (h, w) mask to what is not mask, or beyond the map."""
    depth = ndimage.distance_transform_edt(np.pad(mask.cpu().numpy(), 1))
    inner: NDArray[np.float64] = depth[1:-1, 1:-1]
    return inner


def excluded_entries(prompts: PromptTensors, count: int, size: int) -> list[tuple[int, int]]:
    """Rows and columns in the map of those of the last clicks that exclude.

    Parameters
    ----------
    prompts : PromptTensors
        Of one object.
    count : int
        Number of clicks, of both kinds.
    size : int
        Side of the map.
    """
    new = slice(prompts.points.shape[1] - count, None)
    excluding = prompts.points[0, new][prompts.labels[0, new] == NEGATIVE]
    entries = (excluding // MAP_STRIDE).long().clamp(0, size - 1).tolist()
    return [(row, column) for column, row in entries]


def with_middle(
    prompts: PromptTensors, side: int, excluded: Iterable[tuple[int, int]] = ()
) -> PromptTensors:
    """Add a click that includes the place deepest inside the mask of a prompt.

    Parameters
    ----------
    prompts : PromptTensors
        Of one object.
    side : int
        Side of the network's input in pixels.
    excluded : iterable of (int, int)
        Row and column of each new click that excludes, in the map. One that is deep inside the mask
        says that the object is not there.

    Returns
    -------
    PromptTensors
        The click is the first one. The same prompts if they have no mask, have a box, or say that
        the object is not there.
    """
    if prompts.mask_logits is None or (prompts.labels == BOX_START).any():
        return prompts
    mask = prompts.mask_logits[0, 0] > 0
    if not mask.any():
        return prompts
    depth = depth_in(mask)
    if any(depth[place] >= LEAST_DEPTH * depth.max() for place in excluded):
        return prompts
    row, column = divmod(int(depth.argmax()), mask.shape[1])
    place = (np.array([column, row]) + 0.5) * (side / len(mask)) - 0.5  # between pixel centres
    points, labels = prompts.points, prompts.labels
    point = torch.from_numpy(place).to(points)[None, None]
    label = labels.new_full((1, 1), POSITIVE)
    return replace(
        prompts, points=torch.cat([point, points], 1), labels=torch.cat([label, labels], 1)
    )


def mean_of_both(with_memories: Decoded, without: Decoded) -> Decoded:
    """The mean of the masks of one object that a network sees with its memories and without.

    Parameters
    ----------
    with_memories, without : Decoded
        Two outputs for one object in the same window.

    Returns
    -------
    Decoded
        The first one, with mean logits and predicted IoU, also where the two masks hardly overlap:
        then one of them is the mistake that the person corrects. Unchanged where one is empty.
    """
    if not all((decoded.mask_logits > 0).any() for decoded in (with_memories, without)):
        return with_memories
    return mean_of_masks(with_memories, without)
