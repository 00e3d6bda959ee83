"""SAM 2: encode a frame, attend to memories, decode masks, encode memories.

Each method is a pure function of tensors and of the weights; which memories a frame sees is decided
elsewhere (`napari_sam2.tracking`). SAM 2 paper, §4 and §D.1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.blocks import Blocks
from napari_sam2.model.cell_head import CellHead
from napari_sam2.model.cell_unet import CellUNet
from napari_sam2.model.config import Sam2Config
from napari_sam2.model.layers import MLP
from napari_sam2.model.mask_decoder import (
    NUM_MASKS,
    Candidates,
    Choice,
    MaskDecoder,
    choose_by_cell,
    choose_guess,
    choose_single,
    keep_single,
    mask_overlap,
    upsample,
)
from napari_sam2.model.memory_attention import MemoryAttention
from napari_sam2.model.memory_encoder import MemoryEncoder
from napari_sam2.model.neck import ImageEncoder
from napari_sam2.model.position import rotary_table, sine_map, sine_vector
from napari_sam2.model.prompt_encoder import NOT_A_POINT, PromptEncoder, draw_prompts, fade
from napari_sam2.model.tensors import Decoded, FrameFeatures, MemoryTokens, PromptTensors

log = logging.getLogger(__name__)

NO_OBJECT_LOGIT = -1024.0
JUST_VISIBLE = 1e-3  # occlusion score of an object that is taken for visible against the head
MASK_PROMPT_LOGIT = 10.0
OUTSIDE_LOGIT = -10.0  # where an object was not looked for
LOGIT_LIMIT = 32.0  # previous logits are clamped to this before they become a mask prompt
PIXEL_MEAN = (0.485, 0.456, 0.406)
PIXEL_STD = (0.229, 0.224, 0.225)


class Sam2(nn.Module):
    """Promptable segmentation of images and videos.

    Parameters
    ----------
    config : Sam2Config
        Sizes and version.

    Notes
    -----
    Parameters and modules are named as in official checkpoints.
    """

    no_obj_embed_spatial: nn.Parameter | None
    compiled_encoder: Callable[[Tensor], tuple[Tensor, ...]] | None = None

    def __init__(self, config: Sam2Config) -> None:
        super().__init__()
        self.config = config
        width, memory_dim = config.d_model, config.memory_dim
        self.image_encoder = ImageEncoder(config.encoder, width)
        self.memory_attention = MemoryAttention(
            width, memory_dim, config.memory_mlp_dim, config.memory_layers
        )
        self.memory_encoder = MemoryEncoder(width, memory_dim)
        self.sam_prompt_encoder = PromptEncoder(width)
        self.sam_mask_decoder = MaskDecoder(
            width, config.decoder_heads, config.decoder_mlp_dim, config.iou_hidden_dim
        )
        self.obj_ptr_proj = MLP(width, width, width, width)  # makes object pointers
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        # temporal position of memories: entry d - 1 for d frames away, the last for prompted frames
        self.maskmem_tpos_enc = _small(config.num_memories, 1, 1, memory_dim)
        self.no_mem_embed = _small(1, 1, width)
        self.no_mem_pos_enc = _small(1, 1, width)  # stands in official files, used by none of them
        self.no_obj_ptr = _small(1, width)
        if config.occlusion_embedding:
            self.no_obj_embed_spatial = _small(1, memory_dim)
        else:
            self.register_parameter("no_obj_embed_spatial", None)
        if config.pointer_positions:
            self.obj_ptr_tpos_proj = nn.Linear(width, memory_dim)
        self.cell_head = CellHead(width) if config.cell_head else None
        self.cell_unet = CellUNet(width) if config.cell_unet else None

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.no_mem_embed.device

    @property
    def sees_cells(self) -> bool:
        """Whether a part of the network sees cells without a prompt."""
        return self.cell_head is not None or self.cell_unet is not None

    def preprocess(self, image: Tensor) -> Tensor:
        """Resize and normalise images for the encoder.

        Parameters
        ----------
        image : Tensor
            (B, 3 or 1, Y, X) float32 in 0..1; one channel stands for three.

        Returns
        -------
        Tensor
            (B, 3, S, S), squashed to the square (bilinear, antialiased).
        """
        size = (self.config.image_size, self.config.image_size)
        if image.shape[-2:] != size:
            image = F.interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
        mean = image.new_tensor(PIXEL_MEAN)[:, None, None]
        std = image.new_tensor(PIXEL_STD)[:, None, None]
        return (image - mean) / std

    def encode_frame(self, image: Tensor) -> FrameFeatures:
        """Features of preprocessed images: (B, 3, S, S) -> maps of strides 16, 8 and 4."""
        stride4, stride8, stride16 = self._encode(image)
        return FrameFeatures(stride16=stride16, stride8=stride8, stride4=stride4)

    def compile_encoder(self, backend: str = "inductor") -> None:
        """Have the image encoder compiled at its first use; where that fails it runs as it is.

        It is given one image at a time, so it is compiled once, whatever the number of objects,
        windows and memories.
        """
        self.compiled_encoder = torch.compile(self.encode_maps, dynamic=False, backend=backend)

    def _encode(self, image: Tensor) -> tuple[Tensor, ...]:
        if self.compiled_encoder is not None:
            try:
                parts = [self.compiled_encoder(one) for one in torch.split(image, 1)]
            except torch.OutOfMemoryError:
                raise
            except Exception as error:  # a compiler that is missing or confused fails in any way
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                log.warning("the image encoder runs without being compiled: %s", reason)
                self.compiled_encoder = None
            else:
                return tuple(torch.cat(maps) for maps in zip(*parts, strict=True))
        return self.encode_maps(image)

    def encode_maps(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Maps of strides 4, 8 and 16 of preprocessed images, without the compiled encoder."""
        decoder = self.sam_mask_decoder
        return self.image_encoder(image, decoder.conv_s1, decoder.conv_s0)  # type: ignore[no-any-return]

    def see_cells(self, pixels: Tensor, features: FrameFeatures) -> Tensor:
        """Maps of the cells of N images, from the cell U-Net, or from the cell head without one.

        Parameters
        ----------
        pixels : Tensor
            (N, 3, S, S) preprocessed images.
        features : FrameFeatures
            Of these images.

        Returns
        -------
        Tensor
            (N, 4, S / 4, S / 4), see `CellHead`.

        Raises
        ------
        ValueError
            If the network has neither.
        """
        if self.cell_unet is not None:
            return self.cell_unet(pixels, features)  # type: ignore[no-any-return]
        if self.cell_head is not None:
            return self.cell_head(features)  # type: ignore[no-any-return]
        raise ValueError(f"{self.config.name} has no part that sees cells without a prompt")

    def without_memory(self, features: FrameFeatures) -> Tensor:
        """Embedding for a frame that has no memory to look at: (1 or B, C, H, W)."""
        return features.stride16 + self.no_mem_embed.reshape(1, -1, 1, 1)

    def attend(
        self, features: FrameFeatures, memory: MemoryTokens, blocks: Blocks | None = None
    ) -> Tensor:
        """Condition a frame on the memories of each object.

        Parameters
        ----------
        features : FrameFeatures
            Of one frame, the same for all objects or one for each.
        memory : MemoryTokens
            Of B objects, all with the same number of tokens.
        blocks : Blocks, optional
            The part of the frame that each object gets. Default: all of it.

        Returns
        -------
        Tensor
            (B, C, H, W), the size of the blocks if there are any.
        """
        seen = features.stride16
        height, width = seen.shape[-2:]
        position = self._sine(height, width, self.config.d_model)
        table = key_table = _rotary(height, width, self.config.d_model, self.device)
        if memory.cells is not None:
            key_table = table[memory.cells][:, None, None]
        if blocks is not None:
            seen, position = blocks.cut(seen), blocks.cut(position)
            table = table[blocks.cells(self.device)][:, None, None]
        conditioned = self.memory_attention(
            seen.flatten(2).transpose(1, 2),
            position.flatten(2).transpose(1, 2),
            memory.tokens,
            memory.code,
            table,
            memory.num_pointer_tokens,
            key_table,
        )
        return conditioned.transpose(1, 2).reshape(conditioned.shape[0], -1, *seen.shape[-2:])  # type: ignore[no-any-return]

    def gather_memory(
        self,
        maps: Tensor,
        slots: Tensor,
        pointers: Tensor,
        distances: Tensor,
        cells: Tensor | None = None,
    ) -> MemoryTokens:
        """Lay memories and pointers out as tokens with their positions.

        Parameters
        ----------
        maps : Tensor
            (B, M, memory_dim, H, W) memories.
        slots : Tensor
            (B, M) int64 temporal position of each: frames away minus one, -1 where prompted.
        pointers : Tensor
            (B, P, C) object pointers, P may be 0.
        distances : Tensor
            (B, P) float32 signed distance of each pointer in time, as a share of the longest one.
        cells : Tensor, optional
            (B, M, n) int64 cells of each memory that take part, numbered row by row. Default: all.

        Returns
        -------
        MemoryTokens
        """
        batch, (height, width) = maps.shape[0], maps.shape[-2:]
        place = self._sine(height, width, self.config.memory_dim).flatten(2).transpose(1, 2)
        tokens = maps.flatten(3).transpose(2, 3)  # (B, M, H*W, memory_dim)
        codes = place + self.maskmem_tpos_enc[slots][:, :, 0]  # (B, M, H*W, memory_dim)
        if cells is not None:
            index = cells[..., None].expand(-1, -1, -1, tokens.shape[-1])
            tokens, codes = tokens.gather(2, index), codes.gather(2, index)
        parts = self.config.tokens_per_pointer
        pointer_tokens = pointers.reshape(batch, -1, self.config.memory_dim)
        pointer_codes = self._pointer_code(distances).repeat_interleave(parts, dim=1)
        return MemoryTokens(
            tokens=torch.cat([tokens.flatten(1, 2), pointer_tokens], dim=1),
            code=torch.cat([codes.flatten(1, 2), pointer_codes], dim=1),
            num_pointer_tokens=pointer_tokens.shape[1],
            cells=None if cells is None else cells.flatten(1),
        )

    def _pointer_code(self, distances: Tensor) -> Tensor:
        """(B, P, memory_dim) temporal position of object pointers (SAM 2.1), zeros in SAM 2.0."""
        if not self.config.pointer_positions:
            return distances.new_zeros(*distances.shape, self.config.memory_dim)
        code = sine_vector(distances.flatten(), self.config.d_model)
        code = code.reshape(*distances.shape, self.config.d_model)  # P may be 0
        return self.obj_ptr_tpos_proj(code.to(self.obj_ptr_tpos_proj.weight.dtype))  # type: ignore[no-any-return]

    def candidates(
        self,
        image: Tensor,
        features: FrameFeatures,
        prompts: PromptTensors,
        blocks: Blocks | None = None,
    ) -> Candidates:
        """All candidate masks of each object.

        Parameters
        ----------
        image : Tensor
            (B or 1, C, H, W) from `attend` or `without_memory`.
        features : FrameFeatures
            Of the frame, for the high-resolution skips.
        prompts : PromptTensors
            Of B objects.
        blocks : Blocks, optional
            The part of the frame that `image` is, and masks will be, for each object.

        Returns
        -------
        Candidates
        """
        encoder, size = self.sam_prompt_encoder, self.config.image_size
        height, width = features.stride16.shape[-2:]
        code = encoder.pe_layer.grid(height, width)
        dense = self._dense_prompt(prompts, height, width)
        maps: tuple[Tensor, ...] = (code, dense, features.stride4, features.stride8)
        if blocks is not None:
            maps = tuple(blocks.cut(x) for x in maps)
        code, dense, stride4, stride8 = maps
        sparse = encoder.encode_points(*_at_least_one_point(prompts), size)
        return self.sam_mask_decoder(image, code, sparse, dense, stride4, stride8)  # type: ignore[no-any-return]

    def _dense_prompt(self, prompts: PromptTensors, height: int, width: int) -> Tensor:
        """(B or 1, C, H, W) code of the mask to start from, with the clicks drawn in if so set."""
        encoder, mask_logits = self.sam_prompt_encoder, prompts.mask_logits
        if mask_logits is not None:
            mask_logits = mask_logits.clamp(-LOGIT_LIMIT, LOGIT_LIMIT)
        if self.config.draw_prompts and prompts.points.shape[1]:
            mask_logits = draw_prompts(
                mask_logits,
                prompts.points,
                prompts.labels,
                size=self.config.low_res_size,
                fades=self.config.spread_prompts,
            )
        elif (
            self.config.spread_prompts and prompts.has_mask is not None and mask_logits is not None
        ):
            mask_logits = fade(mask_logits)  # the mask of the frame before
        no_mask = encoder.no_mask(height, width)
        if mask_logits is None:
            return no_mask
        dense = encoder.encode_mask(mask_logits)
        if prompts.has_mask is None:
            return dense
        return torch.where(prompts.has_mask[:, None, None, None], dense, no_mask)

    def decode(
        self,
        image: Tensor,
        features: FrameFeatures,
        prompts: PromptTensors,
        *,
        surely_visible: bool = False,
        largest: Tensor | None = None,
        blocks: Blocks | None = None,
        cell: Tensor | None = None,
    ) -> Decoded:
        """The mask of each object on the whole frame; arguments as for `candidates`.

        At most one click leaves doubt, so three guesses are made and the best is kept; a box or
        more clicks give the single mask (§D.1 "Prompt encoder and mask decoder"). Where a person
        just pointed at the objects they are `surely_visible`, whatever the occlusion head says.
        An object whose mask has at most `largest` pixels, (B,), stays visible unless the head is
        sure that it is gone (`occlusion_margin` of the configuration); 0 lets the head decide.
        If `cell` is known, (B, 1, S / 4, S / 4) bool, the pixels of the cell under the click, a
        mask that agrees with it is preferred; it has no pixels where no cell is known.
        """
        found = self.candidates(image, features, prompts, blocks)
        choice = self._choose(found, prompts, cell)
        agreement = mask_overlap(found.masks[:, 1:], choice.masks).mean(dim=1)
        if blocks is not None:
            choice = replace(choice, masks=blocks.paste(choice.masks, OUTSIDE_LOGIT))
        score = found.occlusion_score
        if surely_visible:
            score = score.clamp(min=JUST_VISIBLE)
        elif largest is not None:
            is_in_doubt = (score <= 0) & (score > -self.config.occlusion_margin)
            fits = (choice.masks > 0).sum((2, 3)) <= largest[:, None]
            score = torch.where(is_in_doubt & fits, JUST_VISIBLE, score)
        return replace(self.settle(choice, score), agreement=agreement)

    def decode_guesses(
        self,
        image: Tensor,
        features: FrameFeatures,
        prompts: PromptTensors,
        *,
        surely_visible: bool = False,
    ) -> Decoded:
        """The three guesses for the prompts of one object, as if they were three objects."""
        found = self.candidates(image, features, prompts)
        score = found.occlusion_score.expand(NUM_MASKS - 1, -1)
        choice = Choice(found.masks[0, 1:, None], found.predicted_iou[0, 1:], found.tokens[0, 1:])
        return self.settle(choice, score.clamp(min=JUST_VISIBLE) if surely_visible else score)

    def makes_guesses(self, prompts: PromptTensors) -> bool:
        """Whether the best of three guesses is used: only for few clicks; a box counts as two."""
        return self.config.min_guess_points <= prompts.points.shape[1] <= 1

    def _choose(
        self, found: Candidates, prompts: PromptTensors, cell: Tensor | None = None
    ) -> Choice:
        if self.makes_guesses(prompts):
            return choose_guess(found) if cell is None else choose_by_cell(found, cell)
        return keep_single(found) if self.config.steady_single_mask else choose_single(found)

    def settle(self, choice: Choice, occlusion_score: Tensor) -> Decoded:
        """Empty the masks of objects that are not visible, and make the pointers."""
        is_visible = occlusion_score > 0  # (B, 1)
        return Decoded(
            mask_logits=torch.where(
                is_visible[..., None, None], choice.masks.float(), NO_OBJECT_LOGIT
            ),
            predicted_iou=choice.predicted_iou,
            occlusion_score=occlusion_score,
            pointer=self._visible_pointer(self.obj_ptr_proj(choice.tokens), is_visible),
        )

    def _visible_pointer(self, pointer: Tensor, is_visible: Tensor) -> Tensor:
        return torch.where(is_visible, pointer, self.no_obj_ptr.to(pointer.dtype))

    def import_mask(self, features: FrameFeatures, mask: Tensor) -> Decoded:
        """Use a mask given by a user as the mask of the object.

        Parameters
        ----------
        features : FrameFeatures
            Of the frame.
        mask : Tensor
            (B, 1, S, S) float32, 1 inside and 0 outside, at the input's size.

        Returns
        -------
        Decoded
            Logits of +-10; the pointer comes from a decoder pass that is shown the mask.
        """
        logits = (2 * mask - 1) * MASK_PROMPT_LOGIT
        size = (self.config.low_res_size,) * 2
        low_res = F.interpolate(logits, size, mode="bilinear", align_corners=False, antialias=True)
        batch = mask.shape[0]
        prompts = PromptTensors.none(batch, mask.device)
        shown = PromptTensors(prompts.points, prompts.labels, self.mask_downsample(mask))
        found = self.candidates(features.stride16, features, shown)
        pointer = self.settle(keep_single(found), found.occlusion_score).pointer
        is_present = mask.flatten(1).any(dim=1, keepdim=True)  # (B, 1)
        return Decoded(
            mask_logits=low_res,
            predicted_iou=mask.new_ones(batch),
            occlusion_score=torch.where(is_present, MASK_PROMPT_LOGIT, -MASK_PROMPT_LOGIT),
            pointer=self._visible_pointer(pointer, is_present),
        )

    def memorize(
        self,
        features: FrameFeatures,
        mask_logits: Tensor,
        occlusion_score: Tensor,
        is_prompted: Tensor,
    ) -> Tensor:
        """Memory of a frame.

        Parameters
        ----------
        features : FrameFeatures
            Of the frame.
        mask_logits : Tensor
            (B, 1, S / 4, S / 4).
        occlusion_score : Tensor
            (B, 1).
        is_prompted : Tensor
            (B,) bool; masks of prompted frames are binarised.

        Returns
        -------
        Tensor
            (B, memory_dim, H, W).
        """
        size = (self.config.image_size, self.config.image_size)
        logits = upsample(mask_logits, size)
        mask = torch.where(is_prompted[:, None, None, None], (logits > 0).float(), logits.sigmoid())
        scaled = mask * self.config.memory_scale + self.config.memory_bias
        memory = self.memory_encoder(features.stride16, scaled.to(features.stride16.dtype))
        if self.no_obj_embed_spatial is None:
            return memory  # type: ignore[no-any-return]
        is_hidden = (occlusion_score <= 0)[..., None, None].to(memory.dtype)
        return memory + is_hidden * self.no_obj_embed_spatial[..., None, None]  # type: ignore[no-any-return]

    def _sine(self, height: int, width: int, channels: int) -> Tensor:
        return _sine_cached(height, width, channels, self.device)


def _at_least_one_point(prompts: PromptTensors) -> tuple[Tensor, Tensor]:
    """Points and labels; where there are none, one that is marked as no point."""
    if prompts.points.shape[1]:
        return prompts.points, prompts.labels
    batch = prompts.points.shape[0]
    return (
        prompts.points.new_zeros(batch, 1, 2),
        prompts.labels.new_full((batch, 1), NOT_A_POINT),
    )


def _small(*shape: int) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.zeros(shape), std=0.02))


@lru_cache(maxsize=8)
def _sine_cached(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return sine_map(height, width, channels, device)


@lru_cache(maxsize=4)
def _rotary(height: int, width: int, channels: int, device: torch.device) -> Tensor:
    with torch.inference_mode(False):
        return rotary_table(height, width, channels, device)
