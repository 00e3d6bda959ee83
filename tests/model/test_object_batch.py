"""Objects of a batch that see different features come out as if each were alone."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.model import FrameFeatures, MemoryTokens, PromptTensors, Sam2
from tests.tracking.tiny import build_tiny_model

SIDE = 64


@pytest.fixture(scope="module")
def model() -> Sam2:
    return build_tiny_model(draws=True)


@pytest.fixture(scope="module")
def seen(model: Sam2) -> list[FrameFeatures]:
    """What two objects see: two windows of a frame."""
    images = torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    return [model.encode_frame(image[None]) for image in images]


@pytest.fixture(scope="module")
def memory(model: Sam2) -> MemoryTokens:
    config, generator = model.config, torch.Generator().manual_seed(3)
    return model.gather_memory(
        torch.randn(2, 3, config.memory_dim, 4, 4, generator=generator),
        torch.tensor([[-1, 1, 0]] * 2),
        torch.randn(2, 2, config.d_model, generator=generator),
        torch.tensor([[2.0, 1.0]] * 2) / 4,
    )


def of_object(memory: MemoryTokens, index: int) -> MemoryTokens:
    one = slice(index, index + 1)
    return MemoryTokens(memory.tokens[one], memory.code[one], memory.num_pointer_tokens)


def close(ours: torch.Tensor, alone: list[torch.Tensor]) -> bool:
    return torch.allclose(ours, torch.cat(alone), rtol=0, atol=1e-4 * float(ours.abs().max()))


def test_memory_attention(model: Sam2, seen: list[FrameFeatures], memory: MemoryTokens) -> None:
    alone = [model.attend(seen[i], of_object(memory, i)) for i in range(2)]
    assert close(model.attend(FrameFeatures.stack(seen), memory), alone)


def test_decoder(model: Sam2, seen: list[FrameFeatures]) -> None:
    device = model.device
    alone = [
        model.decode(model.without_memory(one), one, PromptTensors.none(1, device)).mask_logits
        for one in seen
    ]
    both = FrameFeatures.stack(seen)
    decoded = model.decode(model.without_memory(both), both, PromptTensors.none(2, device))
    assert close(decoded.mask_logits, alone)


def test_memory_encoder(model: Sam2, seen: list[FrameFeatures]) -> None:
    logits = torch.randn(2, 1, SIDE // 4, SIDE // 4, generator=torch.Generator().manual_seed(4))
    scores, prompted = torch.tensor([[3.0], [-3.0]]), torch.tensor([True, False])
    alone = [
        model.memorize(seen[i], logits[i : i + 1], scores[i : i + 1], prompted[i : i + 1])
        for i in range(2)
    ]
    together = model.memorize(FrameFeatures.stack(seen), logits, scores, prompted)
    assert close(together, alone)


def test_painted_masks(model: Sam2, seen: list[FrameFeatures]) -> None:
    masks = torch.zeros(2, 1, SIDE, SIDE)
    masks[0, 0, 5:20, 5:20] = masks[1, 0, 30:50, 10:40] = 1
    alone = [model.import_mask(seen[i], masks[i : i + 1]).pointer for i in range(2)]
    assert close(model.import_mask(FrameFeatures.stack(seen), masks).pointer, alone)
