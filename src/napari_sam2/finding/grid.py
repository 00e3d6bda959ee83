"""Grid: proposals from clicks on a grid of points, for any SAM 2 network.

The image and overlapping crops of it are covered with points. Each point is a click with three
guesses; unsure and unstable masks, masks cut off by a crop and duplicates are left out. SAM paper
(Kirillov et al. 2023), §B; SAM 2 paper, §E.1. The settings have the names of the mask generation of
the package `transformers` where it has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch
from imagecodecs import zstd_decode, zstd_encode
from numpy.typing import NDArray

from napari_sam2.arrays import Pixels
from napari_sam2.finding.logits import Drawn, draw_logits, tidied, tidied_logits
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.proposals import Proposal, centre_of
from napari_sam2.finding.suppression import suppress_boxes
from napari_sam2.model import FrameFeatures, PromptTensors, Sam2, Sam2Config
from napari_sam2.tracking.device import Batches, inference
from napari_sam2.tracking.frame_encoder import encode_windows
from napari_sam2.tracking.image_parts import shrunk
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window, is_small

EDGE = 20  # pixels: masks nearer to the edge of a crop were cut off by it
REGION_SIDE = 1024  # side of the crop for which `min_mask_region_area` is given
LARGE = 2**22  # pixels of a crop or mask that is not handled as a whole
FINEST = 3  # layers of crops at most: 8 x 8 of them, 16 000 clicks


@dataclass(frozen=True)
class GridSettings:
    """Settings of the grid.

    Attributes
    ----------
    points_per_side : tuple of int
        Points along each side: of the image, of 2 x 2 crops, of 4 x 4 crops and so on. As many
        layers of crops are made as there are numbers after the first.
    points_per_batch : int
        Clicks that are decoded at once.
    pred_iou_thresh : float
        Masks must have a higher predicted IoU.
    stability_score_thresh, stability_score_offset : float
        The stability must be higher than this, with thresholds so far from 0.
    crop_overlap_ratio : float
        Overlap of the 2 x 2 crops as a share of the shorter side of the image; finer crops overlap
        by the same share of their size.
    crops_nms_thresh : float
        Of two masks whose boxes have a higher IoU, only the better is kept.
    min_mask_region_area : float
        Holes that are smaller are filled, and specks removed; in pixels of a crop of 1024 x 1024.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    points_per_side: tuple[int, ...] = (32, 16, 4)
    points_per_batch: int = 64
    pred_iou_thresh: float = 0.88
    stability_score_thresh: float = 0.95
    stability_score_offset: float = 1.0
    crop_overlap_ratio: float = 512 / 1500
    crops_nms_thresh: float = 0.7
    min_mask_region_area: float = 200.0

    def __post_init__(self) -> None:
        if not self.points_per_side or min(self.points_per_side) < 1:
            raise ValueError(
                f"points_per_side must be at least one positive number; got {self.points_per_side}"
            )
        if self.points_per_batch < 1:
            raise ValueError(f"points_per_batch must be at least 1; got {self.points_per_batch}")
        if not 0 <= self.crop_overlap_ratio < 1:
            raise ValueError(f"crop_overlap_ratio must be from 0 to 1; {self.crop_overlap_ratio}")


