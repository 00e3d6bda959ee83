"""Centres: proposals from one click in the middle of each cell that the network sees.

A part of the network that needs no prompt, the cell U-Net or the cell head, points from each pixel
to the middle of its cell. Each middle is clicked. The mask is the mean of the guess that agrees
best with the pixels that point there, and of these pixels.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.special import expit

from napari_sam2.arrays import Pixels
from napari_sam2.finding.fields import Field, see_field
from napari_sam2.finding.logits import draw_logits, tidied
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.proposals import Proposal, centre_of
from napari_sam2.finding.suppression import suppress_masks
from napari_sam2.model import PromptTensors, Sam2
from napari_sam2.tracking.device import Batches, inference
from napari_sam2.tracking.votes import DARK_SPREAD, SPREAD, Votes, count_votes
from napari_sam2.tracking.windows import Window

CLICK_BATCH = 32  # clicks in one run of the decoder
LEAST_ENTRIES = 3  # of the maps, smaller cells are specks
CELL_WEIGHT = 0.8  # of the pixels that point to a middle, beside the guess of the decoder
STABILITY_OFFSET = 0.5  # of the mean of both, which is between -1.8 and 1.8
SCORE_WEIGHTS = (1.9, 3.0, 12.8)  # of predicted IoU, agreement and certainty
SCORE_BIAS = -12.3
"""Of a logistic regression of "the IoU with the true mask is at least 0.5"."""
SPECK = 0.1  # share of a mask; smaller parts are removed, and smaller holes filled
DUPLICATE = 0.5  # share of a mask that lies in another one, from here on it is the same cell

FloatArray = NDArray[np.float32]
Entry = TypeVar("Entry", bound=np.generic)


@dataclass(frozen=True)
class Click:
    """A click in the middle of a cell.

    Attributes
    ----------
    place : tuple of float
        (y, x) in pixels of the image.
    owner : int
        Number of the cell in the votes, 0 for a place that was given.
    """

    place: tuple[float, float]
    owner: int = 0


def find_in_part(
    model: Sam2,
    image: Pixels,
    pixel: int,
    part: Window,
    steps: Steps,
    seeds: FloatArray | None = None,
    *,
    on_dark: bool = False,
) -> list[Proposal]:
    """Proposals of a part of an image at one scale, the best first.

    Parameters
    ----------
    model : Sam2
        With a cell head.
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    pixel : int
        Side of an entry of the head's maps in pixels of the image.
    part : Window
        The part of the image.
    steps : Steps
        One step is a window, or the clicks in a window.
    seeds : ndarray, optional
        (N, 2) more places (y, x) to click.
    on_dark : bool
        Whether most of the image is dark; nuclei that touch are then kept apart.
    """
    field = see_field(model, image, pixel, part, steps)
    spread = DARK_SPREAD if on_dark else SPREAD
    votes = count_votes(field.foreground, field.offsets, spread)
    shape = (image.shape[0], image.shape[1])
    clicks = place_clicks(field, votes, shape)
    if seeds is not None:
        clicks += [Click((float(y), float(x))) for y, x in seeds]
    found = judge(model, field, votes, clicks, shape, steps)
    return without_duplicates(found)


def without_duplicates(found: list[Proposal]) -> list[Proposal]:
    """The best proposal of each cell, the best first."""
    scores = np.array([proposal.score for proposal in found])
    kept = suppress_masks([proposal.mask for proposal in found], scores, DUPLICATE)
    return [found[index] for index in kept]


def place_clicks(field: Field, votes: Votes, shape: tuple[int, int]) -> list[Click]:
    """One click for each cell of the votes that is no speck; it lies inside the cell."""
    clicks = []
    boxes = ndimage.find_objects(votes.owner)
    for owner, (middle, area) in enumerate(zip(votes.middles, votes.areas, strict=True), start=1):
        if area < LEAST_ENTRIES:
            continue
        row, column = (int(value) for value in middle)
        if votes.owner[row, column] != owner:
            corner = [side.start for side in boxes[owner - 1]]
            places = np.argwhere(votes.owner[boxes[owner - 1]] == owner) + corner
            row, column = places[((places - middle) ** 2).sum(axis=1).argmin()]
        y, x = field.place(row, column)
        clicks.append(Click((min(max(y, 0), shape[0] - 1), min(max(x, 0), shape[1] - 1)), owner))
    return clicks


def judge(
    model: Sam2,
    field: Field,
    votes: Votes,
    clicks: list[Click],
    shape: tuple[int, int],
    steps: Steps,
) -> list[Proposal]:
    """The mask and the score of each click; clicks without a mask are left out."""
    groups: dict[int, list[Click]] = defaultdict(list)
    for click in clicks:
        groups[_most_central(field.windows, click.place)].append(click)
    steps.expect(len(groups))
    found: list[Proposal] = []
    for index, group in groups.items():
        batches = Batches(CLICK_BATCH, model.device, lambda: False)
        found += batches.run(group, partial(_judged, model, field, votes, index, shape))
        steps.advance()
    return [proposal for proposal in found if proposal.mask.any()]


def _most_central(windows: list[Window], place: tuple[float, float]) -> int:
    """Index of the window whose middle is nearest to a place."""
    middles = np.array([(w.y0 + w.height / 2, w.x0 + w.width / 2) for w in windows])
    return int(np.abs(middles - place).max(axis=1).argmin())


def _judged(
    model: Sam2,
    field: Field,
    votes: Votes,
    index: int,
    shape: tuple[int, int],
    clicks: list[Click],
) -> list[Proposal]:
    """Proposals of some clicks in the window of this index."""
    window, features = field.windows[index], field.features[index]
    scale = model.config.image_size / np.array([window.width, window.height])
    places = np.array([click.place[::-1] for click in clicks]) + 0.5
    points = ((places - (window.x0, window.y0)) * scale - 0.5).astype(np.float32)
    device = model.device
    with inference(model):
        found = model.candidates(
            model.without_memory(features),
            features,
            PromptTensors(
                torch.from_numpy(points)[:, None].to(device),
                torch.ones(len(clicks), 1, dtype=torch.long, device=device),
            ),
        )
    masks = found.masks.float().cpu().numpy()
    ious = found.predicted_iou.float().cpu().numpy()
    owner = _seen_in(votes.owner, field, window)
    foreground = _seen_in(field.foreground, field, window)
    proposals = []
    for click, guesses, predicted in zip(clicks, masks, ious, strict=True):
        beside: float | FloatArray = 0.0
        if click.owner:
            cell = owner == click.owner
            agreement = _agreement(guesses > 0, cell)
            best = int((predicted * agreement).argmax())
            certainty = float(foreground[cell].mean()) if cell.any() else 0.0
            score = chance_of_match(float(predicted[best]), float(agreement[best]), certainty)
            beside = np.where(cell, CELL_WEIGHT, -CELL_WEIGHT)
        else:
            scores = np.sqrt(predicted * _filling(guesses > 0, foreground))
            best = int(scores.argmax())
            score = float(scores[best])
        likely = np.asarray(np.tanh(guesses[best] / 2) + beside, np.float32)
        drawn = draw_logits(likely, window, shape, STABILITY_OFFSET)
        mask, centre = drawn.mask, click.place
        if mask.any():
            mask = tidied(mask, SPECK * int(mask.crop.sum()))
            centre = centre_of(mask, click.place)
        proposals.append(Proposal(mask, score, drawn.stability, centre, field.pixel))
    return proposals


def chance_of_match(predicted_iou: float, agreement: float, certainty: float) -> float:
    """Chance that a proposal has an IoU of at least 0.5 with a cell.

    Parameters
    ----------
    predicted_iou : float
        Of the best guess of the decoder, 0 to 1.
    agreement : float
        IoU of that guess with the pixels that point to the middle, 0 to 1.
    certainty : float
        Mean foreground of these pixels, 0.5 to 1.
    """
    weighed = np.dot(SCORE_WEIGHTS, (predicted_iou, agreement, certainty))
    return float(expit(weighed + SCORE_BIAS))


def _seen_in(entries: NDArray[Entry], field: Field, window: Window) -> NDArray[Entry]:
    """The part of a map that a window covers, 0 beyond the map."""
    side = window.height // field.pixel
    row = (window.y0 - field.corner[0]) // field.pixel
    column = (window.x0 - field.corner[1]) // field.pixel
    padded = np.pad(entries, side)
    return padded[row + side : row + 2 * side, column + side : column + 2 * side]


def _agreement(masks: NDArray[np.bool_], cell: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(M,) IoU of masks with the pixels that point to the middle of a cell."""
    shared = (masks & cell).sum(axis=(1, 2))
    union = (masks | cell).sum(axis=(1, 2))
    return np.asarray(shared / np.maximum(union, 1))


def _filling(masks: NDArray[np.bool_], foreground: FloatArray) -> NDArray[np.float64]:
    """(M,) mean foreground inside of masks."""
    inside = (masks * foreground).sum(axis=(1, 2))
    return np.asarray(inside / np.maximum(masks.sum(axis=(1, 2)), 1))
