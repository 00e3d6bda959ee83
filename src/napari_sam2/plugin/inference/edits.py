"""Apply edits from the window to the annotation, in the inference thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from napari_sam2.plugin.protocol.review_messages import PlaceFound

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.protocol.messages import Edit

# Calls that may be made during tracking. Any other call stops tracking first, because it may change
# masks or remove objects that are being tracked.
DURING_TRACKING: Final = frozenset(
    {
        "accept",
        "add_box",
        "clear_prompts",
        "judge",
        "lock",
        "mark_wrong",
        "next_guess",
        "remove_box",
        "rename_object",
        "unaccept",
        "unlock",
    }
)


def ends_tracking(edit: Edit) -> bool:
    """Whether tracking must stop before an edit."""
    return any(call.name not in DURING_TRACKING for call in edit.calls)


def make_calls(edit: Edit, annotation: Annotation) -> Iterator[PlaceFound]:
    """Make the calls of an edit, and yield the place of each new object that a call returns.

    Raises
    ------
    ValueError, TypeError
        If a method does not exist or rejects its arguments. If the edit has a text, all its calls
        are undone.
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
    """Id of the first object that a call created; None if it returned no ids."""
    first = result[0] if isinstance(result, tuple) and result else result
    return first if isinstance(first, int) else None
