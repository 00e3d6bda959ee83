"""Small layers that several parts of the network share."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.products import Activation, Linear


class LayerNorm2d(nn.Module):
    """Layer normalisation over the channels of a (B, C, H, W) map."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        channels_last = x.permute(0, 2, 3, 1)
        normed = F.layer_norm(channels_last, self.weight.shape, self.weight, self.bias, self.eps)
        return normed.permute(0, 3, 1, 2)


class MLP(nn.Module):
    """Linear layers with an activation between them.

    Parameters
    ----------
    widths : int
        Channels before the first layer, between layers and after the last one.
    activation : str
        Applied after every layer but the last.
    """

    def __init__(self, *widths: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.layers = nn.ModuleList(Linear(n, m) for n, m in pairwise(widths))
        self.activation: Activation = activation

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers  # a slice would be a new module
        for layer in hidden:
            x = layer(x, self.activation)
        return last(x)  # type: ignore[no-any-return]


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, N, C) -> (B, heads, N, C / heads)."""
    batch, tokens, channels = x.shape
    return x.reshape(batch, tokens, heads, channels // heads).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, heads, N, C) -> (B, N, heads * C)."""
    return x.transpose(1, 2).flatten(2)


class Attention(nn.Module):
    """Multi-head attention whose inner width may differ from its outer one.

    Parameters
    ----------
    width : int
        Channels of queries and of the output.
    heads : int
        Number of heads.
    inner : int
        Channels inside, shared by all heads.
    key_width : int, optional
        Channels of keys and values where they differ from `width`.
    """

    def __init__(self, width: int, heads: int, inner: int, key_width: int | None = None) -> None:
        super().__init__()
        key_width = key_width or width
        self.heads = heads
        self.q_proj = Linear(width, inner)
        self.k_proj = Linear(key_width, inner)
        self.v_proj = Linear(key_width, inner)
        self.out_proj = Linear(inner, width)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q = split_heads(self.q_proj(query), self.heads)
        k = split_heads(self.k_proj(key), self.heads)
        v = split_heads(self.v_proj(value), self.heads)
        return self.out_proj(merge_heads(F.scaled_dot_product_attention(q, k, v)))  # type: ignore[no-any-return]
