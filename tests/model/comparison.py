"""Two implementations side by side: the same sizes, the same input, one number for a difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2.model import EncoderConfig, Sam2, Sam2Config, build_model

from .weights import Size, StateDict


def our_model(size: Size, weights: StateDict, image_size: int) -> Sam2:
    """Our network of any size that has the structure of an official one."""
    is_version_2_1 = "no_obj_embed_spatial" in weights
    config = Sam2Config(
        name="compared",
        encoder=encoder_config(size),
        image_size=image_size,
        occlusion_embedding=is_version_2_1,
        pointer_positions=is_version_2_1,
    )
    return build_model(config, weights)


def encoder_config(size: Size) -> EncoderConfig:
    """The image encoder of a size."""
    return EncoderConfig(
        size.embed_dim,
        size.num_heads,
        size.stages,
        size.global_blocks,
        size.pos_embed_grid,
        size.window_sizes,
    )


def narrow(size: Size) -> Size:
    """The same blocks and windows with fewer channels, for a test that takes a second."""
    return replace(size, embed_dim=16 * size.num_heads)


def relative_difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """Largest absolute difference as a share of the range of `theirs`."""
    assert ours.shape == theirs.shape, f"{tuple(ours.shape)} is not {tuple(theirs.shape)}"
    spread = theirs.max() - theirs.min()
    return float((ours - theirs).abs().max() / spread)


def random_image(image_size: int, seed: int = 0) -> torch.Tensor:
    """(1, 3, S, S) blurred noise with the spread of a normalised photograph."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(1, 3, image_size // 8, image_size // 8, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(image_size, image_size), mode="bicubic")
    return smooth + 0.1 * torch.randn(smooth.shape, generator=generator)


def two_discs(side: int, frames: int = 10, seed: int = 0) -> NDArray[np.float32]:
    """(T, Y, X, 3) movie in 0..1: two discs move over noise, see `disc_centre`."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    movie = 0.3 + 0.05 * random.standard_normal((frames, side, side, 3))
    for t in range(frames):
        for disc, colour in enumerate([(0.5, 0.4, 0.3), (0.2, 0.3, 0.4)]):
            centre_y, centre_x = disc_centre(disc, t, side)
            inside = (y - centre_y) ** 2 + (x - centre_x) ** 2 < (0.1 * side) ** 2
            movie[t][inside] += colour
    return np.clip(movie, 0, 1).astype(np.float32)


def disc_centre(disc: int, t: int, side: int) -> tuple[float, float]:
    """(y, x) of a disc of `two_discs` on frame `t`."""
    y, x = [(0.35 + 0.012 * t, 0.3 + 0.024 * t), (0.6 + 0.008 * t, 0.66 - 0.02 * t)][disc]
    return y * side, x * side
