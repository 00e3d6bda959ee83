"""Outline fit: let the outlines of tracked masks follow the outlines of prompted masks.

People and networks do not draw the same outline around the same cell: some include its halo,
others leave a gap between neighbours. A network that tracks the mask of a person returns to its own
outline on the next frame. How far the two are apart can be measured on the prompted frame: it is
tracked as if it were the frame after itself, and the logits are shifted as far as makes their mask
most like the prompted one. All masks that are tracked from this frame are shifted in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from napari_sam2.model import Decoded

SHIFTS = torch.arange(-6.0, 6.5, 0.5)
COST = 0.05  # in IoU, of a logit of shift: small differences are noise, and cells would merge
FEWEST = 32  # cells of the low-resolution map: of smaller masks the map does not hold the outline


def best_shifts(logits: Tensor, wanted: Tensor) -> list[float]:
    """The shift of each map of logits that makes its mask most like the wanted one.

    Parameters
    ----------
    logits : Tensor
        (B, 1, S / 4, S / 4) logits of tracked masks, on a CPU.
    wanted : Tensor
        (B, 1, S / 4, S / 4) logits of the prompted masks of the same objects on the same frame.

    Returns
    -------
    list of float
        B logits; positive where prompted masks are larger. 0 where the network does not see the
        object, or the prompted mask is tiny.
    """
    are_large = (wanted > 0).sum((1, 2, 3)) >= FEWEST
    are_seen = (logits > 0).any(dim=3).any(dim=2)[:, 0]
    found = []
    for own, target in zip(_enlarged(logits), _enlarged(wanted) > 0, strict=True):
        masks = own + SHIFTS[:, None, None] > 0
        union = (masks | target).sum((1, 2)).clamp(min=1)
        gain = (masks & target).sum((1, 2)) / union - COST * SHIFTS.abs()
        found.append(float(SHIFTS[gain.argmax()]))
    return torch.where(are_large & are_seen, torch.tensor(found), 0.0).tolist()


def shifted(decoded: Decoded, shifts: Sequence[float]) -> Decoded:
    """The output of the network with shifted logits, one shift for each of B objects.

    Objects that are not visible stay so, since their logits are far below every shift.
    """
    logits = decoded.mask_logits
    added = torch.tensor(shifts, dtype=logits.dtype, device=logits.device)
    return replace(decoded, mask_logits=logits + added[:, None, None, None])


def _enlarged(logits: Tensor) -> Tensor:
    """(B, S, S) logits: on a coarse map the masks of small cells change by leaps."""
    return F.interpolate(logits, scale_factor=4.0, mode="bilinear")[:, 0]
