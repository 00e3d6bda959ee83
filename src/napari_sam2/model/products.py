"""Matrix products with the fastest kernel that gives the same numbers.

While the network learns, and on a GPU, these are PyTorch's own. A CPU that only predicts gains by
oneDNN, which is quicker than the default library on many processors and applies the activation
while the product is still in the cache.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Activation = Literal["none", "relu", "gelu"]

SMALL = 64 * 64  # weights; oneDNN takes longer to begin than to multiply by so few
QUERIES, KEYS = 512, 1024  # scores of one block fit a core's cache; found by trial
_HAS_ONEDNN = hasattr(torch.ops.mkldnn, "_linear_pointwise")  # not in every build


def _is_predicting_on_cpu(x: Tensor) -> bool:
    return x.device.type == "cpu" and not torch.is_grad_enabled()


def _has_onednn_product(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies this type here; some processors have no product in bfloat16."""
    if dtype is torch.bfloat16:
        return _HAS_ONEDNN and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return _HAS_ONEDNN and dtype is torch.float32


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, after: Activation = "none") -> Tensor:
    """Apply a linear layer and the function that follows it.

    Parameters
    ----------
    x : Tensor
        (..., C).
    weight, bias : Tensor
        (C', C) and (C',) or None.
    after : str
        Activation.

    Returns
    -------
    Tensor
        (..., C'); bfloat16 under autocast.
    """
    is_mixed = torch.is_autocast_enabled("cpu")
    dtype = torch.get_autocast_dtype("cpu") if is_mixed else x.dtype
    is_worth_it = weight.numel() > SMALL and x.numel() > 0
    if is_worth_it and _is_predicting_on_cpu(x) and _has_onednn_product(dtype):
        if is_mixed:
            x, weight = x.to(dtype), weight.to(dtype)
            bias = None if bias is None else bias.to(dtype)
        weight = weight.contiguous()  # with gaps, oneDNN takes a thousand times as long
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, after, [], "none")  # type: ignore[no-any-return]
    y = F.linear(x, weight, bias)
    if after == "none":
        return y
    return F.relu(y) if after == "relu" else F.gelu(y)


class Linear(nn.Linear):
    """`torch.nn.Linear` by `linear`."""

    def forward(self, x: Tensor, after: Activation = "none") -> Tensor:
        return linear(x, self.weight, self.bias, after)


def pointwise(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1 x 1 convolution as a linear layer: (B, C, H, W) -> (B, C', H, W), channels last."""
    y = linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias)
    return y.permute(0, 3, 1, 2)


def has_quick_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; emulated, it is slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention of (B, heads, N, C) queries to (B, heads, K, C) keys and values.

    On a CPU in bfloat16, PyTorch's own kernel is slower than the products it consists of.
    """
    if _is_predicting_on_cpu(query) and torch.is_autocast_enabled("cpu"):
        parts = (x.flatten(0, 1) for x in (query, key, value))
        return attend_by_blocks(*parts).reshape(*query.shape[:3], value.shape[-1])
    return F.scaled_dot_product_attention(query, key, value)


def can_attend_by_blocks(query: Tensor) -> bool:
    """Whether `attend_by_blocks` pays where values are narrow, and no gradients are needed."""
    return _is_predicting_on_cpu(query)


def attend_by_blocks(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention on a CPU, whose values may have fewer channels than its keys.

    Parameters
    ----------
    query : Tensor
        (B or 1, N, C).
    key : Tensor
        (B, K, C).
    value : Tensor
        (B, K, D).

    Returns
    -------
    Tensor
        (B, N, D), equal to attention over projected values if it is projected now, since the
        weights of a query sum to one.

    Notes
    -----
    Softmax block by block of keys with a running maximum: no more than a block of scores exists.
    """
    query = query * (query.shape[-1] ** -0.5 * 1.4426950408889634)  # base 2: its power is quicker
    query = query.expand(key.shape[0], -1, -1)
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    if query.shape[1] * key.shape[1] <= QUERIES * KEYS:
        scores = torch.bmm(query, key.transpose(1, 2)).float()
        return torch.bmm(torch.softmax(scores * 0.6931471805599453, -1).to(value.dtype), value)
    out = [_attend(*one) for one in zip(query, key, value, strict=True)]
    return torch.stack(out)


def _attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """(N, C), (K, C), (K, D) -> (N, D)."""
    columns = value.T
    blocks = [
        (key[start : start + KEYS].contiguous(), columns[:, start : start + KEYS].contiguous())
        for start in range(0, key.shape[0], KEYS)
    ]
    starts = range(0, query.shape[0], QUERIES)
    return torch.cat([_attend_rows(query[i : i + QUERIES], blocks) for i in starts])


def _attend_rows(query: Tensor, blocks: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Attention of some queries; `blocks` are keys (k, C) and values (D, k)."""
    highest = query.new_full((query.shape[0], 1), -torch.inf, dtype=torch.float32)
    sums = total = torch.zeros((), dtype=torch.float32)
    for keys, values in blocks:
        scores = linear(query, keys, None).float()
        new = torch.maximum(highest, scores.amax(dim=1, keepdim=True))
        weights, fading = scores.sub_(new).exp2_(), (highest - new).exp2_()
        sums = sums * fading + weights.sum(dim=1, keepdim=True)
        total = total * fading + linear(weights.to(values.dtype), values, None)
        highest = new
    return (total / sums).to(query.dtype)
