"""Engine: creates the models, trackers and documents of the inference thread.

Methods import heavy libraries when they are called, in the inference thread, so that the widget
opens without delay.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Protocol

from napari_sam2.plugin.protocol.messages import ModelChoice
from napari_sam2.plugin.startup.preload import preload_torch, uncollected

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_sam2.annotation import Annotation
    from napari_sam2.batch.process import BatchProcess, BatchRequest
    from napari_sam2.finding import CellSize, Proposal
    from napari_sam2.io.taught_models import TaughtModel
    from napari_sam2.model.config import WindowMode
    from napari_sam2.plugin.inference.autosave import Autosave
    from napari_sam2.plugin.protocol.find_messages import LostCell
    from napari_sam2.plugin.protocol.sources import ImageSource
    from napari_sam2.tracking import Frames
    from napari_sam2.tracking.protocol import EncodingTracker
    from napari_sam2.training.lesson_process import LessonProcess

    Progress = Callable[[int, int], None]

LEAST_SCORE: Final = 0.1  # of proposals; the window hides those below the score on its slider


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A loaded model, its device, its input size and the available input sizes, in pixels.

    The first of `image_sizes` is the size that the model was trained for.
    """

    model: Any
    device: str
    image_size: int
    image_sizes: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class OpenedImage:
    """An opened image: its document, its tracker, and the autosave of the document."""

    tracker: EncodingTracker
    annotation: Annotation
    autosave: Autosave | None = None


