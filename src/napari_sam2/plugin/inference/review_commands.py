"""Commands of the review, carried out on the document in the inference thread."""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import Report
from napari_sam2.plugin.protocol.review_messages import (
    AcceptFrames,
    ClearMasks,
    DivideObject,
    FindDoubtful,
    LockFrames,
    MergeObjects,
    NothingDoubtful,
    PlaceFound,
    RemoveObjects,
    RenameObject,
    ReviewCommand,
    SetStatus,
    SplitObject,
    SwapObjects,
)

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation

Reports = tuple[Report, ...]


@singledispatch
def review(command: ReviewCommand, annotation: Annotation) -> Reports:
    """Carry out a command; returns what is to be told beside the events of the annotation.

    Raises
    ------
    ValueError
        If it makes no sense for the document, which is then as before.
    """
    raise TypeError(f"the review does not know the command {type(command).__name__}")


@review.register(RenameObject)
def _(command: RenameObject, annotation: Annotation) -> Reports:
    annotation.rename_object(command.object_id, command.name)
    return ()


@review.register(SetStatus)
def _(command: SetStatus, annotation: Annotation) -> Reports:
    from napari_sam2.annotation import Status

    with annotation.grouped(f"set {_objects(command.object_ids)} to {command.status}"):
        for object_id in command.object_ids:
            annotation.set_status(object_id, Status(command.status))
    return ()


@review.register(LockFrames)
def _(command: LockFrames, annotation: Annotation) -> Reports:
    if command.is_locked:
        annotation.lock(command.object_id, command.frames)
    else:
        annotation.unlock(command.object_id, command.frames)
    return ()


@review.register(AcceptFrames)
def _(command: AcceptFrames, annotation: Annotation) -> Reports:
    if command.is_accepted:
        annotation.accept(command.object_id, command.frames)
    else:
        annotation.unaccept(command.object_id, command.frames)
    return ()


@review.register(FindDoubtful)
def _(command: FindDoubtful, annotation: Annotation) -> Reports:
    found = annotation.next_doubtful(command.after, command.is_backward)
    if found is None:
        return (NothingDoubtful(command.image),)
    return (PlaceFound(command.image, *found),)


@review.register(RemoveObjects)
def _(command: RemoveObjects, annotation: Annotation) -> Reports:
    with annotation.grouped(f"remove {_objects(command.object_ids)}"):
        for object_id in command.object_ids:
            annotation.remove_object(object_id)
    return ()


@review.register(ClearMasks)
def _(command: ClearMasks, annotation: Annotation) -> Reports:
    annotation.clear_masks(command.object_id, command.frames)
    return ()


@review.register(MergeObjects)
def _(command: MergeObjects, annotation: Annotation) -> Reports:
    with annotation.grouped(f"merge {_objects((command.kept, *command.others))}"):
        for object_id in command.others:
            annotation.merge_objects(command.kept, object_id)
    return ()


@review.register(SplitObject)
def _(command: SplitObject, annotation: Annotation) -> Reports:
    later = annotation.split_object(command.object_id, command.t)
    return (PlaceFound(command.image, command.t, later),)


@review.register(SwapObjects)
def _(command: SwapObjects, annotation: Annotation) -> Reports:
    annotation.swap_objects(command.one, command.other, command.t)
    return ()


@review.register(DivideObject)
def _(command: DivideObject, annotation: Annotation) -> Reports:
    daughter, _ = annotation.divide_object(command.object_id, command.t)
    return (PlaceFound(command.image, command.t, daughter),)


def _objects(object_ids: tuple[int, ...]) -> str:
    noun = "object" if len(object_ids) == 1 else "objects"
    return f"{noun} {', '.join(map(str, object_ids))}"
