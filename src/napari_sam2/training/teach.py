"""Teach a model the cells of a person: minutes of training on the masks that they made."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.evaluation import protocols
from napari_sam2.evaluation.vos import mean_of_defined
from napari_sam2.model.checkpoint import StateDict, build_model
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training import loop
from napari_sam2.training.checkpoints import write_weights
from napari_sam2.training.config import LossWeights, Stage, TrainingConfig
from napari_sam2.training.examples import Example, JudgedFrame, Lesson, make_lesson
from napari_sam2.training.soup import average_weights
from napari_sam2.training.teach_cells import teach_unet

SHARES = (0.4, 0.5, 0.6)
"""Shares of the taught weights in the mean with the base weights, the most careful one first.

Larger shares outline the taught cells a little better, and forget more of all others.
"""
CURVE_SHARE = 0.5

JUDGED_BY = ("1-click", "3-click", "box")
LEAST_GAIN = 0.005  # in mean IoU; less is no gain
MOST_STEPS = 300
FEW_STEPS = 10  # a lesson with fewer steps says that it was short
TIMED_STEPS = 3  # after which the steps of the whole lesson are known, or earlier if they are slow
LEARNING_RATE = 1e-4
JUDGEMENTS = 3  # while teaching, for the curve
UNET_SHARE = 0.2  # of the time, for the U-Net that finds cells


@dataclass(frozen=True)
class TeachingProgress:
    """How far a lesson is.

    Attributes
    ----------
    step, steps : int
        Steps done and steps in all; the latter is known after a few steps and 0 before.
    seconds, budget_s : float
        Time since the lesson began, and the time that it may take.
    curve : tuple of (int, float)
        Step and mean IoU of the kept-aside masks, so far.
    """

    step: int
    steps: int
    seconds: float
    budget_s: float
    curve: tuple[tuple[int, float], ...]


@dataclass(frozen=True, eq=False)
class Taught:
    """What came of a lesson.

    Attributes
    ----------
    model : Sam2
        The best mean of base and taught weights of all that were judged, those of the curve among
        them; see `is_better` before you use it.
    before, after : float
        Mean IoU of the masks that were kept aside, with the base model and with that mean.
    share : float
        Share of the taught weights in the mean.
    curve : tuple of (int, float)
        Step and mean IoU of the kept-aside masks with the plain mean of both weights.
    learnt_masks, judged_masks : int
        Masks that were learnt from, and masks that were kept aside.
    seconds : float
        What it took.
    notes : tuple of str
        Sentences about the lesson that a person should read beside the figures.
    """

    model: Sam2
    before: float
    after: float
    share: float
    curve: tuple[tuple[int, float], ...]
    learnt_masks: int
    judged_masks: int
    seconds: float
    notes: tuple[str, ...] = ()

    @property
    def is_better(self) -> bool:
        """Whether the taught model is better on the kept-aside masks."""
        return self.after - self.before >= LEAST_GAIN


def teach(
    model: Sam2,
    examples: Sequence[Example],
    budget_s: float = 180.0,
    on_progress: Callable[[TeachingProgress], None] | None = None,
    *,
    learn_encoder: bool | None = None,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Taught:
    """Tune a model to some masks, and mix it with what it was.

    The model itself is left as it is. Some masks are kept aside; the share of the tuned weights in
    the mean with the old ones is the one that does best on them. Where a mean that was judged on
    the way did better than those of the last step, it is the result.

    Parameters
    ----------
    model : Sam2
        What to start from. Teach the same base model again with more examples rather than a taught
        model: so it does not drift.
    examples : sequence of Example
        Images with masks. Only what a person vouches for should be among them.
    budget_s : float
        Time for everything, in seconds; the number of steps follows from the speed of the first
        ones. At least one is made.
    on_progress : callable, optional
        Is called after each step.
    learn_encoder : bool, optional
        Whether the image encoder learns too. Default: that of `cells` does, those of the official
        models do not.
    seed : int
        Source of chance.
    should_stop : callable
        Is asked before each step; a lesson that is stopped gives the best that was learnt.

    Returns
    -------
    Taught

    Raises
    ------
    ValueError
        If there are too few masks, or the budget is not positive.
    NotFiniteError
        If a loss is not finite.

    Notes
    -----
    SAM 2 paper, §5: annotate, train, annotate faster. The mean of base and tuned weights is from
    Wortsman et al. 2022, "Robust fine-tuning of zero-shot models".
    """
    _check_budget(budget_s)
    return teach_lesson(
        model,
        make_lesson(examples, model.config.image_size, seed),
        budget_s,
        on_progress,
        learn_encoder=learn_encoder,
        seed=seed,
        should_stop=should_stop,
    )


def teach_lesson(
    model: Sam2,
    lesson: Lesson,
    budget_s: float = 180.0,
    on_progress: Callable[[TeachingProgress], None] | None = None,
    *,
    learn_encoder: bool | None = None,
    seed: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Taught:
    """Tune a model with a lesson that is made already; see `teach`.

    Parameters
    ----------
    model : Sam2
        What to start from.
    lesson : Lesson
        From `make_lesson`, for the input size of the model.
    budget_s, on_progress, learn_encoder, seed, should_stop
        As for `teach`.

    Returns
    -------
    Taught

    Raises
    ------
    ValueError
        If the budget is not positive.
    NotFiniteError
        If a loss is not finite.
    """
    _check_budget(budget_s)
    begin = time.monotonic()
    base = {name: value.clone() for name, value in model.state_dict().items()}
    before = judge(model, lesson.judged)
    judging_s = time.monotonic() - begin
    if learn_encoder is None:
        learn_encoder = model.config.name == "cells"
    pupil = _Pupil(model, lesson, learn_encoder=learn_encoder, seed=seed)
    frames = lesson.full_frames if model.cell_unet is not None else None
    unet_s = 0.0 if frames is None else UNET_SHARE * budget_s
    left_s = budget_s - unet_s - judging_s * (1 + JUDGEMENTS + len(SHARES))
    curve = pupil.learn(begin, left_s, budget_s, before, on_progress, should_stop)
    mixes = [pupil.judged_mix(base, share) for share in SHARES]
    best = max([*mixes, *pupil.best_mix], key=lambda mix: mix.iou)  # the first one of equal ones
    taught = best.model
    if frames is not None and not should_stop():

        def tell() -> None:
            if on_progress is not None:
                steps, seconds = pupil.planned_steps, time.monotonic() - begin
                on_progress(TeachingProgress(steps, steps, seconds, budget_s, curve))

        taught = teach_unet(taught, frames, unet_s, tell, seed=seed, should_stop=should_stop)
    return Taught(
        taught,
        before,
        best.iou,
        best.share,
        curve,
        lesson.learnt_masks,
        lesson.judged_masks,
        time.monotonic() - begin,
        (*lesson.notes, *_note_on_steps(pupil.planned_steps)),
    )


def _note_on_steps(planned: int) -> tuple[str, ...]:
    if not 0 < planned < FEW_STEPS:
        return ()
    return (f"The time was enough for {counted(planned, 'step')} only: give the lesson more time.",)


def _check_budget(budget_s: float) -> None:
    if budget_s <= 0:
        raise ValueError(f"budget_s must be positive; got {budget_s}")


def judge(model: Sam2, frames: Sequence[JudgedFrame]) -> float:
    """Mean IoU of masks that were kept aside, after one click, three clicks, and a box."""
    values = []
    for frame in frames:
        found = protocols.image(model, frame.image, frame.truth).mean_iou
        masks = len(frame.truth.ids_by_frame[0])
        values += [found[kind] for kind in JUDGED_BY] * masks
    return mean_of_defined(values)


def lesson_config(preset: str, *, learn_encoder: bool, seed: int) -> TrainingConfig:
    """How a lesson trains; the number of steps is of the longest one.

    Parameters
    ----------
    preset : str
        Name of the network.
    learn_encoder : bool
        Whether the image encoder learns too.
    seed : int
        Source of chance.
    """
    stage = Stage(
        steps=MOST_STEPS,
        images_share=0.4,
        images=4,
        objects=5,
        clips=2,
        clip_objects=3,
        frames=5,
        image_clicks=3,
        clip_clicks=2,
        learning_rate=LEARNING_RATE,
        freeze_encoder=not learn_encoder,
    )
    return TrainingConfig(
        preset=preset,
        stages=(stage,),
        losses=LossWeights(dense=0.0),
        warmup=20,
        cooldown=0.5,
        seed=seed,
    )


@dataclass(frozen=True, eq=False)
class _Mix:
    """A mean of taught and base weights, and its mean IoU on the kept-aside masks."""

    model: Sam2
    share: float
    iou: float


class _Pupil:
    """A copy of a model while it learns.

    Attributes
    ----------
    best_mix : list of _Mix
        The best mix of the curve, on which no later one has improved; empty before the first one.
    planned_steps : int
        Steps of the whole lesson; 0 before they are known.
    """

    def __init__(self, model: Sam2, lesson: Lesson, *, learn_encoder: bool, seed: int) -> None:
        self._base, self._lesson = model, lesson
        self._device = str(model.device)
        self._config = lesson_config(model.config.name, learn_encoder=learn_encoder, seed=seed)
        self._run = loop.start(self._config, self._device, model.config, model.state_dict())
        self.best_mix: list[_Mix] = []
        self.planned_steps = 0

    def learn(
        self,
        begin: float,
        left_s: float,
        budget_s: float,
        before: float,
        on_progress: Callable[[TeachingProgress], None] | None,
        should_stop: Callable[[], bool],
    ) -> tuple[tuple[int, float], ...]:
        """Take steps until the time is up; returns the curve."""
        curve, steps = [(0, before)], 0
        base = self._base.state_dict()
        started = time.monotonic()
        with closing(loop.batches(self._lesson.clips, self._config, ahead=2)) as batches:
            while self._run.step < (steps or TIMED_STEPS) and not should_stop():
                batch, script = next(batches)
                loop.train_step(self._run, self._config, batch.to(self._run.model.device), script)
                each_s = (time.monotonic() - started) / self._run.step
                if not steps and (
                    self._run.step == TIMED_STEPS or (self._run.step + 1) * each_s > left_s
                ):
                    steps = int(np.clip(left_s / each_s, self._run.step, MOST_STEPS))
                    self._plan(steps)
                if steps and self._run.step % -(-steps // (JUDGEMENTS + 1)) == 0:
                    mix = self.judged_mix(base, CURVE_SHARE)
                    curve.append((self._run.step, mix.iou))
                    self.best_mix = [max([*self.best_mix, mix], key=lambda one: one.iou)]
                if on_progress is not None:
                    seconds = time.monotonic() - begin
                    on_progress(
                        TeachingProgress(self._run.step, steps, seconds, budget_s, tuple(curve))
                    )
        return tuple(curve)

    def _plan(self, steps: int) -> None:
        self.planned_steps = steps
        stage = replace(self._config.stages[0], steps=steps)
        self._config = replace(self._config, stages=(stage,), warmup=min(20, steps // 3))

    def judged_mix(self, base: StateDict, share: float) -> _Mix:
        """The mean of the averaged weights and those of the base model, and how good it is."""
        weights = average_weights([self._run.average, base], [share, 1 - share])
        model = build_model(self._base.config, weights).to(self._base.device)
        return _Mix(model, share, judge(model, self._lesson.judged))


def write_model(taught: Taught, path: Path, base: str) -> None:
    """Write the weights of a taught model, complete or not at all.

    Parameters
    ----------
    taught : Taught
        What came of a lesson.
    path : Path
        A ``.safetensors`` file, which `load_model` takes; an old one is replaced.
    base : str
        Name of the model that was taught.
    """
    about = {
        "preset": taught.model.config.name,
        "base": base,
        "before": f"{taught.before:.4f}",
        "after": f"{taught.after:.4f}",
        "share": f"{taught.share}",
        "learnt_masks": str(taught.learnt_masks),
        "judged_masks": str(taught.judged_masks),
    }
    write_weights(taught.model.state_dict(), path, about)
