"""Random weights under the official names and shapes, tame enough to compare two implementations.

Plain random weights make a video chaotic: rounding noise becomes other masks within a few frames.
Those made here give masks that are neither empty nor full, one candidate mask that is clearly the
best, and objects that are clearly visible; parameters that start at zero or one in training (layer
scales, tokens, position embeddings) are drawn too, so that each one matters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

Shapes = dict[str, tuple[int, ...]]
StateDict = dict[str, torch.Tensor]

HIDDEN = 256
MEMORY = 64
# the last bias of the IoU head: the best mask is one of the three candidates, and clearly so
IOU_BIAS = (0.0, -1.0, 0.5, 2.0)
VISIBLE_BIAS = 2.0  # the last bias of the occlusion head
EMBEDDINGS = (
    "positional_encoding_gaussian_matrix",
    *(f"point_embeddings.{i}.weight" for i in range(4)),
    *(f"{name}.weight" for name in ("not_a_point_embed", "no_mask_embed", "mask_tokens")),
    *(f"{name}.weight" for name in ("iou_token", "obj_score_token")),
)
# found by trial: with these, rounding noise moves the logits of a video by some 1e-5 of their
# range, and a sign, order or term that is wrong by 1e-3 to 1e-1
GAINS = {
    # few pixels in the band of the stability score
    r"hypernetworks_mlps\.\d\.layers\.2\.weight$": 6.0,
    # object pointers that are listened to
    r"^obj_ptr_proj\.layers\.2\.weight$": 3.0,
    # attention that picks instead of averaging
    r"[qk]_proj\.weight$": 1.5,
    # calm residuals
    r"(attn\.proj|mlp\.layers\.1|linear2|pwconv2|attn\w*\.out_proj)\.weight$": 0.3,
}


@dataclass(frozen=True)
class Size:
    """What tells one official size from another: all of it is in the image encoder's trunk."""

    embed_dim: int
    num_heads: int
    stages: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    pos_embed_grid: tuple[int, int]
    window_sizes: tuple[int, int, int, int]

    @property
    def widths(self) -> list[int]:
        """Channels of the four stages."""
        return [self.embed_dim * 2**stage for stage in range(4)]


SIZES = {
    "tiny": Size(96, 1, (1, 2, 7, 2), (5, 7, 9), (7, 7), (8, 4, 14, 7)),
    "small": Size(96, 1, (1, 2, 11, 2), (7, 10, 13), (7, 7), (8, 4, 14, 7)),
    "base_plus": Size(112, 2, (2, 3, 16, 3), (12, 16, 20), (14, 14), (8, 4, 14, 7)),
    "large": Size(144, 2, (2, 6, 36, 4), (23, 33, 43), (7, 7), (8, 4, 16, 8)),
}
# an official model in everything but the number of channels and blocks of its trunk
MINI = Size(24, 1, (1, 1, 2, 1), (3,), (7, 7), (8, 4, 14, 7))


def official_shapes(size: Size, version: str = "2.1") -> Shapes:
    """Names and shapes of all tensors in an official checkpoint of `size`."""
    shapes = {
        "maskmem_tpos_enc": (7, 1, 1, MEMORY),
        "no_mem_embed": (1, 1, HIDDEN),
        "no_mem_pos_enc": (1, 1, HIDDEN),
        "no_obj_ptr": (1, HIDDEN),
        **_trunk(size),
        **_conv("mask_downsample", 1, 1, 4),
        **_memory_attention(),
        **_memory_encoder(),
        **_prompt_encoder(),
        **_mask_decoder(),
        **_mlp("obj_ptr_proj", HIDDEN, HIDDEN, HIDDEN),
    }
    for level, width in enumerate(reversed(size.widths)):
        shapes |= _conv(f"image_encoder.neck.convs.{level}.conv", width, HIDDEN, 1)
    if version == "2.1":
        shapes |= {
            "no_obj_embed_spatial": (1, MEMORY),
            **_linear("obj_ptr_tpos_proj", HIDDEN, MEMORY),
        }
    return shapes


