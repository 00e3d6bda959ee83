"""The widgets of the review: buttons and table in the panel, lanes in a separate dock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_sam2.annotation.families import family_of, lineage_names
from napari_sam2.annotation.objects import Status
from napari_sam2.annotation.undo_texts import counted
from napari_sam2.io.project.reviewer import reviewer_name, set_reviewer_name
from napari_sam2.plugin.widgets.effort_dialog import EffortDialog
from napari_sam2.plugin.widgets.lane_paint import Heading
from napari_sam2.plugin.widgets.lanes_box import LanesBox
from napari_sam2.plugin.widgets.lanes_dock import put_below_canvas
from napari_sam2.plugin.widgets.objects_model import ObjectRow
from napari_sam2.plugin.widgets.objects_table import ObjectsTable
from napari_sam2.plugin.widgets.review_box import ReviewBox
from napari_sam2.plugin.widgets.sample_box import SampleBox
from napari_sam2.plugin.widgets.swap_box import SwapBox
from napari_sam2.plugin.widgets.verdict_box import VerdictBox
from napari_sam2.plugin.window.timelines import Summary, lineage_order
from napari_sam2.plugin.window.verification import cells_to_refine

if TYPE_CHECKING:
    from collections.abc import Collection

    from napari_sam2.plugin.widgets.lanes_view import LaneRange
    from napari_sam2.plugin.window.controller import Controller
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.verification import Verification

DOCK_NAME = "SAM 2 lanes"


class ReviewWidgets(QObject):
    """Shows the review of the chosen image and passes the user's actions to the controller.

    Parameters
    ----------
    controller : Controller
        State of the window.
    panel : QWidget
        The panel that holds `box`, `swaps`, `verdicts`, `sample` and `table`, and the lanes while
        they are not docked.
    """

    def __init__(self, controller: Controller, panel: QWidget) -> None:
        super().__init__(panel)
        self.controller = controller
        self.box = ReviewBox()
        self.verdicts = VerdictBox(reviewer_name())
        self.sample = SampleBox()
        self.swaps = SwapBox()
        self.table = ObjectsTable()
        self.lanes = LanesBox(panel)
        self.lanes.hide()
        self._panel = panel
        self._shown: Any = None  # state from which the rows were made
        self._rows: list[ObjectRow] = []
        self._has_opened = False
        self._connect()

    def _connect(self) -> None:
        review = self.controller.review
        self.box.previous_asked.connect(lambda: review.find_doubtful(is_backward=True))
        self.box.next_asked.connect(lambda: review.find_doubtful())
        self.box.accept_asked.connect(review.toggle_accepted)
        self.box.lock_asked.connect(review.toggle_lock)
        self.box.divide_asked.connect(self._divide)
        self.box.verify_asked.connect(self.controller.tracking.start_check)
        self.box.tracks.clicked.connect(self.controller.tracks.set_shown)
        self.box.divisions.clicked.connect(self.controller.divisions.show_proposals)
        self.box.lanes.clicked.connect(self.show_lanes)
        swaps = self.controller.swaps
        self.swaps.swaps_asked.connect(swaps.toggle)
        self.swaps.swap_asked.connect(lambda: swaps.decide(True))
        self.swaps.keep_asked.connect(lambda: swaps.decide(False))
        self._connect_verdicts()
        self.controller.view_found.connect(self._show_lanes_again)
        self.table.object_chosen.connect(self.controller.choose_object)
        self.table.renamed.connect(review.rename)
        self.table.status_chosen.connect(lambda key, status: review.judge([key], status))
        self.table.shown_chosen.connect(self.controller.set_shown)
        self.table.removal_asked.connect(review.remove)
        self.table.merge_asked.connect(review.merge)
        self.table.split_asked.connect(review.split)
        self.table.swap_asked.connect(review.swap)
        self.table.mother_chosen.connect(review.set_mother)
        self.table.dissolve_asked.connect(review.dissolve)
        self.table.move_asked.connect(review.move_division)
        self.lanes.closed.connect(self._take_back)
        self.lanes.family_chosen.connect(lambda _: self.render())
        self.lanes.view.jumped.connect(self.controller.go_to_time)
        self.lanes.clear_asked.connect(lambda chosen: review.clear(*self._parts(chosen)))
        self.lanes.accept_asked.connect(lambda chosen: review.accept(*self._parts(chosen)))
        self.lanes.lock_asked.connect(
            lambda chosen, is_locked: review.lock(*self._parts(chosen), is_locked)
        )
        tracking = self.controller.tracking
        self.lanes.track_asked.connect(lambda chosen: tracking.start_range(*self._parts(chosen)))

    def _parts(self, chosen: LaneRange) -> tuple[int, range]:
        """Object and frames of a range of the lanes, which count time points."""
        image_state = self.controller.image_state
        frames = chosen.frames if image_state is None else image_state.frames_of(chosen.frames)
        return chosen.object_id, frames

    def _connect_verdicts(self) -> None:
        verification, box = self.controller.verification, self.verdicts
        box.mode_asked.connect(self._toggle_verdicts)
        sample = self.controller.sample
        self.sample.sample_asked.connect(self._toggle_sample)
        self.sample.right_asked.connect(lambda: sample.judge(True))
        self.sample.wrong_asked.connect(lambda: sample.judge(False))
        box.refine_asked.connect(verification.go_to_refine)
        box.effort_asked.connect(self.controller.effort.ask)
        self.controller.effort.counted.connect(
            lambda effort: EffortDialog(effort, self._panel).show()
        )
        box.satisfactory_asked.connect(lambda: verification.judge(Status.REVIEWED))
        box.unsatisfactory_asked.connect(lambda: verification.judge(Status.TO_REFINE))
        box.rejection_asked.connect(lambda: verification.judge(Status.REJECTED))
        box.play_asked.connect(verification.play)
        box.name_chosen.connect(set_reviewer_name)

    def verdict_keys(self) -> dict[str, Any]:
        """Keys of the review of whole cells, bound while it is on, and their actions."""
        verification = self.controller.verification
        return {
            "G": lambda: verification.judge(Status.REVIEWED),
            "W": lambda: verification.judge(Status.TO_REFINE),
            "J": lambda: verification.judge(Status.REJECTED),
            "Q": verification.play,
        }

    def sample_keys(self) -> dict[str, Any]:
        """Keys of the review of a sample, bound while it is on, and their actions."""
        sample = self.controller.sample
        return {"G": lambda: sample.judge(True), "W": lambda: sample.judge(False)}

    def _toggle_verdicts(self) -> None:
        """Begin or end the review of whole cells; it ends the review of a sample."""
        self.controller.sample.stop()
        self.controller.verification.toggle()

    def _toggle_sample(self) -> None:
        """Begin or end the review of a sample; it ends the review of whole cells."""
        if self.controller.verification.is_on:
            self.controller.verification.stop()
        self.controller.sample.toggle()

    def key_actions(self) -> dict[str, Any]:
        """Keys of the review and their actions."""
        review = self.controller.review
        return {
            "]": self._next,
            "[": lambda: self._next(is_backward=True),
            "Shift-D": self.controller.divisions.decline,
            "C": review.toggle_accepted,
            "L": review.toggle_lock,
            "D": self._divide,
            "Shift-R": self._toggle_verdicts,
            "Q": self._toggle_family,
        }

    def _toggle_family(self) -> None:
        """Show the lanes of the family of the current cell only, or of all cells again."""
        if self.lanes.is_docked:
            self.lanes.family.click()

    def _divide(self) -> None:
        """Link the selected cells as daughters, or begin the clicks of a division."""
        image_state = self.controller.image_state
        known = () if image_state is None else image_state.objects
        self.controller.divisions.press([key for key in self.table.selected() if key in known])

    def _next(self, is_backward: bool = False) -> None:
        """Go to the next new cells, possible division, or doubtful frame: what was looked for."""
        divisions, new_cells = self.controller.divisions, self.controller.new_cells
        if new_cells.frames:
            new_cells.next(is_backward)
        elif divisions.proposals is not None:
            divisions.next_proposal(is_backward)
        else:
            self.controller.review.find_doubtful(is_backward)

    # Dock of the lanes

    def show_lanes(self, is_shown: bool) -> None:
        """Open or close the dock."""
        window = self.controller.viewer.window
        if is_shown and not self.lanes.is_docked:
            self._has_opened = True
            self.controller.refit.note()
            window.add_dock_widget(
                self.lanes, name=DOCK_NAME, area="bottom", add_vertical_stretch=False
            )
            put_below_canvas(self.lanes)
            self.controller.refit.after_dock()
            self.controller.keep_lanes(True)
            self.render()
        elif not is_shown and self.lanes.is_docked:
            window.remove_dock_widget(self.lanes)

    def _show_lanes_again(self, had_lanes: bool) -> None:
        """Show the lanes of a reopened project if they were open."""
        if had_lanes:
            self.show_lanes(True)

    def _take_back(self) -> None:
        """Keep the lanes in the panel, hidden, after their dock was closed."""
        self.lanes.setParent(self._panel)
        self.lanes.hide()
        self.box.lanes.setChecked(False)
        if not self.controller.is_closed:
            self.controller.keep_lanes(False)

    # Showing

    def render(self) -> None:
        """Show the state of the controller."""
        image_state = self.controller.image_state
        for widget in (self.box, self.swaps, self.verdicts, self.sample, self.table):
            widget.setEnabled(image_state is not None)
        self._render_verdicts(image_state)
        sample = self.controller.sample
        self.sample.show_sample(sample.text, is_on=sample.is_on)
        self.swaps.show_question(self.controller.swaps.text)
        if image_state is None:
            self._shown, self._rows = None, []
            self.table.show_objects([], 0)
            self.box.show_progress(0, 0)
            self.box.show_outlook("", "")
            self.lanes.view.show_objects([])
            return
        has_run = image_state.is_tracking or image_state.is_tracked
        if has_run and not self._has_opened and image_state.is_movie:
            self.show_lanes(True)
        if self._shown != (
            state := (image_state, image_state.revision, image_state.layers.colours)
        ):
            self._shown = state
            names = lineage_names(image_state.objects)
            self._rows = [_row(image_state, key, names[key]) for key in image_state.objects]
        self.table.model.show_titles(image_state.in_3d)
        self.table.show_objects(self._rows, image_state.current_object)
        is_movie = image_state.is_movie and not image_state.in_3d  # of images, not of volumes
        self.box.show_progress(*image_state.review_progress)
        t = self.controller.view.frame
        self.box.show_outlook(image_state.review_outlook, image_state.doubt_on(t))
        self.box.show_place(
            can_accept=image_state.can_accept(t),
            is_accepted=image_state.is_accepted(t),
            can_lock=image_state.can_lock(t),
            is_locked=image_state.is_locked(t),
            can_divide=bool(image_state.objects) and is_movie,
        )
        self.box.divisions.setEnabled(is_movie)
        self.sample.setEnabled(not image_state.in_3d)
        self.swaps.setEnabled(not image_state.in_3d)
        self.box.verify.setEnabled(
            is_movie and image_state.has_prompts() and image_state.progress is None
        )
        self.box.tracks.setEnabled(image_state.layers.axes.takes_tracks)
        self.box.show_divisions(self.controller.divisions.proposals)
        self.box.tracks.setChecked(self.controller.tracks.is_shown)
        self.box.lanes.setChecked(self.lanes.is_docked)
        if self.lanes.is_docked:
            self._render_lanes(image_state, t)

    def _render_verdicts(self, image_state: ImageState | None) -> None:
        to_refine = [] if image_state is None else cells_to_refine(image_state)
        has_cells = image_state is not None and bool(image_state.objects)
        self.verdicts.show_cells(len(to_refine), has_cells=has_cells)
        verification = self.controller.verification
        self.verdicts.show_place(_place_text(verification), is_playing=verification.is_playing)

    def _render_lanes(self, image_state: ImageState, t: int) -> None:
        view = self.lanes.view
        view.show_frames(image_state.times)
        objects = image_state.objects
        shown: Collection[int] = objects
        if self.lanes.family.isChecked() and image_state.current_object in objects:
            shown = family_of(objects, image_state.current_object)
        view.show_objects(
            [_heading(image_state, key) for key in lineage_order(objects) if key in shown]
        )
        for object_id, timeline in image_state.timelines.items():
            view.show_timeline(object_id, timeline)
        view.show_place(image_state.time_of(t), image_state.current_object)


def _row(image_state: ImageState, object_id: int, family: str) -> ObjectRow:
    properties = image_state.objects[object_id]
    return ObjectRow(
        object_id,
        properties.name,
        image_state.layers.colour_of(object_id),
        image_state.summaries.get(object_id, Summary()),
        str(properties.status),
        object_id not in image_state.hidden,
        properties.parent,
        family,
    )


def _heading(image_state: ImageState, object_id: int) -> Heading:
    properties = image_state.objects[object_id]
    colour = image_state.layers.colour_of(object_id)
    return Heading(object_id, properties.name, colour, properties.parent)


def _place_text(verification: Verification) -> str | None:
    """What the review of whole cells shows: "Cell 3, doubtful frame 12. 4 cells are left."."""
    if verification.current is None:
        return None
    cell = f"Cell {verification.current}"
    left = verification.cells_left
    rest = "This is the last cell." if not left else f"{counted(left, 'cell')} left after it."
    if verification.step is None:
        return f"{cell}: is it right on every frame? {rest}"
    frame = "doubtful frame" if verification.step.is_doubtful else "frame"
    return f"{cell}, {frame} {verification.step.t}. {rest}"
