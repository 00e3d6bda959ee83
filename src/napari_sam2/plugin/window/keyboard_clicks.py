"""Clicks by the keyboard: a crosshair that arrow keys move, and a prompt where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.layers.crosshair import Crosshair
from napari_sam2.plugin.layers.source_image import stack_shape
from napari_sam2.plugin.protocol.messages import AddPoint
from napari_sam2.plugin.startup.error_notifications import show_warning

if TYPE_CHECKING:
    import napari

    from napari_sam2.plugin.protocol.messages import Position
    from napari_sam2.plugin.window.canvas_edits import CanvasEdits
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.view import View

STEPS = 64  # of the crosshair across the image
NOWHERE = "There is no crosshair yet. Ctrl+Shift and an arrow key show it."


class KeyboardClicks:
    """Makes clicks at the crosshair.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    view : View
        Knows the shown frame.
    canvas : CanvasEdits
        Takes the clicks.
    """

    def __init__(self, viewer: napari.Viewer, view: View, canvas: CanvasEdits) -> None:
        self._viewer = viewer
        self._view = view
        self._canvas = canvas
        self._crosshair = Crosshair(view.layers)
        viewer.mouse_move_callbacks.append(self._on_mouse)

    def close(self) -> None:
        """Remove the crosshair."""
        self._viewer.mouse_move_callbacks.remove(self._on_mouse)
        self._crosshair.hide()

    @property
    def has_crosshair(self) -> bool:
        """Whether there is a crosshair."""
        return self._crosshair.place is not None

    def key_actions(self) -> dict[str, Callable[[], None]]:
        """The keys and their actions."""
        moves = {"Up": (-1, 0), "Down": (1, 0), "Left": (0, -1), "Right": (0, 1)}
        return {
            "Enter": self.click,
            **{f"Control-Shift-{name}": self._mover(*way) for name, way in moves.items()},
        }

    def click(self) -> None:
        """Make a click at the crosshair."""
        image_state, t = self._view.acting_place()
        if image_state is None:
            return
        place = self._crosshair.place
        if place is None:
            show_warning(NOWHERE)
            return
        self._canvas.on_edit(
            AddPoint(image_state.number, t, image_state.current_object, place, image_state.sign)
        )

    def _mover(self, rows: int, columns: int) -> Callable[[], None]:
        return lambda: self.move(rows, columns)

    def move(self, rows: int, columns: int) -> None:
        """Move the crosshair by steps; the first move shows it at the mouse, or in the middle."""
        image_state, t = self._view.acting_place()
        if image_state is None:
            return
        _, height, width = stack_shape(image_state.image)
        step = max(1, round(max(height, width) / STEPS))
        begin = self._crosshair.place
        if begin is None:
            place = self._mouse_on(image_state) or ((height - 1) / 2, (width - 1) / 2)
        else:
            place = begin[0] + step * rows, begin[1] + step * columns
        inside = min(max(place[0], 0), height - 1), min(max(place[1], 0), width - 1)
        self._crosshair.show(image_state.image, t, inside)

    def _mouse_on(self, image_state: ImageState) -> Position | None:
        """(y, x) of the mouse in pixels of an image; None if it is beside the image."""
        position = self._viewer.cursor.position
        image = image_state.image
        _, y, x = image_state.layers.axes.place(image.world_to_data(position[-image.ndim :]))
        _, height, width = stack_shape(image)
        is_inside = -0.5 <= y < height - 0.5 and -0.5 <= x < width - 0.5
        return (float(y), float(x)) if is_inside else None

    def _on_mouse(self, viewer: Any, event: Any) -> None:
        """Let the mouse take over."""
        if self._crosshair.place is not None:
            self._crosshair.hide()
