"""The controller: it connects widgets, layers and the inference thread."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.annotation.undo_texts import worded_in_3d
from napari_sam2.io.project.last_view import LastView
from napari_sam2.plugin.inference.thread import InferenceThread
from napari_sam2.plugin.layers.image_axes import PART, axes_of, part_in_view, take_file_axes
from napari_sam2.plugin.layers.source_image import (
    PROJECT,
    is_hidden,
    stack_shape,
)
from napari_sam2.plugin.protocol.axes_messages import AxesFound
from napari_sam2.plugin.protocol.input_preview import ShowInput
from napari_sam2.plugin.protocol.messages import (
    EXCLUDE,
    INCLUDE,
    Answered,
    Edit,
    Failed,
    FrameChanged,
    ImageReport,
    ImportLabels,
    ListEngine,
    LookAt,
    ModelLoaded,
    OpenImage,
    PromptShown,
    Report,
    Track,
    TrackAdvanced,
    TrackEnded,
    WorkEnded,
)
from napari_sam2.plugin.protocol.review_messages import CheckBackward, PlaceFound
from napari_sam2.plugin.protocol.saving_messages import KeepView, ViewFound
from napari_sam2.plugin.startup.error_notifications import show_error, show_info
from napari_sam2.plugin.startup.log_file import close_log, open_log
from napari_sam2.plugin.window.canvas_edits import CanvasEdits
from napari_sam2.plugin.window.divisions import Divisions
from napari_sam2.plugin.window.effort import EffortRequests
from napari_sam2.plugin.window.export import Exporting
from napari_sam2.plugin.window.finding import Finding
from napari_sam2.plugin.window.following import Following
from napari_sam2.plugin.window.image_state import HANDLERS, ImageState
from napari_sam2.plugin.window.keyboard_clicks import KeyboardClicks
from napari_sam2.plugin.window.label_links import LabelLinkOffer
from napari_sam2.plugin.window.mailbox import Mailbox
from napari_sam2.plugin.window.many_movies import ManyMovies
from napari_sam2.plugin.window.model_choice import Models
from napari_sam2.plugin.window.new_cells import NewCells
from napari_sam2.plugin.window.open_images import OpenImages
from napari_sam2.plugin.window.refit import Refit
from napari_sam2.plugin.window.reports import ReportTable
from napari_sam2.plugin.window.review_actions import ReviewActions
from napari_sam2.plugin.window.sample_review import SampleReview
from napari_sam2.plugin.window.saving import Saving
from napari_sam2.plugin.window.swaps import Swaps
from napari_sam2.plugin.window.teaching import Teaching
from napari_sam2.plugin.window.told import Told
from napari_sam2.plugin.window.tracking import Tracking
from napari_sam2.plugin.window.tracks_layer import TracksLayers
from napari_sam2.plugin.window.verification import Verification
from napari_sam2.plugin.window.view import View
from napari_sam2.plugin.window.volumes import Volumes

if TYPE_CHECKING:
    import napari

    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.inference.engine import EngineFactory

LOOK_DELAY_MS = 120  # waits until the frame slider has stopped


class Controller(QObject):
    """State of the widget: the states of all images, the models, and the thread behind them.

    Every method is called in the GUI thread and returns at once.

    Signals
    -------
    changed()
        The widgets must be rendered again.
    imported(ImportLabels)
        Labels of another tool were imported.
    view_found(bool)
        A project was opened again; whether its lanes were open.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer that the widget belongs to.
    engine : EngineFactory
        Loads and runs the models in the inference thread.
    parent : QObject
        The widget.
    """

    changed = Signal()
    imported = Signal(object)
    view_found = Signal(bool)

    def __init__(self, viewer: napari.Viewer, engine: EngineFactory, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self.told = Told(self.changed.emit)
        self._mailbox = Mailbox(self)
        self._thread = InferenceThread(engine, self._mailbox.post)
        self.models = Models(engine, self._thread.send, self._mailbox.post)
        self._image_states: dict[int, ImageState] = {}
        self.view = View(viewer, lambda: self.image_state)
        self.refit = Refit(self.view, self)
        self.divisions = Divisions(
            self.view.acting_place,
            self.view.place,
            self.activate_clicks,
            self._thread.send,
            self.changed.emit,
            self.show_cell,
            self.view.takes_clicks,
        )
        self.tracks = TracksLayers(self.view, lambda: self.image_state, self._thread.send, self)
        self.finding = Finding(self.view, self._thread.send, self.changed.emit)
        self.new_cells = NewCells(self.view, self.finding, self._thread.send, self.changed.emit)
        self.volumes = Volumes(
            self.view, lambda: self.image_state, self._image_states, self._thread.send
        )
        self.canvas = CanvasEdits(
            self.view,
            self._image_states,
            self._thread.send,
            self.changed.emit,
            self.divisions.translated,
            lambda edit: self.divisions.division is None and self.finding.answers(edit),
        )
        self.images = OpenImages(
            self.view,
            self._image_states,
            self.canvas,
            self._thread.send,
            self._on_step,
            self._on_other_size,
        )
        self.following = Following(
            lambda: self.image_state, self.images, self._mailbox.post, self.changed.emit
        )
        self.label_links = LabelLinkOffer(
            lambda: self.image_state, self.canvas.ask, self.changed.emit
        )
        self.keyboard_clicks = KeyboardClicks(viewer, self.view, self.canvas)
        self.review = ReviewActions(self.view.place, self.view.acting_place, self._thread.send)
        self.verification = Verification(
            lambda: self.image_state, self.go_to_time, self.review, self
        )
        self.sample = SampleReview(
            lambda: self.image_state,
            self.show_cell,
            self.review,
            self._thread.send,
            self.changed.emit,
        )
        self.swaps = Swaps(
            lambda: self.image_state,
            self.show_cell,
            self.review,
            self._thread.send,
            self.changed.emit,
        )
        self.effort = EffortRequests(lambda: self.image_state, self._thread.send, self)
        self.tracking = Tracking(
            self.view.place,
            self.view.acting_place,
            self._image_states.values,
            self._thread.send,
            self,
        )
        self._look_timer = QTimer(self, singleShot=True, interval=LOOK_DELAY_MS)
        self.image: Image | None = None  # the chosen one
        self.image_state: ImageState | None = None  # state of the chosen image
        self.problem: str | None = None  # why the chosen image has no state
        self.exporting = Exporting(
            self.view, self._thread.send, self._mailbox.post, self.changed.emit
        )
        self.teaching = Teaching(
            lambda: self.image_state,
            self._image_states.values,
            self.models,
            engine,
            self._thread.send,
            self._mailbox.post,
            self.changed.emit,
        )
        self.many_movies = ManyMovies(
            lambda: self.image_state,
            self.models,
            engine,
            self._thread.send,
            self._mailbox.post,
            self.changed.emit,
        )
        self.saving = Saving(lambda: self.image_state, self._thread.send)
        self.has_lanes = False  # whether the lanes are open
        self.is_closed = False
        self._reports = ReportTable()

        open_log()
        self._fill_table()
        self._connect()

    def _connect(self) -> None:
        self._mailbox.delivered.connect(self._on_reports)
        self._look_timer.timeout.connect(self._look)
        self.tracking.changed.connect(self.changed)
        self.verification.changed.connect(self.changed)
        self.viewer.layers.events.removed.connect(self._on_layer_removed)
        self.viewer.layers.events.inserted.connect(self.refit.after_image)
        self.viewer.layers.selection.events.active.connect(self._on_active_layer)
        for shown in ("current_step", "order", "ndisplay"):
            getattr(self.viewer.dims.events, shown).connect(self._on_step)
        self.viewer.mouse_move_callbacks.append(self.finding.hover)
        self.viewer.mouse_drag_callbacks.append(self.divisions.on_press)

    def _fill_table(self) -> None:
        table = self._reports
        table.add(dict.fromkeys(HANDLERS, lambda said: self._image_states[said.image].take(said)))
        for part in (
            self.models,
            self.canvas,
            self.saving,
            self.tracking,
            self.review,
            self.exporting,
            self.divisions,
            self.tracks,
            self.effort,
            self.label_links,
            self.sample,
            self.swaps,
            self.finding,
            self.new_cells,
            self.teaching,
            self.many_movies,
            self.volumes,
            self.following,
        ):
            table.add(part.handlers)
        table.add(
            {
                Failed: lambda report: show_error(report.error, report.details),
                ModelLoaded: self._take_model,
                OpenImage: self._take_opened,
                AxesFound: self._take_axes,
                Track: self._take_refused_run,
                CheckBackward: self._take_refused_run,
                PlaceFound: self._take_place,
                Edit: self._follow_history,
                ImportLabels: self._take_import,
                ListEngine: lambda answer: self.saving.ask(),  # once the first model is asked for
                ViewFound: self._take_view,
                TrackAdvanced: self._note_speed,
            }
        )

    def start(self) -> None:
        """Start the thread and load the first model of the engine."""
        if self.is_closed:
            return
        atexit.register(self._thread.close)  # for a program that ends without closing its windows
        self._thread.start()
        self.models.ask()

    def close(self) -> None:
        """Stop the inference thread, disconnect everything and detach from the layers."""
        if self.is_closed:
            return
        self.is_closed = True
        self._look_timer.stop()
        self.verification.stop()
        self.told.close()
        self.refit.stop()
        self.following.stop()
        self._mailbox.close()
        self.teaching.close()
        self.many_movies.close()
        self._thread.close()
        atexit.unregister(self._thread.close)
        self.tracking.clear()
        self.tracks.close()
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.viewer.layers.events.inserted.disconnect(self.refit.after_image)
        self.viewer.layers.selection.events.active.disconnect(self._on_active_layer)
        for shown in ("current_step", "order", "ndisplay"):
            getattr(self.viewer.dims.events, shown).disconnect(self._on_step)
        self.viewer.mouse_move_callbacks.remove(self.finding.hover)
        self.new_cells.cancel()
        self.viewer.mouse_drag_callbacks.remove(self.divisions.on_press)
        self.finding.leave()
        self.keyboard_clicks.close()
        self.images.close_all()
        self.image_state = None
        close_log()

    @property
    def is_thread_alive(self) -> bool:
        """Whether the inference thread is running."""
        return self._thread.is_alive()

    # Images

    def choose_image(self, image: Image | None) -> None:
        """Choose the image to work on; its layers are added the first time."""
        self.image, self.image_state, self.problem = image, None, None
        if image is not None:
            try:
                stack_shape(image)
            except ValueError as error:
                self.problem = str(error)
            else:
                self.image_state = self.images.state_of(image) or self.images.add(image)
                if not self.image_state.layers.owns(self.view.active_layer):
                    self.activate_clicks()
        self.following.keep_only(self.image_state)
        self._look_timer.start()
        self.changed.emit()

    def show_image(self, image: Image | None = None) -> None:
        """Choose an image, by default the chosen one, and bring it with its layers to the front."""
        if image is not None:
            self.choose_image(image)
        if self.image is None:
            return
        layers = self.view.layers
        own = [self.image, *(self.image_state.layers if self.image_state is not None else ())]
        for layer in own:
            layer.visible = True
        places = [i for i, layer in enumerate(layers) if any(layer is one for one in own)]
        layers.move_multiple(places, len(layers))
        self.activate_clicks()  # napari takes the tool away from layers that are moved
        self.changed.emit()

    @property
    def is_image_hidden(self) -> bool:
        """Whether the chosen image is hidden or covered by another layer."""
        return self.image is not None and is_hidden(self.image, self.view.layers)

    def take_up(self, image: Image, folder: Path) -> bool:
        """Open saved work on an open image; returns False if the image has other work."""
        image_state = self.images.state_of(image)
        if image_state is not None and (image_state.objects or image_state.is_waiting):
            return False
        image.metadata[PROJECT] = str(folder)
        self.choose_image(image)
        if image_state is not None and axes_of(image) != image_state.layers.axes:
            self._on_other_size(image_state)  # the work has other frames
        elif image_state is not None:
            self.reopen(image_state)
        return True

    def open_saved(self) -> None:
        """Open the project that was saved before about the chosen image."""
        image_state = self.image_state
        work = None if image_state is None else image_state.saved_work
        if image_state is None or work is None:
            return
        if work.part is not None:
            image_state.image.metadata[PART] = work.part
        self.take_up(image_state.image, work.path)

    def reopen(self, image_state: ImageState) -> None:
        """Reopen the document of an image, with the project that its metadata name."""
        self.images.open(image_state)
        self.changed.emit()

    def add_shapes(self) -> None:
        """Add the Shapes layers that were put off."""
        self.images.add_shapes()
        self.changed.emit()

    def restore_layers(self) -> None:
        """Add the layers of the chosen image that the user has deleted."""
        if self.image_state is not None:
            self.images.restore_layers(self.image_state)
            self.changed.emit()

    def activate_clicks(self) -> None:
        """Let the next click on the canvas be a prompt."""
        if self.image_state is not None:
            self.image_state.layers.activate(self.view.layers)
            self.changed.emit()

    def draw_boxes(self) -> None:
        """Let the next drag on the canvas be a box."""
        if self.image_state is not None:
            self.image_state.layers.activate_boxes(self.view.layers)
            self.changed.emit()

    def choose_part(self, part: Selection) -> None:
        """Track another part of the chosen image; masks of prompts are computed again.

        Where the axes get another meaning, or in 3D, the image has other frames: its layers and its
        document are closed, and made for these frames. Labels with cells stay as a layer.
        """
        image_state = self.image_state
        if image_state is None:
            return
        image_state.image.metadata[PART] = part
        if axes_of(image_state.image) != image_state.layers.axes:
            self._open_anew(image_state)
        else:
            self.images.open(image_state)
        self.changed.emit()

    def _open_anew(self, image_state: ImageState) -> None:
        """Close an image whose axes have another meaning; the chosen one is opened with them."""
        is_chosen = image_state is self.image_state
        left = image_state.layers.to_remove(keep_labels=bool(image_state.objects))
        self._close_image(image_state)
        self.images.remove(left)
        if is_chosen:
            self.choose_image(image_state.image)

    def _take_axes(self, report: AxesFound) -> None:
        """Take the axes that the file of an image names, unless there is work on it already."""
        image_state = self._image_states.get(report.image)
        if image_state is None or image_state.objects or image_state.is_waiting:
            return
        if take_file_axes(image_state.image, report.letters):
            self._open_anew(image_state)
            self.changed.emit()

    def take_view(self) -> None:
        """Take the axes of the chosen image that the viewer shows as its rows and columns."""
        plane = self.view.other_plane
        if self.image is not None and plane is not None:
            self.choose_part(part_in_view(self.image, plane))

    def use_contrast(self) -> None:
        """Give the model the current contrast; masks of prompts are computed again."""
        if self.image_state is not None:
            self.images.open(self.image_state)
            self.changed.emit()

    # Events of the viewer

    def _on_layer_removed(self, event: Any) -> None:
        layer = event.value
        self.tracks.forget(layer)
        self.new_cells.forget_layer(layer)
        self.finding.forget_layer(layer)
        for image_state in list(self._image_states.values()):
            if image_state.image is layer:
                self._close_image(image_state)
            elif image_state.layers.forget(layer):
                self.changed.emit()
        if layer is self.image:
            self.choose_image(None)

    def _close_image(self, image_state: ImageState) -> None:
        self.images.close(image_state)
        self.saving.ask()  # offer the unsaved work at once
        if image_state.progress is not None:
            self.tracking.clear()

    def _on_active_layer(self, event: Any) -> None:
        for image_state in self._image_states.values():
            if image_state is not self.image_state and image_state.layers.owns(event.value):
                self.choose_image(image_state.image)
                return
        self.changed.emit()

    def _on_other_size(self, image_state: ImageState) -> None:
        self._close_image(image_state)
        self.choose_image(image_state.image)

    def _on_step(self, event: Any = None) -> None:
        """Handle another shown frame, or another contrast of an image."""
        self._look_timer.start()
        self.changed.emit()

    def _look(self) -> None:
        image_state = self.image_state
        if image_state is None or not image_state.is_open:
            return
        if image_state.contrast_differs() and not image_state.has_prompts():
            self.images.open(image_state)
        source = image_state.current_source()
        self._thread.send(
            ShowInput(image_state.number, self.view.frame, image_state.current_object, source)
        )
        self._thread.send(LookAt(image_state.number, self.view.frame))
        if image_state.has_prompts() and self.view.outside_told is None:
            view = LastView(self.view.frame, self.has_lanes)
            self._thread.send(KeepView(image_state.number, view))

    def go_to(self, t: int, object_id: int = 0) -> None:
        """Show a frame of the chosen image, and choose an object; 0 keeps the current one."""
        image_state = self.image_state
        if image_state is None:
            return
        if object_id:
            self.choose_object(object_id)
        self.view.go_to(image_state, t)

    def show_cell(self, t: int, object_id: int) -> None:
        """Show a frame, choose an object, and move the view to the object."""
        self.go_to(t, object_id)
        image_state = self.image_state
        place = None if image_state is None else image_state.centre_of(object_id, t)
        if image_state is not None and place is not None:
            self.view.centre(image_state, t, *place)

    def go_to_time(self, time: int, object_id: int = 0) -> None:
        """Show a time point, in 3D on the largest plane of an object there; see `go_to`."""
        image_state = self.image_state
        if image_state is not None:
            chosen = object_id or image_state.current_object
            self.go_to(image_state.frame_at(time, self.view.frame, chosen), object_id)

    # Objects and clicks

    def choose_object(self, object_id: int) -> None:
        """Make an object the current one, which the next click edits."""
        if self.image_state is not None:
            self.image_state.choose(object_id, self.image_state.sign)
            self.changed.emit()

    def choose_neighbour(self, step: int) -> None:
        """Choose the object `step` places after the current one, and show a frame with its mask."""
        image_state = self.image_state
        known = [] if image_state is None else sorted(image_state.objects)
        if image_state is None or not known:
            return
        current = image_state.current_object
        if current in known:
            chosen = known[(known.index(current) + step) % len(known)]
        else:
            chosen = known[0 if step > 0 else -1]
        self.go_to(image_state.nearest_mask(chosen, self.view.frame), chosen)

    def set_shown(self, object_id: int, is_shown: bool) -> None:
        """Show or hide an object on the Labels layer."""
        if self.image_state is not None:
            self.image_state.set_shown(object_id, is_shown)
            self.image_state.show(None)
            self.changed.emit()

    def next_object(self) -> None:
        """Let the next click create a new object."""
        self.divisions.end()
        if self.image_state is not None:
            self.image_state.choose(self.image_state.next_object(), INCLUDE)
            if self.image_state.layers.tool(self.view.active_layer) == "draw":
                self.changed.emit()
            else:
                self.activate_clicks()

    def choose_sign(self, sign: int) -> None:
        """Let the next click include or exclude."""
        if self.image_state is not None:
            self.image_state.choose(self.image_state.current_object, sign)
            self.changed.emit()

    def toggle_sign(self) -> None:
        """Switch between include and exclude."""
        if self.image_state is not None:
            self.choose_sign(EXCLUDE if self.image_state.sign == INCLUDE else INCLUDE)

    def remove_object(self) -> None:
        """Delete the current object; another one becomes current."""
        image_state = self.image_state
        if image_state is not None and image_state.current_object in image_state.objects:
            self.review.remove([image_state.current_object])
            others = [other for other in image_state.objects if other != image_state.current_object]
            self.choose_object(others[-1] if others else image_state.next_object())

    # Reports

    def _on_reports(self, reports: list[Report]) -> None:
        for report in reports:
            self._take(report)
        if any(isinstance(report, Answered) and _is_change(report) for report in reports):
            self._look_timer.start()  # the window of the network's input may have moved
        if (t := self.tracking.followed(reports)) is not None and self.image_state is not None:
            self.go_to(self.image_state.frame_at(self.image_state.time_of(t), self.view.frame))
        for image_state in self._image_states.values():
            image_state.show(self.view.shown_frame(image_state))
        self.changed.emit()

    def _take(self, report: Report) -> None:
        if isinstance(report, Answered):
            self._take_answer(report)
        elif not isinstance(report, ImageReport) or report.image in self._image_states:
            self._reports.take(report)

    def _take_answer(self, answer: Answered) -> None:
        for image_state in self._image_states.values():
            image_state.answered(answer.command)
        if answer.error is None and _is_change(answer):
            self.told.go_on()
        for change in answer.changes:
            self._take(change)
        self._reports.take(answer)
        if answer.notice is not None:
            show_info(self._worded(answer, answer.notice))
        if answer.error is not None:
            show_error(self._worded(answer, answer.error), answer.details)

    def _worded(self, answer: Answered, text: str) -> str:
        """A text about a command as the user reads it: in 3D, frames are planes of volumes."""
        image_state = self._image_states.get(getattr(answer.command, "image", -1))
        return text if image_state is None else worded_in_3d(text, image_state.planes)

    def _take_model(self, report: ModelLoaded) -> None:
        for image_state in self._image_states.values():
            if image_state.problem is not None:
                self.images.open(image_state)

    def _take_opened(self, answer: Answered) -> None:
        assert isinstance(answer.command, OpenImage)
        image_state = self._image_states.get(answer.command.image)
        if image_state is None:
            return
        if answer.error is not None and not image_state.is_open:
            image_state.problem = answer.error
            self.saving.ask()  # work that could not be opened is offered again
        active = self.view.active_layer
        image_state.layers.add_labels(self.view.layers)
        self.view.layers.selection.active = active  # napari selects a layer that is added
        self._look_timer.start()

    def _take_refused_run(self, answer: Answered) -> None:
        command = answer.command
        assert isinstance(command, Track | CheckBackward)
        if answer.error is not None:
            is_check = isinstance(command, CheckBackward)
            image = command.image
            self._take(WorkEnded(image) if is_check else TrackEnded(image, 0, 0, "failed"))

    def _follow_history(self, answer: Answered) -> None:
        """Show a frame that an undo or a redo has changed, unless the shown one is among them."""
        command, image_state = answer.command, self.image_state
        assert isinstance(command, Edit)
        is_history = command.calls[0].name in ("undo", "redo")
        if not is_history or image_state is None or command.image != image_state.number:
            return
        prompted = {one.t for one in answer.changes if isinstance(one, PromptShown)}
        changed = prompted or {one.t for one in answer.changes if isinstance(one, FrameChanged)}
        here = self.view.frame
        if changed and here not in changed:
            self.go_to(min(changed, key=lambda t: abs(t - here)))

    def _take_import(self, answer: Answered) -> None:
        if answer.error is None and any(isinstance(one, FrameChanged) for one in answer.changes):
            self.imported.emit(answer.command)

    def _note_speed(self, report: TrackAdvanced) -> None:
        progress, loaded = self._image_states[report.image].progress, self.models.loaded
        if progress is not None and loaded is not None and progress.frames_per_second is not None:
            self.models.speeds[loaded.name] = progress.frames_per_second

    def _take_view(self, report: ViewFound) -> None:
        """Show a reopened project as it was when it was last open."""
        if self.image_state is not None and report.image == self.image_state.number:
            self.go_to(min(report.view.t, self.image_state.frames - 1))
            self.view_found.emit(report.view.has_lanes)

    def keep_lanes(self, are_shown: bool) -> None:
        """Remember whether the lanes are open, for the next time the project is opened."""
        self.has_lanes = are_shown
        self._look_timer.start()

    def _take_place(self, report: PlaceFound) -> None:
        if self.image_state is not None and report.image == self.image_state.number:
            show = self.show_cell if report.is_far else self.go_to
            show(report.t, report.object_id)


def _is_change(answer: Answered) -> bool:
    """Whether a command changed the document."""
    return bool(answer.changes) and not isinstance(answer.command, ShowInput)
