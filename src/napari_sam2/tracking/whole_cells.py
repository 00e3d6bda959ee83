"""Whole cells: a mask of a cell is one area without holes, unless a person made it otherwise.

Nuclei and vacuoles that look like the background leave holes in the masks of large cells, and cells
that look like the tracked one get islands of its mask. Holes are filled, except where a person
excluded something. An island is removed where the cell was not on the frame before, or where no
click of a person is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.model import Decoded, PromptTensors
from napari_sam2.model.prompt_encoder import BOX_START, NEGATIVE, POSITIVE

FILLED_LOGIT = 1.0  # a claim that any other object with a surer one takes away
MAP_STRIDE = 4  # pixels of the network's input in a cell of the map of a mask
KEPT_SHARE = 0.3  # of a part was in the mask on the frame before
NEIGHBOURS = np.ones((3, 3), bool)


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


def islands_of(
    mask: NDArray[np.bool_], place: NDArray[np.bool_], least_share: float
) -> NDArray[np.bool_]:
    """The parts of a mask that do not belong to a cell.

    The main part, which is large and at the place of the cell, always stays. A cell that jumped
    has its main part elsewhere.

    Parameters
    ----------
    mask : ndarray
        (H, W) bool.
    place : ndarray
        (H, W) bool, where the cell was, or the clicks on it.
    least_share : float
        Other parts stay if at least this share of them, and a pixel, is at the place.

    Returns
    -------
    ndarray
        (H, W) bool.
    """
    parts, count = ndimage.label(mask, NEIGHBOURS)
    if count < 2:
        return np.zeros_like(mask)
    areas = np.bincount(parts[mask], minlength=count + 1)
    shared = np.bincount(parts[mask & place], minlength=count + 1)
    stays = shared >= np.maximum(least_share * areas, 1)
    stays[(areas + shared).argmax()] = True
    islands: NDArray[np.bool_] = mask & ~stays[parts]
    return islands


def fill_holes(
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
    masks = _masks(decoded)
    found = np.zeros(masks.shape, bool)
    for row in np.flatnonzero(are_whole).tolist():
        holes = holes_of(masks[row])
        stays = np.isin(holes, holes[excluded]) if excluded is not None else False
        found[row] = (holes > 0) & ~stays
    return _with_logit(decoded, found, FILLED_LOGIT)


def remove_islands(
    decoded: Decoded, places: Sequence[NDArray[np.bool_] | None], least_share: float = KEPT_SHARE
) -> Decoded:
    """Remove the parts of the masks of B objects that do not belong to them.

    Parameters
    ----------
    decoded : Decoded
        The output of the network.
    places : sequence of ndarray or None
        For each object, (S / 4, S / 4) bool, where it was, or the clicks on it; None if that is not
        known: its mask then stays as it is.
    least_share : float
        See `islands_of`.

    Returns
    -------
    Decoded
        The same output if there is no island.
    """
    masks = _masks(decoded)
    found = np.zeros(masks.shape, bool)
    for row, (mask, place) in enumerate(zip(masks, places, strict=True)):
        if place is not None:
            found[row] = islands_of(mask, place, least_share)
    return _with_logit(decoded, found, -FILLED_LOGIT)


def included_cells(prompts: PromptTensors, size: int) -> NDArray[np.bool_] | None:
    """The cells of the map on which clicks include; None if there is none, or a box.

    Parameters
    ----------
    prompts : PromptTensors
        Of one object.
    size : int
        Side of the map.

    Returns
    -------
    ndarray or None
        (size, size) bool.
    """
    if (prompts.labels[0] == BOX_START).any() or not (prompts.labels[0] == POSITIVE).any():
        return None
    return _cells_of(prompts, POSITIVE, size)


def excluded_cells(prompts: PromptTensors, size: int) -> NDArray[np.bool_]:
    """The cells of the map on which clicks exclude, (size, size) bool; see `included_cells`."""
    return _cells_of(prompts, NEGATIVE, size)


def _cells_of(prompts: PromptTensors, label: int, size: int) -> NDArray[np.bool_]:
    points, labels = prompts.points[0].cpu().numpy(), prompts.labels[0].cpu().numpy()
    columns, rows = (points[labels == label] // MAP_STRIDE).astype(int).clip(0, size - 1).T
    cells = np.zeros((size, size), bool)
    cells[rows, columns] = True
    return cells


def _masks(decoded: Decoded) -> NDArray[np.bool_]:
    """(B, h, w)."""
    masks: NDArray[np.bool_] = (decoded.mask_logits[:, 0] > 0).cpu().numpy()
    return masks


def _with_logit(decoded: Decoded, places: NDArray[np.bool_], logit: float) -> Decoded:
    """The output with another logit at some (B, h, w) places."""
    if not places.any():
        return decoded
    chosen = torch.from_numpy(places).to(decoded.mask_logits.device)[:, None]
    return replace(decoded, mask_logits=decoded.mask_logits.masked_fill(chosen, logit))
