"""Mirrored looks: the mean of the masks of a prompted frame and of its mirror image.

A network that is small answers a little differently when the image is mirrored or its contrast is
raised. Neither answer is better than the other, and their mean is better than both. Where the
network is sure of its answer, the mean gains nothing, and the mirror image is not looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.arrays import Pixels
from napari_sam2.model import Decoded, PromptTensors
from napari_sam2.model.mask_decoder import mask_overlap
from napari_sam2.model.prompt_encoder import BOX_END, BOX_START
from napari_sam2.tracking.windows import Window

SURE_IOU = 0.8  # predicted IoU of a mask for which the mirror image is not looked at
CONTRAST = 1.5  # of the mirror image
MEDIAN_STEP = 4  # pixels, since the median of every fourth row and column is near enough
SAME_OBJECT = 0.5  # IoU of both masks; masks of two different objects have no mean


@dataclass(frozen=True)
class MirroredWindow(Window):
    """A window that shows its part mirrored from left to right, with more contrast."""

    @classmethod
    def of(cls, window: Window) -> MirroredWindow:
        """The mirror image of a window."""
        return cls(window.y0, window.x0, window.height, window.width, window.gain)

    def crop(self, image: Pixels) -> NDArray[Any]:
        """Crop the window from a (Y, X, ...) image, and raise the contrast about its median."""
        part = super().crop(image)[:, ::-1]
        middle = np.median(part[::MEDIAN_STEP, ::MEDIAN_STEP])
        raised: NDArray[Any] = np.clip((part - middle) * CONTRAST + middle, 0, 1)
        return raised.astype(part.dtype, copy=False)


def mirror_prompts(prompts: PromptTensors, side: int) -> PromptTensors:
    """The same prompts on the mirror image.

    Parameters
    ----------
    prompts : PromptTensors
        Of B objects.
    side : int
        Side of the network's input in pixels.

    Returns
    -------
    PromptTensors
        The corners of a box keep their order: the start is the one at the top left.
    """
    points = prompts.points.clone()
    points[..., 0] = side - 1 - points[..., 0]
    starts, ends = prompts.labels == BOX_START, prompts.labels == BOX_END
    points[..., 0][starts], points[..., 0][ends] = points[..., 0][ends], points[..., 0][starts]
    logits = None if prompts.mask_logits is None else prompts.mask_logits.flip(-1)
    return replace(prompts, points=points, mask_logits=logits)


def mean_of_looks(decoded: Decoded, mirrored: Decoded) -> Decoded:
    """The mean of the masks of an image and of its mirror image.

    Parameters
    ----------
    decoded, mirrored : Decoded
        The output for one object on the image, and for the same object on the mirror image.

    Returns
    -------
    Decoded
        That of the image, with mean logits and predicted IoU where both masks are of the same
        object, and unchanged where they are not.
    """
    other = replace(mirrored, mask_logits=mirrored.mask_logits.flip(-1))
    logits = other.mask_logits
    if not (logits > 0).any() or float(mask_overlap(logits, decoded.mask_logits)) < SAME_OBJECT:
        return decoded
    return mean_of_masks(decoded, other)


def mean_of_masks(decoded: Decoded, other: Decoded) -> Decoded:
    """The first of two outputs for the same window, with mean logits and predicted IoU."""
    return replace(
        decoded,
        mask_logits=(decoded.mask_logits + other.mask_logits) / 2,
        predicted_iou=(decoded.predicted_iou + other.predicted_iou) / 2,
    )
