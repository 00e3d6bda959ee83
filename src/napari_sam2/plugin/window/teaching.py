"""Teaching in the window: starts and stops lessons, and uses or drops the taught model."""

from __future__ import annotations

import shutil
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from napari_sam2.annotation.vouched import FEWEST_MASKS
from napari_sam2.io.teaching_settings import TeachingSettings
from napari_sam2.plugin.protocol.teaching_messages import (
    DeleteTaught,
    ExportTaught,
    KeepTeachingSettings,
    LessonLost,
    LessonMoved,
    LessonOver,
    LessonPrepared,
    PrepareLesson,
    RenameTaught,
    TaughtListed,
    TeachingSettingsRead,
    UseTaught,
)
from napari_sam2.plugin.startup.error_notifications import show_error, show_info
from napari_sam2.training.lesson_process import (
    MODEL,
    LessonEnded,
    LessonFailedError,
    read_pictures,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.io.taught_models import TaughtModel
    from napari_sam2.plugin.inference.engine import EngineFactory
    from napari_sam2.plugin.protocol.messages import Answered, Command, Report
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.model_choice import Models
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.training.lesson_process import LessonAdvanced, LessonProcess

CPU_BUDGET_S, GPU_BUDGET_S = 180, 60
PREFIX = "napari-sam2-lesson-"
NO_IMAGE = "Open an image and outline some cells first."
WHAT_COUNTS = "clicked, painted, imported, locked or reviewed"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a lesson, until the user decides.

    Attributes
    ----------
    result : LessonEnded
        Its figures.
    pictures : ndarray
        (N, 2, S, S, 3) uint8, cells before and after.
    name : str
        Proposed name of the model.
    movies : tuple of str
        What it was taught from.
    overlapping : int
        Frames on which vouched masks overlapped.
    """

    result: LessonEnded
    pictures: NDArray[np.uint8]
    name: str
    movies: tuple[str, ...]
    overlapping: int


class Teaching:
    """State of teaching; at most one lesson runs at a time.

    Parameters
    ----------
    current : callable
        Gives the state of the chosen image.
    image_states : callable
        Gives the states of all images.
    models : Models
        Knows the loaded model.
    engine : EngineFactory
        Starts the process of a lesson.
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
        image_states: Callable[[], Iterable[ImageState]],
        models: Models,
        engine: EngineFactory,
        send: Callable[[Command], None],
        post: Callable[[Report], None],
        on_change: Callable[[], None],
    ) -> None:
        self._current = current
        self._image_states = image_states
        self._models = models
        self._engine = engine
        self._send = send
        self._post = post
        self._on_change = on_change
        self.phase: Literal["idle", "preparing", "running", "stopping"] = "idle"
        self.progress: LessonAdvanced | None = None
        self.outcome: Outcome | None = None
        self.has_taught = False  # whether a lesson has been started in this window
        self.settings = TeachingSettings()
        self.taught: tuple[TaughtModel, ...] = ()
        self._folder: Path | None = None
        self._about: tuple[str, tuple[str, ...]] = ("", ())  # name and movies of the lesson
        self._overlapping = 0
        self._lock = threading.Lock()
        self._process: LessonProcess | None = None
        self._is_closed = False
        self.handlers: Handlers = {
            TaughtListed: self._take_list,
            TeachingSettingsRead: self._take_settings,
            LessonPrepared: self._take_prepared,
            PrepareLesson: self._take_preparation,
            LessonMoved: self._take_progress,
            LessonOver: self._take_result,
            LessonLost: self._take_loss,
            UseTaught: self._take_use,
            ExportTaught: self._take_export,
        }

    # State for display

    @property
    def is_on(self) -> bool:
        """Whether a lesson is being prepared or runs."""
        return self.phase != "idle"

    @property
    def budget_s(self) -> int:
        """Time for a lesson, in seconds."""
        loaded = self._models.loaded
        is_cpu = loaded is None or loaded.device == "cpu"
        return self.settings.budget_s or (CPU_BUDGET_S if is_cpu else GPU_BUDGET_S)

    @property
    def sources(self) -> tuple[str, ...]:
        """Projects and folders to learn from, too."""
        return self.settings.sources

    @property
    def obstacle(self) -> str | None:
        """Why no lesson can be started; None if it can."""
        image_state = self._current()
        if image_state is None or not image_state.is_open:
            return NO_IMAGE
        if image_state.in_3d:
            return "Models are taught with images: teaching is off in 3D."
        masks = image_state.vouched.masks
        if masks < FEWEST_MASKS and not self.sources:
            return (
                f"The model learns from {FEWEST_MASKS} or more masks that you {WHAT_COUNTS}; "
                f"so far there {_is_are(masks)}."
            )
        return None

    @property
    def text(self) -> str:
        """The line below the button."""
        if self.phase == "preparing":
            return "Collecting the masks that you made."
        if self.phase == "stopping":
            return "Stopping: the best model so far is being tested."
        if self.phase == "running":
            return _progress_text(self.progress)
        if self.obstacle is not None:
            return self.obstacle
        image_state = self._current()
        assert image_state is not None
        if not self.sources:
            return f"Learns from {image_state.vouched}."
        others = ", ".join(Path(source).name for source in self.sources)
        return f"Learns from {image_state.vouched}, and from {others}."

    # Actions

    def start(self) -> None:
        """Start a lesson on the chosen image, or say why none can be started."""
        image_state = self._current()
        if self.is_on:
            return
        if image_state is None or self.obstacle is not None:
            show_info(self.obstacle or NO_IMAGE)
            return
        self._drop()
        try:
            self._folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        except OSError as error:
            show_error(f"No folder for the lesson could be made: {error}")
            return
        self.phase, self.progress, self.has_taught = "preparing", None, True
        names = tuple(Path(source).name for source in self.sources)
        movies = (image_state.image.name,) if image_state.vouched.masks else ()
        self._about = (Path(image_state.image.name).stem or "model", (*movies, *names))
        self._send(
            PrepareLesson(image_state.number, self._folder, float(self.budget_s), self.sources)
        )
        self._on_change()

    def stop(self) -> None:
        """End the lesson soon, with the best that was learnt."""
        if self.phase == "preparing":
            self._drop()
        elif self.phase == "running" and self._process is not None:
            self.phase = "stopping"
            self._process.stop()
        self._on_change()

    def use(self, name: str) -> None:
        """Use the taught model under a name for all open images."""
        if self.outcome is not None and self._folder is not None:
            chosen = name.strip() or self.outcome.name
            self._send(UseTaught(self._folder / MODEL, chosen, self.outcome.movies))

    def keep_old(self) -> None:
        """Drop the taught model."""
        self._drop()
        self._on_change()

    def set_budget(self, seconds: int) -> None:
        """Set the time for a lesson."""
        self._keep(replace(self.settings, budget_s=seconds))

    def set_sources(self, sources: Iterable[str]) -> None:
        """Set the projects and folders to learn from, too."""
        self._keep(replace(self.settings, sources=tuple(sources)))
        self._on_change()

    def _keep(self, settings: TeachingSettings) -> None:
        self.settings = settings
        self._send(KeepTeachingSettings(settings))

    def rename(self, path: Path, name: str) -> None:
        """Give a taught model another name."""
        self._send(RenameTaught(path, name))

    def delete(self, path: Path) -> None:
        """Delete a taught model."""
        self._send(DeleteTaught(path))

    def export(self, path: Path, target: Path) -> None:
        """Copy a taught model to a file."""
        self._send(ExportTaught(path, target))

    def close(self) -> None:
        """End a lesson at once; nothing of it is kept."""
        with self._lock:
            self._is_closed = True
            process = self._process
        if process is not None:
            process.kill()
        self._drop()

    def _drop(self) -> None:
        """Forget the lesson and remove its folder."""
        folder, self._folder = self._folder, None
        self.phase, self.outcome = "idle", None
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    # The background thread, which waits for the messages of the process

    def _attend(self, folder: Path) -> None:
        try:
            for message in self._started(folder).messages():
                if isinstance(message, LessonEnded):
                    self._post(LessonOver(message, read_pictures(folder)))
                else:
                    self._post(LessonMoved(message))
        except LessonFailedError as error:
            self._post(LessonLost(str(error)))
        except Exception as error:  # an exception must not end the thread without a report
            self._post(LessonLost(f"The lesson failed: {error}"))

    def _started(self, folder: Path) -> LessonProcess:
        with self._lock:
            if self._is_closed:
                raise LessonFailedError("the window was closed")
            self._process = self._engine.teach(folder)
            return self._process

    # Reports

    def _take_settings(self, report: TeachingSettingsRead) -> None:
        self.settings = report.settings

    def _take_list(self, report: TaughtListed) -> None:
        self.taught = report.models

    def _take_prepared(self, report: LessonPrepared) -> None:
        self._overlapping = report.overlapping

    def _take_preparation(self, answer: Answered) -> None:
        assert isinstance(answer.command, PrepareLesson)
        folder = answer.command.folder
        if folder != self._folder:  # stopped meanwhile
            shutil.rmtree(folder, ignore_errors=True)
        elif answer.error is not None:
            self._drop()
        else:
            self.phase = "running"
            threading.Thread(
                target=self._attend, args=(folder,), name="napari-sam2 lesson", daemon=True
            ).start()

    def _take_progress(self, report: LessonMoved) -> None:
        self.progress = report.progress

    def _take_result(self, report: LessonOver) -> None:
        self.phase = "idle"
        self.outcome = Outcome(report.result, report.pictures, *self._about, self._overlapping)

    def _take_loss(self, report: LessonLost) -> None:
        self._drop()
        show_error(f"{report.error} The old model stays in use.")

    def _take_export(self, answer: Answered) -> None:
        assert isinstance(answer.command, ExportTaught)
        if answer.error is None:
            show_info(f"Exported {answer.command.target}")

    def _take_use(self, answer: Answered) -> None:
        if answer.error is not None:
            return
        self._drop()
        for image_state in self._image_states():
            image_state.wants_tracking = bool(image_state.objects) and image_state.frames > 1


def _is_are(number: int) -> str:
    return {0: "are none", 1: "is 1"}.get(number, f"are {number}")


def _progress_text(progress: LessonAdvanced | None) -> str:
    if progress is None:
        return "Teaching begins."
    values = [value for _, value in progress.curve]
    left = round(progress.budget_s - progress.seconds)
    time_text = f"About {left} s left." if left > 0 else "Almost done."
    return f"{time_text} IoU on cells kept aside: {values[0]:.2f} → {max(values):.2f}"
