"""The independent implementation that ours is compared with: SAM 2 of the package `transformers`.

It is built from the same `Size`, loaded with the same weights under other names, and driven through
its lower-level methods where its own session does other maths than SAM 2 (each place says why).

The package takes seconds to import, so that it is imported where it is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from .weights import Size, StateDict

if TYPE_CHECKING:
    from transformers import (
        Sam2Model,
        Sam2VideoInferenceSession,
        Sam2VideoModel,
        Sam2VisionConfig,
    )
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceCache

PREVIOUS_LOGIT_LIMIT = 32.0

# official name -> name in transformers, applied one after the other
RENAMES = [
    (r"^image_encoder\.trunk\.", "vision_encoder.backbone."),
    (r"patch_embed\.proj\.", "patch_embed.projection."),
    (r"^image_encoder\.neck\.convs\.(\d)\.conv\.", r"vision_encoder.neck.convs.\1."),
    (r"\.mlp\.layers\.0\.", ".mlp.proj_in."),
    (r"\.mlp\.layers\.1\.", ".mlp.proj_out."),
    (r"(hypernetworks_mlps\.\d|_head|obj_ptr_proj)\.layers\.0\.", r"\1.proj_in."),
    (r"(hypernetworks_mlps\.\d|_head|obj_ptr_proj)\.layers\.1\.", r"\1.layers.0."),
    (r"(hypernetworks_mlps\.\d|_head|obj_ptr_proj)\.layers\.2\.", r"\1.proj_out."),
    (r"^sam_prompt_encoder\.", "prompt_encoder."),
    (r"mask_downscaling\.0\.", "mask_embed.conv1."),
    (r"mask_downscaling\.1\.", "mask_embed.layer_norm1."),
    (r"mask_downscaling\.3\.", "mask_embed.conv2."),
    (r"mask_downscaling\.4\.", "mask_embed.layer_norm2."),
    (r"mask_downscaling\.6\.", "mask_embed.conv3."),
    (r"pe_layer\.positional_encoding_gaussian_matrix", "shared_embedding.positional_embedding"),
    (r"^sam_mask_decoder\.", "mask_decoder."),
    (r"output_upscaling\.0\.", "upscale_conv1."),
    (r"output_upscaling\.1\.", "upscale_layer_norm."),
    (r"output_upscaling\.3\.", "upscale_conv2."),
    (r"norm_final_attn", "layer_norm_final_attn"),
    (r"^memory_encoder\.out_proj\.", "memory_encoder.projection."),
    (r"pix_feat_proj", "feature_projection"),
    (r"\.fuser\.", ".memory_fuser."),
    (r"\.gamma$", ".scale"),
    (r"dwconv", "depthwise_conv"),
    (r"pwconv", "pointwise_conv"),
    (r"mask_downsampler\.encoder\.12\.", "mask_downsampler.final_conv."),
    (r"\.norm(\d?)\.", r".layer_norm\1."),
    (r"\.out_proj\.", ".o_proj."),
    (r"^obj_ptr_proj", "object_pointer_proj"),
    (r"^obj_ptr_tpos_proj", "temporal_positional_encoding_projection_layer"),
    (r"^maskmem_tpos_enc$", "memory_temporal_positional_encoding"),
    (r"^no_mem_embed$", "no_memory_embedding"),
    (r"^no_mem_pos_enc$", "no_memory_positional_encoding"),
    (r"^no_obj_ptr$", "no_object_pointer"),
    (r"^no_obj_embed_spatial$", "occlusion_spatial_embedding_parameter"),
]
VIDEO_ONLY = (
    "memory_",
    "mask_downsample.",
    "object_pointer_proj.",
    "temporal_positional_encoding_projection_layer.",
    "no_memory_positional_encoding",
    "no_object_pointer",
    "occlusion_spatial_embedding_parameter",
)


def renamed(state_dict: StateDict) -> StateDict:
    """The same tensors under the names that transformers' video model has for them."""
    theirs = {}
    for name, tensor in state_dict.items():
        theirs[_renamed(name)] = tensor
    corners = [theirs.pop(f"prompt_encoder.point_embeddings.{i}.weight") for i in range(4)]
    theirs["prompt_encoder.point_embed.weight"] = torch.cat(corners)
    theirs["shared_image_embedding.positional_embedding"] = theirs[
        "prompt_encoder.shared_embedding.positional_embedding"
    ]
    return theirs


