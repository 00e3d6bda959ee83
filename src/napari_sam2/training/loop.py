"""The training loop: a step, a checkpoint, a run (paper §D.2)."""

from __future__ import annotations

import csv
import itertools
import os
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_sam2.model.config import PRESETS, Sam2Config
from napari_sam2.model.sam2 import PIXEL_MEAN, PIXEL_STD, Sam2
from napari_sam2.training.config import Stage, TrainingConfig
from napari_sam2.training.data import sample_objects
from napari_sam2.training.dense import DenseHead, dense_target
from napari_sam2.training.simulate import Batch, Script, simulate

FIRST_PROMPTS = ("mask", "click", "box")


class ClipSource(Protocol):
    """What batches are drawn from."""

    def draw(self, rng: np.random.Generator, frames: int) -> tuple[np.ndarray, np.ndarray]:
        """Images (T, Y, X) uint8 and labels (T, Y, X) of a random clip."""
        ...


@dataclass
class Run:
    """Everything that changes while training."""

    model: Sam2
    average: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    dense_head: DenseHead
    step: int = 0
    seconds: float = 0.0


def start(config: TrainingConfig, device: str = "cpu", network: Sam2Config | None = None) -> Run:
    """A fresh run: random weights, and an optimizer.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    device : str
        Where it runs.
    network : Sam2Config, optional
        Default: the preset that the configuration names.

    Returns
    -------
    Run
    """
    torch.manual_seed(config.seed)
    model = Sam2(network or PRESETS[config.preset])
    initialise(model)
    model.to(device)
    dense_head = DenseHead(model.config).to(device)
    parameters = [*model.parameters(), *dense_head.parameters()]
    decayed = [p for p in parameters if p.ndim > 1]
    plain = [p for p in parameters if p.ndim <= 1]
    optimizer = torch.optim.AdamW(
        [
            {"params": decayed, "weight_decay": config.weight_decay},
            {"params": plain, "weight_decay": 0.0},
        ],
        lr=config.learning_rate(0),
        betas=(0.9, 0.98),
    )
    average = {key: value.clone() for key, value in model.state_dict().items()}
    return Run(model, average, optimizer, dense_head)


def initialise(model: Sam2) -> None:
    """Start values that let every part learn from the first step.

    The occlusion head starts on "visible", the layer scales of the memory encoder and the position
    embeddings start well above zero.
    """
    scores = model.sam_mask_decoder.pred_obj_score_head
    with torch.no_grad():
        dict(scores.named_parameters())[f"layers.{len(scores.layers) - 1}.bias"].fill_(3.0)
    trunk = model.image_encoder.trunk
    for embedding in (trunk.pos_embed, trunk.pos_embed_window):
        nn.init.trunc_normal_(embedding, std=0.02)
    with torch.no_grad():
        for name, parameter in model.memory_encoder.fuser.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(0.1)


def make_batch(source: ClipSource, config: TrainingConfig, step: int) -> tuple[Batch, Script]:
    """The batch of a step; a pure function of the seed and the step."""
    rng = np.random.default_rng([config.seed, step])
    stage = config.stage_at(step)
    is_image = rng.random() < stage.images_share
    count = stage.images if is_image else stage.clips
    objects = stage.objects if is_image else stage.clip_objects
    frames = 1 if is_image else stage.frames
    images: list[np.ndarray] = []
    dense: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    clip: list[int] = []
    while len(images) < count:
        pictures, labels = source.draw(rng, frames)
        chosen = sample_objects(labels, objects, rng)
        if not chosen:
            continue
        clip += [len(images)] * len(chosen)
        targets += [labels == k for k in chosen]
        images.append(pictures)
        dense += [dense_target(frame) for frame in labels]
    batch = Batch(
        as_input(np.stack(images)),
        torch.from_numpy(np.stack(targets)).float(),
        torch.tensor(clip),
        torch.from_numpy(np.stack(dense)),
    )
    return batch, draw_script(stage, frames, rng)


def draw_script(stage: Stage, frames: int, rng: np.random.Generator) -> Script:
    """What is prompted: mask 0.5, click 0.25, box 0.25 on clips; click or box on images."""
    if frames == 1:
        first = rng.choice(FIRST_PROMPTS, p=[0.0, 0.6, 0.4])
        return Script(first, int(rng.integers(0, stage.image_clicks + 1)))
    first = rng.choice(FIRST_PROMPTS, p=[0.5, 0.25, 0.25])
    corrected = int(rng.integers(1, frames)) if rng.random() < 0.5 else None
    return Script(first, int(rng.integers(0, stage.clip_clicks + 1)), corrected)


def as_input(images: np.ndarray) -> Tensor:
    """(V, T, Y, X) uint8 -> (V, T, 3, Y, X) float32 as the encoder wants it."""
    grey = torch.from_numpy(images).float()[:, :, None] / 255
    mean = torch.tensor(PIXEL_MEAN)[:, None, None]
    std = torch.tensor(PIXEL_STD)[:, None, None]
    return (grey - mean) / std


