"""Configuration of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Precision = Literal["auto", "float32", "bfloat16"]
Schedule = Literal["flat", "cosine", "inverse_sqrt"]

STRICT = {"extra": "forbid", "strict": True}
"""How pydantic reads these classes from a file: nothing unknown, no "3" for 3."""


@dataclass(frozen=True)
class LossWeights:
    """Weights of the named loss terms (§D.2.2 "Losses and optimization").

    The paper's ratio is 20:1:1:1 for focal, dice, IoU and occlusion, `LossWeights.paper()`. From
    scratch on small cells the focal term leaves nearly all weight on the background, so `balanced`
    (cross-entropy that gives the neighbourhood of the object most of the weight) carries the first
    stages, and `dense` teaches the encoder where cells are, where they end and where their middle
    is.
    """

    __pydantic_config__: ClassVar = STRICT

    balanced: float = 1.0
    focal: float = 0.0
    dice: float = 1.0
    iou: float = 1.0
    occlusion: float = 1.0
    dense: float = 1.0

    @classmethod
    def paper(cls) -> LossWeights:
        """20:1:1:1, and nothing else."""
        return cls(balanced=0.0, focal=20.0, dense=0.0)


@dataclass(frozen=True)
class Stage:
    """A stretch of training with one mixture.

    Attributes
    ----------
    steps : int
        Optimizer steps.
    images_share : float
        Probability that a step is an image batch (single frames) and not a video batch (§D.2.2).
    images, objects : int
        Size of an image batch, and objects of each image.
    clips, clip_objects : int
        Size of a video batch, and objects of each clip (paper: 3).
    frames : int
        Length of a clip (paper: 8, then 16).
    image_clicks, clip_clicks : int
        Most corrective clicks on an image and on a prompted frame of a clip (paper: 7).
    learning_rate : float
        Peak of the stage.
    prompted_frames : int
        Most frames of a clip with a prompt, 1 or 2, the first one included (paper: 2).
    prompted_ahead : float
        Chance of the second prompted frame to be prompted before the clip is tracked, so that the
        frames before it attend to a memory from their future.
    other_prompts : float
        Chance of the second prompted frame to get a box or the mask in place of corrective clicks.
    freeze_encoder : bool
        The image encoder does not learn, as where the paper tunes on 16 frames.
    cell_head : bool
        Only the head that sees cells without a prompt learns; all other weights stay as they are.
        The network gets the head if it has none.
    cell_unet : bool
        The same for the U-Net that finds cells; a stage may teach both.
    taken_out : float
        Chance of each object of a clip to be taken out of some of its frames, see `hardships`.
    drifting : float
        Chance of a clip to drift until one of its objects is over the border.
    haze : float
        Chance of blobs out of focus on a clip or an image.
    redrawn : float
        Chance of a clip or an image to be drawn from its labels in a random appearance, see
        `appearance`.
    own_scores : float
        Share of tracked frames that are remembered as the network saw them, visible or not; on the
        others the truth decides.
    merged : float
        Chance of an object on a corrected frame to have another object in its mask, which the first
        correction excludes, as where tracking joined two cells.
    mosaic : float
        Chance of a clip or an image to be shown four times, at half of its size, so that each
        object has three look-alikes, see `augmentation` (§D.2.2: 0.1).
    affine : float
        Chance of a clip or an image to be turned, sheared and scaled, see `augmentation`.
    accumulate : int
        Batches whose gradients one optimizer step takes the mean of, for more clips in a step than
        memory holds at once.
    losses : LossWeights or None
        In place of those of the run.
    """

    __pydantic_config__: ClassVar = STRICT

    steps: int
    images_share: float = 0.5
    images: int = 6
    objects: int = 6
    clips: int = 2
    clip_objects: int = 3
    frames: int = 4
    image_clicks: int = 2
    clip_clicks: int = 1
    learning_rate: float = 4e-4
    prompted_frames: int = 2
    prompted_ahead: float = 0.0
    other_prompts: float = 0.0
    freeze_encoder: bool = False
    cell_head: bool = False
    cell_unet: bool = False
    taken_out: float = 0.0
    drifting: float = 0.0
    haze: float = 0.0
    redrawn: float = 0.0
    own_scores: float = 0.0
    merged: float = 0.0
    mosaic: float = 0.0
    affine: float = 0.0
    accumulate: int = 1
    losses: LossWeights | None = None

    def __post_init__(self) -> None:
        counts = ("steps", "images", "objects", "clips", "clip_objects", "frames", "accumulate")
        for name in counts:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")
        if min(self.image_clicks, self.clip_clicks) < 0:
            raise ValueError("image_clicks and clip_clicks must not be negative")
        shares = (
            "images_share",
            "taken_out",
            "drifting",
            "haze",
            "redrawn",
            "own_scores",
            "merged",
            "mosaic",
            "affine",
            "prompted_ahead",
            "other_prompts",
        )
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in 0..1; got {getattr(self, name)}")
        if self.images_share < 1 and self.frames < 2:
            raise ValueError("clips need at least 2 frames; single images are images_share = 1.0")
        if self.prompted_frames not in (1, 2):
            raise ValueError(f"prompted_frames must be 1 or 2; got {self.prompted_frames}")
        if not 0 < self.learning_rate < math.inf:
            raise ValueError(f"learning_rate must be positive; got {self.learning_rate}")

    @property
    def only_sees_cells(self) -> bool:
        """Whether only the parts learn that see cells without a prompt."""
        return self.cell_head or self.cell_unet


@dataclass(frozen=True)
class TrainingConfig:
    """A whole run.

    Attributes
    ----------
    preset : str
        Which network is trained.
    data : tuple of str
        Folders that clips come from, each as likely as its weight.
    data_weights : tuple of float
        One for each folder.
    image_data, image_data_weights : tuple
        The same for single images; if there are none, they come from `data` too.
    stages : tuple of Stage
        In order.
    losses : LossWeights
        Weights of the terms.
    weight_decay, clip_norm : float
        Of AdamW, and the largest gradient norm.
    warmup : int
        Steps until a stage's learning rate is reached for the first time.
    cooldown : float
        Share of all steps at the end over which the learning rate falls to a twentieth.
    average : float
        Decay of the running average of weights that is saved for inference.
    seed : int
        Of weights and batches.
    layer_decay : float
        Each block of the image encoder learns slower by this factor than the one after it
        (§D.2.1); 1 for none.
    encoder_rate : float
        Learning rate of the image encoder as a share of that of the rest.
    schedule : str
        `flat`, `cosine`: falls to nothing over all steps, or `inverse_sqrt` after the warm-up
        (§D.2.1).
    precision : str
        `bfloat16` products, `float32`, or `auto`: bfloat16 on CUDA.
    drop_path : float
        Chance of an image to skip the last block of the encoder while this learns; earlier blocks
        are skipped less often, in a straight line down to 0 for the first one (§D.2.1).
    workers : int
        Processes that prepare clips; 0 for a thread, which is enough beside one processor core.
    """

    __pydantic_config__: ClassVar = STRICT

    preset: str = "cells"
    data: tuple[str, ...] = ()
    data_weights: tuple[float, ...] = ()
    image_data: tuple[str, ...] = ()
    image_data_weights: tuple[float, ...] = ()
    stages: tuple[Stage, ...] = ()
    losses: LossWeights = field(default_factory=LossWeights)
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    warmup: int = 200
    cooldown: float = 0.2
    average: float = 0.999
    seed: int = 0
    layer_decay: float = 1.0
    encoder_rate: float = 1.0
    schedule: Schedule = "flat"
    precision: Precision = "auto"
    drop_path: float = 0.0
    workers: int = 0

    def __post_init__(self) -> None:
        for name in ("layer_decay", "encoder_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} must be in 0..1 and not 0; got {getattr(self, name)}")
        if not 0 <= self.drop_path < 1:
            raise ValueError(f"drop_path must be at least 0 and below 1; got {self.drop_path}")
        if not 0 <= self.average < 1:
            raise ValueError(f"average must be at least 0 and less than 1; got {self.average}")
        if min(self.seed, self.warmup, self.cooldown, self.workers) < 0:
            raise ValueError("seed, warmup, cooldown and workers must not be negative")

    @property
    def steps(self) -> int:
        """Optimizer steps of all stages."""
        return sum(stage.steps for stage in self.stages)

    def stage_at(self, step: int) -> Stage:
        """The stage that a step, counted from 0, belongs to."""
        for stage in self.stages:
            if step < stage.steps:
                return stage
            step -= stage.steps
        return self.stages[-1]

    def losses_at(self, step: int) -> LossWeights:
        """Weights of the loss terms of a step."""
        return self.stage_at(step).losses or self.losses

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step: warm-up, the stage's own by the schedule, cool-down."""
        rise = min(1.0, (step + 1) / max(self.warmup, 1))
        left = (self.steps - step) / max(self.cooldown * self.steps, 1.0)
        rate = self.stage_at(step).learning_rate * self._share(step)
        return rate * rise * max(0.05, min(1.0, left))

    def _share(self, step: int) -> float:
        if self.schedule == "cosine":
            return 0.5 + 0.5 * math.cos(math.pi * min(step / max(self.steps, 1), 1.0))
        if self.schedule == "inverse_sqrt":
            return min(1.0, math.sqrt(max(self.warmup, 1) / (step + 1)))
        return 1.0
