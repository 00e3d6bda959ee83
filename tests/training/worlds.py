"""Tiny networks and clips for the tests of training."""

from dataclasses import replace

import numpy as np

from napari_sam2.model import EncoderConfig, Sam2Config
from napari_sam2.training.data import LabelledClip

TINY = Sam2Config(
    name="tiny-test",
    encoder=EncoderConfig(8, 1, (1, 1, 1, 1), (2,), (4, 4), (4, 4, 4, 4)),
    image_size=64,
    d_model=32,
    memory_dim=16,
    memory_layers=1,
    memory_mlp_dim=32,
    num_memories=3,
    max_object_pointers=4,
    decoder_heads=2,
    decoder_mlp_dim=32,
    iou_hidden_dim=32,
    draw_prompts=True,
    draw_previous=True,
)

OFFICIAL = replace(
    TINY,
    name="official-test",
    occlusion_embedding=True,
    pointer_positions=True,
    draw_prompts=False,
    draw_previous=False,
)
"""The official networks in small: prompts are tokens, and memories alone tell where a cell was."""


class Discs:
    """Two bright discs that move apart; the same clip at every draw."""

    def draw(self, rng, frames):
        y, x = np.mgrid[:64, :64]
        labels = np.zeros((frames, 64, 64), np.uint16)
        for t in range(frames):
            labels[t][(y - 20) ** 2 + (x - 20 - 2 * t) ** 2 < 80] = 1
            labels[t][(y - 44) ** 2 + (x - 44 + 2 * t) ** 2 < 120] = 2
        images = (40 + 150 * (labels > 0)).astype(np.uint8)
        return LabelledClip(images, labels, np.ones(frames, bool))


class Dots:
    """Nine squares that stand still."""

    def draw(self, rng, frames):
        labels = np.zeros((frames, 64, 64), np.uint16)
        for number in range(9):
            row, column = divmod(number, 3)
            labels[:, 20 * row + 4 : 20 * row + 14, 20 * column + 4 : 20 * column + 14] = number + 1
        images = (40 + 150 * (labels > 0)).astype(np.uint8)
        return LabelledClip(images, labels, np.ones(frames, bool))
