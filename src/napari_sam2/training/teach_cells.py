"""The part of a lesson in which the U-Net learns to see the taught cells without a prompt."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from napari_sam2.model.checkpoint import build_model
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training import loop
from napari_sam2.training.config import Stage, TrainingConfig
from napari_sam2.training.data import ClipDataset
from napari_sam2.training.soup import average_weights

MOST_STEPS = 80
TIMED_STEPS = 2  # after which the number of steps is known
LEARNING_RATE = 1e-3
IMAGES = 4  # in a step
SHARE = 0.75  # of the taught weights in the mean with those from before


def cells_config(preset: str, steps: int, seed: int) -> TrainingConfig:
    """How the U-Net learns in a lesson.

    Parameters
    ----------
    preset : str
        Name of the network.
    steps : int
        Optimizer steps.
    seed : int
        Source of chance.
    """
    stage = Stage(
        steps=steps,
        images_share=1.0,
        images=IMAGES,
        objects=1,
        cell_unet=True,
        affine=0.3,
        learning_rate=LEARNING_RATE,
    )
    return TrainingConfig(
        preset=preset,
        stages=(stage,),
        warmup=min(10, steps // 3),
        cooldown=0.6,
        average=0.95,
        weight_decay=0.01,
        seed=seed,
    )


def teach_unet(
    model: Sam2,
    clips: ClipDataset,
    budget_s: float,
    on_step: Callable[[], None] | None = None,
    *,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Sam2:
    """Tune the U-Net of a model to labelled frames, while all other weights stay as they are.

    Far from the labelled cells, what the model itself sees is learnt, since a person seldom labels
    all cells.

    Parameters
    ----------
    model : Sam2
        With a U-Net; it is left as it is.
    clips : ClipDataset
        Frames with masks.
    budget_s : float
        Time for it in seconds; the number of steps follows from the speed of the first ones.
    on_step : callable, optional
        Is called after each step.
    seed : int
        Source of chance.
    should_stop : callable
        Is asked before each step. What was learnt until then is kept.

    Returns
    -------
    Sam2
        A copy, in evaluation mode.
    """
    config = cells_config(model.config.name, MOST_STEPS, seed)
    run = loop.start(config, str(model.device), model.config, model.state_dict())
    run.reference = model
    steps, begin = MOST_STEPS, time.monotonic()
    with closing(loop.batches(clips, config, ahead=2)) as batches:
        while run.step < steps and not should_stop():
            batch, script = next(batches)
            loop.train_step(run, config, batch.to(model.device), script)
            if on_step is not None:
                on_step()
            if run.step == TIMED_STEPS:
                each_s = (time.monotonic() - begin) / TIMED_STEPS
                steps = min(MOST_STEPS, max(TIMED_STEPS, int(budget_s / each_s)))
                config = cells_config(model.config.name, steps, seed)
    weights = average_weights([run.average, model.state_dict()], [SHARE, 1 - SHARE])
    return build_model(model.config, weights).to(model.device)
