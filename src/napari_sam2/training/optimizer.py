"""AdamW with one learning rate per layer of the image encoder (paper §D.2.1)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from napari_sam2.model.sam2 import Sam2
from napari_sam2.training.config import TrainingConfig

TRUNK = "image_encoder.trunk."


def make_optimizer(
    model: Sam2, others: Iterable[nn.Parameter], config: TrainingConfig
) -> torch.optim.Optimizer:
    """AdamW over the network and parameters beside it.

    Parameters
    ----------
    model : Sam2
        The network.
    others : iterable of nn.Parameter
        Learn at the full rate.
    config : TrainingConfig
        Weight decay (not of vectors), `layer_decay` and `encoder_rate`.

    Returns
    -------
    torch.optim.Optimizer
        Its groups have a ``share`` of the learning rate of the step.
    """
    depth = len(model.image_encoder.trunk.blocks)
    shared = [(_share(name, depth, config), p) for name, p in model.named_parameters()]
    shared += [(1.0, p) for p in others]
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {(False, 1.0): [], (True, 1.0): []}
    for share, parameter in shared:
        groups.setdefault((parameter.ndim <= 1, share), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "weight_decay": 0.0 if is_vector else config.weight_decay,
                "share": share,
            }
            for (is_vector, share), parameters in groups.items()
        ],
        lr=config.learning_rate(0),
        betas=(0.9, 0.98),
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give each group its share of the rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group.get("share", 1.0)


def _share(name: str, depth: int, config: TrainingConfig) -> float:
    """Share of the learning rate that a parameter gets: least for the first layers."""
    if not name.startswith("image_encoder."):
        return 1.0
    if not name.startswith(TRUNK):
        return config.encoder_rate  # the neck comes after all blocks
    parts = name.removeprefix(TRUNK).split(".")
    layer = int(parts[1]) + 1 if parts[0] == "blocks" else 0
    return config.encoder_rate * config.layer_decay ** (depth + 1 - layer)