def batches(
    source: ClipSource, config: TrainingConfig, first: int = 0, ahead: int = 6
) -> Iterator[tuple[Batch, Script]]:
    """Batches from a step on, without end, prepared ahead in a thread of their own."""
    steps = itertools.count(first)
    with ThreadPoolExecutor(1) as pool:
        queue = deque(pool.submit(make_batch, source, config, next(steps)) for _ in range(ahead))
        try:
            while True:
                yield queue.popleft().result()
                queue.append(pool.submit(make_batch, source, config, next(steps)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def train_step(run: Run, config: TrainingConfig, batch: Batch, script: Script) -> dict[str, float]:
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
        What is prompted.

    Returns
    -------
    dict of str to float
        Loss terms, gradient norm and IoUs by kind of mask.
    """
    generator = torch.Generator(device=batch.images.device).manual_seed(
        config.seed * 1_000_003 + run.step
    )
    for group in run.optimizer.param_groups:
        group["lr"] = config.learning_rate(run.step)
    outcome = simulate(run.model, batch, script, config.losses, generator)
    dense = torch.zeros(())
    if batch.dense is not None and outcome.features is not None:
        dense = run.dense_head(outcome.features, batch.dense)
    masks = torch.stack([terms.total(config.losses) for terms in outcome.losses]).mean()
    loss = masks + config.losses.dense * dense
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    norm = nn.utils.clip_grad_norm_(run.model.parameters(), config.clip_norm)
    if torch.isfinite(norm):
        run.optimizer.step()
    run.step += 1
    update_average(run, config.average)
    figures = {"loss": float(loss.detach()), "norm": float(norm)}
    figures["loss_dense"] = float(dense.detach())
    for name in ("balanced", "focal", "dice", "iou", "occlusion"):
        values = [getattr(terms, name).detach().mean() for terms in outcome.losses]
        figures[f"loss_{name}"] = float(torch.stack(values).mean())
    figures.update({f"iou_{k}": float(np.mean(v)) for k, v in outcome.ious.items()})
    return figures


@torch.no_grad()
def update_average(run: Run, decay: float) -> None:
    """Move the running average of the weights; it starts quickly."""
    decay = min(decay, (1 + run.step) / (10 + run.step))
    for key, value in run.model.state_dict().items():
        run.average[key].lerp_(value, 1 - decay)


def save(run: Run, config: TrainingConfig, folder: Path) -> None:
    """Write what a later `resume` needs, and the averaged weights as fp16 safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "model": run.model.state_dict(),
        "average": run.average,
        "dense_head": run.dense_head.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "step": run.step,
        "seconds": run.seconds,
    }
    torch.save(state, folder / "run.pt.tmp")
    os.replace(folder / "run.pt.tmp", folder / "run.pt")
    export(run, folder / f"{config.preset}.safetensors")


def export(run: Run, path: Path) -> None:
    """Averaged weights in half precision, as `load_model` takes them."""
    half = {key: value.half().contiguous().cpu() for key, value in run.average.items()}
    temporary = path.with_name(path.name + ".tmp")
    save_file(half, temporary, metadata={"preset": run.model.config.name, "step": str(run.step)})
    os.replace(temporary, path)


def resume(
    config: TrainingConfig, folder: Path, device: str = "cpu", network: Sam2Config | None = None
) -> Run:
    """A run as `save` left it; arguments as for `start`."""
    state: dict[str, Any] = torch.load(folder / "run.pt", map_location=device, weights_only=True)
    run = start(config, device, network)
    run.model.load_state_dict(state["model"])
    run.dense_head.load_state_dict(state["dense_head"])
    run.average = state["average"]
    run.optimizer.load_state_dict(state["optimizer"])
    run.step, run.seconds = state["step"], state["seconds"]
    return run


def train(
    run: Run,
    config: TrainingConfig,
    batches: Iterator[tuple[Batch, Script]],
    folder: Path,
    *,
    minutes: float = float("inf"),
    save_every_s: float = 180,
    log_every: int = 50,
    report: Callable[[str], None] = print,
) -> None:
    """Train until all steps are done or the time is up.

    Parameters
    ----------
    run : Run
        Fresh or resumed.
    config : TrainingConfig
        The run's plan.
    batches : iterator
        From `run.step` on.
    folder : Path
        Where checkpoints and `log.csv` go.
    minutes : float
        Time box.
    save_every_s : float
        Seconds between checkpoints.
    log_every : int
        Steps between lines of the log.
    report : callable
        Takes each line of the log as text.
    """
    begin = saved = last = time.monotonic()
    figures: dict[str, list[float]] = defaultdict(list)
    device = run.model.device
    for batch, script in batches:
        if run.step >= config.steps or time.monotonic() - begin > minutes * 60:
            break
        for name, value in train_step(run, config, batch.to(device), script).items():
            figures[name].append(value)
        now = time.monotonic()
        run.seconds += now - last
        last = now
        if run.step % log_every == 0:
            report(log(run, config, figures, folder))
            figures.clear()
        if now - saved > save_every_s:
            save(run, config, folder)
            saved = now
    save(run, config, folder)


def log(run: Run, config: TrainingConfig, figures: dict[str, list[float]], folder: Path) -> str:
    """Append a line for each figure to `log.csv`; give them as one line of text."""
    folder.mkdir(parents=True, exist_ok=True)
    means = {name: float(np.nanmean(values)) for name, values in sorted(figures.items())}
    path = folder / "log.csv"
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow(["step", "seconds", "learning_rate", "figure", "mean", "count"])
        rate = config.learning_rate(run.step)
        for name, mean in means.items():
            count = len(figures[name])
            writer.writerow(
                [run.step, round(run.seconds), f"{rate:.2e}", name, f"{mean:.4f}", count]
            )
    parts = " ".join(f"{name}={mean:.3f}" for name, mean in means.items())
    return f"step {run.step} {run.seconds / 60:.1f} min {parts}"
