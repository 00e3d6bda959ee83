"""Our network and an independent one, with the same weights, on single images.

Logits agree to `TOLERANCE` of their range in float32; what is asked of any implementation is 1e-3.
"""

from __future__ import annotations

import pytest
import torch

from napari_sam2.model import PRESETS, FrameFeatures, PromptTensors, Sam2, build_model, recognise
from napari_sam2.model.mask_decoder import Candidates, choose_single

from .comparison import narrow, our_model, random_image, relative_difference
from .reference import reference_image_model
from .weights import MINI, SIZES, Size, StateDict, official_shapes, soft_state_dict

TOLERANCE = 1e-4
SIDE = 256  # of the small comparisons
COUNTS = {
    "sam2.1_tiny": 471,
    "sam2.1_small": 519,
    "sam2.1_base_plus": 615,
    "sam2.1_large": 903,
    "sam2_tiny": 468,
    "sam2_small": 516,
    "sam2_base_plus": 612,
    "sam2_large": 900,
}


def size_and_version(preset: str) -> tuple[Size, str]:
    family, size = preset.split("_", 1)
    return SIZES[size], "2.1" if family == "sam2.1" else "2.0"


def empty_official_weights(preset: str) -> StateDict:
    """Tensors without storage under all names of an official checkpoint."""
    shapes = official_shapes(*size_and_version(preset))
    return {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}


@pytest.mark.parametrize("preset", COUNTS)
def test_preset_has_names_and_shapes_of_official_checkpoint(preset: str) -> None:
    with torch.device("meta"):
        model = Sam2(PRESETS[preset])
    ours = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    assert len(ours) == COUNTS[preset]
    assert ours == official_shapes(*size_and_version(preset))


@pytest.mark.parametrize("preset", COUNTS)
def test_official_checkpoint_is_recognised_and_loads_strictly(preset: str) -> None:
    weights = empty_official_weights(preset)
    config = recognise(weights)
    assert config.name == preset
    with torch.device("meta"):
        build_model(config, weights)


@pytest.mark.parametrize("change", ["missing", "unexpected"])
def test_incomplete_or_foreign_weights_are_refused(change: str) -> None:
    weights = empty_official_weights("sam2.1_tiny")
    if change == "missing":
        del weights["obj_ptr_tpos_proj.bias"]
    else:
        weights["obj_ptr_tpos_proj.scale"] = torch.empty(1, device="meta")
    with torch.device("meta"), pytest.raises(ValueError, match="obj_ptr_tpos_proj"):
        build_model(PRESETS["sam2.1_tiny"], weights)


def feature_differences(ours: FrameFeatures, theirs: list[torch.Tensor]) -> list[float]:
    """Of strides 4, 8 and 16; theirs are (H*W, 1, C)."""
    maps = [ours.stride4, ours.stride8, ours.stride16]
    return [
        relative_difference(one.flatten(2).permute(2, 0, 1), other)
        for one, other in zip(maps, theirs, strict=True)
    ]


@torch.no_grad()
@pytest.mark.parametrize("size", SIZES)
def test_image_features_of_every_official_layout_agree(size: str) -> None:
    layout = narrow(SIZES[size])
    pair = Pair(layout, soft_state_dict(layout, seed=3), SIDE)
    assert max(feature_differences(pair.features, pair.raw_embeddings)) < TOLERANCE