def find_by_grid(
    model: Sam2, image: Pixels, settings: GridSettings, steps: Steps
) -> list[Proposal]:
    """Proposals from clicks on a grid, the best first.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    settings : GridSettings
        Settings of the grid.
    steps : Steps
        One step is a batch of clicks.

    Returns
    -------
    list of Proposal
    """
    shape = (image.shape[0], image.shape[1])
    crops = list(crop_windows(shape, settings))
    batches = [-(-(side * side) // settings.points_per_batch) for _, side in crops]
    steps.expect(sum(batches))
    found: list[_Kept] = []
    for window, side in crops:
        features = _encoded(model, image, window)
        places = point_grid(side)
        for start in range(0, len(places), settings.points_per_batch):
            part = places[start : start + settings.points_per_batch]
            judged = _judged(model, features, part, window, shape, settings)
            found += [_Kept.of(proposal) for proposal in judged]
            steps.advance()
    boxes = np.array([kept.box for kept in found]).reshape(-1, 4)
    scores = np.array([kept.proposal.score for kept in found])
    best = suppress_boxes(boxes, scores, settings.crops_nms_thresh)
    return [found[index].whole() for index in best]


@dataclass(frozen=True, eq=False)
class _Kept:
    """A proposal until the best are known; the pixels of a large mask are compressed.

    Hundreds of clicks on a background give masks that fill the image.
    """

    proposal: Proposal  # with an empty mask where `packed` has the pixels
    box: tuple[float, float, float, float]
    size: tuple[int, int] = (0, 0)
    packed: bytes = b""

    @classmethod
    def of(cls, proposal: Proposal) -> _Kept:
        mask = proposal.mask
        box = _inner_box(mask)
        if mask.crop.size <= LARGE:
            return cls(proposal, box)
        without = PixelMask(mask.shape, mask.corner, np.zeros((0, 0), bool))
        packed = bytes(zstd_encode(np.packbits(mask.crop).tobytes(), 1))
        size = (mask.crop.shape[0], mask.crop.shape[1])
        return cls(replace(proposal, mask=without), box, size, packed)

    def whole(self) -> Proposal:
        """The proposal with its mask."""
        if not self.packed:
            return self.proposal
        bits = np.frombuffer(zstd_decode(self.packed), np.uint8)
        pixels = np.unpackbits(bits, count=self.size[0] * self.size[1])
        before = self.proposal.mask
        crop = pixels.view(np.bool_).reshape(self.size)
        return replace(self.proposal, mask=PixelMask(before.shape, before.corner, crop))


def _encoded(model: Sam2, image: Pixels, window: Window) -> FrameFeatures:
    """Features of a crop; a large one is shrunk strip by strip."""
    if window.height * window.width <= LARGE:
        return encode_windows(model, image, [window])
    size = model.config.image_size
    return encode_windows(model, shrunk(image, window, size), [Window(0, 0, size, size)])


def usual_grid(
    config: Sam2Config, shape: tuple[int, int], cell_size: float | None = None
) -> GridSettings:
    """The grid that suits what a network sees of an image.

    Where it sees windows of an image that is larger than its input, the finest crops have at least
    the resolution of the image and as many clicks as the coarser ones; `FINEST` limits them.

    Parameters
    ----------
    config : Sam2Config
        Of the network.
    shape : tuple of int
        (Y, X) of the image.
    cell_size : float, optional
        Diameter of a typical cell in pixels. A network that sees windows around tiny objects alone
        needs it.
    """
    usual = GridSettings()
    is_tiny = cell_size is not None and is_small(cell_size, shape, config.image_size)
    has_windows = config.windows == "auto" or (config.windows == "small" and is_tiny)
    if not has_windows or max(shape) <= config.image_size:
        return usual
    whole, crops, _ = usual.points_per_side
    layers = 1
    while layers < FINEST and _crop_side(shape, 2**layers, usual) > config.image_size:
        layers += 1
    finest = max(layers, len(usual.points_per_side) - 1)
    return replace(usual, points_per_side=(whole, *(crops for _ in range(finest))))


def crop_windows(shape: tuple[int, int], settings: GridSettings) -> Iterator[tuple[Window, int]]:
    """The image and its overlapping crops, each with its number of points along a side."""
    height, width = shape
    yield Window(0, 0, height, width), settings.points_per_side[0]
    for layer, side in enumerate(settings.points_per_side[1:], start=1):
        count = 2**layer
        overlap = _crop_overlap(shape, count, settings)
        high, wide = (_crop_length(length, overlap, count) for length in shape)
        for column in range(count):
            for row in range(count):
                y, x = (high - overlap) * row, (wide - overlap) * column
                yield Window(y, x, min(y + high, height) - y, min(x + wide, width) - x), side


def _crop_overlap(shape: tuple[int, int], count: int, settings: GridSettings) -> int:
    return int(settings.crop_overlap_ratio * min(shape) * (2 / count))


def _crop_length(length: int, overlap: int, count: int) -> int:
    """Length of one of `count` overlapping crops along an axis of the image."""
    return ceil((overlap * (count - 1) + length) / count)


def _crop_side(shape: tuple[int, int], count: int, settings: GridSettings) -> int:
    """Longer side of a crop, of `count` along each axis."""
    return _crop_length(max(shape), _crop_overlap(shape, count, settings), count)


def point_grid(side: int) -> NDArray[np.float32]:
    """(side * side, 2) places (x, y) in 0..1, row by row, in the middle of equal squares."""
    line = ((np.arange(side) + 0.5) / side).astype(np.float32)
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def _judged(
    model: Sam2,
    features: FrameFeatures,
    places: NDArray[np.float32],
    window: Window,
    shape: tuple[int, int],
    settings: GridSettings,
) -> Iterator[Proposal]:
    """Proposals of one batch of clicks in a crop, one at a time."""
    batches = Batches(len(places), model.device, lambda: False)
    rows = batches.run(list(places), lambda part: _guesses(model, features, np.stack(part)))
    for place, (masks, ious) in zip(places, rows, strict=True):
        for logits, iou in zip(masks, ious.tolist(), strict=True):
            if settings.pred_iou_thresh > 0 and iou <= settings.pred_iou_thresh:
                continue
            drawn = draw_logits(logits, window, shape, settings.stability_score_offset)
            if _is_good(drawn, window, shape, settings):
                click = (
                    window.y0 + float(place[1]) * window.height - 0.5,
                    window.x0 + float(place[0]) * window.width - 0.5,
                )
                mask = _tidied(drawn.mask, logits, window, shape, settings)
                yield Proposal(mask, iou, drawn.stability, centre_of(mask, click))


def _tidied(
    mask: PixelMask,
    logits: NDArray[np.float32],
    window: Window,
    shape: tuple[int, int],
    settings: GridSettings,
) -> PixelMask:
    """A mask without its small holes and specks."""
    share = settings.min_mask_region_area / REGION_SIDE**2  # of the crop
    if mask.crop.size <= LARGE or share * logits.size < 1:
        return tidied(mask, share * window.height * window.width)
    clean = tidied_logits(logits, share * logits.size)
    return draw_logits(clean, window, shape, settings.stability_score_offset).mask


def _guesses(
    model: Sam2, features: FrameFeatures, places: NDArray[np.float32]
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """(3, S / 4, S / 4) logits and (3,) predicted IoUs of each click."""
    points = torch.from_numpy(places * model.config.image_size)[:, None].to(model.device)
    labels = torch.ones(points.shape[:2], dtype=torch.long, device=model.device)
    with inference(model):
        found = model.candidates(
            model.without_memory(features), features, PromptTensors(points, labels)
        )
    masks = found.masks[:, 1:].float().cpu().numpy()
    return list(zip(masks, found.predicted_iou[:, 1:].float().cpu().numpy(), strict=True))


def _is_good(drawn: Drawn, window: Window, shape: tuple[int, int], settings: GridSettings) -> bool:
    is_stable = (
        settings.stability_score_thresh <= 0 or drawn.stability > settings.stability_score_thresh
    )
    return is_stable and drawn.mask.any() and not _is_cut_off(drawn.mask, window, shape)


def _is_cut_off(mask: PixelMask, window: Window, shape: tuple[int, int]) -> bool:
    """Whether a mask comes near an edge of the crop that is no edge of the image."""
    box = np.array(_inner_box(mask))
    crop = np.array(
        [window.y0, window.x0, window.y0 + window.height, window.x0 + window.width], float
    )
    image = np.array([0, 0, *shape], float)
    at_crop, at_image = np.abs(box - crop) <= EDGE, np.abs(box - image) <= EDGE
    return bool((at_crop & ~at_image).any())


def _inner_box(mask: PixelMask) -> tuple[float, float, float, float]:
    """(y0, x0, y1, x1) of the first and the last pixel, as in other implementations."""
    y0, x0, y1, x1 = mask.extent or (0, 0, 1, 1)
    return y0, x0, y1 - 1, x1 - 1
