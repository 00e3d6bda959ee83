"""A block is a part of a frame, and the network works on it as on the whole."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.model import FrameFeatures, MemoryTokens, PromptTensors, Sam2
from napari_sam2.model.blocks import Blocks

PAIR = Blocks(corners=((0, 1), (2, 2)), side=2, size=4)
CPU = torch.device("cpu")


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_what_is_cut_can_be_pasted(scale: int) -> None:
    maps = torch.arange(3.0 * (4 * scale) ** 2).reshape(1, 3, 4 * scale, 4 * scale)
    cut = PAIR.cut(maps)
    assert cut.shape == (2, 3, 2 * scale, 2 * scale)
    pasted = PAIR.paste(cut, -1.0)
    for full, (row, column) in zip(pasted, PAIR.corners, strict=True):
        rows = slice(scale * row, scale * (row + 2))
        columns = slice(scale * column, scale * (column + 2))
        assert torch.equal(full[:, rows, columns], maps[0, :, rows, columns])
        assert (full == -1).sum() == 3 * (16 - 4) * scale**2


def test_cells_are_counted_row_by_row() -> None:
    assert PAIR.cells(CPU).tolist() == [[1, 2, 5, 6], [10, 11, 14, 15]]


@pytest.fixture
def seen(tiny_model: Sam2) -> tuple[FrameFeatures, MemoryTokens]:
    """A frame, and a memory of each of two objects."""
    generator = torch.Generator().manual_seed(3)
    image = torch.randn(1, 3, 64, 64, generator=generator)
    with torch.inference_mode():
        features = tiny_model.encode_frame(image)
        memory = tiny_model.gather_memory(
            torch.randn(2, 1, 16, 4, 4, generator=generator),
            torch.tensor([[-1], [-1]]),
            torch.randn(2, 1, 32, generator=generator),
            torch.rand(2, 1, generator=generator),
        )
    return features, memory


@torch.inference_mode()
def test_block_of_everything_is_the_frame(
    tiny_model: Sam2, seen: tuple[FrameFeatures, MemoryTokens]
) -> None:
    features, memory = seen
    everything = Blocks(corners=((0, 0), (0, 0)), side=4, size=4)
    whole = tiny_model.attend(features, memory)
    cut = tiny_model.attend(features, memory, everything)
    assert torch.allclose(cut, whole, atol=1e-5)
    prompts = PromptTensors.none(2, CPU)
    expected = tiny_model.decode(whole, features, prompts)
    found = tiny_model.decode(cut, features, prompts, blocks=everything)
    assert torch.allclose(found.mask_logits, expected.mask_logits, rtol=1e-3, atol=1e-3)


@torch.inference_mode()
def test_cells_keep_their_place_in_the_frame(
    tiny_model: Sam2,
    seen: tuple[FrameFeatures, MemoryTokens],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """But for self-attention, the cells of a block see memories as they do in the whole map."""
    features, memory = seen
    for layer in tiny_model.memory_attention.layers:
        monkeypatch.setattr(layer.self_attn, "forward_rotary", lambda q, *_: torch.zeros_like(q))
    whole = tiny_model.attend(features, memory)
    cut = tiny_model.attend(features, memory, PAIR)
    assert torch.allclose(cut, PAIR.cut(whole), atol=1e-5)
