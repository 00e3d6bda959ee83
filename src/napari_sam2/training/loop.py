"""The training loop: a step, an epoch, a run, and its checkpoints (paper §D.2)."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_sam2.model.hiera import dropping_paths
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training.batches import ClipSource, batches, make_batch
from napari_sam2.training.cell_head import cell_losses
from napari_sam2.training.checkpoints import (
    BEST,
    TrainingRun,
    averaged,
    export,
    resume,
    save,
    start,
)
from napari_sam2.training.config import TrainingConfig
from napari_sam2.training.logs import LOG, VALIDATION, append_figures, draw_curve
from napari_sam2.training.optimizer import set_learning_rate
from napari_sam2.training.rollout import Batch, Outcome, Script, rollout

__all__ = [
    "ClipSource",
    "NotFiniteError",
    "TrainingRun",
    "accumulated_step",
    "averaged",
    "batches",
    "epoch",
    "export",
    "make_batch",
    "resume",
    "save",
    "start",
    "train",
    "train_step",
]

Figures = dict[str, float]


class NotFiniteError(RuntimeError):
    """A loss or the gradient of a step is infinite or not a number; the step was not made."""


def train_step(run: TrainingRun, config: TrainingConfig, batch: Batch, script: Script) -> Figures:
    """One optimizer step.

    Parameters
    ----------
    run : Run
        Changed in place.
    config : TrainingConfig
        Weights and schedule.
    batch : Batch
        On the device of the model.
    script : Script
        Prompts of the batch.

    Returns
    -------
    dict of str to float
        Loss terms, gradient norm and IoUs by kind of mask.

    Raises
    ------
    NotFiniteError
        If a loss term or the gradient is not finite; weights, their average and the step stay as
        they were.
    """
    return accumulated_step(run, config, [(batch, script)])


def accumulated_step(
    run: TrainingRun, config: TrainingConfig, parts: Sequence[tuple[Batch, Script]]
) -> Figures:
    """One optimizer step by the mean gradient of some batches; otherwise like `train_step`."""
    stage = config.stage_at(run.step)
    if not stage.only_sees_cells:
        run.model.image_encoder.requires_grad_(not stage.freeze_encoder)
    set_learning_rate(run.optimizer, config.learning_rate(run.step))
    run.optimizer.zero_grad(set_to_none=True)
    losses_of = cell_losses_of if stage.only_sees_cells else rollout_losses
    found: dict[str, list[float]] = defaultdict(list)
    for part, (batch, script) in enumerate(parts):
        loss, figures = losses_of(run, config, batch, script, part)
        _check_losses(figures, run.step)
        (loss / len(parts)).backward()
        for name, value in figures.items():
            found[name].append(value)
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {**means, "norm": _learn(run, config)}


def rollout_losses(
    run: TrainingRun, config: TrainingConfig, batch: Batch, script: Script, part: int = 0
) -> tuple[Tensor, Figures]:
    """The loss of an interaction on a batch, and its figures."""
    device = batch.images.device
    seed = (config.seed * 1_000_003 + run.step) + part * 1_000_000_007
    generator = torch.Generator(device=device).manual_seed(seed)
    weights, stage = config.losses_at(run.step), config.stage_at(run.step)
    rate = 0.0 if stage.freeze_encoder else config.drop_path
    with (
        torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device)),
        dropping_paths(run.model.image_encoder.trunk, rate, seed),
    ):
        outcome = rollout(run.model, batch, script, weights, generator)
        dense = torch.zeros((), device=device)
        cells: dict[str, Tensor] = {}
        if weights.dense and not stage.freeze_encoder and batch.dense is not None:
            assert outcome.features is not None, "`rollout` gives the features of its frames"
            dense = run.auxiliary_head(outcome.features, batch.dense, batch.labelled.flatten())
            cells = _following_losses(run, batch, outcome)
    masks = torch.stack([terms.total(weights) for terms in outcome.losses]).mean()
    loss = masks + weights.dense * (dense + sum(cells.values()))
    figures = {"loss": float(loss.detach()), **_figures(outcome, dense)}
    return loss, figures | {name: float(term.detach()) for name, term in cells.items()}


def _following_losses(run: TrainingRun, batch: Batch, outcome: Outcome) -> dict[str, Tensor]:
    """Losses by name with which the parts that see cells follow an encoder that learns."""
    if batch.dense is None or outcome.features is None:
        return {}
    labelled = batch.labelled.flatten()
    pixels = batch.images.flatten(0, 1)[labelled]
    return cell_losses(run.model, pixels, outcome.features.select(labelled), batch.dense[labelled])


def cell_losses_of(
    run: TrainingRun, config: TrainingConfig, batch: Batch, script: Script, part: int = 0
) -> tuple[Tensor, Figures]:
    """The loss of the parts that see cells, which are not prompted, and its figures."""
    assert batch.dense is not None, "`make_batch` draws what they shall see"
    labelled = batch.labelled.flatten()
    pixels = batch.images.flatten(0, 1)[labelled]
    stage, device = config.stage_at(run.step), pixels.device
    with torch.autocast(device.type, torch.bfloat16, enabled=uses_bfloat16(config, device)):
        with torch.no_grad():
            features = run.model.encode_frame(pixels)
        terms = cell_losses(
            run.model,
            pixels,
            features,
            batch.dense[labelled],
            head=stage.cell_head,
            unet=stage.cell_unet,
            reference=run.reference,
        )
    loss = torch.stack([*terms.values()]).sum()
    return loss, {name: float(x.detach()) for name, x in {"loss": loss, **terms}.items()}


def _learn(run: TrainingRun, config: TrainingConfig) -> float:
    """Change the weights by their gradients; returns the norm of these."""
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), config.clip_norm)
    if not torch.isfinite(norm):
        raise NotFiniteError(
            f"in step {run.step} the gradient is not finite, though each loss term is; "
            'a lower learning rate or precision = "float32" may help'
        )
    run.optimizer.step()
    run.step += 1
    update_average(run, config.average)
    return float(norm)


def _check_losses(figures: Figures, step: int) -> None:
    wrong = [name for name, value in figures.items() if not math.isfinite(value)]
    terms = [name for name in wrong if name != "loss"] or wrong
    if terms:
        values = ", ".join(f"{name} = {figures[name]}" for name in terms)
        raise NotFiniteError(
            f"in step {step} these loss terms are not finite: {values}; "
            'a lower learning rate or precision = "float32" may help'
        )


def _figures(outcome: Outcome, dense: Tensor) -> Figures:
    figures = {"loss_dense": float(dense.detach())}
    for name in ("balanced", "focal", "dice", "iou", "occlusion"):
        values = [getattr(terms, name).detach().mean() for terms in outcome.losses]
        figures[f"loss_{name}"] = float(torch.stack(values).mean())
    return {**figures, **{f"iou_{k}": float(np.mean(v)) for k, v in outcome.ious.items()}}


def uses_bfloat16(config: TrainingConfig, device: torch.device) -> bool:
    """Whether products are in bfloat16; losses and weights are in float32 all the same."""
    return config.precision == "bfloat16" or (config.precision == "auto" and device.type == "cuda")


@torch.no_grad()
def update_average(run: TrainingRun, decay: float) -> None:
    """Move the running average of the weights; it starts quickly."""
    decay = min(decay, (1 + run.step) / (10 + run.step))
    for key, value in run.model.state_dict().items():
        run.average[key].lerp_(value, 1 - decay)


def epoch(
    run: TrainingRun,
    config: TrainingConfig,
    batches: Iterator[tuple[Batch, Script]],
    until: int,
    should_stop: Callable[[], bool],
    after_step: Callable[[Figures], None],
) -> bool:
    """The steps up to the next validation.

    Parameters
    ----------
    run : Run
        Changed in place.
    config : TrainingConfig
        The run's plan.
    batches : iterator
        From `run.step` on.
    until : int
        Step before which it ends.
    should_stop : callable
        Asked before each step.
    after_step : callable
        Takes the figures of each step.

    Returns
    -------
    bool
        Whether all steps were made.
    """
    while run.step < until:
        if should_stop():
            return False
        found = islice(batches, config.stage_at(run.step).accumulate)
        parts = [(batch.to(run.model.device), script) for batch, script in found]
        after_step(accumulated_step(run, config, parts))
    return True


def train(
    run: TrainingRun,
    config: TrainingConfig,
    batches: Iterator[tuple[Batch, Script]],
    folder: Path,
    *,
    minutes: float = math.inf,
    save_every_s: float = 180,
    log_every: int = 50,
    report: Callable[[str], None] = print,
    validate: Callable[[Sam2], Figures] | None = None,
    validate_every: int = 500,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> None:
    """Train until all steps are done, the time is up, or `should_stop` says so.

    Parameters
    ----------
    run : Run
        Fresh or resumed.
    config : TrainingConfig
        The run's plan.
    batches : iterator
        From `run.step` on.
    folder : Path
        Where checkpoints, tables and the curve go.
    minutes : float
        Time box.
    save_every_s : float
        Seconds between checkpoints.
    log_every : int
        Steps between lines of the log.
    report : callable
        Takes each line of the log as text.
    validate : callable, optional
        Figures of a network, among them their ``mean``; the network with the highest one is kept
        as `best.safetensors`. The first one is of the network that training begins with.
    validate_every : int
        Steps of an epoch.
    should_stop : callable
        Asked before each step.
    on_step : callable
        Called after each step with the number of steps done and of all steps.
    """
    deadline = time.monotonic() + minutes * 60
    keeper = _Keeper(run, config, folder, save_every_s, log_every, report)

    def is_over() -> bool:
        return should_stop() or time.monotonic() > deadline

    def after_step(figures: Figures) -> None:
        keeper.note(figures)
        on_step(run.step, config.steps)

    if validate is not None and run.step == 0 and not is_over():
        keeper.judge(validate(averaged(run)))  # the score to beat
    while run.step < config.steps:
        until = min((run.step // validate_every + 1) * validate_every, config.steps)
        keeper.restart_clock()
        if not epoch(run, config, batches, until, is_over, after_step):
            break
        if validate is not None:
            keeper.judge(validate(averaged(run)))
    keeper.close()


class _Keeper:
    """Writes tables and checkpoints of a run when it is time to."""

    def __init__(
        self,
        run: TrainingRun,
        config: TrainingConfig,
        folder: Path,
        save_every_s: float,
        log_every: int,
        report: Callable[[str], None],
    ) -> None:
        self.run, self.config, self.folder = run, config, folder
        self.save_every_s, self.log_every, self.report = save_every_s, log_every, report
        self.figures: dict[str, list[float]] = defaultdict(list)
        self.saved = time.monotonic()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Count seconds of training from now on."""
        self.last = time.monotonic()

    def note(self, figures: Figures) -> None:
        """After each step: log and save where they are due."""
        for name, value in figures.items():
            self.figures[name].append(value)
        now = time.monotonic()
        self.run.seconds += now - self.last
        self.last = now
        if self.run.step % self.log_every == 0:
            self._write(LOG, self.figures)
            self.figures.clear()
        if now - self.saved > self.save_every_s:
            self._save()

    def judge(self, figures: Figures) -> None:
        """After a validation: keep the network if it is the best one so far."""
        self._write(VALIDATION, {name: [value] for name, value in figures.items()}, "validation ")
        if figures["mean"] > self.run.best:
            self.run.best = figures["mean"]
            export(self.run, self.folder / BEST)
        self._save()
        draw_curve(self.folder)

    def close(self) -> None:
        """Write the figures and the state that are not written yet."""
        if self.figures:
            self._write(LOG, self.figures)
        self._save()
        draw_curve(self.folder)

    def _save(self) -> None:
        save(self.run, self.config, self.folder)
        self.saved = time.monotonic()

    def _write(self, table: str, figures: dict[str, list[float]], prefix: str = "") -> None:
        run = self.run
        rate = self.config.learning_rate(run.step)
        means = append_figures(self.folder / table, run.step, run.seconds, rate, figures)
        text = " ".join(f"{name}={mean:.3f}" for name, mean in means.items())
        self.report(f"{prefix}step {run.step} {run.seconds / 60:.1f} min {text}")
