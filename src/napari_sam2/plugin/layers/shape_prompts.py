"""The Shapes layer: converts rectangles to boxes, closed shapes to masks, and lines to points."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.plugin.layers.colours import GREEN, Colour, object_colours, sign_colours
from napari_sam2.plugin.layers.scribbles import Position, is_closed, points_along
from napari_sam2.plugin.protocol.messages import (
    INCLUDE,
    AddScribble,
    Edit,
    Outline,
    PromptEdit,
    SetOutline,
)

if TYPE_CHECKING:
    from napari.layers import Shapes

    from napari_sam2.plugin.layers.image_axes import ImageAxes
    from napari_sam2.plugin.protocol.messages import PromptShown

Box = tuple[float, float, float, float]
FACE_OPACITY = 0.15
MASK_KINDS = ("polygon", "ellipse", "rectangle")


@dataclass(frozen=True)
class ShapeRow:
    """One shape: frame, object, and its box, its outline or the points along a line."""

    t: int
    object_id: int
    box: Box | None = None
    outline: Outline | None = None
    scribble: tuple[Position, ...] = ()

    @property
    def place(self) -> tuple[int, int]:
        """Frame and object of the prompt that contains the shape."""
        return self.t, self.object_id


class ShapePrompts:
    """Synchronises a Shapes layer with the boxes and drawn masks of an image.

    Parameters
    ----------
    layer : Shapes
        The layer, with the feature `object`.
    axes : ImageAxes
        Axes of the layer and of the image.
    image : int
        Number of the image.
    colour_of : callable
        Returns the label colour of an object.
    on_edit : callable
        Called with every edit of the user.
    """

    def __init__(
        self,
        layer: Shapes,
        axes: ImageAxes,
        image: int,
        colour_of: Callable[[int], Colour],
        on_edit: Callable[[Edit | PromptEdit], None],
    ) -> None:
        self.layer = layer
        self._axes = axes
        self._image = image
        self._colour_of = colour_of
        self._on_edit = on_edit
        self._rows: list[ShapeRow] = []  # shapes that the layer should display
        self._shown: list[ShapeRow] = []  # shapes that were last read from the layer
        self._is_writing = False
        self._current = 1
        self._sign = INCLUDE  # of the points along a line
        layer.events.data.connect(self._on_data)
        self.recolour()

    def detach(self) -> None:
        """Disconnect from the layer, which remains as an ordinary layer."""
        self.layer.events.data.disconnect(self._on_data)

    # Display

    def show(self, prompts: Iterable[PromptShown], held: Collection[tuple[int, int]] = ()) -> None:
        """Display boxes and outlines; shapes on `held` places stay as the user left them."""
        rows = [row for prompt in prompts for row in _rows_of(prompt) if row.place not in held]
        rows += [row for row in self._rows if row.place in held]
        self._rows = rows
        self.write()

    def set_current(self, object_id: int, sign: int) -> None:
        """Set the object of the next shape and the sign of the next line; dim other objects."""
        self._sign = sign
        if object_id != self._current:
            self._current = object_id
            self.recolour()

    def write(self) -> None:
        """Update the layer if it does not display the expected shapes."""
        if Counter(self._shown) == Counter(self._rows):
            return
        with self._writing():
            self.layer.selected_data = set()
            self.layer.data = []
            if self._rows:
                self.layer.add([_napari_shape(row, self._axes) for row in self._rows])
                object_ids = np.array([row.object_id for row in self._rows], dtype=np.int64)
                self.layer.features = {"object": object_ids}
        self.recolour()
        self._shown = list(self._rows)

    def recolour(self) -> None:
        """Set the colours of every shape by its object."""
        with self._writing():
            if len(self.layer.data):
                object_ids = [int(object_id) for object_id in self.layer.features["object"]]
                faces = object_colours(object_ids, self._current, self._colour_of)
                faces[:, 3] *= FACE_OPACITY
                self.layer.face_color = faces
                signs = ["include"] * len(object_ids)
                self.layer.edge_color = sign_colours(signs, object_ids, self._current)
            with self.layer.block_update_properties():
                self.layer.feature_defaults = {"object": self._current}
                face = np.asarray(self._colour_of(self._current), dtype=np.float64) * (
                    1,
                    1,
                    1,
                    FACE_OPACITY,
                )
                self.layer.current_face_color = face
                self.layer.current_edge_color = np.asarray(GREEN)

    # Actions of the user

    def _on_data(self, event: Any) -> None:
        if self._is_writing or event.action not in ("added", "removed", "changed"):
            return
        old, new = self._shown, self._read()
        self._shown = new
        self._rows = [row for row in new if not row.scribble]
        QTimer.singleShot(0, self.write)
        for edit in shape_edits(self._image, old, new, self._sign):
            self._on_edit(edit)

    def _read(self) -> list[ShapeRow]:
        shapes = zip(
            self.layer.data, self.layer.shape_type, self.layer.features["object"], strict=True
        )
        return [
            _row(np.array([self._axes.place(at) for at in corners]), kind, int(object_id))
            for corners, kind, object_id in shapes
        ]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        before, self._is_writing = self._is_writing, True
        try:
            yield
        finally:
            self._is_writing = before


def shape_edits(
    image: int, old: Sequence[ShapeRow], new: Sequence[ShapeRow], sign: int = INCLUDE
) -> list[Edit | PromptEdit]:
    """Edits that change the old shapes into the new shapes; `sign` is that of new lines."""
    gone = (Counter(old) - Counter(new)).elements()
    come = list((Counter(new) - Counter(old)).elements())
    # a new shape replaces the old one, so the old one needs no edit
    redrawn = {(row.place, row.box is None) for row in come if not row.scribble}
    removals = [row for row in gone if (row.place, row.box is None) not in redrawn]
    return [_removal(image, row) for row in removals if not row.scribble] + [
        _addition(image, row, sign) for row in come
    ]


def _removal(image: int, row: ShapeRow) -> Edit | PromptEdit:
    if row.box is not None:
        return Edit(image, (Called("remove_box", {"t": row.t, "object_id": row.object_id}),))
    return SetOutline(image, *row.place, None)


def _addition(image: int, row: ShapeRow, sign: int) -> Edit | PromptEdit:
    if row.scribble:
        return AddScribble(image, *row.place, row.scribble, sign)
    if row.box is not None:
        arguments = {"t": row.t, "object_id": row.object_id, "box": row.box}
        return Edit(image, (Called("add_box", arguments),))
    return SetOutline(image, *row.place, row.outline)


def _row(corners: np.ndarray[Any, Any], kind: str, object_id: int) -> ShapeRow:
    """Convert a napari shape with (V, 3) corners of frame, y and x to a row."""
    t = round(float(corners[:, 0].mean()))
    corners = corners[:, 1:]
    if kind == "rectangle" and _is_upright(corners):
        (y0, x0), (y1, x1) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
        return ShapeRow(t, object_id, box=(y0, x0, y1, x1))
    vertices = tuple((float(y), float(x)) for y, x in corners)
    if kind in MASK_KINDS or is_closed(vertices):
        return ShapeRow(t, object_id, outline=Outline(kind, vertices))
    return ShapeRow(t, object_id, scribble=points_along(vertices))


def _is_upright(corners: np.ndarray[Any, Any]) -> bool:
    sides = np.abs(np.diff(corners, axis=0, append=corners[:1]))
    return bool((sides.min(axis=1) <= 1e-6 * max(1.0, float(sides.max()))).all())


def _rows_of(shown: PromptShown) -> list[ShapeRow]:
    rows = []
    if shown.prompt is not None and shown.prompt.box is not None:
        y0, x0, y1, x1 = (float(edge) for edge in shown.prompt.box)
        rows.append(ShapeRow(shown.t, shown.object_id, box=(y0, x0, y1, x1)))
    if shown.outline is not None:
        rows.append(ShapeRow(shown.t, shown.object_id, outline=shown.outline))
    return rows


def _napari_shape(row: ShapeRow, axes: ImageAxes) -> tuple[np.ndarray[Any, Any], str]:
    if row.box is not None:
        y0, x0, y1, x1 = row.box
        kind, corners = "rectangle", [(y0, x0), (y0, x1), (y1, x1), (y1, x0)]
    else:
        assert row.outline is not None
        kind, corners = row.outline.kind, list(row.outline.vertices)
    return np.array([axes.coordinates(row.t, *corner) for corner in corners]), kind
