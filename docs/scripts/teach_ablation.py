"""Compare ways to teach a model in equal time; docs/lab/teaching.md has the figures.

python docs/scripts/teach_ablation.py DATA [--seconds 60] [--ways all_weights] [--movies u373_02]

DATA holds a folder for each movie with raw.tif and labels.tif. Each way learns the first frames of
a movie for the same processor time, and its weights are measured on the frames that follow: mean
J&F of tracked cells after one click on each. The base model never saw these movies.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tifffile
import torch
from torch import Tensor, nn

from napari_sam2 import load_model
from napari_sam2.evaluation import protocols
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.results import movie_means
from napari_sam2.evaluation.vos import j_and_f
from napari_sam2.model import Sam2
from napari_sam2.model.checkpoint import StateDict, build_model
from napari_sam2.model.products import Linear
from napari_sam2.training import loop
from napari_sam2.training.checkpoints import TrainingRun
from napari_sam2.training.config import TrainingConfig
from napari_sam2.training.data import ArrayClip, ClipDataset
from napari_sam2.training.examples import images_in_bytes
from napari_sam2.training.soup import average_weights
from napari_sam2.training.synthetic import KINDS, generate_clip
from napari_sam2.training.teach import lesson_config

MEASURED_FRAMES, OBJECTS = 15, 8
SHARES = (0.5, 1.0)  # of the taught weights in the mean with the base weights
TIMED_STEPS = 3
REPLAYED = 20  # drawn clips, where old kinds of clips are learnt beside the new ones
RANK, ADAPTER_RATE = 8, 1e-3
MARGINS = {"u373_02": 50, "hela_n2dl_01": 25, "psc_crowded": 25, "yeast_short": 0}
"""Movies, and the margin in which their cells are not labelled."""


@dataclass(frozen=True)
class Way:
    """One way to teach.

    Attributes
    ----------
    kept : tuple of str
        Parts of the network whose weights do not change.
    adapters : bool
        Whether only low-rank changes of the linear layers are learnt.
    stills, movies, replay : float
        How often single frames, frames in a row and drawn clips are learnt.
    change : callable
        Changes the configuration that a lesson has.
    """

    kept: tuple[str, ...] = ()
    adapters: bool = False
    stills: float = 0.5
    movies: float = 0.5
    replay: float = 0.0
    change: Callable[[TrainingConfig], TrainingConfig] = lambda config: config


def at_rate(rate: float) -> Callable[[TrainingConfig], TrainingConfig]:
    """Another learning rate."""
    return lambda config: with_stage(config, learning_rate=rate)


def frozen(config: TrainingConfig) -> TrainingConfig:
    """The image encoder does not learn."""
    return with_stage(config, freeze_encoder=True)


def with_stage(config: TrainingConfig, **changes: object) -> TrainingConfig:
    """A configuration whose only stage is changed."""
    return replace(config, stages=(replace(config.stages[0], **changes),))


WAYS = {
    "all_weights": Way(),
    "without_encoder": Way(change=frozen),
    "decoder_only": Way(kept=("memory_attention", "memory_encoder"), change=frozen),
    "low_rank_adapters": Way(adapters=True, change=at_rate(ADAPTER_RATE)),
    "rate_3e-5": Way(change=at_rate(3e-5)),
    "rate_3e-4": Way(change=at_rate(3e-4)),
    "stills_only": Way(movies=0.0),
    "movies_only": Way(stills=0.0),
    "with_replay": Way(replay=0.5),
}


class LowRank(Linear):
    """A linear layer that learns a change of low rank."""

    def __init__(self, layer: nn.Linear) -> None:
        nn.Module.__init__(self)
        self.register_buffer("kept", layer.weight.detach().clone())
        self.bias = layer.bias
        self.down = nn.Parameter(torch.randn(RANK, layer.in_features) * layer.in_features**-0.5)
        self.up = nn.Parameter(torch.zeros(layer.out_features, RANK))

    @property
    def weight(self) -> Tensor:
        """The weights with their change."""
        return self.kept + self.up @ self.down


def add_adapters(run: TrainingRun, config: TrainingConfig) -> None:
    """Give each linear layer a change of low rank, and learn nothing else."""
    layers = {n: m for n, m in run.model.named_modules() if isinstance(m, nn.Linear)}
    for name, layer in layers.items():
        parent, _, attribute = name.rpartition(".")
        setattr(run.model.get_submodule(parent), attribute, LowRank(layer))
    learnt = [p for n, p in run.model.named_parameters() if n.endswith((".down", ".up"))]
    run.optimizer = torch.optim.AdamW(learnt, lr=config.stages[0].learning_rate, weight_decay=0.0)
    run.average = {name: value.clone() for name, value in run.model.state_dict().items()}


def merged(average: StateDict) -> StateDict:
    """The state of a network without adapters."""
    weights = {}
    for name, value in average.items():
        layer, _, part = name.rpartition(".")
        if part == "kept":
            change = average[f"{layer}.up"] @ average[f"{layer}.down"]
            weights[f"{layer}.weight"] = value + change
        elif part not in ("up", "down"):
            weights[name] = value
    return weights


def clips_of(images: np.ndarray, labels: np.ndarray, way: Way, side: int) -> ClipDataset:
    """What is learnt: single frames, frames in a row, and drawn clips."""
    stills = [ArrayClip(images[t : t + 1], labels[t : t + 1]) for t in range(len(images))]
    drawn = [drawn_clip(seed) for seed in range(REPLAYED if way.replay else 0)]
    groups = [
        (way.stills, stills),
        (way.movies, [ArrayClip(images, labels)]),
        (way.replay, drawn),
    ]
    return ClipDataset.from_arrays([group for group in groups if group[0]], (side, side))


def drawn_clip(seed: int) -> ArrayClip:
    """A clip of cells of any kind."""
    clip = generate_clip(KINDS[seed % len(KINDS)], seed=seed)
    return ArrayClip(clip.images, clip.labels)


def learn(base: Sam2, clips: ClipDataset, way: Way, seconds: float) -> tuple[StateDict, int]:
    """Weights after a lesson of so many seconds of processor time, and its steps."""
    config = way.change(lesson_config(base.config.name, learn_encoder=True, seed=0))
    run = loop.start(config, "cpu", base.config, base.state_dict())
    for part in way.kept:
        run.model.get_submodule(part).requires_grad_(False)
    if way.adapters:
        add_adapters(run, config)
    begin, steps = time.process_time(), 0
    with closing(loop.batches(clips, config, ahead=2)) as batches:
        while run.step < (steps or TIMED_STEPS):
            loop.train_step(run, config, *next(batches))
            if run.step == TIMED_STEPS:
                steps = round(seconds / (time.process_time() - begin) * TIMED_STEPS)
                config = replace(with_stage(config, steps=steps), warmup=min(20, steps // 3))
    return merged(run.average), steps


def measure(model: Sam2, images: np.ndarray, labels: np.ndarray, margin: int) -> float:
    """Mean J&F after one click on each of a few cells."""
    truth = replace(label_movie(labels), margin=margin).thinned(OBJECTS)
    scores = protocols.vos(model, images, truth, PromptKind.one_click).scores
    return j_and_f(*movie_means(scores))


def main() -> None:
    """Print a row for each way and movie."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--seconds", type=float, default=60, help="of the processor, each lesson")
    parser.add_argument("--frames", type=int, default=5, help="that are learnt")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--movies", nargs="+", default=list(MARGINS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    base = load_model("cells", "cpu")
    state = {name: value.clone() for name, value in base.state_dict().items()}
    print(f"movie | way | steps | before | {' | '.join(f'share {s}' for s in SHARES)}", flush=True)
    for movie in options.movies:
        files = (options.data / movie / f"{part}.tif" for part in ("raw", "labels"))
        frames, labels = (tifffile.imread(f)[: options.frames + MEASURED_FRAMES] for f in files)
        rest = frames[options.frames :], labels[options.frames :], MARGINS.get(movie, 0)
        before = measure(base, *rest)
        taught = images_in_bytes(frames, 3)[: options.frames], labels[: options.frames]
        for name in options.ways:
            clips = clips_of(*taught, WAYS[name], base.config.image_size)
            weights, steps = learn(base, clips, WAYS[name], options.seconds)
            mixes = [average_weights([weights, state], [share, 1 - share]) for share in SHARES]
            after = [measure(build_model(base.config, mix), *rest) for mix in mixes]
            row = [movie, name, str(steps), *(f"{value:.3f}" for value in (before, *after))]
            print(" | ".join(row), flush=True)


if __name__ == "__main__":
    main()
