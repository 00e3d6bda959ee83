"""What stands between the widgets, the layers and the inference thread."""

from __future__ import annotations

import atexit
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from napari.utils.notifications import show_info, show_warning
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.plugin.inference.thread import InferenceThread
from napari_sam2.plugin.layers.image_layers import ImageLayers
from napari_sam2.plugin.layers.source_image import (
    PROJECT,
    image_source,
    images_like,
    is_hidden,
    stack_shape,
)
from napari_sam2.plugin.protocol.input_preview import ShowInput
from napari_sam2.plugin.protocol.messages import (
    EXCLUDE,
    INCLUDE,
    AddPoint,
    Answered,
    CloseImage,
    DownloadEnded,
    Edit,
    ExportEnded,
    Failed,
    ImageReport,
    ImportLabels,
    LookAt,
    ModelLoaded,
    OpenImage,
    PaintLabels,
    PromptEdit,
    Report,
    SetOutline,
    Stroke,
    Track,
    TrackEnded,
)
from napari_sam2.plugin.protocol.review_messages import NothingDoubtful, PlaceFound
from napari_sam2.plugin.protocol.saving_messages import OpenImageFound, SavedListed, SavingChanged
from napari_sam2.plugin.startup.error_notifications import show_error
from napari_sam2.plugin.startup.log_file import close_log, open_log
from napari_sam2.plugin.window.export import start_export
from napari_sam2.plugin.window.image_state import ImageState
from napari_sam2.plugin.window.mailbox import Mailbox
from napari_sam2.plugin.window.model_choice import Models
from napari_sam2.plugin.window.review_actions import ReviewActions
from napari_sam2.plugin.window.saving import Saving
from napari_sam2.plugin.window.tracking import RunReport, Tracking

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from napari_sam2.plugin.inference.engine import EngineFactory

LOOK_DELAY_MS = 120  # a slider on the move is not looked at


