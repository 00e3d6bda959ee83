"""Rollout: an interaction simulated on a batch, with its losses (paper §D.2.2)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from napari_sam2.model.mask_decoder import Choice, choose_guess, keep_single
from napari_sam2.model.sam2 import MASK_PROMPT_LOGIT, Sam2
from napari_sam2.model.tensors import FrameFeatures, PromptTensors
from napari_sam2.training.clicks import box_prompt, corrective_click, first_click
from napari_sam2.training.config import LossWeights
from napari_sam2.training.losses import Terms, actual_iou, frame_losses

HIDE_PREVIOUS = 0.2  # share of tracked frames that must do with memory alone
SHAKE = 3  # cells of the low-resolution map, 12 pixels
FirstPrompt = Literal["mask", "click", "box"]


@dataclass(frozen=True)
class Batch:
    """Clips with the truth of some of their objects.

    Attributes
    ----------
    images : Tensor
        (V, T, 3, S, S) float32, normalised for the encoder; T is 1 for image batches.
    targets : Tensor
        (B, T, S, S) float32 masks, 0 or 1.
    clip : Tensor
        (B,) int64, the clip that each object is in.
    labelled : Tensor
        (V, T) bool, the frames that were labelled. On the others the truth is not known: their
        targets are empty, and no loss is taken from them.
    dense : Tensor or None
        (V * T, 4, S, S) float32 of `auxiliary_target`, of all cells.
    """

    images: Tensor
    targets: Tensor
    clip: Tensor
    labelled: Tensor
    dense: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        dense = None if self.dense is None else self.dense.to(device)
        return Batch(
            self.images.to(device),
            self.targets.to(device),
            self.clip.to(device),
            self.labelled.to(device),
            dense,
        )


@dataclass(frozen=True)
class Script:
    """Prompts and corrections of the simulated user.

    Attributes
    ----------
    first : str
        Kind of the first prompt.
    clicks : int
        Corrective clicks on each prompted frame.
    corrected : int or None
        A later frame that is prompted too, labelled in every clip.
    own_scores : float
        Share of tracked frames that are remembered as the network saw them, visible or not.
    merged : float
        Chance of an object on the corrected frame to have another object in its mask.
    second : str or None
        Kind of the prompt on the later frame; None for clicks that correct the tracked mask. It is
        the mask wherever an object is not visible on that frame.
    is_ahead : bool
        The later frame is prompted right after the first one, as by a person who clicks on two
        frames before tracking; the frames before it then attend to its memory too.
    """

    first: FirstPrompt
    clicks: int
    corrected: int | None = None
    own_scores: float = 0.0
    merged: float = 0.0
    second: FirstPrompt | None = None
    is_ahead: bool = False


@dataclass
class Outcome:
    """Losses and IoUs of a simulated interaction.

    Attributes
    ----------
    losses : list of Terms
        One for each decoder pass on a frame on which an object is labelled.
    ious : dict of str to list of float
        Mean IoU of the visible objects, by the kind of input of the mask.
    features : FrameFeatures or None
        Of all frames of the batch, for the auxiliary loss.
    """

    losses: list[Terms] = field(default_factory=list)
    ious: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    features: FrameFeatures | None = None


@dataclass
class _Bank:
    """Memories of the objects of a batch while a clip is played."""

    prompted: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    recent: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)


def rollout(
    model: Sam2, batch: Batch, script: Script, weights: LossWeights, generator: torch.Generator
) -> Outcome:
    """Play an interaction on a batch.

    Parameters
    ----------
    model : Sam2
        The network, with gradients.
    batch : Batch
        Clips and truths.
    script : Script
        Prompts of the batch.
    weights : LossWeights
        Decide which guess is supervised.
    generator : torch.Generator
        Source of chance for clicks.

    Returns
    -------
    Outcome
    """
    player = _Player(model, batch, weights, generator, script.own_scores, script.merged)
    player.prompt(0, script.first, script.clicks)
    if script.is_ahead and script.corrected is not None and script.second is not None:
        player.prompt(script.corrected, player.possible(script.corrected, script.second), 0)
    for t in range(1, batch.images.shape[1]):
        if t != script.corrected:
            player.track(t)
        elif not script.is_ahead:
            player.correct(t, max(script.clicks, 1), script.second)
    return player.outcome


def _learns(module: nn.Module) -> bool:
    """Whether any weight of a module gets a gradient."""
    return any(weight.requires_grad for weight in module.parameters())


class _Player:
    """State of one simulated interaction."""

    def __init__(
        self,
        model: Sam2,
        batch: Batch,
        weights: LossWeights,
        generator: torch.Generator,
        own_scores: float = 0.0,
        merged: float = 0.0,
    ) -> None:
        self.model, self.batch, self.weights, self.generator = model, batch, weights, generator
        self.own_scores, self.merged = own_scores, merged
        self.outcome = Outcome()
        self.bank = _Bank()
        self.masks: dict[int, Tensor] = {}  # mask logits by frame
        self.seen = torch.ones(len(batch.clip), 1, dtype=torch.bool, device=batch.clip.device)
        self.length = batch.images.shape[1]
        with torch.set_grad_enabled(torch.is_grad_enabled() and _learns(model.image_encoder)):
            self.features = model.encode_frame(batch.images.flatten(0, 1))
        self.outcome.features = self.features
        self.soft = F.avg_pool2d(batch.targets, 4)  # (B, T, S/4, S/4)

    def frame(self, t: int) -> FrameFeatures:
        """Features of a frame, one copy for each object."""
        rows = self.batch.clip * self.length + t
        f = self.features
        return FrameFeatures(f.stride16[rows], f.stride8[rows], f.stride4[rows])

    def prompt(self, t: int, kind: FirstPrompt, clicks: int) -> None:
        """Prompt the objects on a frame that nothing was tracked to."""
        features, target = self.frame(t), self.batch.targets[:, t]
        if kind == "mask":
            self.show_mask(t, features)
            return
        if kind == "click":
            points, labels = first_click(self.soft[:, t], self.generator)
        else:
            points, labels = box_prompt(target, self.generator)
        image = self.model.without_memory(features)
        self.refine(t, features, image, PromptTensors(points, labels), clicks, kind)

    def show_mask(self, t: int, features: FrameFeatures) -> None:
        """Prompt the objects on a frame with their true masks."""
        decoded = self.model.import_mask(features, self.batch.targets[:, t, None])
        masks, visible = decoded.mask_logits, self.visible(t)
        self.remember(t, features, masks, decoded.pointer, visible, prompted=True)

    def possible(self, t: int, kind: FirstPrompt) -> FirstPrompt:
        """The kind of prompt; a mask where an object is absent, which a click cannot say."""
        return kind if bool(self.visible(t).all()) else "mask"

    def correct(self, t: int, clicks: int, kind: FirstPrompt | None = None) -> None:
        """A later frame: the tracked mask, then clicks into its errors, or a prompt of a kind."""
        features = self.frame(t)
        image = self.attend(t, features)
        found = self.decode(t, image, features, self.tracking_prompt(t), "track")
        if kind is None:
            previous = self.with_others(t, found.masks.detach())
            points, labels = self.click(t, previous)
            prompts = PromptTensors(points, labels, previous)
            self.refine(t, features, image, prompts, clicks - 1, "corrected")
        elif self.possible(t, kind) == "mask":
            self.show_mask(t, features)
        else:
            points, labels = box_prompt(self.batch.targets[:, t], self.generator)
            prompts = PromptTensors(points, labels)
            self.refine(t, features, image, prompts, clicks - 1, "corrected box")

    def with_others(self, t: int, mask_logits: Tensor) -> Tensor:
        """(B, 1, h, w) masks, some with another object of the batch in them."""
        if not self.merged:
            return mask_logits
        count, device = len(mask_logits), self.generator.device
        is_merged = torch.rand(count, generator=self.generator, device=device) < self.merged
        others = torch.randint(count, (count,), generator=self.generator, device=device)
        objects = self.soft[:, t, None] > 0.5
        added = objects[others] & ~objects & is_merged[:, None, None, None]
        return mask_logits.masked_fill(added, MASK_PROMPT_LOGIT)

    def track(self, t: int) -> None:
        """Track the objects on a frame without a prompt."""
        features = self.frame(t)
        image = self.attend(t, features)
        choice = self.decode(t, image, features, self.tracking_prompt(t), "track")
        visible = self.believed(t)
        pointer = self.pointer(choice, visible)
        self.remember(t, features, choice.masks, pointer, visible, prompted=False)

    def refine(
        self,
        t: int,
        features: FrameFeatures,
        image: Tensor,
        prompts: PromptTensors,
        clicks: int,
        name: str,
    ) -> None:
        """Decode a prompt and some corrective clicks, then memorize the frame."""
        choice = self.decode(t, image, features, prompts, name)
        for count in range(clicks):
            previous = choice.masks.detach()
            points, labels = self.click(t, previous)
            prompts = PromptTensors(
                torch.cat([prompts.points, points], 1),
                torch.cat([prompts.labels, labels], 1),
                previous,
            )
            choice = self.decode(t, image, features, prompts, f"{name}+{count + 1}")
        if self.length > 1:
            visible = self.visible(t)
            pointer = self.pointer(choice, visible)
            self.remember(t, features, choice.masks, pointer, visible, prompted=True)

    def decode(
        self, t: int, image: Tensor, features: FrameFeatures, prompts: PromptTensors, name: str
    ) -> Choice:
        """One decoder pass with its losses; masks are not gated by the occlusion score."""
        found = self.model.candidates(image, features, prompts)
        target = self.soft[:, t]
        if self.model.makes_guesses(prompts):
            choice = choose_guess(found)
            masks, ious = found.masks[:, 1:], found.predicted_iou[:, 1:]
        else:
            choice = keep_single(found)  # without a fall-back, so that it is the one that learns
            masks, ious = found.masks[:, :1], found.predicted_iou[:, :1]
        score = found.occlusion_score
        self.seen = score.detach() > 0
        known = self.labelled(t)
        if known.any():
            self.outcome.losses.append(
                frame_losses(masks[known], ious[known], score[known], target[known], self.weights)
            )
        iou = actual_iou(choice.masks.detach(), target[:, None])[:, 0]
        visible = target.flatten(1).sum(1) > 0
        if visible.any():
            self.outcome.ious[name].append(float(iou[visible].mean()))
        return choice

    def click(self, t: int, mask_logits: Tensor) -> tuple[Tensor, Tensor]:
        """A corrective click against the current mask."""
        return corrective_click(self.soft[:, t], mask_logits[:, 0], self.generator)

    def tracking_prompt(self, t: int) -> PromptTensors:
        """No prompt; mostly the mask of the frame before, where the network takes it."""
        targets = self.batch.targets
        prompts = PromptTensors.none(targets.shape[0], targets.device)
        device = self.generator.device
        is_hidden = torch.rand((), generator=self.generator, device=device) < HIDE_PREVIOUS
        if is_hidden or not self.model.config.draw_previous:
            return prompts
        previous = self.masks[t - 1]
        has_mask = (previous > 0).flatten(1).any(1)
        return PromptTensors(prompts.points, prompts.labels, self.shaken(previous), has_mask)

    def shaken(self, previous: Tensor) -> Tensor:
        """The masks of the frame before, some of them moved a little.

        A mask that is always nearly right teaches the network to copy it; a moved one has to be put
        back by the image.
        """
        rows = []
        for logits in previous:
            generator, device = self.generator, self.generator.device
            reach = SHAKE if torch.rand((), generator=generator, device=device) < 0.6 else 0
            step = torch.randint(-reach, reach + 1, (2,), generator=generator, device=device)
            rows.append(logits.roll(step.tolist(), dims=(1, 2)))
        return torch.stack(rows)

    def visible(self, t: int) -> Tensor:
        """(B, 1) whether the object is on the frame."""
        return self.soft[:, t].flatten(1).sum(1, keepdim=True) > 0

    def labelled(self, t: int) -> Tensor:
        """(B,) whether the frame of the object's clip was labelled."""
        return self.batch.labelled[self.batch.clip, t]

    def believed(self, t: int) -> Tensor:
        """(B, 1) whether the object is on the frame, now and then as the network has it.

        Where the frame was not labelled, only the network can say.
        """
        device = self.generator.device
        is_own = torch.rand((), generator=self.generator, device=device) < self.own_scores
        if is_own:
            return self.seen
        return torch.where(self.labelled(t)[:, None], self.visible(t), self.seen)

    def pointer(self, choice: Choice, visible: Tensor) -> Tensor:
        """Object pointers; those of objects that are not visible are all the same."""
        return torch.where(visible, self.model.obj_ptr_proj(choice.tokens), self.model.no_obj_ptr)

    def remember(
        self,
        t: int,
        features: FrameFeatures,
        mask_logits: Tensor,
        pointer: Tensor,
        visible: Tensor,
        *,
        prompted: bool,
    ) -> None:
        """Put a frame into the memory bank."""
        score = torch.where(visible, 10.0, -10.0)
        binarise = torch.zeros_like(visible[:, 0])
        logits = torch.where(visible[..., None, None], mask_logits, -10.0)
        self.masks[t] = logits.detach()
        memory = self.model.memorize(features, logits, score, binarise)
        kind = self.bank.prompted if prompted else self.bank.recent
        kind[t] = (memory, pointer)

    def attend(self, t: int, features: FrameFeatures) -> Tensor:
        """Condition the features of a frame on the memories of earlier frames.

        The memory of a later frame that was prompted ahead counts too, without its object pointer,
        as while tracking.
        """
        config = self.model.config
        near = [k for k in sorted(self.bank.recent) if t - k < config.num_memories]
        maps = [self.bank.prompted[k][0] for k in self.bank.prompted]
        maps += [self.bank.recent[k][0] for k in near]
        slots = [-1] * len(self.bank.prompted) + [t - k - 1 for k in near]
        span = config.max_object_pointers - 1
        pointing = {**self.bank.prompted, **self.bank.recent}
        frames = [k for k in pointing if 0 < t - k <= span or (k < t and k in self.bank.prompted)]
        pointers = torch.stack([pointing[k][1] for k in frames], dim=1)
        batch, device = pointers.shape[0], pointers.device
        tokens = self.model.gather_memory(
            torch.stack(maps, dim=1),
            torch.tensor(slots, device=device).expand(batch, -1),
            pointers,
            torch.tensor([(t - k) / span for k in frames], device=device).expand(batch, -1),
        )
        return self.model.attend(features, tokens)
