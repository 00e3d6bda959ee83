"""Hiera image encoder with windowed absolute position embeddings (paper §D.1 "Image encoder")."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.config import EncoderConfig
from napari_sam2.model.layers import MLP, merge_heads, split_heads
from napari_sam2.model.products import Linear, attention


def split_windows(x: Tensor, side: int) -> tuple[Tensor, tuple[int, int]]:
    """Cut a map into square windows, padded with zeros at the bottom and the right.

    Parameters
    ----------
    x : Tensor
        (B, H, W, C).
    side : int
        Side of a window in tokens.

    Returns
    -------
    windows : Tensor
        (B * windows, side, side, C).
    padded : tuple of int
        Height and width of the map with its padding.
    """
    batch, height, width, channels = x.shape
    pad_y, pad_x = -height % side, -width % side
    if pad_y or pad_x:
        x = F.pad(x, (0, 0, 0, pad_x, 0, pad_y))
    rows, columns = (height + pad_y) // side, (width + pad_x) // side
    x = x.reshape(batch, rows, side, columns, side, channels).transpose(2, 3)
    return x.reshape(-1, side, side, channels), (height + pad_y, width + pad_x)


def join_windows(
    windows: Tensor, side: int, padded: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """Inverse of `split_windows`: (B * windows, side, side, C) -> (B, H, W, C) of this `size`."""
    rows, columns = padded[0] // side, padded[1] // side
    x = windows.reshape(-1, rows, columns, side, side, windows.shape[-1]).transpose(2, 3)
    x = x.reshape(x.shape[0], *padded, windows.shape[-1])
    return x[:, : size[0], : size[1]]


def pool(x: Tensor) -> Tensor:
    """2 x 2 maximum of a (B, H, W, C) map with even sides."""
    rows = torch.maximum(x[:, 0::2], x[:, 1::2])
    return torch.maximum(rows[:, :, 0::2], rows[:, :, 1::2])


class WindowAttention(nn.Module):
    """Attention within each map of a batch; the queries may be pooled."""

    def __init__(self, width: int, out_width: int, heads: int, *, pools: bool) -> None:
        super().__init__()
        self.heads = heads
        self.pools = pools
        self.qkv = Linear(width, 3 * out_width)
        self.proj = Linear(out_width, out_width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if self.pools:
            q = pool(q)
        height, width = q.shape[1:3]
        q, k, v = (split_heads(part.flatten(1, 2), self.heads) for part in (q, k, v))
        x = merge_heads(attention(q, k, v))
        return self.proj(x.reshape(x.shape[0], height, width, -1))  # type: ignore[no-any-return]


class HieraBlock(nn.Module):
    """One transformer block; the first block of a stage widens and halves the map.

    Parameters
    ----------
    width, out_width : int
        Channels before and after.
    heads : int
        Attention heads.
    window : int
        Side of the windows in tokens before pooling; 0 attends globally.
    pools : bool
        Whether the map is halved.
    """

    def __init__(self, width: int, out_width: int, heads: int, window: int, *, pools: bool) -> None:
        super().__init__()
        self.window = window
        self.pools = pools
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = WindowAttention(width, out_width, heads, pools=pools)
        self.norm2 = nn.LayerNorm(out_width, eps=1e-6)
        self.mlp = MLP(out_width, 4 * out_width, out_width, activation="gelu")
        self.proj = Linear(width, out_width) if width != out_width else None
        self.drop_path = 0.0  # chance of an image to skip both branches, see `dropping_paths`

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norm1(x)
        shortcut = x if self.proj is None else self.proj(normed)
        if self.pools:
            shortcut = pool(shortcut)
        x = shortcut + self._dropped(self._attend(normed))
        return x + self._dropped(self.mlp(self.norm2(x)))

    def _dropped(self, x: Tensor) -> Tensor:
        """A branch of which some images have none, and the others so much more."""
        if not self.drop_path:
            return x
        kept = torch.rand(len(x), 1, 1, 1) >= self.drop_path  # on the CPU: the same on any device
        return x * (kept.to(x) / (1 - self.drop_path))

    def _attend(self, x: Tensor) -> Tensor:
        if self.window == 0:
            return self.attn(x)  # type: ignore[no-any-return]
        height, width = x.shape[1:3]
        windows, padded = split_windows(x, self.window)
        windows = self.attn(windows)
        shrink = 2 if self.pools else 1
        return join_windows(
            windows,
            self.window // shrink,
            (padded[0] // shrink, padded[1] // shrink),
            (height // shrink, width // shrink),
        )


class PatchEmbedding(nn.Module):
    """Overlapping 7 x 7 patches at stride 4: (B, 3, H, W) -> (B, H / 4, W / 4, C)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=7, stride=4, padding=3)

    def forward(self, image: Tensor) -> Tensor:
        channels_last = image.contiguous(memory_format=torch.channels_last)  # as all blocks want it
        return self.proj(channels_last).permute(0, 2, 3, 1)  # type: ignore[no-any-return]


