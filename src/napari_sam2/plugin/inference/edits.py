"""Edits of the window, made on the annotation in the inference thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from napari_sam2.plugin.protocol.review_messages import PlaceFound

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.protocol.messages import Edit

# Calls that tracking survives. Any other call ends it first, because it may change masks, or remove
# objects, that are being tracked.
DURING_TRACKING: Final = frozenset(
    {
        "accept",
        "add_box",
        "clear_prompts",
        "lock",
        "remove_box",
        "rename_object",
        "set_status",
        "unaccept",
        "unlock",
    }
)


def ends_tracking(edit: Edit) -> bool:
    """Whether tracking has to end before an edit is made."""
    return any(call.name not in DURING_TRACKING for call in edit.calls)


def make_calls(edit: Edit, annotation: Annotation) -> Iterator[PlaceFound]:
    """Make the calls of an edit; yields where the new objects are that they return.

    Raises
    ------
    ValueError, TypeError
        If there is no such method, or it refuses its arguments. All calls are taken back if the
        edit has a text.
    """
    group: AbstractContextManager[None] = (
        annotation.grouped(edit.text) if edit.text else nullcontext()
    )
    with group:
        results = [annotation.call(call) for call in edit.calls]
    for call, result in zip(edit.calls, results, strict=True):
        object_id = _new_object(result)
        if object_id is not None and "t" in call.arguments:
            yield PlaceFound(edit.image, call.arguments["t"], object_id)


def _new_object(result: Any) -> int | None:
    """The first object that a call has made, if it returns the objects that it has made."""
    first = result[0] if isinstance(result, tuple) and result else result
    return first if isinstance(first, int) else None
