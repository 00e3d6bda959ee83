"""Holes: a cell has none, so those of its mask are filled, unless a person made one.

Nuclei and vacuoles that look like the background leave holes in the masks of large cells. A hole
stays if a person excluded it, with a click or in a painted mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.model import Decoded, PromptTensors
from napari_sam2.model.prompt_encoder import NEGATIVE

FILLED_LOGIT = 1.0  # a claim that any other object with a surer one takes away
MAP_STRIDE = 4  # pixels of the network's input in a cell of the map of a mask


def holes_of(mask: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Number the areas of background that a mask encloses.

    Parameters
    ----------
    mask : ndarray
        (H, W) bool.

    Returns
    -------
    ndarray
        (H, W) int32, 0 outside of holes.
    """
    background, _ = ndimage.label(np.pad(~mask, 1, constant_values=True))
    inner = np.asarray(background[1:-1, 1:-1], np.int32)
    return np.where(inner > 1, inner, 0)  # 1 is the background around everything


def has_holes(mask: NDArray[np.bool_]) -> bool:
    """Whether a (H, W) mask encloses background."""
    return bool(holes_of(mask).any())


def filled(
    decoded: Decoded, are_whole: Sequence[bool], excluded: NDArray[np.bool_] | None = None
) -> Decoded:
    """Fill the holes of the masks of B objects.

    Parameters
    ----------
    decoded : Decoded
        The output of the network.
    are_whole : sequence of bool
        Whether each object is without holes; the others stay as they are.
    excluded : ndarray, optional
        (S / 4, S / 4) bool, cells of the map that a person excluded: their holes stay.

    Returns
    -------
    Decoded
        The same output if there is no hole.
    """
    masks = (decoded.mask_logits[:, 0] > 0).cpu().numpy()
    found = np.zeros(masks.shape, bool)
    for row in np.flatnonzero(are_whole).tolist():
        holes = holes_of(masks[row])
        stays = np.isin(holes, holes[excluded]) if excluded is not None else False
        found[row] = (holes > 0) & ~stays
    if not found.any():
        return decoded
    pixels = torch.from_numpy(found).to(decoded.mask_logits.device)[:, None]
    return replace(decoded, mask_logits=decoded.mask_logits.masked_fill(pixels, FILLED_LOGIT))


def excluded_cells(prompts: PromptTensors, size: int) -> NDArray[np.bool_]:
    """The cells of the map on which clicks exclude.

    Parameters
    ----------
    prompts : PromptTensors
        Of one object.
    size : int
        Side of the map.

    Returns
    -------
    ndarray
        (size, size) bool.
    """
    points, labels = prompts.points[0].cpu().numpy(), prompts.labels[0].cpu().numpy()
    columns, rows = (points[labels == NEGATIVE] // MAP_STRIDE).astype(int).clip(0, size - 1).T
    cells = np.zeros((size, size), bool)
    cells[rows, columns] = True
    return cells
