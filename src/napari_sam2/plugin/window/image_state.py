"""State of one image in the window: a copy of what the inference thread has reported."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from napari_sam2.annotation.undo_texts import worded_in_3d
from napari_sam2.plugin.layers.image_axes import axes_of, part_of
from napari_sam2.plugin.layers.source_image import (
    data_of,
    first_limits,
    frame_at,
    image_source,
    outside_told,
    source_contrast,
    stack_shape,
)
from napari_sam2.plugin.protocol.growth_messages import GrowthOffered
from napari_sam2.plugin.protocol.input_preview import InputShown
from napari_sam2.plugin.protocol.messages import (
    INCLUDE,
    Command,
    FrameChanged,
    HistoryChanged,
    ImageOpened,
    ImageReport,
    LabelsReady,
    ObjectsChanged,
    PaintLabels,
    PromptShown,
    TrackAdvanced,
    TrackEnded,
    TrackStarted,
    Work,
    WorkAdvanced,
    WorkEnded,
)
from napari_sam2.plugin.protocol.review_messages import TimelineChanged
from napari_sam2.plugin.protocol.saving_messages import (
    SavedWorkFound,
    SavingChanged,
    SavingState,
    UnsavedWorkFound,
)
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.plugin.window.lane_words import why
from napari_sam2.plugin.window.memory import forecast_bytes, gigabytes, used_bytes
from napari_sam2.plugin.window.timelines import Summary, outlook_text, summarise, wrong_share_text
from napari_sam2.plugin.window.vouched import VouchedMasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from napari.layers import Image

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.annotation.quality import Timeline
    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.layers.image_layers import ImageLayers
    from napari_sam2.plugin.protocol.messages import Place


TOKEN = 16  # pixels of a model's input in a token


@dataclass
class RunProgress:
    """Progress of a tracking run, an import of labels, or a search for divisions.

    Parameters
    ----------
    total : int
        Number of steps; 0 before the run has begun.
    work : str
        Kind of run.
    clock : callable
        Gives the time in seconds.
    memory : callable
        Gives the memory of the program in bytes.
    noun : str
        What is counted.
    """

    total: int = 0
    work: Work | Literal["tracking"] = "tracking"
    clock: Callable[[], float] = time.monotonic
    memory: Callable[[], int] = used_bytes
    noun: str = "frame"
    done: int = 0
    started: float = field(init=False)
    first_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        self.started, self.first_bytes = self.clock(), self.memory()

    @property
    def frames_per_second(self) -> float | None:
        """Mean speed so far; None before the first frame."""
        elapsed = self.clock() - self.started
        return self.done / elapsed if self.done and elapsed > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Remaining time at the mean speed so far."""
        speed = self.frames_per_second
        return None if speed is None else (self.total - self.done) / speed

    @property
    def memory_text(self) -> str:
        """Memory in use and its forecast: "Memory: 1.2 GB, about 1.4 GB at the end"."""
        now = self.memory()
        end = forecast_bytes(self.first_bytes, now, self.done, self.total)
        return f"Memory: {gigabytes(now)}, about {gigabytes(end)} at the end"

    def __str__(self) -> str:
        """Text of the progress bar: "12 / 60 · 8.3 frames/s · 6 s left"."""
        if not self.total:
            return "waiting to start"
        parts = [f"{self.done} / {self.total}"]
        if (speed := self.frames_per_second) is not None and self.seconds_left is not None:
            parts += [f"{speed:.1f} {self.noun}s/s", f"{duration(self.seconds_left)} left"]
        return " · ".join(parts)


