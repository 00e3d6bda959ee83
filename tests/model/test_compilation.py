"""The image encoder may be compiled: once, and where that works."""

from __future__ import annotations

import logging

import pytest
import torch

from napari_sam2.model import Sam2
from tests.tracking.tiny import build_tiny_model


@pytest.fixture
def model() -> Sam2:
    return build_tiny_model()


def random_images(count: int) -> torch.Tensor:
    return torch.randn(count, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_every_batch_goes_through_what_was_compiled_for_one_image(model: Sam2) -> None:
    shapes: list[tuple[int, ...]] = []

    def compiled(image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        shapes.append(tuple(image.shape))
        return model.encode_maps(image)

    images = random_images(3)
    with torch.inference_mode():
        plain = model.encode_frame(images)
        model.compiled_encoder = compiled
        found = model.encode_frame(images)
    assert shapes == [(1, 3, 64, 64)] * 3
    for name in ("stride16", "stride8", "stride4"):
        assert torch.allclose(getattr(plain, name), getattr(found, name), atol=1e-5)


def test_without_a_compiler_it_runs_as_it_is(model: Sam2, caplog: pytest.LogCaptureFixture) -> None:
    def compiled(image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raise RuntimeError("no C++ compiler")

    model.compiled_encoder = compiled
    with torch.inference_mode(), caplog.at_level(logging.WARNING):
        found = model.encode_frame(random_images(1))
    assert found.stride16.shape == (1, 32, 4, 4)
    assert "no C++ compiler" in caplog.text
    assert model.compiled_encoder is None


def test_lack_of_memory_is_no_lack_of_a_compiler(model: Sam2) -> None:
    def compiled(image: torch.Tensor) -> tuple[torch.Tensor, ...]:
        raise torch.OutOfMemoryError("full")

    model.compiled_encoder = compiled
    with pytest.raises(torch.OutOfMemoryError):
        model.encode_frame(random_images(1))


def test_compiled_network_has_the_weights_that_it_had(model: Sam2) -> None:
    names = set(model.state_dict())
    model.compile_encoder(backend="eager")
    assert set(model.state_dict()) == names
