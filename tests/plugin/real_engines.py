"""The engine that ships, with a network of a few thousand weights or the embedded one."""

from __future__ import annotations

import torch

from napari_sam2.plugin.inference.engine import LoadedModel, Sam2Engine
from napari_sam2.plugin.protocol.messages import ModelChoice
from tests.tracking.tiny import build_tiny_model


class OneThreadEngine(Sam2Engine):
    """The embedded model, on one thread so that a busy machine gives the same numbers."""

    def begin(self) -> None:
        torch.set_num_threads(1)


class TinyEngine(OneThreadEngine):
    """Random weights: masks mean nothing, but depend on every click and memory."""

    def models(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice("tiny", "Tiny", "embedded"),)

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        return LoadedModel(build_tiny_model(draws=True), "cpu", 64, (64,))
