"""Batches of a training run: each is a pure function of the seed and the step."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from napari_sam2.model.sam2 import PIXEL_MEAN, PIXEL_STD
from napari_sam2.training.appearance import draw_appearance
from napari_sam2.training.augmentation import (
    add_haze,
    drift_away,
    take_out,
    tile_four_times,
    turn_and_shear,
)
from napari_sam2.training.auxiliary_head import auxiliary_target
from napari_sam2.training.config import Stage, TrainingConfig
from napari_sam2.training.data import LabelledClip, sample_objects
from napari_sam2.training.rollout import Batch, Script

FIRST_PROMPTS = ("mask", "click", "box")
EMPTY_DRAWS = 200  # clips without an object, one after the other, that are too many


class ClipSource(Protocol):
    """Source of the clips of batches."""

    def draw(self, rng: np.random.Generator, frames: int) -> LabelledClip:
        """A random clip of so many frames."""
        ...


def batches(
    source: ClipSource, config: TrainingConfig, first: int = 0, ahead: int = 6
) -> Generator[tuple[Batch, Script], None, None]:
    """Endless batches from a step on, prepared ahead in a separate thread or in processes.

    A stage with `accumulate` takes as many batches for each step. The batches are the same whatever
    prepares them.
    """
    parts = (
        (step, part)
        for step in itertools.count(first)
        for part in range(config.stage_at(step).accumulate)
    )
    if config.workers:
        prepared = _Prepared(source, config)
        yield from DataLoader(
            prepared, batch_size=None, sampler=parts, num_workers=config.workers, prefetch_factor=2
        )
    with ThreadPoolExecutor(1) as pool:
        queue = deque(pool.submit(make_batch, source, config, *next(parts)) for _ in range(ahead))
        try:
            while True:
                yield queue.popleft().result()
                queue.append(pool.submit(make_batch, source, config, *next(parts)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Prepared(Dataset[tuple[Batch, Script]]):
    """Batches by step and part, for worker processes."""

    def __init__(self, source: ClipSource, config: TrainingConfig) -> None:
        self._source, self._config = source, config

    def __getitem__(self, place: tuple[int, int]) -> tuple[Batch, Script]:
        return make_batch(self._source, self._config, *place)


def make_batch(
    source: ClipSource, config: TrainingConfig, step: int, part: int = 0
) -> tuple[Batch, Script]:
    """One batch of a step; a pure function of the seed, the step and the part.

    Raises
    ------
    ValueError
        If the source gives clip after clip without an object to prompt.
    """
    rng = np.random.default_rng([config.seed, step, part] if part else [config.seed, step])
    stage = config.stage_at(step)
    is_image = rng.random() < stage.images_share
    count = stage.images if is_image else stage.clips
    objects = stage.objects if is_image else stage.clip_objects
    frames = 1 if is_image else stage.frames
    images: list[np.ndarray] = []
    dense: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    clip: list[int] = []
    labelled: list[np.ndarray] = []
    empty = 0
    while len(images) < count:
        pictures, labels, known = source.draw(rng, frames)
        pictures, labels = see_otherwise(pictures, labels, stage, rng)
        chosen = sample_objects(labels, objects, rng)
        if not chosen:
            empty += 1
            if empty == EMPTY_DRAWS:
                raise ValueError(f"{EMPTY_DRAWS} clips in a row hold no object of 24 pixels")
            continue
        pictures, labels = make_harder(pictures, labels, chosen, stage, rng)
        clip += [len(images)] * len(chosen)
        targets += [labels == k for k in chosen]
        images.append(pictures)
        labelled.append(known)
        dense += [auxiliary_target(frame) for frame in labels]
    batch = Batch(
        as_input(np.stack(images)),
        torch.from_numpy(np.stack(targets)).float(),
        torch.tensor(clip),
        torch.from_numpy(np.stack(labelled)),
        torch.from_numpy(np.stack(dense)),
    )
    return batch, draw_script(stage, np.stack(labelled), rng)


def see_otherwise(
    images: np.ndarray, labels: np.ndarray, stage: Stage, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A clip turned and sheared, or four times beside itself, as the stage says."""
    if stage.affine and rng.random() < stage.affine:
        images, labels = turn_and_shear(images, labels, rng)
    if stage.mosaic and rng.random() < stage.mosaic:
        images, labels = tile_four_times(images, labels)
    return images, labels


def make_harder(
    images: np.ndarray,
    labels: np.ndarray,
    chosen: list[int],
    stage: Stage,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """A clip redrawn, with haze, or that chosen objects leave, as the stage says.

    Images are (T, Y, X), or (T, Y, X, 3) in colour.
    """
    if stage.redrawn and rng.random() < stage.redrawn:
        redrawn = draw_appearance(labels, rng)
        images = redrawn if images.ndim == 3 else np.stack([redrawn] * 3, -1)
    if rng.random() < stage.haze:
        images = add_haze(images, labels, rng)
    if len(images) > 1 and rng.random() < stage.drifting:
        images, labels = drift_away(images, labels, chosen[0], rng)
    for k in chosen:
        if len(images) > 1 and rng.random() < stage.taken_out:
            images, labels = take_out(images, labels, k, rng)
    return images, labels


def draw_script(stage: Stage, labelled: NDArray[np.bool_], rng: np.random.Generator) -> Script:
    """Draw the kind of prompt: mask 0.5, click 0.25, box 0.25 on clips; click or box on images.

    Parameters
    ----------
    stage : Stage
        Says how much is prompted.
    labelled : ndarray
        (V, T) bool, the labelled frames of each clip. A later frame is prompted only if it is
        labelled in every clip. Where the first frame is the only labelled one, it is not prompted
        with its mask, from which nothing could be learnt.
    rng : numpy.random.Generator
        Source of chance.
    """
    if not labelled[:, 1:].any():
        first = rng.choice(FIRST_PROMPTS, p=[0.0, 0.6, 0.4])
        return Script(first, int(rng.integers(0, stage.image_clicks + 1)))
    first = rng.choice(FIRST_PROMPTS, p=[0.5, 0.25, 0.25])
    known = 1 + np.flatnonzero(labelled[:, 1:].all(0))
    is_corrected = rng.random() < 0.5 and len(known) > 0
    corrected = int(known[rng.integers(len(known))]) if is_corrected else None
    clicks = int(rng.integers(0, stage.clip_clicks + 1))
    later = corrected if stage.prompted_frames == 2 else None
    script = Script(first, clicks, later, stage.own_scores, stage.merged)
    if later is not None and stage.prompted_ahead and rng.random() < stage.prompted_ahead:
        second = rng.choice(FIRST_PROMPTS, p=[0.5, 0.25, 0.25])
        return replace(script, second=second, is_ahead=True)
    if later is not None and stage.other_prompts and rng.random() < stage.other_prompts:
        return replace(script, second=rng.choice(("mask", "box")))
    return script


def as_input(images: np.ndarray) -> Tensor:
    """(V, T, Y, X) or (V, T, Y, X, 3) uint8 -> (V, T, 3, Y, X) float32 as the encoder wants it."""
    light = torch.from_numpy(images).float() / 255
    light = light[:, :, None] if images.ndim == 4 else light.permute(0, 1, 4, 2, 3)
    mean = torch.tensor(PIXEL_MEAN)[:, None, None]
    std = torch.tensor(PIXEL_STD)[:, None, None]
    return (light - mean) / std
