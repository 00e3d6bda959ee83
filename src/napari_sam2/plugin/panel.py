"""The dock widget "SAM 2": the panel that puts the smaller widgets together."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import QApplication, QMessageBox, QShortcut, QWidget

from napari_sam2.io.selection import EVERYTHING
from napari_sam2.plugin.inference.engine import shipped_engine
from napari_sam2.plugin.layers.source_image import PROJECT
from napari_sam2.plugin.napari_io.reader_choice import prefer_own_reader
from napari_sam2.plugin.startup.warming import Warming, is_warm, warm_points, warm_shapes
from napari_sam2.plugin.widgets.acquisition_box import AcquisitionBox
from napari_sam2.plugin.widgets.axes_box import AxesBox
from napari_sam2.plugin.widgets.cheat_sheet import CheatSheet
from napari_sam2.plugin.widgets.document_box import EXPORT_SUFFIX, DocumentBox, ask_path
from napari_sam2.plugin.widgets.find_box import FindBox
from napari_sam2.plugin.widgets.image_picker import ImagePicker
from napari_sam2.plugin.widgets.import_box import ImportBox
from napari_sam2.plugin.widgets.input_preview_box import InputPreviewBox
from napari_sam2.plugin.widgets.label_import import LabelImport
from napari_sam2.plugin.widgets.many_movies_widgets import ManyMoviesWidgets
from napari_sam2.plugin.widgets.model_box import ModelBox
from napari_sam2.plugin.widgets.new_cells_box import NewCellsWidgets
from napari_sam2.plugin.widgets.object_box import ObjectBox
from napari_sam2.plugin.widgets.panel_layout import PanelLayout, Part
from napari_sam2.plugin.widgets.review_widgets import ReviewWidgets
from napari_sam2.plugin.widgets.saving_widgets import SavingWidgets
from napari_sam2.plugin.widgets.status_line import StatusLine
from napari_sam2.plugin.widgets.teach_widgets import TeachWidgets
from napari_sam2.plugin.widgets.tour_box import TourBox
from napari_sam2.plugin.widgets.track_box import TrackBox
from napari_sam2.plugin.window.controller import Controller
from napari_sam2.plugin.window.next_step import Action, NextStep, Situation, next_step
from napari_sam2.plugin.window.panel_keys import PanelKeys
from napari_sam2.plugin.window.situation import situation_of

if TYPE_CHECKING:
    import napari

    from napari_sam2.io.selection import Selection
    from napari_sam2.model.config import WindowMode
    from napari_sam2.plugin.inference.engine import EngineFactory
    from napari_sam2.plugin.window.image_state import ImageState


RENDER_INTERVAL_MS = 15
ANSWER_MS = 250  # for so long, rendering waits for the mask of an edit
UNSEEN_MS = 500  # after so long, a panel that is not drawn warms up too
RECOMPUTED = (
    "The model will outline every clicked cell again. Painted and locked masks are kept; tracked "
    "masks are kept until you track again."
)
OTHER_FRAMES = (
    "With other axes, or in 3D, this image has other frames. Its cells are closed; they are "
    "offered again when you open the image as it is now."
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
        self.acquisition = AcquisitionBox()
        self.review = ReviewWidgets(self.controller, self)
        self.document = DocumentBox()
        self.saving = SavingWidgets(self.controller, self)
        self.teach = TeachWidgets(self.controller, self)
        self.many_movies = ManyMoviesWidgets(self.controller, self.saving.open, self)
        self.status = StatusLine()
        self._render_timer = QTimer(self, singleShot=True, interval=RENDER_INTERVAL_MS)
        self._warming_timer = QTimer(self, singleShot=True, interval=UNSEEN_MS)
        self._wait_ends: float | None = None  # when rendering stops waiting for an answer
        self._was_docked = False
        self.controller.refit.note()
        self._keys = PanelKeys(
            self.controller,
            self.key_actions(),
            self.review.verdict_keys(),
            self.review.sample_keys(),
        )
        self._help_key = QShortcut(QKeySequence("?"), self)
        self.tour = TourBox(self.controller, lambda: self.layout_parts.set_toured())
        tips, last = (self.tour, self.status), (self.document, self.saving.box)
        self.layout_parts = PanelLayout(self, self.image, tips, self._parts(), last)
        self._connect()
        self._points_warming = Warming(warm_points, self)
        self._points_warming.finished.connect(self._let_click)
        self._warming_timer.timeout.connect(self._points_warming.start)
        self._shapes_warming = Warming(warm_shapes, self)
        self._shapes_warming.finished.connect(self.controller.add_shapes)
        self._shapes_warming.finished.connect(prefer_own_reader)  # saves all settings of napari
        self._is_cold = not is_warm()
        if self._is_cold:
            self.controller.images.put_off_shapes()
            self._render_soon()
            self._warming_timer.start()  # `event` shortens it once the window draws the widget
        else:
            self._take_image()
            QTimer.singleShot(0, self.controller.start)
            QTimer.singleShot(0, prefer_own_reader)

    def _parts(self) -> tuple[Part, ...]:
        """The parts that scroll, from the top, and when each of them is shown."""
        controller = self.controller
        return (
            Part(self.saving.offer),
            Part(self.saving.start, lambda more: not self._images()),
            Part(self.axes),
            Part(self.model, lambda more: more or self._needs_model),
            Part(self.input_preview, lambda more: self.input_preview.is_shown(more)),
            Part(self.import_box, lambda more: self.label_import.is_offered(more)),
            Part(self.find),
            Part(self.object, begins_group=True),
            Part(self.track, begins_group=True),
            Part(self.acquisition, self._offers_following),
            Part(self.new_cells.box, self._offers_new_cells, True),
            Part(self.teach.box, lambda more: more or self.teach.is_shown, True),
            Part(self.review.box, lambda more: more or controller.divisions.proposals is not None),
            Part(self.review.swaps, lambda more: more or controller.swaps.current is not None),
            Part(self.review.verdicts, lambda more: more or controller.verification.is_on),
            Part(self.review.sample, lambda more: more or controller.sample.is_on),
            Part(self.review.table, lambda more: more or self._has_cells, True, fills=True),
            Part(self.many_movies.button, lambda more: more or controller.many_movies.is_on),
        )

    @property
    def _needs_model(self) -> bool:
        models = self.controller.models
        return self.model.is_needed or (models.loaded is None and not models.is_loading)

    def _offers_new_cells(self, shows_more: bool) -> bool:
        image_state = self.controller.image_state
        is_movie = image_state is not None and image_state.is_movie and not image_state.in_3d
        return is_movie and self.new_cells.is_offered(shows_more)

    def _offers_following(self, shows_more: bool) -> bool:
        following = self.controller.following
        return following.is_on or (shows_more and following.is_offered)

    @property
    def _has_cells(self) -> bool:
        image_state = self.controller.image_state
        return image_state is not None and bool(image_state.objects)

    def _connect(self) -> None:
        controller = self.controller
        self._render_timer.timeout.connect(self._render_in_time)
        self.layout_parts.changed.connect(self._render_soon)
        controller.changed.connect(self._render_soon)
        self.image.picked.connect(controller.show_image)
        self.axes.chosen.connect(self._choose_part)
        self.axes.fill_asked.connect(controller.volumes.start)
        self.axes.cancel_asked.connect(controller.volumes.cancel)
        self.model.model_chosen.connect(self._choose_model)
        self.model.device_chosen.connect(self._choose_device)
        self.model.size_chosen.connect(self._choose_size)
        self.model.nearby_chosen.connect(controller.models.choose_memory_reach)
        self.model.windows_chosen.connect(self._choose_windows)
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
        self.object.box_asked.connect(controller.draw_boxes)
        self.object.remove_asked.connect(controller.remove_object)
        self.import_box.asked.connect(self.label_import.import_labels)
        self.import_box.link_asked.connect(controller.label_links.link)
        self.import_box.keep_asked.connect(controller.label_links.keep)
        self.import_box.leave_asked.connect(controller.label_links.leave)
        self.track.follow.toggled.connect(controller.tracking.set_follows)
        self.track.pressed.connect(self._track_or_cancel)
        self.acquisition.clicked.connect(controller.following.set_on)
        self.document.undo_asked.connect(controller.review.undo)
        self.document.redo_asked.connect(controller.review.redo)
        self.document.export_asked.connect(self.export)
        self.status.action_asked.connect(self._act)
        self.status.help_asked.connect(self.show_keys)
        self.saving.start.sample_asked.connect(self._begin_tour)
        self.status.message.dismissed.connect(controller.told.dismiss)
        self._help_key.activated.connect(self.show_keys)
        layers = self.viewer.layers.events
        layers.inserted.connect(self._on_layers)
        layers.removed.connect(self._on_layers)
        layers.reordered.connect(self._on_look)
        QApplication.instance().aboutToQuit.connect(self.shut_down)
        self.destroyed.connect(self.controller.close)
        for image in self._images():
            self._watch(image)

    def key_actions(self) -> dict[str, Any]:
        """Keys that are always bound, and their actions."""
        controller = self.controller
        return {
            "K": self._track_or_cancel,
            "T": controller.toggle_sign,
            "N": controller.next_object,
            ",": lambda: controller.choose_neighbour(-1),
            ".": lambda: controller.choose_neighbour(1),
            "Shift-B": controller.draw_boxes,
            "Shift-K": controller.tracking.segment_frame,
            "Shift-C": controller.canvas.clear_frame,
            "O": controller.canvas.next_guess,
            "F": controller.finding.start,
            "Shift-T": self.teach.start_or_stop,
            **controller.keyboard_clicks.key_actions(),
            "Enter": self._take_or_click,
            **self.review.key_actions(),
        }

    # Closing

    def event(self, event: QEvent) -> bool:
        """Warm up once the panel is drawn, and shut down when the dock is closed.

        napari removes the widget of a dock without closing it.
        """
        if event.type() == QEvent.Type.Paint and self._warming_timer.isActive():
            self._warming_timer.start(0)  # imports would hold up what else is to be drawn
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._was_docked = True
                self.controller.refit.after_dock()
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
        self._warming_timer.stop()
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
        self._keys.release()
        self._help_key.setEnabled(False)
        self.controller.close()

    # Actions

    def show_keys(self) -> None:
        """Open the list of all keys and clicks."""
        CheatSheet(self).show()

    def _begin_tour(self) -> None:
        """Begin the tour on the sample, once on this account."""
        if not self.layout_parts.settings.has_toured:
            self.tour.start()

    def _take_or_click(self) -> None:
        """Make cells of all proposals, or a click at the crosshair."""
        if self.controller.finding.found is not None:
            self.controller.finding.take_all()
        elif self.controller.keyboard_clicks.has_crosshair:
            self.controller.keyboard_clicks.click()

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
        self._keys.bind()  # Esc works from now on

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

    def _choose_windows(self, windows: WindowMode) -> None:
        models = self.controller.models
        is_computed_later = windows == models.windows or models.missing is not None
        if is_computed_later or self._agrees_to_recompute():
            models.choose_windows(windows)
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
        axes = image_state.layers.axes
        is_same_stack = part.axes == axes.named and part.is_3d == axes.in_3d
        text = RECOMPUTED if is_same_stack else OTHER_FRAMES
        if not image_state.has_prompts() or self._agrees(text):
            self.controller.choose_part(part)
        self._render_soon()

    def export(self) -> None:
        """Ask for a file and write the result into it."""
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
            Action.USE_WINDOWS: lambda: controller.models.choose_windows("small"),
            Action.OPEN_SAVED: controller.open_saved,
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

    def _render_in_time(self) -> None:
        """Render now, or once the edit that was sent is answered, if that happens soon.

        The inference thread needs Python's global lock for every operation of the network.
        Rendering would take the lock away from it, and the mask would come later.
        """
        now = time.monotonic()
        if not self._awaits_mask:
            self._wait_ends = None
        elif self._wait_ends is None:
            self._wait_ends = now + ANSWER_MS / 1000
        if self._wait_ends is not None and now < self._wait_ends:
            self._render_timer.start()
        else:
            self._render()

    @property
    def _awaits_mask(self) -> bool:
        """Whether the inference thread works on an edit of the chosen image."""
        image_state = self.controller.image_state
        return image_state is not None and image_state.is_open and image_state.is_waiting

    def _render(self) -> None:
        """Show the state of the controller in all widgets."""
        controller, image_state = self.controller, self.controller.image_state
        self._warm_shapes_in_time()
        self._keys.bind()
        self.image.show_images(self._images(), controller.image)
        self._render_axes()
        self._render_model()
        now = self._situation()
        step = next_step(now)
        self.status.show_tip(step.tip, None if step.action is None else step.action.value)
        self.tour.render_state()
        self.status.message.show_message(controller.told.last)
        is_usable = image_state is not None
        self.label_import.refresh()
        self.import_box.show_layers(self.label_import.layers() if is_usable else (), now.is_stack)
        self.import_box.show_links(controller.label_links.text)
        self._render_finding()
        self.new_cells.render()
        for widget in (self.find, self.object, self.track, self.document):
            widget.setEnabled(is_usable)
        self.review.render()
        self.saving.render()
        self.teach.render()
        self.many_movies.render()
        self.acquisition.show_state(controller.following.is_on)
        self.input_preview.show_input(None if image_state is None else image_state.seen)
        if image_state is not None:
            self._render_image(image_state, step)
        else:
            self.track.show_run(None, step.track)
        self._render_more()

    def _render_image(self, image_state: ImageState, step: NextStep) -> None:
        """Show the state of the chosen image."""
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
        self.document.show_export(can_export, self.controller.exporting.is_on)

    def _render_more(self) -> None:
        """Show the parts, and within them what “More” shows."""
        self.layout_parts.show_parts()
        shows_more = self.layout_parts.shows_more
        for part in (self.object, self.track, self.document, self.saving.box, self.review.table):
            part.show_more(shows_more)

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
        self.model.show_models(models.choices, models.wanted, models.speeds)
        loaded = "" if models.loaded is None else models.loaded.device
        self.model.show_devices(models.devices, models.device, loaded)
        self.model.show_sizes(models.image_sizes, models.image_size, models.quicker_size)
        self.model.show_nearby(models.is_local, can_be=models.can_be_local)
        self.model.show_windows(models.windows, can_be=models.can_be_local)
        self.model.show_download(models.missing, models.download)

    def _situation(self) -> Situation:
        return situation_of(
            self.controller,
            has_images=bool(self._images()),
            is_warming=self._is_warming,
            can_teach=self.teach.is_worth_offering,
        )
