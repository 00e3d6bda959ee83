"""Position codes: sine maps, sine vectors, random Fourier features and rotary tables.

Everything here is a pure function of sizes, but for the Fourier features, whose matrix is stored in
checkpoints.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sine_map(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Two-dimensional sine position code of a feature map.

    Parameters
    ----------
    height, width : int
        Size of the map.
    channels : int
        Channels of the code; the first half tells y, the second half x.
    device : torch.device
        Where the code is made.

    Returns
    -------
    Tensor
        (1, channels, height, width) float32.
    """
    y = _interleaved_sine(_turns(height, device), channels // 2)  # (H, C/2)
    x = _interleaved_sine(_turns(width, device), channels // 2)  # (W, C/2)
    code = torch.cat(
        [
            y[:, None, :].expand(height, width, -1),
            x[None, :, :].expand(height, width, -1),
        ],
        dim=-1,
    )
    return code.permute(2, 0, 1)[None]


def _turns(length: int, device: torch.device) -> Tensor:
    """Positions 1..length as angles that end at one full turn."""
    steps = torch.arange(1, length + 1, dtype=torch.float32, device=device)
    return steps / (length + 1e-6) * (2 * math.pi)


def _interleaved_sine(angles: Tensor, channels: int, temperature: float = 10000.0) -> Tensor:
    """(N,) angles -> (N, channels), sine and cosine alternating."""
    index = torch.arange(channels, device=angles.device) // 2
    periods = temperature ** (2 * index / channels)
    phases = angles[:, None] / periods
    return torch.stack([phases[:, 0::2].sin(), phases[:, 1::2].cos()], dim=2).flatten(1)


def sine_vector(positions: Tensor, channels: int, temperature: float = 10000.0) -> Tensor:
    """Sine code of scalar positions: all sines, then all cosines.

    Parameters
    ----------
    positions : Tensor
        (N,) float32.
    channels : int
        Channels of the code, even.
    temperature : float
        Base of the periods.

    Returns
    -------
    Tensor
        (N, channels) float32.
    """
    half = channels // 2
    index = torch.arange(half, dtype=torch.float32, device=positions.device)
    periods = temperature ** (2 * torch.div(index, 2, rounding_mode="floor") / half)
    phases = positions[:, None] / periods
    return torch.cat([phases.sin(), phases.cos()], dim=-1)


class RandomFourierFeatures(nn.Module):
    """Positions in the unit square through a fixed random matrix (as in SAM's prompt encoder).

    Parameters
    ----------
    channels : int
        Channels of the code.
    """

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, channels // 2))

    def encode(self, points: Tensor) -> Tensor:
        """(..., 2) points (x, y) in 0..1 -> (..., channels)."""
        angles = 2 * math.pi * ((2 * points - 1) @ self.positional_encoding_gaussian_matrix)
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

    def grid(self, height: int, width: int) -> Tensor:
        """Code of all pixel centres of a map: (1, channels, height, width)."""
        matrix = self.positional_encoding_gaussian_matrix
        y = (torch.arange(height, device=matrix.device, dtype=matrix.dtype) + 0.5) / height
        x = (torch.arange(width, device=matrix.device, dtype=matrix.dtype) + 0.5) / width
        points = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)  # (H, W, 2) as (x, y)
        return self.encode(points).permute(2, 0, 1)[None]


def rotary_table(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    """Complex rotations of axial rotary position embedding.

    Parameters
    ----------
    height, width : int
        Size of the feature map.
    channels : int
        Channels of a head; a quarter of them, as complex pairs, turns with x and a quarter with y.
    device : torch.device
        Where the table is made.

    Returns
    -------
    Tensor
        (height * width, channels / 2) complex64.
    """
    exponents = torch.arange(0, channels, 4, device=device)[: channels // 4].float() / channels
    speeds = 1.0 / (10000.0**exponents)
    index = torch.arange(height * width, device=device)
    x = torch.outer((index % width).float(), speeds)
    y = torch.outer(torch.div(index, width, rounding_mode="floor").float(), speeds)
    angles = torch.cat([x, y], dim=-1)
    return torch.polar(torch.ones_like(angles), angles)


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """Turn adjacent channel pairs by a table, repeated along the tokens where they are longer.

    A table may also tell the place of every token of a batch: (B, 1, 1, K, C / 2).

    Parameters
    ----------
    x : Tensor
        (B, heads, K, C) with K a multiple of the table's length.
    table : Tensor
        (N, C / 2) complex64.

    Returns
    -------
    Tensor
        As `x`.
    """
    batch, heads, tokens, channels = x.shape
    places = table.shape[-2]
    pairs = x.float().reshape(batch, heads, tokens // places, places, channels // 2, 2)
    turned = torch.view_as_real(torch.view_as_complex(pairs) * table)
    return turned.reshape(batch, heads, tokens, channels).to(x.dtype)
