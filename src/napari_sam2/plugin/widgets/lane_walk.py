"""Walking through the lanes with the arrow keys: along a lane, to another one, within a family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from qtpy.QtCore import Qt

if TYPE_CHECKING:
    from napari_sam2.plugin.widgets.lane_paint import Heading, LanePicture

Step = Literal["up", "down", "left", "right"]
STEPS: dict[int, Step] = {
    int(Qt.Key.Key_Up): "up",
    int(Qt.Key.Key_Down): "down",
    int(Qt.Key.Key_Left): "left",
    int(Qt.Key.Key_Right): "right",
}


def walked(
    step: Step,
    place: tuple[int, int],
    headings: Sequence[Heading],
    lanes: Mapping[int, LanePicture],
    frames: int,
) -> tuple[int, int]:
    """The frame and the object to which an arrow key leads.

    Up and down lead to the neighbouring lane. Left and right lead along the lane. A step to the
    left of the first mask leads to the mother, and a step to the right of the last mask leads to
    the first daughter, where there is one.

    Parameters
    ----------
    step : str
        ``"up"``, ``"down"``, ``"left"`` or ``"right"``.
    place : (int, int)
        The shown frame and the current object.
    headings : sequence of Heading
        The lanes in their order.
    lanes : mapping of int to LanePicture
        The lane of each object that has one already.
    frames : int
        Number of frames.
    """
    t, object_id = place
    if step in ("up", "down"):
        return t, _neighbour(step, object_id, headings)
    to = t - 1 if step == "left" else t + 1
    relative = _relative(step, object_id, to, headings, lanes)
    return min(max(to, 0), frames - 1), object_id if relative is None else relative


def _neighbour(step: Step, object_id: int, headings: Sequence[Heading]) -> int:
    """The object of the lane above or below; the first one if the object has no lane."""
    listed = [heading.object_id for heading in headings]
    if object_id not in listed:
        return listed[0] if listed else object_id
    row = listed.index(object_id) + (-1 if step == "up" else 1)
    return listed[min(max(row, 0), len(listed) - 1)]


def _relative(
    step: Step,
    object_id: int,
    to: int,
    headings: Sequence[Heading],
    lanes: Mapping[int, LanePicture],
) -> int | None:
    """The mother or the first daughter, if the step leaves the masks of the object."""
    lane = lanes.get(object_id)
    if lane is None or not lane.present.size:
        return None
    mothers = {heading.object_id: heading.parent for heading in headings}
    if step == "left":
        return mothers.get(object_id) if to < lane.present[0] else None
    if to <= lane.present[-1]:
        return None
    return next((key for key, mother in mothers.items() if mother == object_id), None)
