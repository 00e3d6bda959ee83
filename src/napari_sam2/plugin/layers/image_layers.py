"""The three layers that belong to an image: clicks, shapes and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from napari.layers import Labels, Points, Shapes
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.layers.brush_prompts import TOOLS, BrushPrompts
from napari_sam2.plugin.layers.colours import (
    Colour,
    LabelColours,
    object_palette,
    palette_length,
    palette_without,
)
from napari_sam2.plugin.layers.image_axes import GEOMETRY, axes_of
from napari_sam2.plugin.layers.point_prompts import PointPrompts
from napari_sam2.plugin.layers.shape_prompts import ShapePrompts
from napari_sam2.plugin.layers.shown_labels import ShownLabels
from napari_sam2.plugin.layers.source_image import IMAGE_PATH, image_path, stack_shape
from napari_sam2.plugin.napari_io.layer_metadata import NAMES, PARENTS, REJECTED
from napari_sam2.plugin.protocol.messages import INCLUDE, Edit, PromptEdit, Stroke

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from napari.components import LayerList
    from napari.layers import Image, Layer

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.plugin.protocol.messages import PromptShown

# Smallest and largest size of a point on the screen, in pixels. The smallest is 0, because napari
# draws an empty Points layer as one point of size 0.
SHOWN_POINT_SIZE = (0, 12)  # for a screen with a pixel ratio of 1
Tool = Literal["click", "select", "draw", "reshape", "paint", "other"]
POINT_TOOLS: dict[str, Tool] = {"add": "click", "select": "select"}
RESHAPING_MODES = ("direct", "select", "vertex_insert", "vertex_remove")
CLICK_RADIUS = 7.0  # in pixels of the screen
NEARBY = 256  # pixels round a click in which masks are compared
TOUCHING = 3  # pixels between the box of a mask and another mask, up to which they touch


class Listener(Protocol):
    """Callbacks for actions of the user on the layers."""

    def on_edit(self, edit: Edit | PromptEdit) -> None:
        """A prompt was added, moved or removed."""

    def on_gesture(self, edits: Sequence[PromptEdit]) -> None:
        """Several prompts were changed in one gesture."""

    def on_paint(self, number: int, strokes: tuple[Stroke, ...]) -> None:
        """The labels of an image were painted on."""

    def on_pick(self, number: int, object_id: int) -> None:
        """An object was picked on the image of this number."""

    def on_replaced(self, labels: Labels, other: Any) -> None:
        """Other code gave the labels layer other data, which are about to be replaced again."""

    def on_redrawn(self, number: int) -> None:
        """Other code, or napari, redrew the labels layer of the image of this number."""

    def on_mode(self, event: Any = None) -> None:
        """The user selected another tool of a layer."""


def append_unselected(layers: LayerList, layer: Layer) -> None:
    """Append a layer, which napari would select, and leave the selected layer as it is."""
    active = layers.selection.active
    layers.append(layer)
    layers.selection.active = active


class ImageLayers:
    """The layers that display the prompts and labels of one image.

    Parameters
    ----------
    image : Image
        The image layer.
    number : int
        Number of the image in messages.
    suffix : str
        End of the layer names, which distinguishes the layers of different images.
    screen_pixel : callable
        Returns the size of a screen pixel in world units.
    listener : Listener
        Callbacks for actions of the user on the layers.
    """

    def __init__(
        self,
        image: Image,
        number: int,
        suffix: str,
        screen_pixel: Callable[[], float],
        listener: Listener,
    ) -> None:
        self.image = image
        self.axes = axes_of(image)
        self._number = number
        self._suffix = suffix
        self._screen_pixel = screen_pixel
        self._listener = listener
        self.labels_data: LabelArray | None = None
        self.puts_off_shapes = False  # the shapes layer is then not reported as missing
        self._current = (1, INCLUDE)
        self.colours: LabelColours = object_palette()
        self._hidden: frozenset[int] = frozenset()
        self._palette_length = 0  # used while objects are hidden
        self._is_colouring = False
        self._is_drawing = False  # the labels layer is redrawn for the panel
        self._colour_cache: dict[int, Colour] = {}
        self._object_metadata: dict[str, Any] = {}
        self.labels: Labels | None = None
        self.brush: BrushPrompts | None = None
        self._is_behind = False  # labels changed while the brush was painting
        self.points: PointPrompts | None = None
        self.shapes: ShapePrompts | None = None
        for name in GEOMETRY:
            getattr(image.events, name).connect(self._copy_geometry)

    def __iter__(self) -> Iterator[Layer]:
        """The layers that exist, in the order of drawing."""
        if self.labels is not None:
            yield self.labels
        for prompts in self._prompts():
            yield prompts.layer

    def _prompts(self) -> Iterator[PointPrompts | ShapePrompts]:
        if self.shapes is not None:
            yield self.shapes
        if self.points is not None:
            yield self.points

    def owns(self, layer: object) -> bool:
        """Whether a layer belongs to this image."""
        return any(own is layer for own in self)

    def tool(self, layer: Any) -> Tool:
        """Name of the action of a mouse press on the canvas while a layer is active.

        "click" adds a prompt, "select" selects points, "draw" draws a shape, "reshape" changes
        one, "paint" changes labels, and "other" does nothing for the panel.
        """
        mode = str(getattr(layer, "mode", ""))
        if self.points is not None and layer is self.points.layer:
            return POINT_TOOLS.get(mode, "other")
        if self.shapes is not None and layer is self.shapes.layer:
            if mode.startswith("add_"):
                return "draw"
            return "reshape" if mode in RESHAPING_MODES else "other"
        is_painting = layer is not None and layer is self.labels and mode in TOOLS
        return "paint" if is_painting else "other"

    def missing(self) -> list[str]:
        """Names of the missing layers."""
        present = {
            "labels": self.labels is not None or self.labels_data is None,
            "shapes": self.shapes is not None or self.puts_off_shapes,
            "clicks": self.points is not None,
        }
        return [name for name, is_present in present.items() if not is_present]

    # Adding and removing layers

    def add_missing(self, layers: LayerList) -> None:
        """Add the missing layers above the image."""
        self.add_labels(layers)
        self.add_shapes(layers)
        if self.points is None:
            self.points = self._make_points()
            layers.append(self.points.layer)
        self.set_current(*self._current)

    def add_shapes(self, layers: LayerList) -> None:
        """Add the shapes layer below the clicks, unless `puts_off_shapes` is set."""
        if self.shapes is None and not self.puts_off_shapes:
            self.shapes = self._make_shapes()
            clicks = None if self.points is None else self.points.layer
            above = (i for i, layer in enumerate(layers) if layer is clicks)
            layers.insert(next(above, len(layers)), self.shapes.layer)
            self.shapes.set_current(*self._current)

    def add_labels(self, layers: LayerList) -> None:
        """Add the labels layer when labels exist."""
        if self.labels is None and self.labels_data is not None:
            self.labels = self._make_labels(self.labels_data)
            self.brush = self._make_brush(self.labels)
            layers.insert(self._place(layers), self.labels)

    def activate(self, layers: LayerList) -> None:
        """Activate the Points layer with its tool for adding points."""
        if self.points is not None:
            layers.selection.active = self.points.layer
            self.points.layer.mode = "add"

    def activate_boxes(self, layers: LayerList) -> None:
        """Activate the Shapes layer with its tool for rectangles."""
        if self.shapes is not None:
            layers.selection.active = self.shapes.layer
            self.shapes.layer.mode = "add_rectangle"

    def forget(self, layer: object) -> bool:
        """Forget a deleted layer; return whether it belonged to this image."""
        if self.labels is layer:
            self._let_labels_go()
            self.labels = None
        elif self.shapes is not None and self.shapes.layer is layer:
            self._let_go(self.shapes)
            self.shapes = None
        elif self.points is not None and self.points.layer is layer:
            self._let_go(self.points)
            self.points = None
        else:
            return False
        return True

    def to_remove(self, keep_labels: bool) -> list[Layer]:
        """Layers to remove when the widget closes."""
        return [layer for layer in self if layer is not self.labels or not keep_labels]

    def detach(self) -> None:
        """Disconnect from the layers, which remain as ordinary layers."""
        for name in GEOMETRY:
            getattr(self.image.events, name).disconnect(self._copy_geometry)
        for prompts in self._prompts():
            self._let_go(prompts)
        if self.labels is not None:
            self._let_labels_go()

    def _let_labels_go(self) -> None:
        if self.labels is not None and self.brush is not None:
            self.labels.events.mode.disconnect(self._listener.on_mode)
            self.labels.events.colormap.disconnect(self._recolour)
            self.labels.events.data.disconnect(self._on_labels_data)
            self.labels.events.set_data.disconnect(self._on_redrawn)
            self.brush.detach()
            self.brush = None

    def _let_go(self, prompts: PointPrompts | ShapePrompts) -> None:
        prompts.layer.events.mode.disconnect(self._listener.on_mode)
        prompts.detach()

    def _place(self, layers: LayerList) -> int:
        """Index in the layer list directly above the image."""
        above = [i for i, layer in enumerate(layers) if layer is self.image]
        return above[0] + 1 if above else len(layers)

    def _make_points(self) -> PointPrompts:
        _, height, width = stack_shape(self.image)
        layer = Points(
            ndim=self.image.ndim,
            name=f"SAM 2 clicks{self._suffix}",
            features={"object": np.empty(0, dtype=np.int64), "sign": np.empty(0, dtype=object)},
            size=max(height, width) / 30,
            border_width=0.25,
            canvas_size_limits=_shown_point_size(),
            **self._geometry(),
        )
        layer.events.mode.connect(self._listener.on_mode)
        number, listener = self._number, self._listener
        return PointPrompts(
            layer,
            self.axes,
            number,
            self._click_radius,
            self.colour_of,
            listener.on_edit,
            listener.on_gesture,
            on_pick=self._pick,
            on_select=lambda object_id: listener.on_pick(number, object_id),
        )

    def _pick(self, t: int, y: float, x: float) -> None:
        if object_id := self._object_at(t, y, x):
            self._listener.on_pick(self._number, object_id)

    def _object_at(self, t: int, y: float, x: float) -> int:
        """Object whose mask lies at a place, 0 if there is none or the place is outside."""
        labels = self.labels_data
        if labels is None:
            return 0
        place = (t, round(y), round(x))[-labels.ndim :]
        is_inside = all(0 <= i < length for i, length in zip(place, labels.shape, strict=True))
        return int(labels[place]) if is_inside else 0

    def object_apart(self, t: int, y: float, x: float, object_id: int) -> int:
        """Object whose mask lies at a place and does not touch the mask of another object.

        Parameters
        ----------
        t : int
            Frame, or plane in 3D.
        y, x : float
            The place in pixels of the image. Only what lies within `NEARBY` pixels is looked at.
        object_id : int
            The other object.

        Returns
        -------
        int
            0 if no mask lies there, or that of the object itself, or one that touches it.
        """
        labels, found = self.labels_data, self._object_at(t, y, x)
        if labels is None or found in (0, object_id):
            return 0
        frame = labels[t] if labels.ndim == 3 else labels
        rows, columns = (slice(max(round(at) - NEARBY, 0), round(at) + NEARBY) for at in (y, x))
        part = np.asarray(frame[rows, columns])
        box = [
            slice(max(int(places.min()) - TOUCHING, 0), int(places.max()) + TOUCHING + 1)
            for places in np.nonzero(part == found)
        ]
        return 0 if (part[box[0], box[1]] == object_id).any() else found

    def _make_shapes(self) -> ShapePrompts:
        _, height, width = stack_shape(self.image)
        layer = Shapes(
            ndim=self.image.ndim,
            name=f"SAM 2 shapes{self._suffix}",
            features={"object": np.empty(0, dtype=np.int64)},
            edge_width=max(height, width) / 250,
            **self._geometry(),
        )
        layer.events.mode.connect(self._listener.on_mode)
        return ShapePrompts(layer, self.axes, self._number, self.colour_of, self._listener.on_edit)

    def _make_labels(self, data: LabelArray) -> Labels:
        path = image_path(self.image)
        image_metadata = {} if path is None else {IMAGE_PATH: path}  # writers read its scale
        if self.axes.in_3d:
            image_metadata["axes"] = self.axes.letters.replace("C", "1")
        layer = Labels(
            self.shown_labels(data),
            name=f"SAM 2 labels{self._suffix}",
            opacity=0.5,
            colormap=self._shown_colours(),
            metadata=image_metadata | self._object_metadata,
            **self._geometry(),
        )
        layer.events.mode.connect(self._listener.on_mode)
        layer.events.colormap.connect(self._recolour)
        layer.events.data.connect(self._on_labels_data)
        layer.events.set_data.connect(self._on_redrawn)
        return layer

    def _make_brush(self, layer: Labels) -> BrushPrompts:
        number, listener = self._number, self._listener
        return BrushPrompts(
            layer,
            self.axes,
            on_strokes=lambda strokes: listener.on_paint(number, strokes),
            on_label=lambda label: listener.on_pick(number, label),
            on_release=self._catch_up,
        )

    def _geometry(self) -> dict[str, Any]:
        return self.axes.geometry(self.image)

    def _copy_geometry(self, event: Any = None) -> None:
        for layer in self:
            for name, value in self._geometry().items():
                setattr(layer, name, value)

    def _click_radius(self) -> float:
        return CLICK_RADIUS * self._screen_pixel() / float(np.abs(self.image.scale[-2:]).min())

    # Display

    def colour_of(self, object_id: int) -> Colour:
        """Colour of an object on the Labels layer, also if the object is hidden."""
        if object_id not in self._colour_cache:
            red, green, blue, alpha = np.asarray(self.colours.map(object_id)).reshape(4).tolist()
            self._colour_cache[object_id] = (red, green, blue, alpha)
        return self._colour_cache[object_id]

    def show_labels(self, labels: LabelArray) -> None:
        """Display labels, (T, Y, X), without copying them."""
        data = labels[0] if self.image.ndim == 2 else labels
        if self.labels_data is not None and _are_same(self.labels_data, data):
            return
        self.labels_data = data
        self._write_labels()

    def _write_labels(self) -> None:
        if self.labels is not None and self.labels_data is not None:
            with self._drawing():
                self.labels.data = self.shown_labels(self.labels_data)

    @contextmanager
    def _drawing(self) -> Iterator[None]:
        """Redraw the labels layer without a call of `on_redrawn`."""
        self._is_drawing = True
        try:
            yield
        finally:
            self._is_drawing = False

    @property
    def is_painting(self) -> bool:
        """Whether the user is painting on the labels, with the mouse button pressed."""
        return self.brush is not None and self.brush.is_painting

    def _on_redrawn(self, event: Any = None) -> None:
        if not self._is_drawing:
            self._listener.on_redrawn(self._number)

    def _on_labels_data(self, event: Any = None) -> None:
        """Put the labels of the document back after other code has replaced the layer's data.

        A plugin may assign them, and so does napari's action “Convert data type”. The document
        would change, and the screen would not show it.
        """
        assert self.labels is not None
        assert self.labels_data is not None
        other = self.labels.data
        if not _is_shown(other, self.shown_labels(self.labels_data)):
            self._listener.on_replaced(self.labels, other)
            QTimer.singleShot(0, self._write_labels)  # once napari is done with the other data

    def shown_labels(self, data: LabelArray) -> Any:
        """Labels, (T, Y, X) or (Y, X), with the axes of the layer."""
        if self.axes.is_plain:
            return data
        if isinstance(data, np.ndarray):
            return self.axes.spread(data)
        return ShownLabels(data, self.axes)

    def describe_objects(self, objects: Mapping[int, AnnotatedObject]) -> None:
        """Store mothers, names and rejected objects in the layer's metadata for the writers."""
        self._object_metadata = {
            PARENTS: {k: known.parent for k, known in objects.items() if known.parent is not None},
            NAMES: {k: known.name for k, known in objects.items() if known.name},
            REJECTED: [k for k, known in objects.items() if known.is_rejected],
        }
        if self.labels is not None:
            self.labels.metadata.update(self._object_metadata)

    def hide(self, hidden: Collection[int], object_ids: Collection[int]) -> None:
        """Hide some objects by their colours; the labels themselves do not change."""
        length = palette_length(object_ids) if hidden else 0
        if (frozenset(hidden), length) != (self._hidden, self._palette_length):
            self._hidden, self._palette_length = frozenset(hidden), length
            self._colour()

    def _shown_colours(self) -> LabelColours:
        return palette_without(self._hidden, self.colours, self._palette_length)

    def _colour(self) -> None:
        if self.labels is not None:
            self._is_colouring = True
            try:
                with self._drawing():
                    self.labels.colormap = self._shown_colours()
            finally:
                self._is_colouring = False

    def _recolour(self, event: Any = None) -> None:
        if not self._is_colouring and self.labels is not None:
            self.colours = self.labels.colormap  # the user chose other colours
            self._colour_cache.clear()
            if self._hidden:
                self._colour()
        for prompts in self._prompts():
            prompts.recolour()

    def refresh(self) -> None:
        """Redraw the labels, or mark them to be redrawn when the brush stroke ends."""
        self._is_behind = self.is_painting
        if self.labels is not None and not self._is_behind:
            with self._drawing():
                self.labels.refresh(extent=False)

    def _catch_up(self) -> None:
        if self._is_behind:
            self.refresh()

    def show_prompts(self, prompts: Mapping[Any, PromptShown], held: Collection[Any]) -> None:
        """Display the prompts of the document; those on `held` places wait for an answer."""
        if self.points is not None:
            self.points.show((shown.prompt for shown in prompts.values() if shown.prompt), held)
        if self.shapes is not None:
            self.shapes.show(prompts.values(), held)

    def set_current(self, object_id: int, sign: int) -> None:
        """Set the object and the sign of the next click."""
        self._current = (object_id, sign)
        if self.points is not None:
            self.points.set_current(object_id, sign)
        if self.shapes is not None:
            self.shapes.set_current(object_id, sign)
        if self.brush is not None:
            self.brush.set_current(object_id)


def _shown_point_size() -> tuple[int, int]:
    """Smallest and largest point size in physical pixels of the screen."""
    application = QApplication.instance()
    density = application.devicePixelRatio() if application is not None else 1.0
    smallest, largest = SHOWN_POINT_SIZE
    return smallest, round(largest * density)


def _is_shown(other: Any, shown: Any) -> bool:
    """Whether the data of a layer are those that it shows for us."""
    one, two = (data.labels if isinstance(data, ShownLabels) else data for data in (other, shown))
    return bool(one.dtype == two.dtype) and _are_same(one, two)


def _are_same(one: LabelArray, other: LabelArray) -> bool:
    """Whether two arrays of labels are the same pixels in memory."""
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return one is other
    return (
        one.base is other.base
        and one.__array_interface__["data"] == other.__array_interface__["data"]
        and one.shape == other.shape
    )
