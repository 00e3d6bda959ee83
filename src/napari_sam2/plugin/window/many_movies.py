"""Many movies: starts and stops a batch in another process, and keeps what it reports."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.batch.process import (
    BatchBegun,
    BatchEnded,
    BatchFailedError,
    BatchRequest,
    MovieAdvanced,
    MovieEnded,
)
from napari_sam2.io.selection import Selection, channels_text
from napari_sam2.plugin.layers.image_axes import part_of
from napari_sam2.plugin.protocol.batch_messages import BatchLost, BatchNews, CopyProject
from napari_sam2.plugin.startup.error_notifications import show_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_sam2.batch.process import BatchProcess, Message
    from napari_sam2.plugin.inference.engine import EngineFactory
    from napari_sam2.plugin.protocol.messages import Answered, Command, Report
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.model_choice import Models
    from napari_sam2.plugin.window.reports import Handlers

PROMPTS = "prompts.sam2"  # in the folder of the results: the work that is repeated
STAGES = {
    "prompts": "placing the clicks",
    "replay": "repeating your work",
    "tracking": "tracking",
    "finding and tracking": "finding and tracking cells",
    "checking backward": "verifying",
}
WAITING = "waiting"


@dataclass(frozen=True)
class MovieLine:
    """What is known about a movie.

    Attributes
    ----------
    text : str
        How far it is, or what came of it.
    cells, doubtful : str
        Number of cells, and share of doubtful masks, for the screen.
    project : Path or None
        The project to open, once it is written.
    is_over : bool
        Whether the work on the movie has ended.
    """

    text: str = WAITING
    cells: str = ""
    doubtful: str = ""
    project: Path | None = None
    is_over: bool = False


class ManyMovies:
    """State of the batch; at most one runs at a time.

    Parameters
    ----------
    current : callable
        Gives the state of the chosen image.
    models : Models
        Knows the loaded model.
    engine : EngineFactory
        Starts the process of a batch.
    send : callable
        Takes commands to the inference thread.
    post : callable
        Delivers reports to the window; it may be called in any thread.
    on_change : callable
        Called when the widgets must be rendered again.
    """

    def __init__(
        self,
        current: Callable[[], ImageState | None],
        models: Models,
        engine: EngineFactory,
        send: Callable[[Command], None],
        post: Callable[[Report], None],
        on_change: Callable[[], None],
    ) -> None:
        self._current = current
        self._models = models
        self._engine = engine
        self._send = send
        self._post = post
        self._on_change = on_change
        self.phase: Literal["idle", "preparing", "running", "stopping"] = "idle"
        self.lines: dict[str, MovieLine] = {}
        self.report: Path | None = None
        self._end = ""  # what came of the last batch
        self._request: BatchRequest | None = None
        self._lock = threading.Lock()
        self._process: BatchProcess | None = None
        self._wants_end = False
        self._is_closed = False
        self.handlers: Handlers = {
            BatchNews: self._take_news,
            BatchLost: self._take_loss,
            CopyProject: self._take_copy,
        }

    # State for display

    @property
    def is_on(self) -> bool:
        """Whether a batch is being prepared or runs."""
        return self.phase != "idle"

    @property
    def most_workers(self) -> int:
        """How many movies can be tracked at the same time; 1 if the package for it is missing."""
        return (os.cpu_count() or 1) if find_spec("distributed") else 1

    @property
    def work(self) -> str | None:
        """Name of the chosen image, if there are clicks on it that can be repeated."""
        image_state = self._current()
        is_there = image_state is not None and image_state.is_open and image_state.has_prompts()
        return image_state.image.name if image_state is not None and is_there else None

    @property
    def obstacle(self) -> str | None:
        """Why no batch can be started; None if it can."""
        if self._models.loaded is None:
            return "A model must be loaded first: choose one in the panel."
        image_state = self._current()
        if image_state is not None and image_state.in_3d:
            return (
                "Many movies are tracked in 3D by the shell, with prompts for each movie: see Many "
                "movies in the documentation. Choose a plane or a projection to do it here."
            )
        return None

    @property
    def done(self) -> int:
        """How many movies are over."""
        return sum(line.is_over for line in self.lines.values())

    @property
    def text(self) -> str:
        """What happens now, or what came of the last batch."""
        if self.phase == "preparing":
            return "Copying your work."
        if self.phase == "stopping":
            return "Stopping. Finished movies are kept."
        if self.phase == "running":
            total = len(self.lines)
            return f"{self.done} of {total} movies are done." if total else "Starting."
        return self._end or self.obstacle or f"Every movie is tracked with {self._model_text}."

    @property
    def _model_text(self) -> str:
        loaded = self._models.loaded
        assert loaded is not None
        titles = {choice.name: choice.title for choice in self._models.choices}
        return f"the model {titles.get(loaded.name, Path(loaded.name).name)}, on {loaded.device}"

    # Actions

    def start(self, folder: Path, output: Path, workers: int, *, repeats_work: bool) -> None:
        """Start a batch.

        Parameters
        ----------
        folder : Path
            Folder of the movies.
        output : Path
            Folder of the results.
        workers : int
            Movies at the same time.
        repeats_work : bool
            Whether the work on the chosen image is repeated on each movie; else all cells are
            found.
        """
        if self.is_on or self.obstacle is not None:
            return
        output = output.absolute()
        prompts = str(output / PROMPTS) if repeats_work else "auto"
        request = BatchRequest(folder, output, prompts, workers, self._settings())
        self._begin(request)
        image_state = self._current()
        if repeats_work and image_state is not None:
            self.phase = "preparing"
            self._send(CopyProject(image_state.number, output / PROMPTS))
        else:
            self._run(request)
        self._on_change()

    def track_corrected(self, folder: Path, output: Path, workers: int) -> None:
        """Track the corrected projects of an earlier batch again; as `start`, with its plan."""
        if self.is_on or self.obstacle is not None:
            return
        request = BatchRequest(folder, output.absolute(), "", workers, only_corrected=True)
        self._begin(request)
        self._run(request)
        self._on_change()

    def _begin(self, request: BatchRequest) -> None:
        self._request = request
        self.lines, self.report, self._end, self._wants_end = {}, None, "", False

    def _settings(self) -> dict[str, Any]:
        """The model of the window, and channel and plane of its image, as keys of a plan."""
        models, loaded = self._models, self._models.loaded
        assert loaded is not None
        is_own_size = loaded.image_size == next(iter(loaded.image_sizes), None)
        image_state = self._current()
        part = Selection() if image_state is None else part_of(image_state.image)
        is_weighted = any(weight != 1 for weight in part.weights)
        channel = channels_text(part) if is_weighted else part.channels or None
        chosen: dict[str, Any] = {"channel": channel, "z": part.z}
        chosen["windows"] = None if loaded.windows == "small" else loaded.windows
        return {key: value for key, value in chosen.items() if value is not None} | {
            "model": loaded.name,
            "device": models.device,
            "image_size": None if is_own_size else loaded.image_size,
            "local": models.is_local and len(loaded.image_sizes) > 1,
        }

    def stop(self) -> None:
        """End the batch; finished movies are kept."""
        if self.phase == "preparing":
            self.phase, self._request = "idle", None
        elif self.phase == "running":
            self.phase = "stopping"
            with self._lock:
                self._wants_end = True
                process = self._process
            if process is not None:
                process.stop()
        self._on_change()

    def close(self) -> None:
        """Let the process of the batch end by itself."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.close()

    def _run(self, request: BatchRequest) -> None:
        self.phase = "running"
        threading.Thread(
            target=self._attend, args=(request,), name="napari-sam2 batch", daemon=True
        ).start()

    # The background thread, which waits for the messages of the process

    def _attend(self, request: BatchRequest) -> None:
        try:
            for message in self._started(request).messages():
                self._post(BatchNews(message))
        except (BatchFailedError, ValueError, OSError) as error:
            self._post(BatchLost(_sentence(error)))
        except Exception as error:  # an exception must not end the thread without a report
            self._post(BatchLost(f"The movies could not be tracked: {error}"))

    def _started(self, request: BatchRequest) -> BatchProcess:
        process = self._engine.track_movies(request)
        with self._lock:
            self._process = process
            wants_end, is_closed = self._wants_end, self._is_closed
        if is_closed:
            process.close()
        elif wants_end:
            process.stop()
        return process

    # Reports

    def _take_copy(self, answer: Answered) -> None:
        if self.phase != "preparing" or self._request is None:  # stopped meanwhile
            return
        if answer.error is not None:  # the window shows it
            self.phase = "idle"
        else:
            self._run(self._request)

    def _take_news(self, report: BatchNews) -> None:
        message = report.message
        if isinstance(message, BatchBegun):
            self.lines = dict.fromkeys(message.names, MovieLine())
        elif isinstance(message, BatchEnded):
            self._over(message.text)
            self.report = Path(message.report) if message.report else None
        elif not (isinstance(message, MovieAdvanced) and self.lines[message.name].is_over):
            self.lines[message.name] = _line(message)

    def _take_loss(self, report: BatchLost) -> None:
        self._over(report.error)
        show_error(report.error)

    def _over(self, text: str) -> None:
        self.phase, self._end, self._process = "idle", text, None


def _line(message: Message) -> MovieLine:
    """What a message says about its movie."""
    if isinstance(message, MovieAdvanced):
        share = f"{message.done / message.total:.0%}" if message.total else ""
        return MovieLine(f"{STAGES.get(message.stage, message.stage)} {share}".strip())
    assert isinstance(message, MovieEnded)
    if message.state == "failed":
        return MovieLine(f"failed: {message.error}", is_over=True)
    return MovieLine(
        "done" if message.state == "done" else "done already, unchanged",
        str(message.cells),
        f"{message.doubtful_share:.0%}",
        Path(message.project) if message.project else None,
        is_over=True,
    )


def _sentence(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{text[0].upper()}{text[1:]}"