def soft_state_dict(size: Size, seed: int = 0, version: str = "2.1") -> StateDict:
    """Float32 weights for every name of `official_shapes`, the same ones for the same seed."""
    generator = torch.Generator().manual_seed(seed)
    return {
        name: _draw(name, shape, generator)
        for name, shape in official_shapes(size, version).items()
    }


def _draw(name: str, shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    noise = torch.randn(shape, generator=generator)
    if name.endswith("iou_prediction_head.layers.2.bias"):
        return torch.tensor(IOU_BIAS) + 0.05 * noise
    if name.endswith("pred_obj_score_head.layers.2.bias"):
        return VISIBLE_BIAS + 0.05 * noise
    if name.endswith(".gamma"):
        return 0.5 + 0.1 * noise
    if name.endswith(".bias"):
        return 0.1 * noise
    if name.endswith(EMBEDDINGS):
        return noise
    if not name.endswith(".weight"):  # bare parameters: position, time and absence
        return 0.3 * noise
    if noise.ndim == 1:  # scale of a normalisation
        return 1.0 + 0.1 * noise
    return noise * _gain(name) / noise[0].numel() ** 0.5


def _gain(name: str) -> float:
    for ending, gain in GAINS.items():
        if re.search(ending, name):
            return gain
    return 1.0


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def _conv(name: str, inputs: int, outputs: int, kernel: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs, kernel, kernel), f"{name}.bias": (outputs,)}


def _mlp(name: str, *widths: int, outputs: int = HIDDEN) -> Shapes:
    ends = [*widths, outputs]
    layers = [_linear(f"{name}.layers.{i}", ends[i], ends[i + 1]) for i in range(len(widths))]
    return {key: shape for layer in layers for key, shape in layer.items()}


def _attention(name: str, inner: int, key_width: int = HIDDEN) -> Shapes:
    return {
        **_linear(f"{name}.q_proj", HIDDEN, inner),
        **_linear(f"{name}.k_proj", key_width, inner),
        **_linear(f"{name}.v_proj", key_width, inner),
        **_linear(f"{name}.out_proj", inner, HIDDEN),
    }


def _trunk(size: Size) -> Shapes:
    trunk = "image_encoder.trunk"
    window = size.window_sizes[0]
    shapes = {
        f"{trunk}.pos_embed": (1, size.embed_dim, *size.pos_embed_grid),
        f"{trunk}.pos_embed_window": (1, size.embed_dim, window, window),
        **_conv(f"{trunk}.patch_embed.proj", 3, size.embed_dim, 7),
    }
    width = size.embed_dim
    block = 0
    for stage_width, depth in zip(size.widths, size.stages, strict=True):
        for _ in range(depth):
            shapes |= _trunk_block(f"{trunk}.blocks.{block}", width, stage_width)
            width, block = stage_width, block + 1
    return shapes


def _trunk_block(name: str, width: int, width_out: int) -> Shapes:
    shapes = {
        **_norm(f"{name}.norm1", width),
        **_linear(f"{name}.attn.qkv", width, 3 * width_out),
        **_linear(f"{name}.attn.proj", width_out, width_out),
        **_norm(f"{name}.norm2", width_out),
        **_mlp(f"{name}.mlp", width_out, 4 * width_out, outputs=width_out),
    }
    return shapes if width == width_out else shapes | _linear(f"{name}.proj", width, width_out)


def _memory_attention() -> Shapes:
    shapes = _norm("memory_attention.norm", HIDDEN)
    for layer in (f"memory_attention.layers.{i}" for i in range(4)):
        shapes |= _attention(f"{layer}.self_attn", HIDDEN)
        shapes |= _attention(f"{layer}.cross_attn_image", HIDDEN, MEMORY)
        shapes |= _linear(f"{layer}.linear1", HIDDEN, 2048) | _linear(
            f"{layer}.linear2", 2048, HIDDEN
        )
        for norm in ("norm1", "norm2", "norm3"):
            shapes |= _norm(f"{layer}.{norm}", HIDDEN)
    return shapes


