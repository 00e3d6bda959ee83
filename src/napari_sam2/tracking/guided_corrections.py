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
from scipy import ndimage
from torch import Tensor

from napari_sam2.model import Decoded, PromptTensors
from napari_sam2.model.prompt_encoder import BOX_START, POSITIVE
from napari_sam2.tracking.whole_cells import MAP_STRIDE

LEAST_LEFT = 0.3  # share of a mask: a cell that is more of it is likely the object itself
EXCLUDED_LOGIT = -10.0


def without_cells(mask_logits: Tensor, cells: Iterable[Tensor]) -> Tensor:
    """Remove cells that a person excluded from a mask.

    Parameters
    ----------
    mask_logits : Tensor
        (1, 1, h, w).
    cells : iterable of Tensor
        (1, h, w) bool, the cell under each click that excludes; without pixels where none is known.

    Returns
    -------
    Tensor
        (1, 1, h, w); a cell that would leave less than `LEAST_LEFT` of the mask stays.
    """
    for cell in cells:
        mask = mask_logits > 0
        left = mask & ~cell[None]
        if left.sum() > LEAST_LEFT * mask.sum():
            mask_logits = mask_logits.masked_fill(cell[None], EXCLUDED_LOGIT)
    return mask_logits


def lie_on_mask(prompts: PromptTensors, count: int) -> list[bool]:
    """Whether each of the last clicks lies on the mask of the prompt.

    Parameters
    ----------
    prompts : PromptTensors
        Of one object, with a mask.
    count : int
        Number of clicks.
    """
    assert prompts.mask_logits is not None, "without a mask there is nothing to correct"
    mask = prompts.mask_logits[0, 0] > 0
    last = prompts.points[0, prompts.points.shape[1] - count :]
    columns, rows = (last // MAP_STRIDE).long().clamp(0, len(mask) - 1).T
    return mask[rows, columns].tolist()


def with_middle(prompts: PromptTensors, side: int) -> PromptTensors:
    """Add a click that includes the place deepest inside the mask of a prompt.

    Parameters
    ----------
    prompts : PromptTensors
        Of one object.
    side : int
        Side of the network's input in pixels.

    Returns
    -------
    PromptTensors
        The click is the first one. The same prompts if they have no mask, or have a box.
    """
    if prompts.mask_logits is None or (prompts.labels == BOX_START).any():
        return prompts
    mask = (prompts.mask_logits[0, 0] > 0).cpu().numpy()
    if not mask.any():
        return prompts
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
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
    return replace(
        with_memories,
        mask_logits=(with_memories.mask_logits + without.mask_logits) / 2,
        predicted_iou=(with_memories.predicted_iou + without.predicted_iou) / 2,
    )