class Pair:
    """Our network and the reference with the same weights, and one image encoded by each."""

    def __init__(self, size: Size, weights: StateDict, image_size: int) -> None:
        self.side = image_size
        self.ours = our_model(size, weights, image_size)
        self.theirs = reference_image_model(size, weights, image_size)
        image = random_image(image_size)
        self.features = self.ours.encode_frame(image)
        self.raw_embeddings = self.theirs.get_image_features(image).fpn_hidden_states
        sides = [image_size // stride for stride in (4, 8, 16)]
        maps = [
            raw.permute(1, 2, 0).reshape(1, -1, side, side)
            for raw, side in zip(self.raw_embeddings, sides, strict=True)
        ]
        self.embeddings = [*maps[:2], maps[2] + self.theirs.no_memory_embedding.view(1, -1, 1, 1)]

    def candidates(self, prompts: PromptTensors) -> Candidates:
        embedding = self.ours.without_memory(self.features)
        return self.ours.candidates(embedding, self.features, prompts)

    def reference(self, *, multimask: bool, **prompts: torch.Tensor | None):
        return self.theirs(image_embeddings=self.embeddings, multimask_output=multimask, **prompts)


@pytest.fixture(scope="module")
def tiny() -> Pair:
    """Tiny as it is released, at its full input of 1024 pixels."""
    with torch.no_grad():
        return Pair(SIZES["tiny"], soft_state_dict(SIZES["tiny"], seed=2), 1024)


def test_image_features_of_tiny_agree_at_full_size(tiny: Pair) -> None:
    assert max(feature_differences(tiny.features, tiny.raw_embeddings)) < TOLERANCE


# (points, labels) as shares of the side, box, whether a mask is given
PROMPTS = {
    "one point": ([(0.3, 0.4)], [1], None, False),
    "three points": ([(0.3, 0.4), (0.5, 0.45), (0.8, 0.1)], [1, 1, 0], None, False),
    "box": ([], [], (0.2, 0.3, 0.6, 0.7), False),
    "box and point": ([(0.25, 0.6)], [0], (0.2, 0.3, 0.6, 0.7), False),
    "mask": ([], [], None, True),
    "previous logits and points": ([(0.3, 0.4), (0.7, 0.2)], [1, 0], None, True),
}


def our_prompts(name: str, side: int) -> PromptTensors:
    points, labels, box, has_mask = PROMPTS[name]
    corners = [] if box is None else [box[:2], box[2:]]
    places = torch.tensor([*corners, *points], dtype=torch.float32).reshape(1, -1, 2) * side
    kinds = torch.tensor([[*([2, 3] if corners else []), *labels]], dtype=torch.long)
    return PromptTensors(places, kinds, previous_logits(side) if has_mask else None)


def their_prompts(name: str, side: int) -> dict[str, torch.Tensor | None]:
    points, labels, box, has_mask = PROMPTS[name]
    return {
        "input_points": torch.tensor([[points]]) * side if points else None,
        "input_labels": torch.tensor([[labels]]) if points else None,
        "input_boxes": None if box is None else torch.tensor([[box]]) * side,
        "input_masks": previous_logits(side) if has_mask else None,
    }


def previous_logits(side: int) -> torch.Tensor:
    """(1, 1, S / 4, S / 4) a disc in -9..9."""
    y, x = torch.meshgrid(*[torch.linspace(0, 1, side // 4)] * 2, indexing="ij")
    return (9 - 60 * ((y - 0.4) ** 2 + (x - 0.35) ** 2).sqrt()).clamp(-9, 9)[None, None]


@torch.no_grad()
@pytest.mark.parametrize("prompt", PROMPTS)
def test_candidates_of_tiny_agree_at_full_size(tiny: Pair, prompt: str) -> None:
    ours = tiny.candidates(our_prompts(prompt, tiny.side))
    theirs = tiny.reference(multimask=True, **their_prompts(prompt, tiny.side))
    assert relative_difference(ours.masks[:, 1:], theirs.pred_masks[0]) < TOLERANCE
    assert torch.allclose(ours.predicted_iou[:, 1:], theirs.iou_scores[0], atol=TOLERANCE)
    assert torch.allclose(ours.occlusion_score, theirs.object_score_logits[0], atol=TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("prompt", PROMPTS)
def test_single_mask_of_tiny_agrees_at_full_size(tiny: Pair, prompt: str) -> None:
    ours = choose_single(tiny.candidates(our_prompts(prompt, tiny.side)))
    theirs = tiny.reference(multimask=False, **their_prompts(prompt, tiny.side))
    assert relative_difference(ours.masks, theirs.pred_masks[0]) < TOLERANCE
    assert torch.allclose(ours.predicted_iou, theirs.iou_scores[0, :, 0], atol=TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize(("gain", "is_stable"), [(1.0, True), (0.02, False)])
def test_unstable_single_mask_gives_way_to_the_best_guess(
    mini_weights: StateDict, gain: float, is_stable: bool
) -> None:
    last = "sam_mask_decoder.output_hypernetworks_mlps.0.layers.2"
    faint = {f"{last}.{part}": gain * mini_weights[f"{last}.{part}"] for part in ("weight", "bias")}
    pair = Pair(MINI, mini_weights | faint, SIDE)
    candidates = pair.candidates(our_prompts("three points", pair.side))
    theirs = pair.reference(multimask=False, **their_prompts("three points", pair.side))
    ours = choose_single(candidates)
    assert torch.equal(ours.masks, candidates.masks[:, :1]) is is_stable
    assert relative_difference(ours.masks, theirs.pred_masks[0]) < TOLERANCE
    assert torch.allclose(ours.predicted_iou, theirs.iou_scores[0, :, 0], atol=TOLERANCE)


@torch.no_grad()
@pytest.mark.parametrize("seed", [4, 5])
def test_batch_of_objects_agrees(seed: int) -> None:
    pair = Pair(MINI, soft_state_dict(MINI, seed), SIDE)
    points = torch.rand(3, 2, 2, generator=torch.Generator().manual_seed(seed)) * pair.side
    labels = torch.tensor([[1, 0], [1, 1], [0, 1]])
    ours = pair.candidates(PromptTensors(points, labels))
    theirs = pair.reference(multimask=True, input_points=points[None], input_labels=labels[None])
    assert relative_difference(ours.masks[:, 1:], theirs.pred_masks[0]) < TOLERANCE


PLANTED = [
    "image_encoder.trunk.pos_embed",
    "image_encoder.neck.convs.0.conv.weight",
    "no_mem_embed",
    "sam_prompt_encoder.not_a_point_embed.weight",
    "sam_prompt_encoder.point_embeddings.0.weight",
    "sam_mask_decoder.conv_s0.bias",
    "sam_mask_decoder.transformer.layers.1.norm4.bias",
]


@pytest.fixture(scope="module")
def mini(mini_weights: StateDict) -> Pair:
    with torch.no_grad():
        return Pair(MINI, mini_weights, SIDE)


@torch.no_grad()
@pytest.mark.parametrize("name", PLANTED)
def test_planted_mistake_is_noticed(mini: Pair, mini_weights: StateDict, name: str) -> None:
    wrong = mini_weights | {name: 1.05 * mini_weights[name]}
    wrong_model = our_model(MINI, wrong, SIDE)
    features = wrong_model.encode_frame(random_image(SIDE))
    prompts = our_prompts("three points", mini.side)
    ours = wrong_model.candidates(wrong_model.without_memory(features), features, prompts)
    theirs = mini.reference(multimask=True, **their_prompts("three points", mini.side))
    assert relative_difference(ours.masks[:, 1:], theirs.pred_masks[0]) > 5 * TOLERANCE
