"""Pictures of cells with the outlines that two models find after one click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2.evaluation.simulated_user import SimulatedUser
from napari_sam2.evaluation.vos import region_similarity
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training.examples import JudgedFrame

CELLS = 3
SIDE = 128  # of a picture in pixels
MARGIN = 0.5  # around the cell, as a share of its longer side
OUTLINE = (255, 200, 0)
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PicturedCell:
    """One cell as several models outline it.

    Attributes
    ----------
    pictures : (M, S, S, 3) uint8
        One picture for each of M models.
    ious : tuple of float
        IoU with the true mask, for each model.
    """

    pictures: NDArray[np.uint8]
    ious: tuple[float, ...]


def picture_cells(
    models: Sequence[Sam2], frames: Sequence[JudgedFrame], count: int
) -> list[PicturedCell]:
    """Outline some cells with each of the models.

    Parameters
    ----------
    models : sequence of Sam2
        The models to compare.
    frames : sequence of JudgedFrame
        Frames with true masks.
    count : int
        Largest number of cells.

    Returns
    -------
    list of PicturedCell
        Cells that are spread evenly over all.
    """
    places = [(frame, key) for frame in frames for key in frame.truth.ids_by_frame[0]]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    return [_pictured(models, *places[index]) for index in chosen]


def _pictured(models: Sequence[Sam2], frame: JudgedFrame, object_id: int) -> PicturedCell:
    users = [SimulatedUser(model, frame.image, frame.truth) for model in models]
    truth = users[0].true_mask(0, object_id)
    masks = [user.click_first(0, object_id, truth, 1)[0] for user in users]
    place = _around(truth)
    pictures = np.stack([_picture(frame.image[0], mask, place) for mask in masks])
    return PicturedCell(pictures, tuple(region_similarity(mask, truth) for mask in masks))


def _around(mask: Mask) -> tuple[slice, slice]:
    """A square around a mask, cut at the border of the image."""
    rows, columns = ndimage.find_objects(mask.astype(np.uint8))[0]
    half = (0.5 + MARGIN) * max(rows.stop - rows.start, columns.stop - columns.start)
    centre = (rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2
    y, x = (slice(max(int(c - half), 0), int(np.ceil(c + half))) for c in centre)
    return y, x


def _picture(image: NDArray[np.uint8], mask: Mask, place: tuple[slice, slice]) -> NDArray[np.uint8]:
    seen, inside = image[place], mask[place]
    colour = seen if seen.ndim == 3 else np.repeat(seen[..., None], 3, axis=2)
    steps = SIDE / max(inside.shape)
    large = ndimage.zoom(colour, (steps, steps, 1), order=1, grid_mode=True, mode="nearest")
    area = ndimage.zoom(inside, steps, order=0, grid_mode=True, mode="nearest")
    large[area & ~ndimage.binary_erosion(area, iterations=2)] = OUTLINE
    picture = np.zeros((SIDE, SIDE, 3), np.uint8)
    picture[: large.shape[0], : large.shape[1]] = large[:SIDE, :SIDE]
    return picture