class Controller(QObject):
    """State of the widget: the states of all images, the models, and the thread behind them.

    Every method is called in the GUI thread and returns at once.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer that the widget belongs to.
    engine : EngineFactory
        What the inference thread computes with.
    parent : QObject
        The widget.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, engine: EngineFactory, parent: QObject) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._mailbox = Mailbox(self)
        self._thread = InferenceThread(engine, self._mailbox.post)
        self.models = Models(engine, self._thread.send, self._mailbox.post)
        self.review = ReviewActions(
            lambda: (self.image_state, self.frame), self.acting_place, self._thread.send
        )
        self._image_states: dict[int, ImageState] = {}
        self.tracking = Tracking(
            lambda: (self.image_state, self.frame),
            self.acting_place,
            self._image_states.values,
            self._thread.send,
            self,
        )
        self._last_number = 0
        self._look_timer = QTimer(self, singleShot=True, interval=LOOK_DELAY_MS)
        self.image: Image | None = None  # the chosen one
        self.image_state: ImageState | None = None  # of the chosen image
        self.problem: str | None = None  # why the chosen image has no state
        self._puts_off_shapes = False
        self.exporting: Path | None = None
        self.saving = Saving(lambda: self.image_state, self._thread.send)
        self.is_closed = False

        open_log()
        self._connect()

    def _connect(self) -> None:
        self._mailbox.delivered.connect(self._on_reports)
        self._look_timer.timeout.connect(self._look)
        self.tracking.changed.connect(self.changed)
        self.viewer.layers.events.removed.connect(self._on_layer_removed)
        self.viewer.layers.selection.events.active.connect(self._on_active_layer)
        self.viewer.dims.events.current_step.connect(self._on_step)

    def start(self) -> None:
        """Start the thread and load the first model of the engine."""
        if self.is_closed:
            return
        atexit.register(self._thread.close)  # where the program ends without closing its windows
        self._thread.start()
        self.models.ask()
        self.saving.ask()

    def close(self) -> None:
        """End the thread, undo every connection, leave the layers as ordinary ones."""
        if self.is_closed:
            return
        self.is_closed = True
        self._look_timer.stop()
        self._mailbox.close()
        self._thread.close()
        atexit.unregister(self._thread.close)
        self.tracking.clear()
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self.viewer.layers.selection.events.active.disconnect(self._on_active_layer)
        self.viewer.dims.events.current_step.disconnect(self._on_step)
        for image_state in self._image_states.values():
            self._let_go(image_state)
        self._image_states.clear()
        self.image_state = None
        close_log()

    def prompt_layers(self) -> list[Layer]:
        """The layers that mean nothing without the widget; labels with objects are kept."""
        return [
            layer
            for image_state in self._image_states.values()
            for layer in image_state.layers.to_remove(keep_labels=bool(image_state.objects))
        ]

    def remove(self, layers: list[Layer]) -> None:
        """Take layers out of the viewer."""
        for layer in layers:
            if layer in self.layer_list:
                self.layer_list.remove(layer)

    @property
    def is_thread_alive(self) -> bool:
        """Whether the inference thread runs."""
        return self._thread.is_alive()

    # Images

    def choose_image(self, image: Image | None) -> None:
        """Work on an image; its layers are added the first time."""
        self.image, self.image_state, self.problem = image, None, None
        if image is not None:
            try:
                stack_shape(image)
            except ValueError as error:
                self.problem = str(error)
            else:
                self.image_state = self._image_state_of(image) or self._new_image_state(image)
                if not self.image_state.layers.owns(self._active_layer()):
                    self.activate_clicks()
        self._look_timer.start()
        self.changed.emit()

    def show_image(self, image: Image | None = None) -> None:
        """Work on an image, the chosen one by default, and draw it with its layers above all."""
        if image is not None:
            self.choose_image(image)
        if self.image is None:
            return
        layers = self.layer_list
        own = [self.image, *(self.image_state.layers if self.image_state is not None else ())]
        for layer in own:
            layer.visible = True
        places = [i for i, layer in enumerate(layers) if any(layer is one for one in own)]
        layers.move_multiple(places, len(layers))
        self.changed.emit()

    @property
    def is_image_hidden(self) -> bool:
        """Whether the user does not see the chosen image."""
        return self.image is not None and is_hidden(self.image, self.layer_list)

    def take_up(self, image: Image, folder: Path) -> bool:
        """Go on with saved work on an open image; returns False if there is other work on it."""
        image_state = self._image_state_of(image)
        if image_state is not None and (image_state.objects or image_state.is_waiting):
            return False
        image.metadata[PROJECT] = str(folder)
        self.choose_image(image)
        if image_state is not None:
            self.reopen(image_state)
        return True

    def _image_state_of(self, image: Image) -> ImageState | None:
        mine = (
            image_state for image_state in self._image_states.values() if image_state.image is image
        )
        return next(mine, None)

    def _new_image_state(self, image: Image) -> ImageState:
        self._last_number += 1
        others = [layer for layer in self.viewer.layers if isinstance(layer, Image)]
        suffix = f" · {image.name}" if len(others) > 1 else ""
        layers = ImageLayers(image, self._last_number, suffix, self._screen_pixel, self)
        layers.puts_off_shapes = self._puts_off_shapes
        image_state = ImageState(self._last_number, image, layers)
        image.events.contrast_limits.connect(self._on_contrast)
        image.events.data.connect(self._on_data)
        self._image_states[image_state.number] = image_state
        self.restore_layers(image_state)
        self._open(image_state)  # waits for the model in the inference thread, as clicks do
        return image_state

    def _open(self, image_state: ImageState) -> None:
        image_state.problem = None
        self._thread.send(OpenImage(image_state.number, image_state.renew_source()))

    def reopen(self, image_state: ImageState) -> None:
        """Open the document of an image anew, with the project that it names."""
        self._open(image_state)
        self.changed.emit()

    def put_off_shapes(self) -> None:
        """Work without Shapes layers until `add_shapes`."""
        self._puts_off_shapes = True

    def add_shapes(self) -> None:
        """Add the Shapes layers that were put off; what is selected stays so."""
        self._puts_off_shapes = False
        selection = self.layer_list.selection
        active, selected = selection.active, set(selection)
        for image_state in self._image_states.values():
            image_state.layers.puts_off_shapes = False
            image_state.layers.add_shapes(self.layer_list)
            image_state.show(None)
        selection.active = active
        selection.update(selected)
        self.changed.emit()

    def restore_layers(self, image_state: ImageState | None = None) -> None:
        """Add those layers of an image that are not there."""
        image_state = image_state or self.image_state
        if image_state is not None:
            image_state.layers.add_missing(self.layer_list)
            image_state.layers.activate(self.layer_list)
            image_state.choose(image_state.current_object, image_state.sign)
            image_state.show(None)
            self.changed.emit()

    def activate_clicks(self) -> None:
        """Let the next click on the canvas be a prompt."""
        if self.image_state is not None:
            self.image_state.layers.activate(self.layer_list)
            self.changed.emit()

    def use_contrast(self) -> None:
        """Let the model see the contrast of now; prompts are computed again."""
        if self.image_state is not None:
            self._open(self.image_state)
            self.changed.emit()

    @property
    def layer_list(self) -> Any:
        """The layer list itself: the proxy that a plugin gets would hand out proxies of layers."""
        layers = self.viewer.layers
        return getattr(layers, "__wrapped__", layers)

    def owns(self, layer: Any) -> bool:
        """Whether a layer shows prompts or labels of ours."""
        return any(image_state.layers.owns(layer) for image_state in self._image_states.values())

    def _active_layer(self) -> Any:
        return self.layer_list.selection.active

    def _screen_pixel(self) -> float:
        scene = getattr(self.viewer, "scene", self.viewer)  # the camera moved there with napari 0.9
        return 1.0 / float(scene.camera.zoom)

    # What happens in the viewer

    def _on_layer_removed(self, event: Any) -> None:
        layer = event.value
        for image_state in list(self._image_states.values()):
            if image_state.image is layer:
                self._close_image_state(image_state)
            elif image_state.layers.forget(layer):
                self.changed.emit()
        if layer is self.image:
            self.choose_image(None)

    def _close_image_state(self, image_state: ImageState) -> None:
        self._thread.send(CloseImage(image_state.number))
        self.saving.ask()  # what was not saved is offered at once
        del self._image_states[image_state.number]
        self._let_go(image_state)
        if image_state.progress is not None:
            self.tracking.clear()

    def _let_go(self, image_state: ImageState) -> None:
        image_state.image.events.contrast_limits.disconnect(self._on_contrast)
        image_state.image.events.data.disconnect(self._on_data)
        image_state.layers.detach()

    def _on_active_layer(self, event: Any) -> None:
        for image_state in self._image_states.values():
            if image_state is not self.image_state and image_state.layers.owns(event.value):
                self.choose_image(image_state.image)
                return
        self.changed.emit()

    def _on_contrast(self, event: Any) -> None:
        self._look_timer.start()
        self.changed.emit()

    def _on_data(self, event: Any) -> None:
        """The layer got other data: prompts are computed again if it still has the same size."""
        image_state = self._image_state_of(event.source)
        if image_state is None or image_state.is_up_to_date():
            return
        if image_state.still_fits():
            self._open(image_state)
        else:
            self._close_image_state(image_state)
            self.choose_image(event.source)

    def _on_step(self, event: Any) -> None:
        self._look_timer.start()
        self.changed.emit()

    def _look(self) -> None:
        image_state = self.image_state
        if image_state is None or not image_state.is_open:
            return
        if image_state.contrast_differs() and not image_state.has_prompts():
            self._open(image_state)
        source = image_source(image_state.image)
        self._thread.send(
            ShowInput(image_state.number, self.frame, image_state.current_object, source)
        )
        self._thread.send(LookAt(image_state.number, self.frame))

    @property
    def frame(self) -> int:
        """The frame of the chosen image that the viewer shows."""
        return 0 if self.image_state is None else self.image_state.frame(self.viewer.dims.point)

    @property
    def outside_told(self) -> str | None:
        """Why the chosen image has no frame where the viewer is; None if it has one."""
        point = self.viewer.dims.point
        return None if self.image_state is None else self.image_state.outside_told(point)

    def acting_place(self) -> tuple[ImageState | None, int]:
        """Session and frame for what changes the shown frame; no state outside of the movie.

        Outside, the user is told why nothing happens.
        """
        if (why := self.outside_told) is not None:
            show_warning(why)
            return None, 0
        return self.image_state, self.frame

    def go_to(self, t: int, object_id: int = 0) -> None:
        """Show a frame of the chosen image, and choose an object; 0 keeps the current one."""
        image_state = self.image_state
        if image_state is None:
            return
        if object_id:
            self.choose_object(object_id)
        if image_state.image.ndim == 3:
            axis = self.viewer.dims.ndim - 3
            place = image_state.image.data_to_world((t, 0, 0))[0]
            self.viewer.dims.set_point(axis, place)

    # Objects and clicks

    def choose_object(self, object_id: int) -> None:
        """The next click is for this object."""
        if self.image_state is not None:
            self.image_state.choose(object_id, self.image_state.sign)
            self.changed.emit()

    def set_shown(self, object_id: int, is_shown: bool) -> None:
        """Let the Labels layer show an object, or hide it."""
        if self.image_state is not None:
            self.image_state.set_shown(object_id, is_shown)
            self.image_state.show(None)
            self.changed.emit()

    def next_object(self) -> None:
        """The next click makes another object."""
        if self.image_state is not None:
            self.image_state.choose(self.image_state.next_object(), INCLUDE)
            self.activate_clicks()

    def choose_sign(self, sign: int) -> None:
        """The next click includes or excludes."""
        if self.image_state is not None:
            self.image_state.choose(self.image_state.current_object, sign)
            self.changed.emit()

    def toggle_sign(self) -> None:
        """Turn include into exclude and back."""
        if self.image_state is not None:
            self.choose_sign(EXCLUDE if self.image_state.sign == INCLUDE else INCLUDE)

    def clear_frame(self) -> None:
        """Take away what was given for the current object on the frame that is shown."""
        image_state, t = self.acting_place()
        if image_state is not None and image_state.has_outline(image_state.current_object):
            arguments = {"t": t, "object_id": image_state.current_object}
            self.on_edit(Edit(image_state.number, (Called("clear_prompts", arguments),)))

    def remove_object(self) -> None:
        """Delete the current object; another one becomes current."""
        image_state = self.image_state
        if image_state is not None and image_state.current_object in image_state.objects:
            self.review.remove([image_state.current_object])
            others = [other for other in image_state.objects if other != image_state.current_object]
            self.choose_object(others[-1] if others else image_state.next_object())

    def on_edit(self, edit: Edit | PromptEdit) -> None:
        """What the user did on the layers, or by a key; the layers show it already."""
        image_state = self._image_states[edit.image]
        if (reason := self._reason_against(image_state, edit)) is not None:
            show_warning(reason)
            QTimer.singleShot(0, lambda: image_state.show(None))
            return
        image_state.sent(edit, edit.place)
        self._thread.send(edit)
        self.changed.emit()

    def _reason_against(self, image_state: ImageState, edit: Edit | PromptEdit) -> str | None:
        """Why an edit cannot be made on the shown frame; None if it can."""
        if not _is_drawn(edit):
            return None
        if not self._shows_one(image_state):
            return "frames are clicked one by one: go back to the 2D view of (y, x)"
        if (outside := image_state.outside_told(self.viewer.dims.point)) is not None:
            return outside
        is_exclude = isinstance(edit, AddPoint) and edit.sign == EXCLUDE
        _, object_id = edit.place
        if is_exclude and not image_state.has_outline(object_id):
            how = "press T, then click" if image_state.sign == EXCLUDE else "left-click"
            return (
                f"There is nothing to exclude yet: object {object_id} has no outline. "
                f"First {how} the cell."
            )
        return None

    def on_paint(self, number: int, strokes: tuple[Stroke, ...]) -> None:
        """The user painted or erased on the Labels layer."""
        self.ask(PaintLabels(number, strokes))

    def ask(self, command: ImportLabels | PaintLabels) -> None:
        """Have something done that changes more than one prompt."""
        self._image_states[command.image].sent(command)
        self._thread.send(command)
        self.changed.emit()

    def on_pick(self, number: int, object_id: int) -> None:
        """The user picked an object by its mask."""
        self._image_states[number].choose(object_id, self._image_states[number].sign)
        self.changed.emit()

    def on_refusal(self, reason: str) -> None:
        """The user drew something that cannot be a prompt."""
        show_warning(reason)

    def on_mode(self, event: Any = None) -> None:
        """The user took another tool of a layer."""
        self.changed.emit()

    @property
    def has_prompts(self) -> bool:
        """Whether anything was given on any image."""
        return any(image_state.has_prompts() for image_state in self._image_states.values())

    # Export

    def export(self, path: Path) -> None:
        """Write the labels of the chosen image in the format of the name, in the background."""
        image_state = self.image_state
        if image_state is not None and image_state.labels is not None and self.exporting is None:
            self.exporting = path
            start_export(
                image_state.number,
                images_like(image_state.image, self.layer_list),
                image_state.labels,
                image_state.objects,
                path,
                self._mailbox.post,
            )
            self.changed.emit()

    # Reports

    def _on_reports(self, reports: list[Report]) -> None:
        for report in reports:
            self._take(report)
        if any(isinstance(report, Answered) and _is_change(report) for report in reports):
            self._look_timer.start()  # the network may look through another window now
        if (t := self.tracking.followed(reports)) is not None:
            self.go_to(t)
        for image_state in self._image_states.values():
            image_state.show(self._shown_frame(image_state))
        self.changed.emit()

    def _shown_frame(self, image_state: ImageState) -> int | None:
        """The frame that is on the screen; None where it is more than one."""
        return image_state.frame(self.viewer.dims.point) if self._shows_one(image_state) else None

    def _shows_one(self, image_state: ImageState) -> bool:
        """Whether the viewer shows one whole frame of an image."""
        dims = self.viewer.dims
        frame_axis = dims.ndim - image_state.image.ndim if image_state.image.ndim == 3 else -1
        return dims.ndisplay == 2 and frame_axis not in dims.displayed

    def _take(self, report: Report) -> None:
        self.models.take(report)
        if isinstance(report, Answered):
            self._take_answer(report)
        elif isinstance(report, ModelLoaded):
            for image_state in self._image_states.values():
                if image_state.problem is not None:
                    self._open(image_state)
        elif isinstance(report, Failed):
            show_error(report.error, report.details)
        elif isinstance(report, DownloadEnded):
            if report.error is not None:
                show_error(report.error)
        elif isinstance(report, SavedListed | OpenImageFound):
            self.saving.take(report)
        elif isinstance(report, ExportEnded):
            self._take_export(report)
        elif isinstance(report, ImageReport) and report.image in self._image_states:
            self._take_image_report(self._image_states[report.image], report)

    def _take_answer(self, answer: Answered) -> None:
        command = answer.command
        for image_state in self._image_states.values():
            image_state.answered(command)
        for change in answer.changes:
            self._take(change)
        if isinstance(command, OpenImage) and command.image in self._image_states:
            self._take_opened(self._image_states[command.image], answer.error)
        if answer.notice is not None:
            show_info(answer.notice)
        if answer.error is not None:
            if isinstance(command, Track):
                self._take(TrackEnded(command.image, 0, 0, "failed"))
            show_error(answer.error, answer.details)

    def _take_opened(self, image_state: ImageState, error: str | None) -> None:
        if error is not None and not image_state.is_open:
            image_state.problem = error
        active = self._active_layer()
        image_state.layers.add_labels(self.layer_list)
        self.layer_list.selection.active = active  # napari selects what is added
        self._look_timer.start()

    def _take_export(self, report: ExportEnded) -> None:
        self.exporting = None
        if report.error is not None:
            show_error(f"the result was not written to {report.path}: {report.error}")
        else:
            show_info(f"{report.path.name} written to {report.path.parent}")

    def _take_image_report(self, image_state: ImageState, report: ImageReport) -> None:
        problem = report.state.problem if isinstance(report, SavingChanged) else None
        if problem not in (None, image_state.saving.problem):
            show_warning(problem)
        image_state.take(report)
        if isinstance(report, PlaceFound):
            if image_state is self.image_state:
                self.go_to(report.t, report.object_id)
        elif isinstance(report, NothingDoubtful):
            show_info("no doubtful frame is left to review")
        elif isinstance(report, RunReport):
            self.tracking.take(report)


def _is_drawn(edit: Edit | PromptEdit) -> bool:
    """Whether an edit comes from a click or a shape on the canvas."""
    if isinstance(edit, Edit):
        return edit.calls[0].name == "add_box"
    return isinstance(edit, AddPoint | SetOutline)


def _is_change(answer: Answered) -> bool:
    """Whether a command changed the document, rather than looked at it."""
    return bool(answer.changes) and not isinstance(answer.command, ShowInput)