class Hiera(nn.Module):
    """Hierarchical vision transformer of four stages.

    Parameters
    ----------
    config : EncoderConfig
        Widths, depths and windows.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        width = config.embed_dim
        self.patch_embed = PatchEmbedding(width)
        self.pos_embed = nn.Parameter(torch.zeros(1, width, *config.position_grid))
        side = config.window_sizes[0]
        self.pos_embed_window = nn.Parameter(torch.zeros(1, width, side, side))
        self.blocks = nn.ModuleList(_blocks(config))
        self.stage_ends = frozenset(end - 1 for end in accumulate(config.stages))
        self._position: tuple[tuple[object, ...], Tensor] | None = None

    def forward(self, image: Tensor) -> list[Tensor]:
        """Features of the four stages.

        Parameters
        ----------
        image : Tensor
            (B, 3, H, W) float32, normalised, sides multiples of 32.

        Returns
        -------
        list of Tensor
            (B, C, H / s, W / s) for s in 4, 8, 16, 32.
        """
        x = self.patch_embed(image)
        x = x + self.position(x.shape[1], x.shape[2])
        outputs = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if index in self.stage_ends:
                outputs.append(x.permute(0, 3, 1, 2))
        return outputs

    def position(self, height: int, width: int) -> Tensor:
        """Global embedding stretched over the map plus the embedding within a window.

        The map is (1, height, width, C); sizes that are not multiples of the window get the cut
        tiling. It is kept for the next image while the network does not learn.
        """
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return self._stretched(height, width)
        parts = (self.pos_embed, self.pos_embed_window)
        key = (height, width, *(_state(x) for x in parts))
        if self._position is None or self._position[0] != key:
            with torch.inference_mode(False), torch.no_grad():
                self._position = (key, self._stretched(height, width))
        return self._position[1]

    def _stretched(self, height: int, width: int) -> Tensor:
        stretched = F.interpolate(self.pos_embed, size=(height, width), mode="bicubic")
        side = self.pos_embed_window.shape[-1]
        tiled = self.pos_embed_window.tile(1, 1, -(-height // side), -(-width // side))
        return (stretched + tiled[:, :, :height, :width]).permute(0, 2, 3, 1)


@contextmanager
def dropping_paths(trunk: Hiera, rate: float, seed: int) -> Iterator[None]:
    """Let images skip blocks at random meanwhile (stochastic depth), as the paper trains (§D.2.1).

    Parameters
    ----------
    trunk : Hiera
        The encoder's trunk.
    rate : float
        Chance of an image to skip the last block; it rises in a straight line from 0 for the first.
    seed : int
        The same seed skips the same blocks; the global generator stays as it is.
    """
    if not rate:
        yield
        return
    blocks = [block for block in trunk.blocks if isinstance(block, HieraBlock)]
    last = max(len(blocks) - 1, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            for index, block in enumerate(blocks):
                block.drop_path = rate * index / last
            yield
        finally:
            for block in blocks:
                block.drop_path = 0.0


def _state(weight: Tensor) -> tuple[object, ...]:
    """Differs once a weight was written to or moved."""
    version = None if weight.is_inference() else weight._version
    return weight.data_ptr(), version, weight.dtype, weight.device


def _blocks(config: EncoderConfig) -> list[HieraBlock]:
    blocks: list[HieraBlock] = []
    width, heads, previous_window = config.embed_dim, config.num_heads, config.window_sizes[0]
    for stage, (depth, window) in enumerate(zip(config.stages, config.window_sizes, strict=True)):
        for position in range(depth):
            pools = stage > 0 and position == 0
            out_width = 2 * width if pools else width
            heads = 2 * heads if pools else heads
            side = previous_window if pools else window  # a widening block keeps the old windows
            side = 0 if len(blocks) in config.global_blocks else side
            blocks.append(HieraBlock(width, out_width, heads, side, pools=pools))
            width = out_width
        previous_window = window
    return blocks