def duration(seconds: float) -> str:
    """Format seconds as "8 s", "2 min 10 s" or "1 h 5 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


class ImageState:
    """One image with its layers, and the reported state of its document.

    Parameters
    ----------
    number : int
        Identifies the image in messages.
    image : Image
        The Image layer.
    layers : ImageLayers
        The layers with its prompts and labels.
    """

    def __init__(self, number: int, image: Image, layers: ImageLayers) -> None:
        self.number = number
        self.image = image
        self.layers = layers
        self._first_limits = first_limits(image)
        self.source: ImageSource = self.current_source()
        self._shape = stack_shape(image)
        self.is_open = False
        self.may_grow = False  # whether the image came from a folder or array that may grow
        self.is_tracked = False  # since the last change
        self.problem: str | None = None  # why the document could not be opened
        self.prompts: dict[Place, PromptShown] = {}
        self.objects: Mapping[int, AnnotatedObject] = {}
        self.current_object = 1
        self.sign = INCLUDE
        self.undo_text: str | None = None
        self.redo_text: str | None = None
        self.progress: RunProgress | None = None
        self.saving = SavingState()
        self.unsaved_work: Path | None = (
            None  # folder of unsaved work on this image, found when it was opened
        )
        self._saved_work: SavedWorkFound | None = None
        self._next_id = 1
        # commands without an answer; the value is the prompt that they change, if it is only one
        self._waiting: dict[Command, tuple[Place, ...]] = {}
        self.timelines: dict[int, Timeline] = {}
        self.summaries: dict[int, Summary] = {}
        self.vouched = VouchedMasks(self.times)
        self.wants_tracking = False  # whether another model is in use since the last tracking
        self.hidden: set[int] = set()  # objects that the Labels layer does not show
        self.revision = 0  # counts changes of objects, timelines and what is hidden
        self.seen: InputShown | None = None  # preview of the network's input for the shown frame
        self._changed_frames: set[int] = set()

    @property
    def saved_work(self) -> SavedWorkFound | None:
        """A project saved before that can be opened on the image; None once there is other work."""
        is_new = not self.objects and not self.has_prompts() and self.saving.path is None
        return self._saved_work if is_new else None

    @property
    def is_tracking(self) -> bool:
        """Whether a tracking run is in progress."""
        return self.progress is not None and self.progress.work == "tracking"

    @property
    def is_checking(self) -> bool:
        """Whether a backward check is in progress."""
        return self.progress is not None and self.progress.work == "check"

    @property
    def is_importing(self) -> bool:
        """Whether an import of labels is in progress."""
        return self.progress is not None and self.progress.work == "import"

    @property
    def is_proposing(self) -> bool:
        """Whether possible divisions are being looked for."""
        return self.progress is not None and self.progress.work == "divisions"

    @property
    def is_movie(self) -> bool:
        """Whether the image has an axis of frames."""
        return self.layers.axes.frames is not None

    @property
    def part(self) -> Selection:
        """The part of the image that is tracked."""
        return part_of(self.image)

    @property
    def labels(self) -> LabelArray | None:
        """The data of the Labels layer; None before they exist."""
        return self.layers.labels_data

    @property
    def is_waiting(self) -> bool:
        """Whether any edit is still unanswered."""
        return bool(self._waiting)

    @property
    def _held(self) -> set[Place]:
        """Prompts with an unanswered edit; the layers show them as the user left them."""
        return {place for places in self._waiting.values() for place in places}

    @property
    def object_ids(self) -> list[int]:
        """Ids to choose from: the objects of the document, and the one the next click creates."""
        asked_for = {object_id for _, object_id in self._held}
        return sorted({*self.objects, *asked_for, self.current_object})

    def has_prompts(self, object_id: int | None = None) -> bool:
        """Whether there are prompts, at all or for one object."""
        places = {*self.prompts, *self._held}
        is_painted = object_id is None and () in self._waiting.values()
        return is_painted or any(object_id in (None, other) for _, other in places)

    def has_outline(self, object_id: int) -> bool:
        """Whether an object has an outline on any frame, or gets one by an unanswered edit."""
        return object_id in self.objects or self.has_prompts(object_id)

    def guess_on(self, t: int) -> int | None:
        """Which guess of a single click the current object shows on a frame; None if of none."""
        shown = self.prompts.get((t, self.current_object))
        is_click = shown is not None and shown.prompt is not None and shown.prompt.is_single_click
        return shown.prompt.guess if is_click and shown and shown.prompt else None

    def doubt_on(self, t: int) -> str:
        """Why the current object's mask on a frame is worth a look; empty if it is not."""
        timeline = self.timelines.get(self.current_object)
        return "" if timeline is None else why(timeline, self.time_of(t))

    def is_tiny(self, t: int, image_size: int) -> bool:
        """Whether the current object is narrower than a token in a model's view of the whole frame.

        The width is that of a disc with the object's area.
        """
        timeline, side = self.timelines.get(self.current_object), max(self._shape[1:])
        if self.in_3d or timeline is None or side <= image_size:
            return False
        if "area" not in timeline.measurements:
            return False
        width = 2 * np.sqrt(timeline.measurements["area"].values[t] / np.pi)
        return bool(width * image_size / side < TOKEN)

    def next_object(self) -> int:
        """The id for the next new object; the current one if it is still empty."""
        if self.current_object not in self.objects and not self.has_prompts(self.current_object):
            return self.current_object
        return max(self._next_id, max(self.object_ids) + 1)

    def frame(self, world_point: tuple[float, ...]) -> int:
        """Index of the frame at a point of the viewer's world."""
        return frame_at(self.image, world_point)

    def outside_told(self, world_point: tuple[float, ...]) -> str | None:
        """Reason why the image has no frame at a point; None if it has one."""
        return outside_told(self.image, world_point)

    def choose(self, object_id: int, sign: int) -> None:
        """Set the object and the sign of the next click."""
        self.current_object, self.sign = object_id, sign
        self.layers.set_current(object_id, sign)

    # Review

    @property
    def frames(self) -> int:
        """Number of frames of the image; in 3D, of planes of all volumes."""
        return self._shape[0]

    @property
    def in_3d(self) -> bool:
        """Whether the frames are the planes of volumes, which are tracked in 3D."""
        return self.layers.axes.in_3d

    @property
    def planes(self) -> int:
        """Planes of each volume in 3D; 1 where images are tracked."""
        return self.layers.axes.planes

    @property
    def times(self) -> int:
        """Number of time points, which lanes and table count."""
        return self.frames // self.planes

    def time_of(self, t: int) -> int:
        """Time point of a frame."""
        return t // self.planes

    def frame_at(self, time: int, here: int, object_id: int = 0) -> int:
        """The frame to show of a time point: in 3D the plane on which an object is largest there.

        Where the object has no mask, or none is given, it is the plane of the frame `here`.
        """
        if not self.in_3d:
            return time
        timeline, z = self.timelines.get(object_id), here % self.planes
        if timeline is not None and timeline.largest_plane is not None and timeline.has_mask[time]:
            z = int(timeline.largest_plane[time])
        return time * self.planes + z

    def frames_of(self, times: range) -> range:
        """Frames of some time points that follow each other."""
        return range(times.start * self.planes, times.stop * self.planes)

    def frames_with(self, t: int) -> range:
        """The frame `t`; in 3D all planes of its volume."""
        return self.frames_of(range(self.time_of(t), self.time_of(t) + 1))

    def can_accept(self, t: int) -> bool:
        """Whether the current object can be marked as reviewed on a frame."""
        timeline, time = self.timelines.get(self.current_object), self.time_of(t)
        return timeline is not None and bool(timeline.has_mask[time] or timeline.doubts[time])

    def is_accepted(self, t: int) -> bool:
        """Whether the current object is reviewed on a frame."""
        timeline = self.timelines.get(self.current_object)
        return timeline is not None and bool(timeline.is_reviewed[self.time_of(t)])

    def is_locked(self, t: int) -> bool:
        """Whether the current object is locked on a frame."""
        timeline = self.timelines.get(self.current_object)
        return timeline is not None and bool(timeline.is_locked[self.time_of(t)])

    def can_lock(self, t: int) -> bool:
        """Whether the current object can be locked, or unlocked, on a frame."""
        timeline, time = self.timelines.get(self.current_object), self.time_of(t)
        return timeline is not None and bool(timeline.has_mask[time] or timeline.is_locked[time])

    def is_outdated(self, object_id: int) -> bool:
        """Whether a cell with the status "reviewed" has changed since a person judged it."""
        known, timeline = self.objects[object_id], self.timelines.get(object_id)
        is_judged = known.status == "reviewed" and known.verdict is not None
        return is_judged and timeline is not None and not timeline.is_reviewed.all()

    def nearest_mask(self, object_id: int, t: int) -> int:
        """The frame nearest to `t` on which an object has a mask; `t` if it has none."""
        timeline, here = self.timelines.get(object_id), self.time_of(t)
        masks = [] if timeline is None else np.flatnonzero(timeline.has_mask).tolist()
        if not masks:
            return t
        return self.frame_at(min(masks, key=lambda time: abs(time - here)), t, object_id)

    def centre_of(self, object_id: int, t: int) -> tuple[float, float] | None:
        """Centre (y, x) of an object on the frame with a mask that is nearest; None if unknown."""
        timeline = self.timelines.get(object_id)
        if timeline is None or timeline.centre is None or not timeline.has_mask.any():
            return None
        masks = np.flatnonzero(timeline.has_mask)
        nearest = masks[np.abs(masks - self.time_of(t)).argmin()]
        y, x = timeline.centre[nearest].tolist()
        return y, x

    @property
    def review_progress(self) -> tuple[int, int]:
        """Numbers of reviewed and of all doubtful frames, without those of rejected objects."""
        rejected = {k for k, known in self.objects.items() if known.is_rejected}
        counted = [one for k, one in self.summaries.items() if k not in rejected]
        return sum(one.reviewed for one in counted), sum(one.doubtful for one in counted)

    @property
    def review_outlook(self) -> str:
        """How much a look at the doubtful frames is worth, and how many wrong masks are left."""
        rejected = {k for k, known in self.objects.items() if known.is_rejected}
        counted = [one for k, one in self.summaries.items() if k not in rejected]
        if not any(one.masks for one in counted):
            return ""
        return "\n".join(filter(None, (outlook_text(counted), wrong_share_text(counted))))

    def set_shown(self, object_id: int, is_shown: bool) -> None:
        """Show or hide an object on the Labels layer."""
        self.hidden = self.hidden - {object_id} if is_shown else self.hidden | {object_id}
        self.revision += 1

    # Unanswered edits

    def sent(self, command: Command, *places: Place) -> None:
        """Record a command that changes the prompt at `place`, or any prompts if it is None."""
        self._waiting[command] = places

    def answered(self, command: Command) -> None:
        """Record that a command was carried out or refused."""
        if command not in self._waiting:
            return
        del self._waiting[command]
        self.is_tracked = False
        if isinstance(command, PaintLabels):  # the layer must show the labels of the document again
            self._changed_frames.update(stroke.t for stroke in command.strokes)

    # Reports

    def take(self, report: ImageReport) -> None:
        """Record a report; `show` updates the layers."""
        HANDLERS[type(report)](self, report)

    def _take_opened(self, report: ImageOpened) -> None:
        self.is_open = True
        self.prompts.clear()
        self.timelines.clear()
        self.summaries.clear()
        self.vouched.clear()
        self.wants_tracking = False
        self.revision += 1

    def _take_labels(self, report: LabelsReady) -> None:
        self.layers.show_labels(report.labels)

    def _take_growth_offer(self, report: GrowthOffered) -> None:
        self.may_grow = True

    def _take_frame(self, report: FrameChanged) -> None:
        self._changed_frames.add(report.t)

    def _take_saving(self, report: SavingChanged) -> None:
        self.saving = report.state

    def _take_unsaved(self, report: UnsavedWorkFound) -> None:
        self.unsaved_work = report.path

    def _take_saved_work(self, report: SavedWorkFound) -> None:
        self._saved_work = report

    def _take_input(self, report: InputShown) -> None:
        self.seen = report

    def _take_history(self, report: HistoryChanged) -> None:
        self.undo_text, self.redo_text = (
            None if text is None else worded_in_3d(text, self.planes)
            for text in (report.undo_text, report.redo_text)
        )

    def _take_timeline(self, report: TimelineChanged) -> None:
        timeline = report.timeline
        if len(timeline.has_mask) < self.times:  # reported before the movie got more frames
            timeline = timeline.longer(self.times)
        self.timelines[report.object_id] = timeline
        self.summaries[report.object_id] = summarise(timeline)
        self._count_vouched(report.object_id)
        self.revision += 1

    def _count_vouched(self, object_id: int) -> None:
        if self.in_3d:
            return  # models are taught with images
        if object_id in self.objects and object_id in self.timelines:
            self.vouched.put(self.objects[object_id], self.timelines[object_id])

    def _take_objects(self, report: ObjectsChanged) -> None:
        before, self.objects, self._next_id = self.objects, report.objects, report.next_id
        self.layers.describe_objects(report.objects)
        for object_id in self.timelines.keys() - self.objects.keys():
            del self.timelines[object_id], self.summaries[object_id]
            self.vouched.remove(object_id)
        for object_id, known in report.objects.items():
            if object_id in before and before[object_id].status != known.status:
                self._count_vouched(object_id)
        self.hidden &= self.objects.keys()
        self.revision += 1

    def _begin_tracking(self, report: TrackStarted) -> None:
        self.wants_tracking = False
        self.progress = RunProgress(report.total, noun="plane" if self.in_3d else "frame")

    def _advance(self, report: TrackAdvanced | WorkAdvanced) -> None:
        if self.progress is not None:
            self.progress.done = report.done

    def _end_tracking(self, report: TrackEnded) -> None:
        self.progress = None
        self.is_tracked = report.done > 0

    def _advance_work(self, report: WorkAdvanced) -> None:
        if not report.done or self.progress is None:
            self.progress = RunProgress(report.total, report.work)
        self._advance(report)

    def _end_work(self, report: WorkEnded) -> None:
        self.progress = None

    def _take_prompt(self, report: PromptShown) -> None:
        place = (report.t, report.object_id)
        if report.prompt is None or report.prompt.is_empty:
            self.prompts.pop(place, None)
        else:
            self.prompts[place] = report

    def show(self, shown_frame: int | None) -> None:
        """Update the layers to the reported state; None means that all frames are shown."""
        self.layers.show_prompts(self.prompts, self._held)
        self.layers.hide(self.hidden, self.object_ids)
        if self._changed_frames and (shown_frame is None or shown_frame in self._changed_frames):
            self.layers.refresh()
        self._changed_frames.clear()

    def grow(self) -> None:
        """Take over the new frames that the layer of the image has.

        The contrast that the model uses stays, and the timelines know nothing of the new frames.
        """
        self._shape = stack_shape(self.image)
        self.layers.axes = axes_of(self.image)
        limits = self.source.contrast_limits
        self.source = replace(self.current_source(), contrast_limits=limits)
        self.timelines = {k: one.longer(self.times) for k, one in self.timelines.items()}
        self.vouched.grow(self.times)
        self.is_tracked = False
        self.revision += 1

    def contrast_differs(self) -> bool:
        """Whether the contrast of the layer differs from the one that the model uses."""
        now = source_contrast(self.image, self._first_limits)
        return now != self.source.contrast_limits

    def is_up_to_date(self) -> bool:
        """Whether the document was opened with the current data of the layer."""
        return self.source.layer_data is data_of(self.image)

    def still_fits(self) -> bool:
        """Whether the image still has the shape for which the layers were made."""
        try:
            return stack_shape(self.image) == self._shape
        except ValueError:
            return False

    def renew_source(self) -> ImageSource:
        """Describe the image again, with its current data and contrast."""
        self.source = self.current_source()
        return self.source

    def current_source(self) -> ImageSource:
        """Describe the image as it is now."""
        return image_source(self.image, self._first_limits)


HANDLERS: Final[Mapping[type[ImageReport], Callable[[ImageState, Any], None]]] = {
    ImageOpened: ImageState._take_opened,
    LabelsReady: ImageState._take_labels,
    FrameChanged: ImageState._take_frame,
    PromptShown: ImageState._take_prompt,
    ObjectsChanged: ImageState._take_objects,
    HistoryChanged: ImageState._take_history,
    TimelineChanged: ImageState._take_timeline,
    GrowthOffered: ImageState._take_growth_offer,
    InputShown: ImageState._take_input,
    SavingChanged: ImageState._take_saving,
    UnsavedWorkFound: ImageState._take_unsaved,
    SavedWorkFound: ImageState._take_saved_work,
    TrackStarted: ImageState._begin_tracking,
    TrackAdvanced: ImageState._advance,
    TrackEnded: ImageState._end_tracking,
    WorkAdvanced: ImageState._advance_work,
    WorkEnded: ImageState._end_work,
}
