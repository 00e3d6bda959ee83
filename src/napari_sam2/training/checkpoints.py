"""State of a training run: start, save and resume."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.safetensors_errors import raising_os_errors
from napari_sam2.model import cell_head, cell_unet
from napari_sam2.model.checkpoint import StateDict, build_model, with_head_of
from napari_sam2.model.config import PRESETS, Sam2Config
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training.auxiliary_head import AuxiliaryHead
from napari_sam2.training.config import TrainingConfig
from napari_sam2.training.logs import LOG, VALIDATION, forget_later
from napari_sam2.training.optimizer import make_optimizer

CHECKPOINT, BEST = "run.pt", "best.safetensors"


@dataclass
class TrainingRun:
    """Everything that changes during training.

    Attributes
    ----------
    best : float
        Highest mean of a validation so far.
    reference : Sam2 or None
        A network whose U-Net is followed far from labelled cells, where only some are labelled.
    """

    model: Sam2
    average: dict[str, Tensor]
    optimizer: torch.optim.Optimizer
    auxiliary_head: AuxiliaryHead
    step: int = 0
    seconds: float = 0.0
    best: float = -math.inf
    reference: Sam2 | None = None


def start(
    config: TrainingConfig,
    device: str = "cpu",
    network: Sam2Config | None = None,
    weights: StateDict | None = None,
) -> TrainingRun:
    """A fresh run: a network, and an optimizer.

    Parameters
    ----------
    config : TrainingConfig
        The run.
    device : str
        Where it runs.
    network : Sam2Config, optional
        Default: the preset that the configuration names.
    weights : dict of str to Tensor, optional
        To start from; random by default.

    Returns
    -------
    Run

    Raises
    ------
    RuntimeError
        If the weights are of another network.
    """
    torch.manual_seed(config.seed)
    network = with_head_of(network or PRESETS[config.preset], weights or {})
    network = replace(
        network,
        cell_head=network.cell_head or any(stage.cell_head for stage in config.stages),
        cell_unet=network.cell_unet or any(stage.cell_unet for stage in config.stages),
    )
    model = Sam2(network)
    initialise(model)
    if weights is not None:
        may_be_new = (cell_head.PREFIX, cell_unet.PREFIX)
        fresh = {k: v for k, v in model.state_dict().items() if k.startswith(may_be_new)}
        model.load_state_dict(fresh | weights)
    model.to(device)
    auxiliary_head = AuxiliaryHead(model.config).to(device)
    optimizer = make_optimizer(model, auxiliary_head.parameters(), config)
    average = {key: value.clone() for key, value in model.state_dict().items()}
    return TrainingRun(model, average, optimizer, auxiliary_head)


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


def averaged(run: TrainingRun) -> Sam2:
    """A network with the averaged weights, ready for inference."""
    return build_model(run.model.config, run.average).to(run.model.device)


def save(run: TrainingRun, config: TrainingConfig, folder: Path) -> None:
    """Write the state for `resume`, and the averaged weights as fp16 safetensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {
        "model": run.model.state_dict(),
        "average": run.average,
        "dense_head": run.auxiliary_head.state_dict(),
        "optimizer": run.optimizer.state_dict(),
        "step": run.step,
        "seconds": run.seconds,
        "best": run.best,
    }
    with atomic_path(folder / CHECKPOINT) as temporary:
        torch.save(state, temporary)
    export(run, folder / f"{config.preset}.safetensors")


def export(run: TrainingRun, path: Path) -> None:
    """Averaged weights in half precision, as `load_model` takes them."""
    write_weights(run.average, path, {"preset": run.model.config.name, "step": str(run.step)})


def write_weights(weights: Mapping[str, Tensor], path: Path, notes: Mapping[str, str]) -> None:
    """Write weights in half precision, as `load_model` takes them, complete or not at all.

    Parameters
    ----------
    weights : mapping of str to Tensor
        The state of a network.
    path : Path
        A ``.safetensors`` file; an old one is replaced.
    notes : mapping of str to str
        The file's metadata; `preset` names the network.

    Raises
    ------
    OSError
        If the file cannot be written; an old one stays.
    """
    half = {key: value.half().contiguous().cpu() for key, value in weights.items()}
    with atomic_path(path) as temporary, raising_os_errors():
        save_file(half, temporary, dict(notes))


def resume(
    config: TrainingConfig, folder: Path, device: str = "cpu", network: Sam2Config | None = None
) -> TrainingRun:
    """A run as `save` left it; arguments as for `start`.

    Lines of the tables that were written after that are removed: they will come again.
    """
    state: dict[str, Any] = torch.load(folder / CHECKPOINT, map_location=device, weights_only=True)
    run = start(config, device, network, state["model"])
    run.auxiliary_head.load_state_dict(state["dense_head"])
    run.average = state["average"]
    run.optimizer.load_state_dict(state["optimizer"])
    run.step, run.seconds = state["step"], state["seconds"]
    run.best = state.get("best", -math.inf)
    for name in (LOG, VALIDATION):
        forget_later(folder / name, run.step)
    return run
