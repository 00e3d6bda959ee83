"""The dock widget "SAM 2": the panel that puts the smaller widgets together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QMessageBox, QShortcut, QVBoxLayout, QWidget

from napari_sam2.io.selection import EVERYTHING
from napari_sam2.plugin.inference.engine import shipped_engine
from napari_sam2.plugin.layers.source_image import PROJECT
from napari_sam2.plugin.protocol.messages import EXCLUDE
from napari_sam2.plugin.startup.warming import Warming, is_warm, warm_points, warm_shapes
from napari_sam2.plugin.widgets.axes_box import AxesBox
from napari_sam2.plugin.widgets.cheat_sheet import CheatSheet
from napari_sam2.plugin.widgets.document_box import EXPORT_SUFFIX, DocumentBox, ask_path
from napari_sam2.plugin.widgets.find_box import FindBox
from napari_sam2.plugin.widgets.form import SPACING, scrolled
from napari_sam2.plugin.widgets.image_picker import ImagePicker
from napari_sam2.plugin.widgets.import_box import ImportBox
from napari_sam2.plugin.widgets.input_preview_box import InputPreviewBox
from napari_sam2.plugin.widgets.label_import import LabelImport
from napari_sam2.plugin.widgets.many_movies_widgets import ManyMoviesWidgets
from napari_sam2.plugin.widgets.model_box import ModelBox
from napari_sam2.plugin.widgets.new_cells_box import NewCellsWidgets
from napari_sam2.plugin.widgets.object_box import ObjectBox
from napari_sam2.plugin.widgets.review_widgets import ReviewWidgets
from napari_sam2.plugin.widgets.saving_widgets import SavingWidgets
from napari_sam2.plugin.widgets.status_line import StatusLine
from napari_sam2.plugin.widgets.teach_widgets import TeachWidgets
from napari_sam2.plugin.widgets.track_box import TrackBox
from napari_sam2.plugin.window.controller import Controller
from napari_sam2.plugin.window.keys import KeyBindings
from napari_sam2.plugin.window.next_step import Action, Situation, next_step

if TYPE_CHECKING:
    import napari

    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.inference.engine import EngineFactory


RENDER_INTERVAL_MS = 15
RECOMPUTED = (
    "The model will outline every clicked cell again. Painted and locked masks are kept; tracked "
    "masks are kept until you track again."
)
OTHER_FRAMES = (
    "With other axes, this image has other frames. Its cells are closed; they are offered again "
    "when you open the image with the axes as they are now."
)
LOOKS = ("name", "visible", "opacity", "blending")  # events of an Image layer that are shown


class SamPanel(QWidget):
    """Click a cell once and get it outlined in every frame.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer to work in.
    engine : EngineFactory, optional
        Loads and runs the models; the shipped SAM 2 engine by default.
    """

    def __init__(self, napari_viewer: napari.Viewer, engine: EngineFactory | None = None) -> None:
        super().__init__()
        self.viewer = napari_viewer
        self.controller = Controller(napari_viewer, engine or shipped_engine(), self)
        self.label_import = LabelImport(self.controller, self)
        self.image = ImagePicker()
        self.axes = AxesBox()
        self.import_box = ImportBox()
        self.input_preview = InputPreviewBox()
        self.model = ModelBox()
        self.find = FindBox()
        self.new_cells = NewCellsWidgets(self.controller.new_cells, self)
        self.object = ObjectBox()
        self.track = TrackBox()
        self.review = ReviewWidgets(self.controller, self)
        self.document = DocumentBox()
        self.saving = SavingWidgets(self.controller, self)
        self.teach = TeachWidgets(self.controller, self)
        self.many_movies = ManyMoviesWidgets(self.controller, self.saving.open, self)
        self.status = StatusLine()
        self._render_timer = QTimer(self, singleShot=True, interval=RENDER_INTERVAL_MS)
        self._was_docked = False
        self._keys = KeyBindings(self._key_actions())
        self._verdict_keys = KeyBindings(self.review.verdict_keys())
        self._sample_keys = KeyBindings(self.review.sample_keys())
        self._escape = KeyBindings(  # bound only while a run can be cancelled
            {"Escape": self.controller.tracking.cancel}, takes_all=True
        )
        self._division_escape = KeyBindings(  # bound only while a division is being clicked
            {"Escape": self.controller.divisions.withdraw}, takes_all=True
        )
        self._finding_escape = KeyBindings(  # bound only while cells are found or looked for
            {"Escape": self._leave_finding}, takes_all=True
        )
        self._enter = KeyBindings({"Enter": self.controller.finding.take_all})
        self._drop = KeyBindings(  # bound only while new cells of the frame are shown
            {"Backspace": self.controller.new_cells.drop}, takes_all=True
        )
        self._history_keys = KeyBindings(  # ours replace napari's undo of a single stroke
            {
                "Control-Z": self.controller.review.undo,
                "Control-Shift-Z": self.controller.review.redo,
            },
            takes_all=True,
        )
        self._help_key = QShortcut(QKeySequence("?"), self)
        self._lay_out()
        self._connect()
        self._points_warming = Warming(warm_points, self)
        self._points_warming.finished.connect(self._let_click)
        self._shapes_warming = Warming(warm_shapes, self)
        self._shapes_warming.finished.connect(self.controller.add_shapes)
        self._is_cold = not is_warm()
        if self._is_cold:
            self.controller.images.put_off_shapes()
            self._render_soon()
            QTimer.singleShot(0, self._points_warming.start)  # once the window shows the widget
        else:
            self._take_image()
            QTimer.singleShot(0, self.controller.start)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(scrolled(self))
        layout.setSpacing(SPACING)
        layout.addWidget(self.saving.offer)
        layout.addWidget(self.image)
        layout.addWidget(self.axes)
        layout.addWidget(self.model)
        layout.addWidget(self.input_preview)
        layout.addWidget(self.import_box)
        parts = (self.find, self.object, self.track, self.new_cells.box)
        for part in (self.status, *parts, self.teach.box, self.review.box):
            layout.addSpacing(2 * SPACING)
            layout.addWidget(part)
        layout.addWidget(self.review.swaps)
        layout.addWidget(self.review.verdicts)
        layout.addWidget(self.review.sample)
        layout.addSpacing(2 * SPACING)
        layout.addWidget(self.review.table, stretch=1)
        layout.addSpacing(2 * SPACING)
        layout.addWidget(self.document)
        layout.addWidget(self.many_movies.button)
        layout.addWidget(self.saving.box)

    def _connect(self) -> None:
        controller = self.controller
        self._render_timer.timeout.connect(self._render)
        controller.changed.connect(self._render_soon)
        self.image.picked.connect(controller.show_image)
        self.axes.chosen.connect(self._choose_part)
        self.axes.fill_asked.connect(controller.volumes.start)
        self.axes.cancel_asked.connect(controller.volumes.cancel)
        self.model.model_chosen.connect(self._choose_model)
        self.model.device_chosen.connect(self._choose_device)
        self.model.size_chosen.connect(self._choose_size)
        self.model.nearby_chosen.connect(controller.models.choose_memory_reach)
        self.model.download_asked.connect(self._download)
        self.find.find_asked.connect(controller.finding.start)
        self.find.take_asked.connect(controller.finding.take_all)
        self.find.leave_asked.connect(controller.finding.leave)
        self.find.limits_chosen.connect(
            lambda score, low, high: controller.finding.show_only(score, (low, high))
        )
        self.object.object_chosen.connect(controller.choose_object)
        self.object.sign_chosen.connect(controller.choose_sign)
        self.object.next_asked.connect(controller.next_object)
        self.object.remove_asked.connect(controller.remove_object)
        self.import_box.asked.connect(self.label_import.import_labels)
        self.import_box.link_asked.connect(controller.label_links.link)
        self.import_box.keep_asked.connect(controller.label_links.keep)
        self.import_box.leave_asked.connect(controller.label_links.leave)
        self.track.follow.toggled.connect(controller.tracking.set_follows)
        self.track.pressed.connect(self._track_or_cancel)
        self.document.undo_asked.connect(controller.review.undo)
        self.document.redo_asked.connect(controller.review.redo)
        self.document.export_asked.connect(self._export)
        self.status.action_asked.connect(self._act)
        self.status.help_asked.connect(self.show_keys)
        self._help_key.activated.connect(self.show_keys)
        layers = self.viewer.layers.events
        layers.inserted.connect(self._on_layers)
        layers.removed.connect(self._on_layers)
        layers.reordered.connect(self._on_look)
        QApplication.instance().aboutToQuit.connect(self.shut_down)
        self.destroyed.connect(self.controller.close)
        for image in self._images():
            self._watch(image)

    def _key_actions(self) -> dict[str, Any]:
        controller = self.controller
        return {
            "K": self._track_or_cancel,
            "T": controller.toggle_sign,
            "N": controller.next_object,
            "Shift-K": controller.tracking.segment_frame,
            "Shift-C": controller.canvas.clear_frame,
            "F": controller.finding.start,
            "Shift-T": self.teach.start_or_stop,
            **self.review.key_actions(),
        }

    # Closing

    def event(self, event: QEvent) -> bool:
        """Shut down when the dock is closed: napari removes the widget without closing it."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
            elif self._was_docked and not self.controller.is_closed:
                self.review.show_lanes(False)
                prompt_layers = self.controller.images.prompt_layers()
                self.shut_down()
                self.controller.images.remove(prompt_layers)
        return bool(super().event(event))

    def closeEvent(self, event: QEvent) -> None:
        """Stop the inference thread when the window is closed."""
        self.shut_down()
        super().closeEvent(event)

    def shut_down(self) -> None:
        """Stop the inference thread, release the keys and detach from the layers."""
        if self.controller.is_closed:
            return
        self._render_timer.stop()
        self._points_warming.stop()
        self._shapes_warming.stop()
        self.label_import.close()
        layers = self.viewer.layers.events
        layers.inserted.disconnect(self._on_layers)
        layers.removed.disconnect(self._on_layers)
        layers.reordered.disconnect(self._on_look)
        for image in self._images():
            for name in LOOKS:
                getattr(image.events, name).disconnect(self._on_look)
        self._escape.release()
        self._division_escape.release()
        self._finding_escape.release()
        self._enter.release()
        self._drop.release()
        self._history_keys.release()
        self._keys.release()
        self._verdict_keys.release()
        self._sample_keys.release()
        self._help_key.setEnabled(False)
        self.controller.close()

    # Actions

    def show_keys(self) -> None:
        """Open the list of all keys and clicks."""
        CheatSheet(self).show()

    def _leave_finding(self) -> None:
        self.controller.new_cells.cancel()
        self.controller.finding.leave()

    def _first_image(self) -> Image | None:
        images = self._images()
        active = self.controller.view.layers.selection.active
        return active if active in images else next(iter(images), None)

    def _images(self) -> list[Image]:
        return [layer for layer in self.controller.view.layers if isinstance(layer, Image)]

    def _on_layers(self, event: Any) -> None:
        layer = event.value
        if event.type == "inserted" and isinstance(layer, Image):
            self._watch(layer)
            if PROJECT in layer.metadata:
                QTimer.singleShot(0, lambda: self._take_saved(layer))
            elif self.controller.image is None:
                QTimer.singleShot(0, self._take_image)  # once napari has selected the new layer
        self._render_soon()

    def _take_image(self) -> None:
        is_wanted = self.controller.image is None and not self._is_warming
        if is_wanted and not self.controller.is_closed:
            self.controller.choose_image(self._first_image())

    @property
    def _is_warming(self) -> bool:
        """Whether the prompt layers cannot be created yet."""
        return self._is_cold and not self._points_warming.is_over

    def _let_click(self) -> None:
        """Add the clicks layer, and load the model once the window has drawn that layer.

        Both steps hold Python's global lock most of the time. One after the other they take no
        longer than together, and the user can click earlier.
        """
        self._take_image()
        QTimer.singleShot(RENDER_INTERVAL_MS, self.controller.start)

    def _warm_shapes_in_time(self) -> None:
        """Prepare the Shapes layer once the model is loaded, or has failed to load."""
        image_state = self.controller.image_state
        is_opening = (
            image_state is not None and not image_state.is_open and image_state.problem is None
        )
        if self._is_cold and not self.controller.models.is_loading and not is_opening:
            self._shapes_warming.start()

    def _take_saved(self, layer: Image) -> None:
        """Choose the image of a project that was opened."""
        if layer in self.controller.view.layers and not self.controller.is_closed:
            self.controller.choose_image(layer)

    def _watch(self, image: Image) -> None:
        """Render again when the image is renamed, hidden or made transparent."""
        for name in LOOKS:
            getattr(image.events, name).connect(self._on_look)

    def _on_look(self, event: Any) -> None:
        self._render_soon()

    def _track(self) -> None:
        track = self.track
        self.controller.tracking.start(
            track.direction, track.frame_limit, until_locked=track.until_locked.isChecked()
        )
        self._bind_keys()  # Esc works from now on

    def _track_or_cancel(self) -> None:
        button = next_step(self._situation()).track
        if button.cancels:
            self.controller.tracking.cancel()
        elif button.is_enabled:
            self._track()

    def _choose_model(self, name: str) -> None:
        if self._agrees_to_recompute():
            self.controller.models.choose(name)
        self._render_soon()

    def _choose_device(self, device: str) -> None:
        if self._agrees_to_recompute():
            self.controller.models.choose_device(device)
        self._render_soon()

    def _choose_size(self, image_size: int) -> None:
        models = self.controller.models
        is_computed_later = image_size == models.image_size or models.missing is not None
        if is_computed_later or self._agrees_to_recompute():
            models.choose_size(image_size)
        self._render_soon()

    def _download(self) -> None:
        self.controller.models.start_download()
        self._render_soon()

    def _agrees_to_recompute(self) -> bool:
        return not self.controller.images.has_prompts or self._agrees(RECOMPUTED)

    def _agrees(self, text: str) -> bool:
        answer = QMessageBox.question(self, "SAM 2", f"{text} Continue?")
        return bool(answer == QMessageBox.StandardButton.Yes)

    def _choose_part(self, part: Selection) -> None:
        """Track another channel or plane; ask first if cells would be outlined again."""
        image_state = self.controller.image_state
        if image_state is None:
            return
        is_same_stack = part.axes == image_state.layers.axes.named
        text = RECOMPUTED if is_same_stack else OTHER_FRAMES
        if not image_state.has_prompts() or self._agrees(text):
            self.controller.choose_part(part)
        self._render_soon()

    def _export(self) -> None:
        image_state = self.controller.image_state
        if image_state is None:
            return
        source = image_state.image.source.path
        folder = Path(source).parent if source else Path.home()
        proposal = str(folder / f"{image_state.image.name}{EXPORT_SUFFIX}")
        rejected = sum(known.is_rejected for known in image_state.objects.values())
        path = ask_path(self, proposal, rejected)
        if path is not None:
            self.controller.exporting.start(path)

    def _act(self) -> None:
        """Carry out the action that the button below the tip offers."""
        controller = self.controller
        deeds = {
            Action.RESTORE_LAYERS: controller.restore_layers,
            Action.USE_CONTRAST: controller.use_contrast,
            Action.SHOW_IMAGE: controller.show_image,
            Action.TAKE_VIEW: controller.take_view,
            Action.BACK_TO_MOVIE: lambda: controller.go_to(controller.view.frame),
            Action.BACK_TO_CLICKING: controller.activate_clicks,
            Action.MAKE_DAUGHTER: controller.divisions.accept,
            Action.TRACK_AGAIN: controller.tracking.start_again,
        }
        action = next_step(self._situation()).action
        if action is not None:
            deeds[action]()

    # Showing

    @property
    def is_behind(self) -> bool:
        """Whether a change is not rendered yet."""
        return bool(self._render_timer.isActive())

    def _render_soon(self) -> None:
        """Schedule one rendering for all changes that follow each other closely."""
        if not self._render_timer.isActive() and not self.controller.is_closed:
            self._render_timer.start()

    def _render(self) -> None:
        """Show the state of the controller in all widgets."""
        controller, image_state = self.controller, self.controller.image_state
        self._warm_shapes_in_time()
        self._bind_keys()
        self.image.show_images(self._images(), controller.image)
        self._render_axes()
        self._render_model()
        now = self._situation()
        step = next_step(now)
        self.status.show_tip(step.tip, None if step.action is None else step.action.value)
        is_usable = image_state is not None
        self.label_import.refresh()
        self.import_box.show_layers(self.label_import.layers() if is_usable else (), now.is_stack)
        self.import_box.show_links(controller.label_links.text)
        self._render_finding()
        self.new_cells.render(is_usable and now.is_stack)
        for widget in (self.find, self.object, self.track, self.document):
            widget.setEnabled(is_usable)
        self.review.render()
        self.saving.render()
        self.teach.render()
        self.many_movies.render()
        self.input_preview.show_input(None if image_state is None else image_state.seen)
        if image_state is None:
            self.track.show_run(None, step.track)
            return
        names = {
            object_id: properties.name for object_id, properties in image_state.objects.items()
        }
        self.object.show_objects(
            image_state.object_ids, image_state.current_object, names, image_state.layers.colour_of
        )
        self.object.show_sign(image_state.sign)
        self.object.remove.setEnabled(image_state.current_object in image_state.objects)
        self.track.show_run(image_state.progress, step.track)
        self.document.show_history(image_state.undo_text, image_state.redo_text)
        can_export = bool(image_state.objects) and image_state.layers.labels is not None
        self.document.show_export(can_export, controller.exporting.is_on)

    def _render_finding(self) -> None:
        finding = self.controller.finding
        found = finding.found
        self.find.show_search(finding.progress if finding.is_searching else None)
        if found is None:
            self.find.show_found(None)
            return
        self.find.show_found(len(found.numbers), len(found.proposals) - len(found.numbers))
        self.find.show_limits(found.score, found.sizes, found.limits)
        self.find.show_hovered(finding.hovered)

    def _render_axes(self) -> None:
        image_state = self.controller.image_state
        if image_state is None:
            self.axes.show_part(None, EVERYTHING)
        else:
            self.axes.show_part(image_state.layers.axes, image_state.part)
        volumes = self.controller.volumes
        self.axes.show_filling(volumes.progress, can_fill=volumes.can_start)

    def _render_model(self) -> None:
        models = self.controller.models
        self.model.show_models(models.choices, models.wanted)
        loaded = "" if models.loaded is None else models.loaded.device
        self.model.show_devices(models.devices, models.device, loaded)
        self.model.show_sizes(models.image_sizes, models.image_size, models.quicker_size)
        self.model.show_nearby(models.is_local, can_be=models.can_be_local)
        self.model.show_download(models.missing, models.download)

    def _bind_keys(self) -> None:
        owners = [self.viewer]
        if self.controller.image_state is not None:
            owners += list(self.controller.image_state.layers)
        self._keys.bind(owners)
        self._history_keys.bind(owners)
        modes = (
            (self._verdict_keys, self.controller.verification.is_on),
            (self._sample_keys, self.controller.sample.is_on),
        )
        for keys, is_on in sorted(modes, key=lambda pair: pair[1]):  # release before binding
            if is_on:
                keys.bind(owners)
            else:
                keys.release()
        is_tracking = self.controller.tracking.is_on
        is_dividing = self.controller.divisions.division is not None and not is_tracking
        finding = self.controller.finding
        is_looking = finding.is_searching or self.controller.new_cells.progress is not None
        is_finding = is_looking or finding.found is not None
        escapes = (
            (self._escape, is_tracking),
            (self._division_escape, is_dividing),
            (self._finding_escape, is_finding and not is_dividing and not is_tracking),
        )
        for escape, is_bound in sorted(escapes, key=lambda pair: pair[1]):  # release before binding
            if is_bound:  # the selected layer gets the key first
                escape.bind([self.viewer, *self.controller.view.layers])
            else:
                escape.release()
        if finding.found is None:
            self._enter.release()
        else:
            self._enter.bind(owners)
        if self.controller.new_cells.is_shown:
            self._drop.bind(owners)
        else:
            self._drop.release()

    def _situation(self) -> Situation:
        controller, image_state = self.controller, self.controller.image_state
        models = controller.models
        common: dict[str, Any] = {
            "has_images": bool(self._images()),
            "has_image": image_state is not None,
            "problem": controller.problem or (image_state.problem if image_state else None),
            "is_warming": self._is_warming,
            "has_model": models.loaded is not None,
            "is_loading": models.is_loading,
            "is_missing": models.missing is not None,
            "is_downloading": models.download is not None,
        }
        if image_state is None:
            return Situation(**common)
        reviewed, doubtful = image_state.review_progress
        division, offer = controller.divisions.division, controller.divisions.offer
        proposal, found = controller.divisions.proposal, controller.finding.found
        return Situation(
            **common,
            is_open=image_state.is_open,
            missing_layers=tuple(image_state.layers.missing()),
            outside=controller.view.outside_told,
            is_other_plane=controller.view.other_plane is not None,
            hidden_image=image_state.image.name if controller.is_image_hidden else None,
            is_stack=image_state.is_movie,
            tool=image_state.layers.tool(controller.view.layers.selection.active),
            is_sign_exclude=image_state.sign == EXCLUDE,
            object_id=image_state.current_object,
            has_objects=image_state.has_prompts(),
            has_object=image_state.has_prompts(image_state.current_object),
            is_importing=image_state.is_importing,
            is_proposing=image_state.is_proposing,
            is_tracking=image_state.is_tracking,
            is_checking=image_state.is_checking,
            is_tracked=image_state.is_tracked,
            unreviewed=doubtful - reviewed,
            contrast_differs=image_state.is_open and image_state.contrast_differs(),
            daughters=None if division is None else len(division.daughters),
            mother=None if division is None else division.mother,
            offered_mother=None if offer is None else offer.mother,
            proposed_mother=None if proposal is None else proposal.mother,
            is_finding=controller.finding.is_searching,
            found=None if found is None else len(found.numbers),
            wants_tracking=image_state.wants_tracking,
            can_teach=self.teach.is_worth_offering,
        )
