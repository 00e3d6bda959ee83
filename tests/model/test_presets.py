"""Presets: the official sizes, and our own."""

from __future__ import annotations

import pytest
import torch

from napari_sam2.model import PRESETS, EncoderConfig, Sam2, Sam2Config, recognise
from napari_sam2.model.registry import REGISTRY

NAMES = sorted(PRESETS)
OFFICIAL = sorted(REGISTRY)
TENSORS = {  # of a checkpoint without and with what 2.1 added
    "tiny": (468, 471),
    "small": (516, 519),
    "base_plus": (612, 615),
    "large": (900, 903),
}
MILLIONS = {"tiny": 38.9, "small": 46.0, "base_plus": 80.8, "large": 224.4}


def weightless(name: str) -> Sam2:
    """The network without memory for its weights."""
    with torch.device("meta"):
        return Sam2(PRESETS[name])


def test_presets_are_the_official_sizes_and_our_own() -> None:
    assert set(NAMES) == {"cells", *OFFICIAL}
    assert len(OFFICIAL) == 8
    assert all(config.name == name for name, config in PRESETS.items())


@pytest.mark.parametrize("name", NAMES)
def test_preset_is_recognised_from_its_weights(name: str) -> None:
    assert recognise(weightless(name).state_dict()) == PRESETS[name]


@pytest.mark.parametrize("name", OFFICIAL)
def test_official_sizes_have_the_tensors_of_official_files(name: str) -> None:
    version, size = name.split("_", 1)
    state = weightless(name).state_dict()
    assert len(state) == TENSORS[size][version == "sam2.1"]
    millions = sum(tensor.numel() for tensor in state.values()) / 1e6
    assert millions == pytest.approx(MILLIONS[size], abs=0.15)


def test_versions_differ_in_three_tensors_only() -> None:
    new, old = (weightless(name).state_dict() for name in ("sam2.1_tiny", "sam2_tiny"))
    assert new.keys() - old.keys() == {
        "no_obj_embed_spatial",
        "obj_ptr_tpos_proj.weight",
        "obj_ptr_tpos_proj.bias",
    }
    assert all(new[key].shape == tensor.shape for key, tensor in old.items())


def test_our_own_network_is_small() -> None:
    count = sum(weight.numel() for weight in weightless("cells").parameters())
    assert count <= 8e6


@pytest.mark.parametrize("image_size", [0, 100, -32])
def test_image_size_that_does_not_fit_is_refused(image_size: int) -> None:
    with pytest.raises(ValueError, match=f"positive multiple of 32; got {image_size}"):
        PRESETS["cells"].at_size(image_size)


def test_width_that_does_not_split_into_memories_is_refused() -> None:
    encoder = EncoderConfig(8, 1, (1, 1, 1, 1), (2,), (4, 4), (4, 4, 4, 4))
    with pytest.raises(ValueError, match="multiple of memory_dim; got 100 and 64"):
        Sam2Config("odd", encoder, d_model=100)


def test_another_input_size_changes_nothing_else() -> None:
    config = PRESETS["sam2.1_tiny"].at_size(512)
    assert (config.image_size, config.low_res_size) == (512, 128)
    assert config.at_size(1024) == PRESETS["sam2.1_tiny"]
