"""What a training run does, as data."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """

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


@dataclass(frozen=True)
class LossWeights:
    """Weights of the named loss terms (§D.2.2 "Losses and optimization").

    The paper's ratio is 20:1:1:1 for focal, dice, IoU and occlusion. From scratch on small cells
    the focal term leaves nearly all weight on the background, so `balanced` (cross-entropy that
    gives the neighbourhood of the object most of the weight) carries the first stages, and `dense`
    teaches the encoder where cells are, where they end and where their middle is.
    """

    balanced: float = 1.0
    focal: float = 0.0
    dice: float = 1.0
    iou: float = 1.0
    occlusion: float = 1.0
    dense: float = 1.0


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
    """

    preset: str = "cells"
    data: tuple[str, ...] = ()
    data_weights: tuple[float, ...] = ()
    stages: tuple[Stage, ...] = ()
    losses: LossWeights = field(default_factory=LossWeights)
    weight_decay: float = 0.05
    clip_norm: float = 1.0
    warmup: int = 200
    cooldown: float = 0.2
    average: float = 0.999
    seed: int = 0

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

    def learning_rate(self, step: int) -> float:
        """Learning rate of a step: warm-up, the stage's own, cool-down."""
        rise = min(1.0, (step + 1) / max(self.warmup, 1))
        left = (self.steps - step) / max(self.cooldown * self.steps, 1.0)
        return self.stage_at(step).learning_rate * rise * max(0.05, min(1.0, left))