def _renamed(name: str) -> str:
    for pattern, replacement in RENAMES:
        name = re.sub(pattern, replacement, name)
    return re.sub(r"mask_downsampler\.encoder\.(\d+)\.", _mask_downsampler_layer, name)


def _mask_downsampler_layer(match: re.Match[str]) -> str:
    layer, part = divmod(int(match[1]), 3)
    return f"mask_downsampler.layers.{layer}.{('conv', 'layer_norm')[part]}."


def _vision_config(size: Size, image_size: int) -> Sam2VisionConfig:
    from transformers import Sam2HieraDetConfig, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=size.embed_dim,
        num_attention_heads=size.num_heads,
        image_size=[image_size, image_size],
        window_positional_embedding_background_size=list(size.pos_embed_grid),
        blocks_per_stage=list(size.stages),
        embed_dim_per_stage=size.widths,
        num_attention_heads_per_stage=[size.num_heads * 2**stage for stage in range(4)],
        window_size_per_stage=list(size.window_sizes),
        global_attention_blocks=list(size.global_blocks),
    )
    return Sam2VisionConfig(
        backbone_config=backbone,
        backbone_channel_list=size.widths[::-1],
        backbone_feature_sizes=[[image_size // stride] * 2 for stride in (4, 8, 16)],
    )


def reference_image_model(size: Size, state_dict: StateDict, image_size: int) -> Sam2Model:
    """Their image model with the weights of an official state dict, every tensor accounted for."""
    from transformers import (
        Sam2Config,
        Sam2MaskDecoderConfig,
        Sam2Model,
        Sam2PromptEncoderConfig,
    )

    config = Sam2Config(
        vision_config=_vision_config(size, image_size),
        prompt_encoder_config=Sam2PromptEncoderConfig(image_size=image_size),
        mask_decoder_config=Sam2MaskDecoderConfig(),
    )
    weights = {
        name: tensor
        for name, tensor in renamed(state_dict).items()
        if not name.startswith(VIDEO_ONLY)
    }
    return _loaded(Sam2Model(config), weights)


@cache
def official_video_model() -> type[Sam2VideoModel]:
    """Their video model with two deviations of its mask prompts from the official code undone.

    A mask prompt's pointer is made from the first mask token (there: from the candidate of best
    predicted IoU), and its memory from the mask as it was stored, at a quarter of the resolution
    (there: from the mask at full resolution).
    """
    from transformers import Sam2VideoModel

    class OfficialVideoModel(Sam2VideoModel):
        def _single_frame_forward(self, **inputs):
            only_mask = inputs.get("input_masks") is not None and inputs.get("input_points") is None
            return super()._single_frame_forward(
                **{**inputs, **({"multimask_output": False} if only_mask else {})}
            )

        def _use_mask_as_output(self, *args):
            outputs = super()._use_mask_as_output(*args)
            outputs.high_res_masks = functional.interpolate(
                outputs.pred_masks, size=(self.image_size, self.image_size), mode="bilinear"
            )
            return outputs

    return OfficialVideoModel


def reference_video_model(size: Size, state_dict: StateDict, image_size: int) -> Sam2VideoModel:
    """Their video model with the weights of an official state dict, every tensor accounted for."""
    from transformers import (
        Sam2VideoConfig,
        Sam2VideoMaskDecoderConfig,
        Sam2VideoPromptEncoderConfig,
    )

    is_version_2_1 = "no_obj_embed_spatial" in state_dict
    config = Sam2VideoConfig(
        vision_config=_vision_config(size, image_size),
        prompt_encoder_config=Sam2VideoPromptEncoderConfig(image_size=image_size),
        mask_decoder_config=Sam2VideoMaskDecoderConfig(),
        image_size=image_size,
        memory_attention_rope_feat_sizes=[image_size // 16, image_size // 16],
        enable_occlusion_spatial_embedding=is_version_2_1,
        enable_temporal_pos_encoding_for_object_pointers=is_version_2_1,
    )
    return _loaded(official_video_model()(config), renamed(state_dict))


def _loaded(model: torch.nn.Module, weights: StateDict):
    model.load_state_dict(weights, strict=True)
    return model.eval()


@dataclass
class ReferenceTracker:
    """One object of a video in the reference, prompted and tracked as SAM 2 was trained to be.

    There is one session for each object, because a session of transformers binarises the memories
    of all objects of a frame as soon as one of them is prompted there. Every prompted frame is a
    conditioning frame and may be given previous logits; transformers' own session keeps
    corrections out of the memory and never feeds previous logits.

    Coordinates are (x, y) in pixels of the model's square input.
    """

    model: Sam2VideoModel
    pixels: torch.Tensor  # (T, 3, H, W) normalised
    encoded: Sam2VideoInferenceCache | None = None  # frames that another tracker has encoded
    session: Sam2VideoInferenceSession = field(init=False)

    def __post_init__(self) -> None:
        from transformers import Sam2VideoInferenceSession

        self.session = Sam2VideoInferenceSession(
            video=self.pixels, dtype=torch.float32, max_vision_features_cache_size=len(self.pixels)
        )
        self.session.obj_id_to_idx(1)
        if self.encoded is None:
            self.encoded = self.session.cache
        else:
            self.session.cache = self.encoded

    @property
    def outputs(self) -> dict[str, dict[int, dict[str, torch.Tensor]]]:
        """Stored outputs: ``cond_frame_outputs`` and ``non_cond_frame_outputs``, by frame."""
        return self.session.output_dict_per_obj[0]

    @torch.inference_mode()
    def prompt(
        self,
        t: int,
        points: list[tuple[float, float]] | None = None,
        labels: list[int] | None = None,
        mask: torch.Tensor | None = None,
        previous_logits: torch.Tensor | None = None,
        with_memory: bool = False,
        reverse: bool = False,
    ) -> torch.Tensor:
        """Make a conditioning frame; its low-resolution logits.

        It is decoded from points (box corners have labels 2 and 3), beside which `previous_logits`
        may be fed, or taken from a mask at full size.
        """
        if previous_logits is not None:
            previous_logits = previous_logits.clamp(-PREVIOUS_LOGIT_LIMIT, PREVIOUS_LOGIT_LIMIT)
        point_inputs = None
        if points is not None:
            coordinates = torch.tensor(points, dtype=torch.float32)[None, None]
            point_inputs = {
                "point_coords": coordinates,
                "point_labels": torch.tensor(labels)[None, None],
            }
        output = self.model._run_single_frame_inference(
            inference_session=self.session,
            frame_idx=t,
            obj_idx=0,
            batch_size=1,
            is_init_cond_frame=not with_memory,
            point_inputs=point_inputs,
            mask_inputs=mask,
            reverse=reverse,
            prev_sam_mask_logits=previous_logits,
        )
        self.outputs["non_cond_frame_outputs"].pop(t, None)
        self.session.store_output(0, t, output_value=output, is_conditioning_frame=True)
        self.model._batch_encode_memories(
            self.session,
            t,
            [0],
            [output["high_res_masks"]],
            [output["object_score_logits"]],
            [True],
        )
        return output["pred_masks"]

    def propagate(self, frames: range) -> dict[int, torch.Tensor]:
        """Track through `frames` in their order: (1, 1, H/4, W/4) logits by frame."""
        reverse = frames.step < 0
        return {
            t: self.model(self.session, frame_idx=t, reverse=reverse).pred_masks.clone()
            for t in frames
        }

    def forget_tracked(self) -> None:
        """Drop all that is not prompted, so that the next pass sees nothing of the last one."""
        self.outputs["non_cond_frame_outputs"].clear()
