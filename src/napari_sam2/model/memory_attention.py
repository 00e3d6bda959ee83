"""Memory attention: a frame's features look at the object's memories (paper §4, §D.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from napari_sam2.model.layers import Attention, merge_heads, split_heads
from napari_sam2.model.position import rotate
from napari_sam2.model.products import (
    Linear,
    attend_by_blocks,
    attention,
    can_attend_by_blocks,
)

TOKENS_AT_A_TIME = 2**14  # of memories on a CPU; found by trial


class RotaryAttention(Attention):
    """Attention with rotary positions on queries and keys.

    Keys may be several maps one after the other, followed by tokens without a place (object
    pointers), which are left unturned.
    """

    def forward_rotary(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        table: Tensor,
        num_unplaced: int = 0,
        key_table: Tensor | None = None,
    ) -> Tensor:
        """Attend.

        Parameters
        ----------
        query : Tensor
            (B or 1, N, C).
        key, value : Tensor
            (B, K, C'), K a multiple of N plus `num_unplaced`, or as `key_table` says.
        table : Tensor
            (N, C / 2 / heads) complex64 of `rotary_table`, or (B, 1, 1, N, C / 2 / heads).
        num_unplaced : int
            Keys at the end without a place.
        key_table : Tensor, optional
            (B, 1, 1, K - num_unplaced, C / 2 / heads) complex64, for keys that are some cells of
            maps only.

        Returns
        -------
        Tensor
            (B, N, C).
        """
        q = rotate(split_heads(self.q_proj(query), self.heads), table)
        k = split_heads(self.k_proj(key), self.heads)
        placed = k.shape[2] - num_unplaced
        turned = rotate(k[:, :, :placed], table if key_table is None else key_table)
        k = torch.cat([turned, k[:, :, placed:]], dim=2)
        if self.heads == 1 and value.shape[-1] < k.shape[-1] and can_attend_by_blocks(q):
            attended = attend_by_blocks(q[:, 0], k[:, 0], value)
            return self.out_proj(self.v_proj(attended))  # type: ignore[no-any-return]
        v = split_heads(self.v_proj(value), self.heads)
        q = q.expand(k.shape[0], -1, -1, -1)
        return self.out_proj(merge_heads(attention(q, k, v)))  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Past:
    """Keys and values of the memories of B objects.

    Attributes
    ----------
    memory, code : Tensor
        (B, K, memory_dim) memories and their position code.
    table : Tensor
        Their rotary positions: (N, C / 2) or (B, 1, 1, K - num_unplaced, C / 2) complex64.
    num_unplaced : int
        Tokens at the end that are object pointers.
    """

    memory: Tensor
    code: Tensor
    table: Tensor
    num_unplaced: int

    def of(self, objects: slice) -> Past:
        """The keys and values of some of the objects."""
        table = self.table if self.table.ndim == 2 else self.table[objects]
        return replace(self, memory=self.memory[objects], code=self.code[objects], table=table)


class MemoryAttentionLayer(nn.Module):
    """Self-attention, cross-attention to memories, and an MLP, each after a norm."""

    def __init__(self, width: int, memory_dim: int, mlp_dim: int) -> None:
        super().__init__()
        self.self_attn = RotaryAttention(width, 1, width)
        self.cross_attn_image = RotaryAttention(width, 1, width, key_width=memory_dim)
        self.linear1 = Linear(width, mlp_dim)
        self.linear2 = Linear(mlp_dim, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)

    def look_about(self, x: Tensor, table: Tensor) -> Tensor:
        """Self-attention."""
        normed = self.norm1(x)
        return x + self.self_attn.forward_rotary(normed, normed, normed, table)

    def look_back(self, x: Tensor, past: Past, table: Tensor) -> Tensor:
        """Cross-attention to memories, and the MLP."""
        x = x + self.cross_attn_image.forward_rotary(
            self.norm2(x),
            past.memory + past.code,
            past.memory,
            table,
            past.num_unplaced,
            past.table,
        )
        return x + self.linear2(self.linear1(self.norm3(x), "relu"))  # type: ignore[no-any-return]


class MemoryAttention(nn.Module):
    """Conditions the features of a frame on the memory bank of each object.

    Parameters
    ----------
    width, memory_dim, mlp_dim, depth : int
        Channels of features and memories, hidden channels, number of layers (L).
    """

    def __init__(self, width: int, memory_dim: int, mlp_dim: int, depth: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            MemoryAttentionLayer(width, memory_dim, mlp_dim) for _ in range(depth)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self,
        features: Tensor,
        position: Tensor,
        memory: Tensor,
        memory_code: Tensor,
        table: Tensor,
        num_unplaced: int,
        key_table: Tensor,
    ) -> Tensor:
        """Attend to memories.

        Where objects share the features, everything up to the first cross-attention is done once.
        On a CPU a few objects follow each other from there on: what large maps of many take at once
        would not fit its caches.

        Parameters
        ----------
        features, position : Tensor
            (1 or B, N, C) features of the frame and their sine code.
        memory, memory_code : Tensor
            (B, K, memory_dim) and their position code.
        table : Tensor
            Rotary positions of the features: (N, C / 2) complex64, or (B, 1, 1, N, C / 2) where
            they are another part of the frame for each object.
        num_unplaced : int
            Memory tokens at the end that are object pointers.
        key_table : Tensor
            Rotary positions of the memory tokens, likewise; (N, C / 2) for whole maps.

        Returns
        -------
        Tensor
            (B, N, C).
        """
        past = Past(memory, memory_code, key_table, num_unplaced)
        x = self._layers()[0].look_about(features + 0.1 * position, table)
        count, step = memory.shape[0], objects_at_a_time(memory)
        parts = []
        for start in range(0, count, step):
            some = slice(start, start + step)
            own_table = table if table.ndim == 2 else table[some]
            parts.append(self._look_back(x if len(x) == 1 else x[some], past.of(some), own_table))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def _layers(self) -> list[MemoryAttentionLayer]:
        return list(self.layers)  # type: ignore[arg-type]

    def _look_back(self, x: Tensor, past: Past, table: Tensor) -> Tensor:
        """Everything from the first cross-attention on."""
        first, *others = self._layers()
        x = first.look_back(x, past, table)
        for layer in others:
            x = layer.look_back(layer.look_about(x, table), past, table)
        return self.norm(x)  # type: ignore[no-any-return]


def objects_at_a_time(memory: Tensor) -> int:
    """How many objects with (B, K, memory_dim) memories are quickest as one batch."""
    if memory.device.type != "cpu" or torch.is_grad_enabled():
        return max(len(memory), 1)
    return max(TOKENS_AT_A_TIME // memory.shape[1], 1)
