"""A smaller input and fast products: named settings whose price is small."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file

from napari_sam2.model import PRESETS, PromptTensors, Sam2, build_model, load_model
from napari_sam2.tracking.network_runner import inference
from tests.tracking.tiny import tiny_config

from .comparison import random_image


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A file with random weights of a network that a preset has been made of."""
    monkeypatch.setitem(PRESETS, "tiny_test", tiny_config())
    path = tmp_path / "tiny.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(3)  # the object is seen; near 0 exact and fast may differ in that
        save_file(build_model(tiny_config()).state_dict(), path)
    return path


def mask_logits(model: Sam2) -> torch.Tensor:
    with inference(model):
        features = model.encode_frame(random_image(model.config.image_size).to(model.device))
        embedding = model.without_memory(features)
        return model.decode(embedding, features, PromptTensors.none(1, model.device)).mask_logits


def test_input_may_be_of_another_size(checkpoint) -> None:
    model = load_model(checkpoint, "cpu", image_size=96)
    assert mask_logits(model).shape == (1, 1, 24, 24)


def test_precision_stands_in_the_configuration(checkpoint) -> None:
    assert load_model(checkpoint, "cpu", precision="fast").config.precision == "fast"
    assert load_model(checkpoint, "cpu").config.precision == "exact"


def test_fast_products_stay_near_the_exact_ones(checkpoint) -> None:
    exact = mask_logits(load_model(checkpoint, "cpu"))
    fast = mask_logits(load_model(checkpoint, "cpu", precision="fast"))
    assert torch.allclose(exact, fast, atol=0.05 * float(exact.std()) + 0.05)


@pytest.mark.parametrize("setting", [{"precision": "quick"}, {"image_size": 500}])
def test_unknown_settings_are_refused(checkpoint, setting) -> None:
    with pytest.raises(ValueError, match="must be"):
        load_model(checkpoint, "cpu", **setting)
