"""What the inference thread computes with, and who puts it together.

The heavy imports happen inside the methods: they run in the inference thread, so that opening the
widget costs nothing.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from napari_sam2.plugin.protocol.messages import ModelChoice
from napari_sam2.plugin.startup.preload import preload_torch, uncollected

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.inference.autosave import Autosave
    from napari_sam2.plugin.protocol.sources import ImageSource
    from napari_sam2.tracking.protocol import EncodingTracker

    Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model, the device it came to, its input size, and those to choose from, in pixels.

    The first of `image_sizes` is the one that the model was made for.
    """

    model: Any
    device: str
    image_size: int
    image_sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """An image made ready: the document, the tracker that it drives, and what keeps it on disk."""

    tracker: EncodingTracker
    annotation: Annotation
    autosave: Autosave | None = None


class EngineFactory(Protocol):
    """Builds what the inference thread owns; all but `download` is called in that thread."""

    def begin(self) -> None:
        """Set up the thread, once, before anything else."""

    def devices(self) -> tuple[str, ...]:
        """Names of the devices there are, beside "auto", which takes the first."""

    def models(self) -> tuple[ModelChoice, ...]:
        """Models that can be chosen, the first by default."""

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        """Load a model for an input of this side in pixels; None is what it was made for."""

    def set_memory_reach(self, model: Any, is_local: bool) -> None:
        """Let a model look for small objects near where they were only, or everywhere."""

    def open_image(self, model: Any, source: ImageSource) -> OpenedImage:
        """Make a document for an image, driven by a model."""

    def download(self, name: str, progress: Progress) -> None:
        """Fetch a model; `progress` gets the bytes done and the bytes in all (0 if unknown)."""


class Sam2Engine:
    """The engine that ships: our SAM 2 on torch."""

    def begin(self) -> None:
        """Load all that an image needs, and leave one core to the window: so it stays fluid."""
        preload_torch()
        with uncollected():
            import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))

    def devices(self) -> tuple[str, ...]:
        """The devices that torch can use here."""
        import torch

        found = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
        return (*(name for name, is_available in found if is_available), "cpu")

    def models(self) -> tuple[ModelChoice, ...]:
        """The embedded model, then the official ones."""
        from napari_sam2.model import PRESETS, image_sizes
        from napari_sam2.model.registry import EMBEDDED, REGISTRY, checkpoint_state

        def choice(name: str, size_bytes: int | None = None) -> ModelChoice:
            sizes = image_sizes(PRESETS[name])
            return ModelChoice(name, title_of(name), checkpoint_state(name), size_bytes, sizes)

        official = (choice(name, known.size_bytes) for name, known in REGISTRY.items())
        return (choice(EMBEDDED), *official)

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        """A named model or a checkpoint file."""
        from napari_sam2.model import image_sizes, load_model

        model = load_model(name, device=device, image_size=image_size)
        config = model.config
        return LoadedModel(model, str(model.device), config.image_size, image_sizes(config))

    def set_memory_reach(self, model: Any, is_local: bool) -> None:
        """Trackers ask the model's configuration on every frame."""
        model.config = replace(model.config, memory_reach="local" if is_local else "whole")

    def open_image(self, model: Any, source: ImageSource) -> OpenedImage:
        """A tracker on the stack, and an empty annotation or the saved one that is asked for."""
        from napari_sam2.annotation import Annotation
        from napari_sam2.plugin.inference.autosave import Autosave
        from napari_sam2.tracking import Frames, Tracker

        if source.project is not None:
            tracker, autosave = Autosave.reopen(model, source)
            return OpenedImage(tracker, autosave.annotation, autosave)

        frames = Frames(source.data, contrast_limits=source.contrast_limits, rgb=source.rgb)
        tracker = Tracker(model, frames)
        annotation = Annotation(tracker)
        return OpenedImage(tracker, annotation, Autosave(tracker, annotation, source))

    def download(self, name: str, progress: Progress) -> None:
        """Fetch an official checkpoint into the cache of the user."""
        from napari_sam2.model.registry import download

        download(name, progress)


def shipped_engine() -> Sam2Engine:
    """The engine that ships; another thread brings its libraries into memory meanwhile."""
    threading.Thread(target=preload_torch, name="napari-sam2 preloading", daemon=True).start()
    return Sam2Engine()


def title_of(name: str) -> str:
    """Name of a model as the user reads it: "sam2.1_base_plus" becomes "SAM 2.1 base+"."""
    family, _, size = name.partition("_")
    if not size:
        return f"{name} (built in)"
    return f"SAM {family.removeprefix('sam')} {size.replace('_plus', '+')}"