class EngineFactory(Protocol):
    """Creates models and documents, in the inference thread.

    Only `download`, `teach` and `track_movies` may be called in other threads.
    """

    def begin(self) -> None:
        """Set up the inference thread; called once, before all other methods."""

    def devices(self) -> tuple[str, ...]:
        """Names of the available devices; "auto" selects the first."""

    def models(self) -> tuple[ModelChoice, ...]:
        """Models that the user can choose; the first is the default."""

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        """Load a model; if `image_size` is None, with the input size that it was trained for."""

    def set_memory_reach(self, model: Any, is_local: bool) -> None:
        """Search for small objects only near their last position, or in the whole image."""

    def use_windows(self, model: Any, windows: WindowMode) -> None:
        """Let new trackers show a model squares around objects, or whole frames."""

    def open_image(self, model: Any, source: ImageSource) -> OpenedImage:
        """Create a document for an image, with a tracker that uses the model."""

    def find_cells(
        self,
        model: Any,
        frames: Frames,
        t: int,
        cell_size: CellSize | None,
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> Sequence[Proposal]:
        """Find all cells of frame `t`, the best first; raises `FindingStopped` if asked to stop."""

    def find_near(
        self,
        model: Any,
        frames: Frames,
        t: int,
        lost: LostCell,
        cell_size: CellSize | None,
        should_stop: Callable[[], bool],
    ) -> Proposal | None:
        """Find a lost cell around its last place; raises `FindingStopped` if asked to stop."""

    def teach(self, folder: Path) -> LessonProcess:
        """Start the lesson of a folder in another process; may be called in any thread."""

    def track_movies(self, request: BatchRequest) -> BatchProcess:
        """Start to track many movies in another process; may be called in any thread."""

    def download(self, name: str, progress: Progress) -> None:
        """Download a model; `progress` is called with the bytes done and in total (0: unknown)."""


class Sam2Engine:
    """The default engine: SAM 2 in PyTorch."""

    def begin(self) -> None:
        """Import the libraries, and leave one core to the window so that it stays responsive."""
        preload_torch()
        with uncollected():
            import torch

        torch.set_num_threads(max(1, (os.cpu_count() or 2) - 1))

    def devices(self) -> tuple[str, ...]:
        """Names of the devices that PyTorch can use."""
        import torch

        found = [("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())]
        return (*(name for name, is_available in found if is_available), "cpu")

    def models(self) -> tuple[ModelChoice, ...]:
        """The built-in model, those that the user has taught, then the official models."""
        from napari_sam2.io.taught_models import taught_models
        from napari_sam2.model import PRESETS, image_sizes
        from napari_sam2.model.registry import EMBEDDED, REGISTRY, checkpoint_state

        def choice(name: str, size_bytes: int | None = None) -> ModelChoice:
            sizes = image_sizes(PRESETS[name])
            return ModelChoice(name, title_of(name), checkpoint_state(name), size_bytes, sizes)

        official = (choice(name, known.size_bytes) for name, known in REGISTRY.items())
        taught = (_choice_of(model) for model in taught_models())
        return (choice(EMBEDDED), *taught, *official)

    def load_model(self, name: str, device: str, image_size: int | None) -> LoadedModel:
        """Load a model by name or from a checkpoint file."""
        from napari_sam2.model import image_sizes, load_model

        model = load_model(name, device=device, image_size=image_size)
        config = model.config
        return LoadedModel(model, str(model.device), config.image_size, image_sizes(config))

    def set_memory_reach(self, model: Any, is_local: bool) -> None:
        """Set the search range in the model's configuration, which trackers read on each frame."""
        model.config = replace(model.config, memory_reach="local" if is_local else "whole")

    def use_windows(self, model: Any, windows: WindowMode) -> None:
        """Set the windows in the model's configuration, which new trackers read."""
        model.config = replace(model.config, windows=windows)

    def open_image(self, model: Any, source: ImageSource) -> OpenedImage:
        """Create a tracker and an empty annotation, or open the project of the source."""
        from napari_sam2.annotation import Annotation
        from napari_sam2.plugin.inference.autosave import Autosave
        from napari_sam2.tracking import Frames, Tracker

        if source.project is not None:
            tracker, autosave = Autosave.reopen(model, source)
            return OpenedImage(tracker, autosave.annotation, autosave)

        frames = Frames(source.data, contrast_limits=source.model_limits, rgb=source.rgb)
        tracker = Tracker(model, frames)
        annotation = Annotation(tracker)
        return OpenedImage(tracker, annotation, Autosave(tracker, annotation, source))

    def find_cells(
        self,
        model: Any,
        frames: Frames,
        t: int,
        cell_size: CellSize | None,
        progress: Progress,
        should_stop: Callable[[], bool],
    ) -> Sequence[Proposal]:
        """Find all cells of a frame with the method that suits the model."""
        from napari_sam2.finding import find_objects

        return find_objects(
            model,
            frames,
            t=t,
            min_score=LEAST_SCORE,
            cell_size=cell_size,
            progress=progress,
            should_stop=should_stop,
        )

    def find_near(
        self,
        model: Any,
        frames: Frames,
        t: int,
        lost: LostCell,
        cell_size: CellSize | None,
        should_stop: Callable[[], bool],
    ) -> Proposal | None:
        """Find a lost cell around its last place, which only a model with a cell head can."""
        from napari_sam2.finding.lost import find_near

        return find_near(
            model,
            frames,
            t,
            lost.place,
            lost.diameter,
            cell_size=cell_size,
            should_stop=should_stop,
        )

    def teach(self, folder: Path) -> LessonProcess:
        """Start a lesson in another process."""
        from napari_sam2.training.lesson_process import LessonProcess

        return LessonProcess(folder)

    def track_movies(self, request: BatchRequest) -> BatchProcess:
        """Start to track many movies in another process."""
        from napari_sam2.batch.process import BatchProcess

        return BatchProcess.start(request)

    def download(self, name: str, progress: Progress) -> None:
        """Download an official checkpoint into the user's cache."""
        from napari_sam2.model.registry import download

        download(name, progress)


def _choice_of(model: TaughtModel) -> ModelChoice:
    """Menu entry of a taught model."""
    from napari_sam2.model import PRESETS, image_sizes

    sizes = image_sizes(PRESETS[model.preset]) if model.preset in PRESETS else ()
    title = f"{model.name} (taught {model.date.partition(' ')[0]})"
    return ModelChoice(str(model.path), title, "taught", image_sizes=sizes)


def shipped_engine() -> Sam2Engine:
    """Create the default engine, and preload its libraries in another thread."""
    threading.Thread(target=preload_torch, name="napari-sam2 preloading", daemon=True).start()
    return Sam2Engine()


def title_of(name: str) -> str:
    """Display name of a model: "sam2.1_base_plus" becomes "SAM 2.1 base+"."""
    family, _, size = name.partition("_")
    if not size:
        return f"{name} (built in)"
    return f"SAM {family.removeprefix('sam')} {size.replace('_plus', '+')}"
