"""Which model is wanted, loaded, or on its way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam2.plugin.messages import (
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
)

if TYPE_CHECKING:
    from napari_sam2.plugin.engine import EngineFactory

REPORT_INTERVAL_S = 0.1  # of a download


class Models:
    """What the window knows of models and devices, and asks for.

    Parameters
    ----------
    engine : EngineFactory
        Downloads models, in a thread of its own.
    send : callable
        Takes commands to the inference thread.
    post : callable
        Takes reports of a download back to the window, from any thread.
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
        self.choices: tuple[ModelChoice, ...] = ()
        self.devices: tuple[str, ...] = ()
        self.wanted: str | None = None
        self.device = "auto"
        self.loaded: ModelLoaded | None = None
        self.download: DownloadAdvanced | None = None
        self._is_listed = False
        self._loads = 0  # asked for and not answered

    @property
    def is_loading(self) -> bool:
        """Whether a model is on its way, the very first one included."""
        return self._loads > 0 or not self._is_listed

    @property
    def missing(self) -> ModelChoice | None:
        """The wanted model, if it has to be downloaded first."""
        wanted = (model for model in self.choices if model.name == self.wanted)
        return next((model for model in wanted if model.state == "missing"), None)

    def ask(self) -> None:
        """Ask what there is; the first model is then loaded."""
        self._send(ListEngine())

    def choose(self, name: str) -> None:
        """Load a model by name or file; a missing one waits for its download."""
        self.wanted = name
        if self.missing is None:
            self._load(name)

    def choose_device(self, device: str) -> None:
        """Compute on another device."""
        if device == self.device:
            return
        self.device = device
        if self.loaded is not None:
            self.wanted = self.loaded.name
            self._load(self.loaded.name)

    def _load(self, name: str) -> None:
        self._loads += 1
        self._send(LoadModel(name, self.device))

    # Downloads

    def start_download(self) -> None:
        """Fetch the wanted model in the background."""
        if self.missing is not None and self.download is None:
            name = self.missing.name
            self.download = DownloadAdvanced(name, 0, self.missing.size_bytes or 0)
            threading.Thread(target=self._download, args=(name,), daemon=True).start()

    def _download(self, name: str) -> None:
        """In a thread of its own."""
        last = 0.0

        def advance(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > REPORT_INTERVAL_S:
                last = time.monotonic()
                self._post(DownloadAdvanced(name, done, total))

        try:
            self._engine.download(name, advance)
        except Exception as error:  # the border of the thread
            self._post(DownloadEnded(name, str(error) or type(error).__name__))
        else:
            self._post(DownloadEnded(name))

    # Reports

    def take(self, report: Report) -> None:
        """Note what was reported of models; other reports are ignored."""
        if isinstance(report, EngineListed):
            self.choices, self.devices = report.models, report.devices
            if self.wanted is None and self.choices:
                self.choose(self.choices[0].name)
        elif isinstance(report, ModelLoaded):
            self.loaded = report
            if not self._loads:  # a saved annotation asked for it
                self.wanted = report.name
        elif isinstance(report, DownloadAdvanced):
            self.download = report
        elif isinstance(report, DownloadEnded):
            self._take_download(report)
        elif isinstance(report, Answered) and isinstance(report.command, ListEngine):
            self._is_listed = True
        elif isinstance(report, Answered) and isinstance(report.command, LoadModel):
            self._loads -= 1
            if report.error is not None and self.missing is None:
                self.wanted = None if self.loaded is None else self.loaded.name

    def _take_download(self, report: DownloadEnded) -> None:
        self.download = None
        self.ask()
        if report.error is None and self.wanted == report.name:
            self._load(report.name)
