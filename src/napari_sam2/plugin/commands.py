"""Commands of the panel for napari's command palette: the same actions as its keys and buttons."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.panel import SamPanel
from napari_sam2.plugin.startup.error_notifications import show_warning

NO_PANEL = "Open the panel first: Plugins > SAM 2."
Command = Callable[[], None]


def open_panel() -> SamPanel | None:
    """The panel of the active window, or else any open panel; None if there is none."""
    panels = [
        one
        for one in QApplication.allWidgets()
        if isinstance(one, SamPanel) and not one.controller.is_closed
    ]
    active = [one for one in panels if one.isActiveWindow()]
    return next(iter([*active, *panels]), None)


def _with_panel(act: Callable[[SamPanel], object]) -> Command:
    def run() -> None:
        panel = open_panel()
        if panel is None:
            show_warning(NO_PANEL)
        else:
            act(panel)

    return run


def _key(key: str) -> Command:
    """The action of a key of the panel."""
    return _with_panel(lambda panel: panel.key_actions()[key]())


next_cell = _key("N")
find_cells = _key("F")
include_or_exclude = _key("T")
draw_boxes = _key("Shift-B")
click_here = _with_panel(lambda panel: panel.controller.keyboard_clicks.click())
crosshair_up = _key("Control-Shift-Up")
crosshair_down = _key("Control-Shift-Down")
crosshair_left = _key("Control-Shift-Left")
crosshair_right = _key("Control-Shift-Right")
previous_in_list = _key(",")
next_in_list = _key(".")
clear_prompts = _key("Shift-C")
another_guess = _key("O")
track = _key("K")
outline_here = _key("Shift-K")
teach = _key("Shift-T")
next_doubtful = _key("]")
previous_doubtful = _key("[")
mark_reviewed = _key("C")
lock = _key("L")
divide = _key("D")
no_division = _key("Shift-D")
review_cells = _key("Shift-R")
family = _key("Q")
undo = _with_panel(lambda panel: panel.controller.review.undo())
redo = _with_panel(lambda panel: panel.controller.review.redo())
export = _with_panel(lambda panel: panel.export())
save_project = _with_panel(lambda panel: panel.saving.save())
save_project_as = _with_panel(lambda panel: panel.saving.save_as())
open_project = _with_panel(lambda panel: panel.saving.ask_and_open())
many_movies = _with_panel(lambda panel: panel.many_movies.show())
more = _with_panel(lambda panel: panel.layout_parts.more.click())
tour = _with_panel(lambda panel: panel.tour.start())
show_keys = _with_panel(lambda panel: panel.show_keys())
