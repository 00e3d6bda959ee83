"""The Points layer: converts clicks to edits, and displays prompts as points."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_sam2.plugin.layers.colours import Colour, object_colours, sign_colour, sign_colours
from napari_sam2.plugin.protocol.messages import (
    EXCLUDE,
    INCLUDE,
    AddPoint,
    MovePoints,
    PromptEdit,
    RemovePoints,
)

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_sam2.plugin.layers.image_axes import ImageAxes
    from napari_sam2.plugin.protocol.messages import Place
    from napari_sam2.tracking import Prompt

SIGN_NAMES = {INCLUDE: "include", EXCLUDE: "exclude"}
SIGN_VALUES = {name: value for value, name in SIGN_NAMES.items()}
RIGHT_BUTTON = 2


@dataclass(frozen=True)
class PointRow:
    """One point of the layer: frame, position in pixels, object and sign."""

    t: int
    y: float
    x: float
    object_id: int
    sign: int

    @property
    def place(self) -> Place:
        """Frame and object of the prompt that contains the point."""
        return self.t, self.object_id

    @property
    def position(self) -> tuple[float, float]:
        """(y, x)."""
        return self.y, self.x


class PointPrompts:
    """Synchronises a Points layer with the prompts of an image.

    Parameters
    ----------
    layer : Points
        The layer, with the features `object` and `sign`.
    axes : ImageAxes
        Axes of the layer and of the image.
    image : int
        Number of the image.
    hit_radius : callable
        Returns the distance, in pixels of the image, within which a click removes a point of the
        current object.
    colour_of : callable
        Returns the label colour of an object.
    on_edit : callable
        Called with every edit of the user.
    on_gesture : callable
        Called with the edits of several prompts that the user moved or removed in one gesture.
    on_pick : callable
        Called with frame, y and x of a Ctrl-click, which selects an object and adds no point.
    on_select : callable
        Called with the object whose points the user selected with napari's selection tool.
    """

    def __init__(
        self,
        layer: Points,
        axes: ImageAxes,
        image: int,
        hit_radius: Callable[[], float],
        colour_of: Callable[[int], Colour],
        on_edit: Callable[[PromptEdit], None],
        on_gesture: Callable[[Sequence[PromptEdit]], None],
        on_pick: Callable[[int, float, float], None],
        on_select: Callable[[int], None],
    ) -> None:
        self.layer = layer
        self._axes = axes
        self._image = image
        self._hit_radius = hit_radius
        self._colour_of = colour_of
        self._on_edit = on_edit
        self._on_gesture = on_gesture
        self._on_pick = on_pick
        self._on_select = on_select
        self._rows: list[PointRow] = []  # points that the layer should display
        self._is_writing = False
        self._is_clicking = False
        self._is_picking = False
        self._put_off: tuple[list[Prompt], set[Place]] | None = None  # waits for the mouse release
        self._current = 1
        self._sign = INCLUDE
        self._next: tuple[Any, ...] = ()  # the look of the next point, as it should be
        layer.mouse_drag_callbacks.insert(0, self._on_press)
        layer.events.data.connect(self._on_data)
        self.recolour()

    def detach(self) -> None:
        """Disconnect from the layer, which remains as an ordinary layer."""
        self.layer.events.data.disconnect(self._on_data)
        if self._on_press in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._on_press)

    # Display

    def show(self, prompts: Iterable[Prompt], held: Collection[Place] = ()) -> None:
        """Display the points of prompts; points on `held` places stay as the user left them.

        During a click or drag, the update waits until the mouse button is released.
        """
        if self._is_clicking:
            self._put_off = (list(prompts), set(held))
            return
        rows = [row for prompt in prompts for row in _rows_of(prompt) if row.place not in held]
        rows += [row for row in self._rows if row.place in held]
        self._rows = rows
        self.write()

    def set_current(self, object_id: int, sign: int) -> None:
        """Set the object and the sign of the next click, and dim the other objects."""
        if (object_id, sign) == (self._current, self._sign):
            return
        self._current, self._sign = object_id, sign
        self.recolour()

    def write(self) -> None:
        """Update the layer if it does not display the expected points."""
        shown = self._read()
        if Counter(shown) == Counter(self._rows):
            self._rows = shown  # in the order of the layer
            return
        with self._writing():
            self.layer.selected_data = set()
            self.layer.data = self._coordinates()
            self._write_features()
        self.recolour()

    def _coordinates(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        full = [self._axes.coordinates(row.t, row.y, row.x) for row in self._rows]
        return np.array(full, dtype=np.float64).reshape(-1, self.layer.ndim)

    def _write_features(self) -> None:
        self.layer.features = {
            "object": np.array([row.object_id for row in self._rows], dtype=np.int64),
            "sign": np.array([SIGN_NAMES[row.sign] for row in self._rows], dtype=object),
        }

    def recolour(self) -> None:
        """Set the colours of every point by its object and sign."""
        with self._writing(), self._unseen():
            with self._unselected():
                if self._rows and len(self._rows) == len(self.layer.data):
                    ids = [row.object_id for row in self._rows]
                    signs = [SIGN_NAMES[row.sign] for row in self._rows]
                    self.layer.face_color = object_colours(ids, self._current, self._colour_of)
                    self.layer.border_color = sign_colours(signs, ids, self._current)
            self._set_next(self._sign)
        self._next = self._shown_next()

    @contextmanager
    def _unselected(self) -> Iterator[None]:
        """Clear the selection, and restore it afterwards in selection mode."""
        kept = set(self.layer.selected_data) if self.layer.mode == "select" else set()
        self.layer.selected_data = set()
        yield
        self.layer.selected_data = kept

    @contextmanager
    def _unseen(self) -> Iterator[None]:
        """Suppress redrawing while the layer is hidden, since napari would draw removed points.

        napari updates the visible points when the layer is displayed again.
        """
        if self.layer.visible:
            yield
            return
        with self.layer.events.blocker_all():
            yield

    def _set_next(self, sign: int) -> None:
        """Set the colours and features of the point that the next click adds."""
        with self.layer.block_update_properties():  # otherwise napari recolours the selected points
            self.layer.feature_defaults = {"object": self._current, "sign": SIGN_NAMES[sign]}
            self.layer.current_face_color = np.asarray(self._colour_of(self._current))
            self.layer.current_border_color = np.asarray(sign_colour(SIGN_NAMES[sign]))

    def _shown_next(self) -> tuple[Any, ...]:
        """The features and colours that napari gives to the point that the next click adds."""
        defaults = self.layer.feature_defaults
        colours = self.layer.current_face_color, self.layer.current_border_color
        return (*(defaults[name].iloc[0] for name in ("object", "sign")), *colours)

    # Actions of the user

    def _on_press(self, layer: Points, event: Any) -> Iterator[None]:
        """Record the type of click before napari adds the point on release."""
        is_exclude = event.button == RIGHT_BUTTON or "Alt" in event.modifiers
        self._is_clicking = True
        self._is_picking = "Control" in event.modifiers
        if is_exclude:
            self._set_next(EXCLUDE)
        yield
        while event.type == "mouse_move":
            yield
        QTimer.singleShot(0, self._after_click)

    def _after_click(self) -> None:
        self._is_clicking = self._is_picking = False
        if self._shown_next() != self._next:  # napari takes milliseconds to set what is set
            self._set_next(self._sign)
        put_off, self._put_off = self._put_off, None
        if put_off is not None:
            self.show(*put_off)
        if self.layer.mode == "select":
            object_ids = self.layer.features["object"]
            selected = {int(object_ids.iloc[index]) for index in self.layer.selected_data}
            if len(selected) == 1:
                self._on_select(selected.pop())

    def _on_data(self, event: Any) -> None:
        if self._is_writing or event.action not in ("added", "removed", "changed"):
            return
        old, new = self._rows, self._read()
        QTimer.singleShot(0, self._settle)
        if self._is_picking and len(new) == len(old) + 1:
            place = new[-1].t, new[-1].y, new[-1].x
            QTimer.singleShot(0, lambda: self._on_pick(*place))
            return
        if self._is_clicking and (hit := self._row_hit(old, new)) is not None:
            new = [row for row in old if row is not hit]
        self._rows = new
        self._put_off = None  # the answer to the edits contains the new state
        edits = point_edits(self._image, old, new)
        if len(edits) > 1 and all(isinstance(one, MovePoints | RemovePoints) for one in edits):
            self._on_gesture(edits)
            return
        for edit in edits:
            self._on_edit(edit)

    def _settle(self) -> None:
        """Clear the selection and restore the expected points after napari handled a click."""
        with self._writing():
            if self.layer.mode == "add":
                self.layer.selected_data = set()
        self.write()

    def _row_hit(self, old: list[PointRow], new: list[PointRow]) -> PointRow | None:
        """The existing point of the current object that a click hit; None if it hit none."""
        if len(new) != len(old) + 1:
            return None
        click, radius = new[-1], self._hit_radius()
        near = [(_distance(row, click), row) for row in old if row.place == click.place]
        distance, row = min(near, key=lambda pair: pair[0], default=(np.inf, None))
        return row if distance <= radius else None

    def _read(self) -> list[PointRow]:
        features = self.layer.features
        object_ids, signs = features["object"].tolist(), features["sign"].tolist()
        return [
            PointRow(*self._axes.place(at), int(object_id), SIGN_VALUES.get(sign, INCLUDE))
            for at, object_id, sign in zip(self.layer.data, object_ids, signs, strict=True)
        ]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        before, self._is_writing = self._is_writing, True
        try:
            yield
        finally:
            self._is_writing = before


def point_edits(image: int, old: Sequence[PointRow], new: Sequence[PointRow]) -> list[PromptEdit]:
    """Edits that change the old points into the new points."""
    if len(old) == len(new):
        changed = [(was, now) for was, now in zip(old, new, strict=True) if was != now]
        if all(_only_moved(was, now) for was, now in changed):
            return _moves(image, changed)
    gone = list((Counter(old) - Counter(new)).elements())
    come = list((Counter(new) - Counter(old)).elements())
    return _removals(image, gone) + [
        AddPoint(image, row.t, row.object_id, row.position, row.sign) for row in come
    ]


def _moves(image: int, changed: Iterable[tuple[PointRow, PointRow]]) -> list[PromptEdit]:
    by_place: defaultdict[Place, list[Any]] = defaultdict(list)
    for was, now in changed:
        by_place[was.place].append((was.position, now.position))
    return [MovePoints(image, *place, tuple(moves)) for place, moves in by_place.items()]


def _removals(image: int, gone: Iterable[PointRow]) -> list[PromptEdit]:
    by_place: defaultdict[Place, list[Any]] = defaultdict(list)
    for row in gone:
        by_place[row.place].append(row.position)
    return [RemovePoints(image, *place, tuple(positions)) for place, positions in by_place.items()]


def _only_moved(was: PointRow, now: PointRow) -> bool:
    return (was.place, was.sign) == (now.place, now.sign)


def _distance(one: PointRow, other: PointRow) -> float:
    return float(np.hypot(one.y - other.y, one.x - other.x))


def _rows_of(prompt: Prompt) -> list[PointRow]:
    return [
        PointRow(prompt.t, float(y), float(x), prompt.object_id, int(sign))
        for (y, x), sign in zip(prompt.points, prompt.labels, strict=True)
    ]
