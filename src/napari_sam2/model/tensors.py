"""Named tensors: inputs and outputs of the SAM 2 network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FrameFeatures:
    """Output of the image encoder for a frame: one for all objects, or one for each of B objects.

    Attributes
    ----------
    stride16 : Tensor
        (1 or B, C, H, W) image embedding, not conditioned on memory.
    stride8, stride4 : Tensor
        (1 or B, C / 4, 2 H, 2 W) and (1 or B, C / 8, 4 H, 4 W), ready for the mask decoder.
    """

    stride16: Tensor
    stride8: Tensor
    stride4: Tensor

    @classmethod
    def stack(cls, features: Sequence[FrameFeatures]) -> FrameFeatures:
        """Stack the features of B objects with different windows to a batch, in this order."""
        return cls(
            stride16=torch.cat([single.stride16 for single in features]),
            stride8=torch.cat([single.stride8 for single in features]),
            stride4=torch.cat([single.stride4 for single in features]),
        )

    def unstack(self) -> list[FrameFeatures]:
        """Split a batch into the features of each object; they share no memory."""
        if len(self.stride16) == 1:
            return [self]
        maps = (self.stride16, self.stride8, self.stride4)
        parts = zip(*(torch.tensor_split(x, len(x)) for x in maps), strict=True)
        return [FrameFeatures(*(x.clone() for x in part)) for part in parts]

    def select(self, rows: Sequence[int] | Tensor) -> FrameFeatures:
        """The features of some objects of a batch, by index or by a bool for each."""
        return FrameFeatures(self.stride16[rows], self.stride8[rows], self.stride4[rows])

    def to(self, device: torch.device) -> FrameFeatures:
        """Copy the features to a device; returns these features if they are there already."""
        if self.stride16.device == device:
            return self
        return FrameFeatures(
            self.stride16.to(device), self.stride8.to(device), self.stride4.to(device)
        )

    @property
    def nbytes(self) -> int:
        """Bytes of the three maps."""
        return sum(
            x.numel() * x.element_size() for x in (self.stride16, self.stride8, self.stride4)
        )


@dataclass(frozen=True)
class PromptTensors:
    """Prompts of B objects on one frame, in the network's own order and scale.

    Attributes
    ----------
    points : Tensor
        (B, P, 2) float32 (x, y) in pixels of the network's input; P may be 0.
    labels : Tensor
        (B, P) int64: 1, 0, 2, 3 (corners of a box, before the clicks) or -1 (padding).
    mask_logits : Tensor or None
        (B, 1, S / 4, S / 4) logits of the mask to start from.
    has_mask : Tensor or None
        (B,) bool where only some objects have a mask to start from.
    """

    points: Tensor
    labels: Tensor
    mask_logits: Tensor | None = None
    has_mask: Tensor | None = None

    @classmethod
    def none(cls, batch: int, device: torch.device) -> PromptTensors:
        """No prompt at all, for `batch` objects."""
        return cls(
            torch.zeros(batch, 0, 2, device=device),
            torch.zeros(batch, 0, dtype=torch.long, device=device),
        )

    @classmethod
    def stack(cls, prompts: Sequence[PromptTensors]) -> PromptTensors:
        """Stack the prompts of objects, which have equally many points, to a batch.

        Either all of them have a mask to start from, or none has.
        """
        masks = [single.mask_logits for single in prompts if single.mask_logits is not None]
        return cls(
            torch.cat([single.points for single in prompts]),
            torch.cat([single.labels for single in prompts]),
            torch.cat(masks) if masks else None,
        )


@dataclass(frozen=True)
class Decoded:
    """The mask of each object on a frame.

    Attributes
    ----------
    mask_logits : Tensor
        (B, 1, S / 4, S / 4); -1024 everywhere where the object is not visible.
    predicted_iou : Tensor
        (B,) in 0..1.
    occlusion_score : Tensor
        (B, 1) logit that the object is visible.
    pointer : Tensor
        (B, C) object pointer.
    agreement : Tensor or None
        (B,) mean IoU of the three guesses with the chosen mask; None if a user gave the mask.
    """

    mask_logits: Tensor
    predicted_iou: Tensor
    occlusion_score: Tensor
    pointer: Tensor
    agreement: Tensor | None = None

    def unstack(self) -> list[Decoded]:
        """Split a batch into the masks of each object."""
        rows = (slice(row, row + 1) for row in range(len(self.mask_logits)))
        return [
            Decoded(
                self.mask_logits[row],
                self.predicted_iou[row],
                self.occlusion_score[row],
                self.pointer[row],
                None if self.agreement is None else self.agreement[row],
            )
            for row in rows
        ]


@dataclass(frozen=True)
class MemoryTokens:
    """Memories of B objects as keys and values of memory attention.

    Attributes
    ----------
    tokens, code : Tensor
        (B, K, memory_dim) and their position code; pointer tokens come last.
    num_pointer_tokens : int
        How many of the K are parts of object pointers.
    cells : Tensor or None
        (B, K - num_pointer_tokens) int64 numbers of the map cells that the others are, row by row,
        where they are not all cells of each memory.
    """

    tokens: Tensor
    code: Tensor
    num_pointer_tokens: int
    cells: Tensor | None = None
