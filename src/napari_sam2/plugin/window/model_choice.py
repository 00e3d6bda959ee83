"""The choice of model, input size and device, and downloads of models."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import (
    Answered,
    Command,
    DownloadAdvanced,
    DownloadEnded,
    EngineListed,
    ListEngine,
    LoadModel,
    ModelChoice,
    ModelLoaded,
    Report,
    SetMemoryReach,
)
from napari_sam2.plugin.startup.error_notifications import show_error

if TYPE_CHECKING:
    from napari_sam2.model.config import WindowMode
    from napari_sam2.plugin.inference.engine import EngineFactory
    from napari_sam2.plugin.window.reports import Handlers

REPORT_INTERVAL_S = 0.1  # between two reports of a download


class Models:
    """State of models and devices in the window; sends the user's choices.

    Parameters
    ----------
    engine : EngineFactory
        Downloads models in a background thread.
    send : callable
        Takes commands to the inference thread.
    post : callable
        Delivers reports of a download to the window; it may be called in any thread.
    """

    def __init__(
        self,
        engine: EngineFactory,
        send: Callable[[Command], None],
        post: Callable[[Report], None],
    ) -> None:
        self._engine = engine
        self._send = send
        self._post = post
        self.speeds: dict[str, float] = {}  # frames per second of the last run, by model
        self.choices: tuple[ModelChoice, ...] = ()
        self.devices: tuple[str, ...] = ()
        self.wanted: str | None = None
        self.device = "auto"
        self._file_sizes: dict[str, tuple[int, ...]] = {}
        self._image_size: int | None = None  # chosen size; None is the own size of each model
        self._keeps_size = False  # whether the user has chosen a size
        self.is_local = False
        self.windows: WindowMode = "small"  # what models that can see whole frames see of them
        self.loaded: ModelLoaded | None = None
        self.download: DownloadAdvanced | None = None
        self._is_listed = False
        self._loads = 0  # load commands without an answer
        self._awaited: list[str] = []  # models that were asked for and are not loaded yet
        self.handlers: Handlers = {
            EngineListed: self._take_list,
            ListEngine: self._take_listed,
            ModelLoaded: self._take_model,
            LoadModel: self._take_loaded,
            DownloadAdvanced: self._take_progress,
            DownloadEnded: self._take_download,
        }

    @property
    def is_loading(self) -> bool:
        """Whether a model is being loaded, including the first one."""
        return self._loads > 0 or not self._is_listed

    @property
    def missing(self) -> ModelChoice | None:
        """The wanted model, if it has to be downloaded first."""
        wanted = (model for model in self.choices if model.name == self.wanted)
        return next((model for model in wanted if model.state == "missing"), None)

    @property
    def image_sizes(self) -> tuple[int, ...]:
        """Input sizes of the wanted model, largest first; empty for an unloaded file."""
        sizes = self._sizes_of(self.wanted)
        if len(sizes) < 2 or self._image_size is None:
            return sizes
        return tuple(sorted({*sizes, self._image_size}, reverse=True))

    @property
    def image_size(self) -> int | None:
        """Chosen input size; None if the sizes of the model are not known."""
        sizes = self._sizes_of(self.wanted)
        is_chosen = len(sizes) > 1 and self._image_size is not None
        return self._image_size if is_chosen else next(iter(sizes), None)

    @property
    def can_be_local(self) -> bool:
        """Whether the wanted model offers local search; models with one input size do not."""
        return len(self._sizes_of(self.wanted)) > 1

    @property
    def offers_windows(self) -> bool:
        """Whether the loaded model sees whole frames alone, and could see windows."""
        return self.loaded is not None and self.loaded.windows == "whole"

    @property
    def quicker_size(self) -> int | None:
        """A quicker input size to offer, if a CPU takes seconds at the chosen one; else None."""
        sizes, size = self.image_sizes, self.image_size
        device = self.devices[0] if self.device == "auto" and self.devices else self.device
        is_slow = device == "cpu" and len(sizes) > 1 and size == sizes[0]
        return sizes[-1] if is_slow and not self._keeps_size else None

    def _sizes_of(self, name: str | None) -> tuple[int, ...]:
        known = {model.name: model.image_sizes for model in self.choices}
        return {**self._file_sizes, **known}.get(name or "", ())

    def ask(self) -> None:
        """Ask for the list of models and devices; the first model is then loaded."""
        self._send(ListEngine())

    def choose(self, name: str) -> None:
        """Load a model by name or file; a missing one waits for its download."""
        self.wanted = name
        sizes = self._sizes_of(name)
        if len(sizes) != 1 and self._image_size not in sizes:
            self._image_size = None
        if self.missing is None:
            self._load(name)

    def choose_size(self, image_size: int) -> None:
        """Set the input size of the wanted model, the side of a square in pixels."""
        self._keeps_size = True
        if image_size == self.image_size or self.wanted is None:
            return
        self._image_size = None if image_size == self._sizes_of(self.wanted)[0] else image_size
        if self.missing is None:
            self._load(self.wanted)

    def choose_memory_reach(self, is_local: bool) -> None:
        """Switch local search on or off; the model is not loaded again."""
        self.is_local = is_local
        self._send(SetMemoryReach(is_local))

    def choose_windows(self, windows: WindowMode) -> None:
        """Let the model see squares around all objects or tiny ones, or whole frames."""
        if windows == self.windows:
            return
        self.windows = windows
        if self.wanted is not None and self.missing is None:
            self._load(self.wanted)

    def choose_device(self, device: str) -> None:
        """Load the model on another device."""
        if device == self.device:
            return
        self.device = device
        if self.loaded is not None:
            self.wanted = self.loaded.name
            self._load(self.loaded.name)

    def _load(self, name: str) -> None:
        self._loads += 1
        self._awaited.append(name)
        has_choice = len(self._sizes_of(name)) > 1
        size = self._image_size if has_choice else None
        self._send(LoadModel(name, self.device, size, windows=self.windows))

    # Downloads

    def start_download(self) -> None:
        """Download the wanted model in a background thread."""
        if self.missing is not None and self.download is None:
            name = self.missing.name
            self.download = DownloadAdvanced(name, 0, self.missing.size_bytes or 0)
            threading.Thread(target=self._download, args=(name,), daemon=True).start()

    def _download(self, name: str) -> None:
        """Download a model and report the progress; runs in the background thread."""
        last = 0.0

        def advance(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > REPORT_INTERVAL_S:
                last = time.monotonic()
                self._post(DownloadAdvanced(name, done, total))

        try:
            self._engine.download(name, advance)
        except Exception as error:  # an exception must not end the thread without a report
            self._post(DownloadEnded(name, str(error) or type(error).__name__))
        else:
            self._post(DownloadEnded(name))

    # Reports

    def _take_list(self, report: EngineListed) -> None:
        self.choices, self.devices = report.models, report.devices
        if self.wanted is None and self.choices:
            self.choose(self.choices[0].name)

    def _take_listed(self, answer: Answered) -> None:
        self._is_listed = True

    def _take_model(self, report: ModelLoaded) -> None:
        self.loaded = report
        self._file_sizes[report.name] = report.image_sizes
        if report.name in self._awaited:
            self._awaited.remove(report.name)  # another one may be wanted by now
        else:
            self._go_back_to(report)  # of a project that was opened, a taught one, or an undo

    def _take_loaded(self, answer: Answered) -> None:
        self._loads -= 1
        if answer.error is not None:
            self._awaited.clear()
            if self.missing is None:
                self._go_back_to(self.loaded)

    def _take_progress(self, report: DownloadAdvanced) -> None:
        self.download = report

    def _go_back_to(self, loaded: ModelLoaded | None) -> None:
        """Show the loaded model in the menus, unless another one is being loaded."""
        if self._loads:
            return
        self.wanted = None if loaded is None else loaded.name
        if loaded is not None and len(loaded.image_sizes) > 1:
            is_own = loaded.image_size == loaded.image_sizes[0]
            self._image_size = None if is_own else loaded.image_size
        if loaded is not None and loaded.windows is not None:
            self.windows = loaded.windows

    def _take_download(self, report: DownloadEnded) -> None:
        self.download = None
        if report.error is not None:
            show_error(report.error)
        self.ask()
        if report.error is None and self.wanted == report.name:
            self._load(report.name)
