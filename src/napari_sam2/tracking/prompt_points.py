"""Points and boxes of a prompt as the network takes them."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_sam2.model.prompt_encoder import BOX_END, BOX_START
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.windows import Window


def prompt_points(
    prompt: Prompt, number: int, window: Window, side: int, shape: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """Points and box corners of the rounds up to `number`.

    This is the one place where (y, x) in pixels of the image becomes (x, y) of the input.

    Parameters
    ----------
    prompt : Prompt
        The prompt.
    number : int
        The last round that takes part.
    window : Window
        The part of the image that the network sees.
    side : int
        Side of the network's input in pixels.
    shape : tuple of int
        (Y, X) of the image.

    Returns
    -------
    Tensor
        (1, P, 2) float32 (x, y) in pixels of the input.
    Tensor
        (1, P) int64 labels.
    """
    used = prompt.rounds <= number
    places = prompt.points[used]
    labels = prompt.labels[used].astype(np.int64)
    if prompt.box is not None:
        size = np.array(shape)
        corners = np.array(prompt.box).reshape(2, 2)
        corners = np.clip(corners, -size, 2 * size)  # float32 has no room for any number
        places = np.concatenate([corners, places])
        labels = np.concatenate([[BOX_START, BOX_END], labels])
    scale = side / np.array([window.height, window.width])
    places = (places - (window.y0, window.x0) + 0.5) * scale - 0.5  # between pixel centres
    points = places[:, ::-1].astype(np.float32)
    return torch.from_numpy(points.copy())[None], torch.from_numpy(labels)[None]
