"""The engine that ships, with a network of a few thousand weights or the embedded one."""

from __future__ import annotations

from typing import Any

import torch

from napari_sam2.plugin.engine import Sam2Engine
from napari_sam2.plugin.messages import ModelChoice
from tests.tracking.tiny import build_tiny_model


class OneThreadEngine(Sam2Engine):
    """The embedded model, on one thread so that a busy machine gives the same numbers."""

    def begin(self) -> None:
        torch.set_num_threads(1)


class TinyEngine(OneThreadEngine):
    """Random weights: masks mean nothing, but depend on every click and memory."""

    def models(self) -> tuple[ModelChoice, ...]:
        return (ModelChoice("tiny", "Tiny", "embedded"),)

    def load_model(self, name: str, device: str) -> tuple[Any, str]:
        return build_tiny_model(draws=True), "cpu"
