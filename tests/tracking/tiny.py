"""A network of a few thousand weights, and what several tests do with a tracker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from napari_sam2.model import EncoderConfig, Sam2, Sam2Config, build_model
from napari_sam2.tracking import Tracker
from tests.worlds import World

VISIBLE = 3.0  # the last bias of the occlusion head: objects are on every frame
ROUNDING = 2e-3  # logits, of a standard deviation of 0.15 and more; records keep float16


def tiny_config(*, draws: bool = False, image_size: int = 64) -> Sam2Config:
    """All parts of the network, each as small as it can be.

    `draws` switches on what only our own network does: prompts and the mask of the frame before are
    drawn into the mask prompt.
    """
    return Sam2Config(
        name="tiny_test",
        encoder=EncoderConfig(8, 1, (1, 1, 1, 1), (2,), (4, 4), (4, 4, 4, 4)),
        image_size=image_size,
        d_model=32,
        memory_dim=16,
        num_memories=4,
        max_object_pointers=5,
        memory_layers=2,
        memory_mlp_dim=32,
        decoder_heads=2,
        decoder_mlp_dim=32,
        iou_hidden_dim=16,
        draw_prompts=draws,
        draw_previous=draws,
        fit_outlines=draws,
        mirror_prompted=draws,
        whole_cells=draws,
    )


def build_tiny_model(*, draws: bool = False, seed: int = 1) -> Sam2:
    """Random weights, stronger than at the start of a training.

    Masks then depend on prompts and memories, and are neither empty nor full (of eight seeds tried
    this one does best for both kinds).
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build_model(tiny_config(draws=draws))
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.mul_(_gain(name, weight))
    set_visibility(model, VISIBLE)
    return model


def _gain(name: str, weight: torch.Tensor) -> float:
    if name.endswith("gamma"):
        return 5e5
    if weight.ndim < 2 or "iou_prediction" in name:
        return 1.0
    if "obj_score_head" in name:
        return 0.1
    is_small = weight.std() < 0.03
    return (20.0 if is_small else 1.0) * (1.6 if name.startswith(_LOUD) else 1.0)


_LOUD = ("memory_attention", "memory_encoder", "obj_ptr", "sam_mask_decoder")


def set_visibility(model: Sam2, logit: float) -> None:
    """Let the occlusion head say about this logit of every object on every frame."""
    with torch.no_grad():
        model.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(logit)


@contextmanager
def hidden_objects(model: Sam2, score: float = -VISIBLE) -> Iterator[None]:
    """The occlusion head says that nothing is visible, by this score."""
    set_visibility(model, score)
    try:
        yield
    finally:
        set_visibility(model, VISIBLE)


def clicked(model: Sam2, world: World, *object_ids: int, t: int = 0, **settings: Any) -> Tracker:
    """A tracker in which discs were clicked, exact unless told otherwise."""
    tracker = Tracker(model, world.images, **{"clean": False, **settings})
    for object_id in object_ids:
        tracker.add_points(t, object_id, [world.centre(t, object_id)], [1])
    return tracker


def run(tracker: Tracker, *args: Any, **kwargs: Any) -> list[int]:
    """Propagate to the end; the frames in the order in which they came."""
    return [result.t for result in tracker.propagate(*args, **kwargs)]


def mask(tracker: Tracker, t: int, object_id: int) -> np.ndarray | None:
    """(Y, X) stored mask of an object on a frame."""
    result = tracker.result(t, object_id)
    return None if result is None else result.masks[0]


def logits(tracker: Tracker, *object_ids: int) -> dict[tuple[int, int], np.ndarray]:
    """Stored logits by (frame, object), of all objects unless told otherwise."""
    found = {
        (t, object_id): tracker.low_res_logits(t, object_id)
        for object_id in object_ids or tracker.object_ids
        for t in range(len(tracker.frames))
    }
    return {key: value for key, value in found.items() if value is not None}


def equal(one: dict[Any, np.ndarray], other: dict[Any, np.ndarray]) -> bool:
    """Whether the same masks are there, bit for bit."""
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


def close(one: dict[Any, np.ndarray], other: dict[Any, np.ndarray]) -> bool:
    """Whether the same masks are there, up to rounding."""
    return one.keys() == other.keys() and all(
        np.allclose(one[key], other[key], rtol=0, atol=ROUNDING) for key in one
    )
