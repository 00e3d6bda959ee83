"""Configurations of the network: the four official sizes and our own `cells`.

SAM 2 paper, §4 and §D.1; the numbers of the official sizes are those of the released checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Precision = Literal["exact", "fast"]
MemoryReach = Literal["whole", "local"]
WindowMode = Literal["auto", "small", "whole"]


@dataclass(frozen=True)
class EncoderConfig:
    """Hiera trunk and FPN neck (paper §D.1 "Image encoder").

    Attributes
    ----------
    embed_dim : int
        Channels of the first stage; they double at each later stage.
    num_heads : int
        Attention heads of the first stage; they double as well.
    stages : tuple of int
        Blocks of the four stages (strides 4, 8, 16, 32).
    global_blocks : tuple of int
        Indices of blocks that attend over the whole map instead of windows.
    position_grid : tuple of int
        Rows and columns of the global position embedding before interpolation.
    window_sizes : tuple of int
        Side of the attention windows of each stage, in tokens.
    top_down_stride : int
        The neck adds coarser features down to this stride: 16 in the paper, finer ones let the
        skips of a small network know what they are part of.
    """

    embed_dim: int
    num_heads: int
    stages: tuple[int, int, int, int]
    global_blocks: tuple[int, ...]
    position_grid: tuple[int, int]
    window_sizes: tuple[int, int, int, int]
    top_down_stride: int = 16

    @property
    def channels(self) -> tuple[int, int, int, int]:
        """Channels of the four stages, from stride 4 to stride 32."""
        c = self.embed_dim
        return (c, 2 * c, 4 * c, 8 * c)


@dataclass(frozen=True)
class Sam2Config:
    """Configuration of a SAM 2 network.

    Attributes
    ----------
    name : str
        Name that a user types.
    encoder : EncoderConfig
        The image encoder.
    image_size : int
        Side of the square input in pixels, a multiple of 32.
    d_model : int
        Channels of image embeddings, tokens and object pointers.
    memory_dim : int
        Channels of a memory (§D.1 "Memory encoder and memory bank": 64).
    num_memories : int
        Memories with a temporal position: one for prompted frames plus N recent ones (§4, N = 6).
    max_object_pointers : int
        Frames that hand an object pointer to memory attention.
    memory_layers, memory_mlp_dim : int
        Depth (L in §4) and hidden width of memory attention.
    decoder_heads, decoder_mlp_dim, iou_hidden_dim : int
        Widths of the mask decoder.
    occlusion_embedding : bool
        SAM 2.1: a learned map is added to memories of frames where the object is not visible.
    pointer_positions : bool
        SAM 2.1: object pointers carry their signed temporal distance.
    draw_prompts : bool
        Clicks and boxes are drawn into the mask prompt as well as given as tokens (ours only; a
        small network learns to obey a prompt much sooner).
    draw_previous : bool
        A tracked frame is shown the mask of the frame before it as a mask prompt, beside its
        memories (ours only, for the same reason).
    fit_outlines : bool
        The outlines of tracked masks are shifted as far as fits the masks of prompted frames, see
        `tracking/outline_fit.py` (ours only).
    follow_seen_cells : bool
        Tracked masks are drawn towards the cells that the cell U-Net sees, where it draws the
        prompted mask as well, and so is the mask of a single click, see `tracking/seen_cells.py`
        (ours only).
    mirror_prompted : bool
        The mask of a prompted frame without memories is the mean of those of the image and of its
        mirror image with more contrast, unless the network is sure of it (ours only; an image is
        encoded once more for it).
    guided_corrections : bool
        A click on a tracked mask excludes the whole cell under it, the middle of what is left is
        included, and the mask is the mean of what the network says with its memories and without,
        see `tracking/guided_corrections.py` (ours only).
    whole_cells : bool
        Holes of masks are filled and islands removed, except those that a person made, see
        `tracking/whole_cells.py` (ours only: a cell is one area without holes).
    sees_colour : bool
        Images in colour are seen in colour; otherwise in grey, with the contrast of the grey image,
        as `cells` is trained.
    brighten_dim_cells : bool
        A cell that is dim on a dark background is shown brighter than it is, see
        `tracking/dim_cells.py` (ours only).
    enlarge_tiny_cells : bool
        Cells narrower than 24 pixels are enlarged four times and not twice, in fluorescence and in
        brightfield with a stain, see `tracking/windows.py` (ours only).
    occlusion_margin : float
        An object that was visible on the frame before stays visible while its occlusion score, a
        logit, is above minus this margin, unless its mask has spread (ours only: cells seldom
        vanish, and an object that is lost once is seldom found again).
    spread_prompts : bool
        Drawn prompts and previous masks fade outward instead of ending sharply, so that a token
        of 16 pixels knows of an object that begins beside it (ours only).
    min_guess_points : int
        Three guesses are made from this many clicks up to one, a single mask otherwise: 0 in the
        paper, so that tracked frames are guessed too.
    steady_single_mask : bool
        The single mask is kept even where it is unstable; official networks then fall back to the
        best guess.
    cell_head : bool
        The network has a head that sees cells without a prompt (ours only). Presets have none:
        `build_model` adds the head if the weights have one.
    cell_unet : bool
        The same for the U-Net that finds cells more exactly than the head, and takes longer.
    windows : str
        How a frame is shown by default: `whole`, `auto` for a square about each object that
        suits its size (ours only; official networks see 1024 pixels), or `small` for such squares
        about tiny objects alone.
    precision : str
        `exact`: float32 on a CPU. `fast`: bfloat16 products on a CPU that has them, which moves
        masks by little (docs/performance.md); a GPU computes in bfloat16 in any case.
    memory_reach : str
        `whole`: all of a frame looks at all of each memory. `local`: an object that is small in its
        window is looked for near the place where it was, by the part of its memories about it;
        quicker and not exact (docs/performance.md).
    memory_scale, memory_bias : float
        Mask probabilities are scaled and shifted by these before they are memorized.
    """

    name: str
    encoder: EncoderConfig
    image_size: int = 1024
    d_model: int = 256
    memory_dim: int = 64
    num_memories: int = 7
    max_object_pointers: int = 16
    memory_layers: int = 4
    memory_mlp_dim: int = 2048
    decoder_heads: int = 8
    decoder_mlp_dim: int = 2048
    iou_hidden_dim: int = 256
    occlusion_embedding: bool = True
    pointer_positions: bool = True
    draw_prompts: bool = False
    draw_previous: bool = False
    fit_outlines: bool = False
    follow_seen_cells: bool = False
    mirror_prompted: bool = False
    guided_corrections: bool = False
    whole_cells: bool = False
    sees_colour: bool = True
    brighten_dim_cells: bool = False
    enlarge_tiny_cells: bool = False
    occlusion_margin: float = 0.0
    spread_prompts: bool = False
    min_guess_points: int = 0
    steady_single_mask: bool = False
    cell_head: bool = False
    cell_unet: bool = False
    windows: WindowMode = "whole"
    precision: Precision = "exact"
    memory_reach: MemoryReach = "whole"
    memory_scale: float = 20.0
    memory_bias: float = -10.0

    def __post_init__(self) -> None:
        if self.image_size % 32 or self.image_size <= 0:
            raise ValueError(f"image_size must be a positive multiple of 32; got {self.image_size}")
        if self.precision not in ("exact", "fast"):
            raise ValueError(f"precision must be exact or fast; got {self.precision!r}")
        if self.memory_reach not in ("whole", "local"):
            raise ValueError(f"memory_reach must be whole or local; got {self.memory_reach!r}")
        if self.d_model % self.memory_dim:
            raise ValueError(
                f"d_model must be a multiple of memory_dim; "
                f"got {self.d_model} and {self.memory_dim}"
            )

    @property
    def tokens_per_pointer(self) -> int:
        """Memory tokens that one object pointer is split into (§D.1: 4)."""
        return self.d_model // self.memory_dim

    @property
    def low_res_size(self) -> int:
        """Side of the mask logits that the decoder gives, stride 4."""
        return self.image_size // 4

    def at_size(self, image_size: int) -> Sam2Config:
        """Copy of this configuration for another input size in pixels."""
        return replace(self, image_size=image_size)


_TRUNKS = {
    "tiny": EncoderConfig(96, 1, (1, 2, 7, 2), (5, 7, 9), (7, 7), (8, 4, 14, 7)),
    "small": EncoderConfig(96, 1, (1, 2, 11, 2), (7, 10, 13), (7, 7), (8, 4, 14, 7)),
    "base_plus": EncoderConfig(112, 2, (2, 3, 16, 3), (12, 16, 20), (14, 14), (8, 4, 14, 7)),
    "large": EncoderConfig(144, 2, (2, 6, 36, 4), (23, 33, 43), (7, 7), (8, 4, 16, 8)),
}

CELLS = Sam2Config(
    name="cells",
    encoder=EncoderConfig(32, 1, (1, 2, 5, 1), (5, 7), (8, 8), (8, 8, 8, 8), top_down_stride=4),
    image_size=256,
    d_model=128,
    memory_layers=2,
    memory_mlp_dim=512,
    num_memories=5,
    max_object_pointers=8,
    decoder_heads=4,
    decoder_mlp_dim=512,
    iou_hidden_dim=128,
    draw_prompts=True,
    draw_previous=True,
    fit_outlines=True,
    follow_seen_cells=True,
    mirror_prompted=True,
    guided_corrections=True,
    whole_cells=True,
    sees_colour=False,
    brighten_dim_cells=True,
    enlarge_tiny_cells=True,
    occlusion_margin=1.0,
    spread_prompts=True,
    min_guess_points=1,
    steady_single_mask=True,
    windows="auto",
)


def _official(size: str, *, version: str) -> Sam2Config:
    is_2_1 = version == "2.1"
    return Sam2Config(
        name=f"sam{version}_{size}" if is_2_1 else f"sam2_{size}",
        encoder=_TRUNKS[size],
        occlusion_embedding=is_2_1,
        pointer_positions=is_2_1,
    )


PRESETS: dict[str, Sam2Config] = {
    config.name: config
    for config in (
        CELLS,
        *(_official(size, version="2.1") for size in _TRUNKS),
        *(_official(size, version="2.0") for size in _TRUNKS),
    )
}
"""Named configurations: `cells`, `sam2.1_tiny` to `sam2.1_large`, `sam2_tiny` to `sam2_large`."""


def image_sizes(config: Sam2Config) -> tuple[int, ...]:
    """Input sizes that a user may choose for a network, in pixels.

    Returns
    -------
    tuple of int
        That of its preset first, then half of it; alone for a network that sees objects through
        windows, which have the size that it was trained for.
    """
    own = PRESETS.get(config.name, config)
    size = own.image_size
    return (size, size // 2) if own.windows == "whole" else (size,)
