"""The Labels layer: converts painting and erasing to strokes for the inference thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_sam2.plugin.protocol.messages import Stroke

if TYPE_CHECKING:
    from napari.layers import Labels
    from numpy.typing import NDArray

    from napari_sam2.plugin.layers.image_axes import ImageAxes

TOOLS = ("paint", "erase", "fill", "polygon")


class BrushPrompts:
    """Converts changes that napari's tools make to a Labels layer into strokes.

    napari writes directly into the labels of the document. When the document has processed
    the stroke, it overwrites these pixels with its own labels. napari's undo history of the layer
    is cleared, because the document has an undo history of all edits.

    Parameters
    ----------
    layer : Labels
        The layer that displays the labels of the document.
    axes : ImageAxes
        Axes of the layer and of the image.
    on_strokes : callable
        Called with the strokes of a gesture when the gesture ends.
    on_label : callable
        Called with the label that the user selects.
    on_release : callable
        Called when the mouse button is released, whether the brush has painted or not.
    """

    def __init__(
        self,
        layer: Labels,
        axes: ImageAxes,
        on_strokes: Callable[[tuple[Stroke, ...]], None],
        on_label: Callable[[int], None],
        on_release: Callable[[], None],
    ) -> None:
        self.layer = layer
        self._axes = axes
        self.is_painting = False  # the mouse button is pressed
        self._on_strokes = on_strokes
        self._on_label_taken = on_label
        self._on_release = on_release
        self._label = int(layer.selected_label)
        layer.mouse_drag_callbacks.insert(0, self._on_press)
        layer.events.paint.connect(self._on_paint)
        layer.events.selected_label.connect(self._on_label)

    def detach(self) -> None:
        """Disconnect from the layer, which remains as an ordinary layer."""
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.selected_label.disconnect(self._on_label)
        if self._on_press in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._on_press)

    def set_current(self, object_id: int) -> None:
        """Select the object that the brush paints."""
        if object_id <= np.iinfo(self.layer.data.dtype).max:
            self._label = object_id
            self.layer.selected_label = object_id

    def _on_press(self, layer: Labels, event: Any) -> Iterator[None]:
        self.is_painting = str(layer.mode) in TOOLS
        yield
        while event.type == "mouse_move":
            yield
        self.is_painting = False
        QTimer.singleShot(0, self._on_release)

    def _on_paint(self, event: Any) -> None:
        self.layer._reset_history()  # napari has no public method for this
        self._on_strokes(tuple(strokes_of(event.value, self._axes)))

    def _on_label(self, event: Any) -> None:
        label = int(self.layer.selected_label)
        if label not in (0, self._label):
            self._label = label
            self._on_label_taken(label)


def strokes_of(atoms: Iterable[Any], axes: ImageAxes) -> Iterator[Stroke]:
    """Strokes for an entry of napari's paint history, by frame, in the order of painting."""
    for atom in atoms:
        indices, values = _pixels(atom)
        frames = axes.frames_at(indices)
        for t in np.unique(frames).tolist():
            is_here = frames == t
            rows, columns = (indices[axis][is_here] for axis in axes.plane)
            yield Stroke(int(t), rows, columns, values[is_here])


def _pixels(atom: Any) -> tuple[tuple[NDArray[np.intp], ...], NDArray[np.integer[Any]]]:
    """Indices and new values of the changed pixels, from either format that napari uses."""
    if hasattr(atom, "slice_key"):
        corner = [part.start or 0 for part in atom.slice_key]
        size = [part.stop - start for part, start in zip(atom.slice_key, corner, strict=True)]
        mask = np.ones(size, bool) if atom.mask is None else np.reshape(atom.mask, size)
        places = [axis + start for axis, start in zip(np.nonzero(mask), corner, strict=True)]
        value: Any = atom.new_value
    else:
        found, _, value = atom
        places = [np.asarray(axis).ravel() for axis in found]
    return tuple(places), np.broadcast_to(np.asarray(value), places[0].shape)