def _memory_encoder() -> Shapes:
    name = "memory_encoder"
    shapes = _conv(f"{name}.pix_feat_proj", HIDDEN, HIDDEN, 1) | _conv(
        f"{name}.out_proj", HIDDEN, MEMORY, 1
    )
    for index, channels in enumerate((4, 16, 64, 256)):
        shapes |= _conv(f"{name}.mask_downsampler.encoder.{3 * index}", channels // 4, channels, 3)
        shapes |= _norm(f"{name}.mask_downsampler.encoder.{3 * index + 1}", channels)
    shapes |= _conv(f"{name}.mask_downsampler.encoder.12", 256, HIDDEN, 1)
    for layer in (f"{name}.fuser.layers.{i}" for i in range(2)):
        shapes |= {
            f"{layer}.gamma": (HIDDEN,),
            **_conv(f"{layer}.dwconv", 1, HIDDEN, 7),
            **_norm(f"{layer}.norm", HIDDEN),
        }
        shapes |= _linear(f"{layer}.pwconv1", HIDDEN, 1024) | _linear(
            f"{layer}.pwconv2", 1024, HIDDEN
        )
    return shapes


def _prompt_encoder() -> Shapes:
    name = "sam_prompt_encoder"
    embeddings = [
        *(f"point_embeddings.{i}" for i in range(4)),
        "not_a_point_embed",
        "no_mask_embed",
    ]
    return {
        f"{name}.pe_layer.positional_encoding_gaussian_matrix": (2, HIDDEN // 2),
        **{f"{name}.{embedding}.weight": (1, HIDDEN) for embedding in embeddings},
        **_conv(f"{name}.mask_downscaling.0", 1, 4, 2),
        **_norm(f"{name}.mask_downscaling.1", 4),
        **_conv(f"{name}.mask_downscaling.3", 4, 16, 2),
        **_norm(f"{name}.mask_downscaling.4", 16),
        **_conv(f"{name}.mask_downscaling.6", 16, HIDDEN, 1),
    }


def _mask_decoder() -> Shapes:
    name = "sam_mask_decoder"
    shapes = {
        **{f"{name}.{token}.weight": (1, HIDDEN) for token in ("iou_token", "obj_score_token")},
        f"{name}.mask_tokens.weight": (4, HIDDEN),
        # transposed convolutions: inputs come first
        f"{name}.output_upscaling.0.weight": (HIDDEN, 64, 2, 2),
        f"{name}.output_upscaling.0.bias": (64,),
        **_norm(f"{name}.output_upscaling.1", 64),
        f"{name}.output_upscaling.3.weight": (64, 32, 2, 2),
        f"{name}.output_upscaling.3.bias": (32,),
        **_conv(f"{name}.conv_s0", HIDDEN, 32, 1),
        **_conv(f"{name}.conv_s1", HIDDEN, 64, 1),
        **_mlp(f"{name}.iou_prediction_head", HIDDEN, HIDDEN, HIDDEN, outputs=4),
        **_mlp(f"{name}.pred_obj_score_head", HIDDEN, HIDDEN, HIDDEN, outputs=1),
        **_attention(f"{name}.transformer.final_attn_token_to_image", HIDDEN // 2),
        **_norm(f"{name}.transformer.norm_final_attn", HIDDEN),
    }
    for mask in range(4):
        shapes |= _mlp(
            f"{name}.output_hypernetworks_mlps.{mask}", HIDDEN, HIDDEN, HIDDEN, outputs=32
        )
    for layer in (f"{name}.transformer.layers.{i}" for i in range(2)):
        shapes |= _attention(f"{layer}.self_attn", HIDDEN)
        shapes |= _attention(f"{layer}.cross_attn_token_to_image", HIDDEN // 2)
        shapes |= _attention(f"{layer}.cross_attn_image_to_token", HIDDEN // 2)
        shapes |= _mlp(f"{layer}.mlp", HIDDEN, 2048)
        for norm in ("norm1", "norm2", "norm3", "norm4"):
            shapes |= _norm(f"{layer}.{norm}", HIDDEN)
    return shapes
