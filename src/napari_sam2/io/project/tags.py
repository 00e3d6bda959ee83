"""Tags in the files of a project: stable names of classes, fields and calls.

A file never holds the name of a class, a field or a method, but the tag that stands here. Tags
stay as they are for ever, because users have files with them. So after a rename, change what stands
to the right of the tag; for a renamed field or parameter, add its tag and its new name:

    Kind("Folded", Folded)                      # the class was called Folded from the beginning
    Kind("Folded", Joined, {"count": "steps"})  # Folded.count became Joined.steps

A new class or method gets a line with a tag that was never used before. A new field needs a default
value, which it gets in files that do not have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

from napari_sam2.annotation.actions import (
    Group,
    Operation,
    Propagate,
    SetBackwardIou,
    SetLocks,
    SetMarkedWrong,
    SetMasklet,
    SetObject,
    SetPrompt,
    SetReviewed,
)
from napari_sam2.annotation.backward_check import BackwardCheck
from napari_sam2.annotation.divisions import Divisions
from napari_sam2.annotation.history import History
from napari_sam2.annotation.journal_entries import (
    Advanced,
    Began,
    Called,
    Ended,
    Folded,
    Forgotten,
    ModelChanged,
    Recorded,
    Redone,
    Request,
    Undone,
)
from napari_sam2.annotation.label_import import LabelImport
from napari_sam2.annotation.lineage import Lineage
from napari_sam2.annotation.model_change import ModelChange, Work
from napari_sam2.annotation.object_list import ObjectList
from napari_sam2.annotation.objects import AnnotatedObject, Verdict
from napari_sam2.annotation.prompting import Prompting
from napari_sam2.annotation.review import Review
from napari_sam2.annotation.track_edits import TrackEdits
from napari_sam2.io.project.parts import Batch, Deed, Masks, Properties
from napari_sam2.tracking import ObjectState, Prompt
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.results import PromptedFrame
from napari_sam2.tracking.windows import Window

Names = Mapping[str, str]
Key = TypeVar("Key")
Row = TypeVar("Row")
Line = Called | Deed


@dataclass(frozen=True)
class Kind:
    """A class whose instances files hold.

    Attributes
    ----------
    tag : str
        Tag in files.
    cls : type
        The dataclass.
    fields : mapping of str to str
        Fields that files know by another name: name in files -> name of the field.
    """

    tag: str
    cls: type
    fields: Names = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """A method of a part of the annotation whose calls files hold, to be repeated by a replay.

    Attributes
    ----------
    tag : str
        Tag in files.
    method : callable
        The method.
    parameters : mapping of str to str
        Parameters that files know by another name: name in files -> name of the parameter.
    """

    tag: str
    method: Callable[..., Any]
    parameters: Names = field(default_factory=dict)


KINDS: Final = (
    # actions
    Kind("Group", Group),
    Kind("Operation", Operation),
    Kind("Propagate", Propagate),
    Kind("SetBackwardIou", SetBackwardIou),
    Kind("SetLocks", SetLocks),
    Kind("SetMarkedWrong", SetMarkedWrong),
    Kind("SetMasklet", SetMasklet),
    Kind("SetObject", SetObject),
    Kind("SetPrompt", SetPrompt),
    Kind("SetReviewed", SetReviewed),
    # entries of the journal
    Kind("Advanced", Advanced),
    Kind("Began", Began),
    Kind("Called", Called),
    Kind("Ended", Ended),
    Kind("Folded", Folded),
    Kind("Forgotten", Forgotten),
    Kind("Recorded", Recorded),
    Kind("Redone", Redone),
    Kind("TookOver", ModelChanged),
    Kind("Undone", Undone),
    # content of whole files
    Kind("Batch", Batch),
    Kind("Deed", Deed),
    Kind("Masks", Masks),
    Kind("Properties", Properties),
    # parts of the others
    Kind("AnnotatedObject", AnnotatedObject),
    Kind("MaskRecord", MaskRecord),
    Kind("ObjectState", ObjectState),
    Kind("PixelMask", PixelMask),
    Kind("Prompt", Prompt),
    Kind("PromptedFrame", PromptedFrame),
    Kind("Request", Request),
    Kind("Verdict", Verdict),
    Kind("Window", Window),
    Kind("Work", Work),
)

CALLS: Final = (
    Call("accept", Review.accept),
    Call("add_box", Prompting.add_box),
    Call("add_mask", Prompting.add_mask),
    Call("add_object", ObjectList.add_object),
    Call("add_points", Prompting.add_points),
    Call("adopt_labels", LabelImport.import_labels),
    Call("adopt_masks", LabelImport.import_masks),
    Call("clear_masks", Review.clear_masks),
    Call("clear_prompts", Prompting.clear_prompts),
    Call("divide_object", TrackEdits.divide_object),
    Call("judge", Review.judge),
    Call("lock", Review.lock),
    Call("mark_wrong", Review.mark_wrong),
    Call("merge_objects", TrackEdits.merge_objects),
    Call("redo", History.redo),
    Call("remove_box", Prompting.remove_box),
    Call("remove_object", ObjectList.remove_object),
    Call("remove_point", Prompting.remove_point),
    Call("rename_object", ObjectList.rename_object),
    Call("set_parent", Lineage.set_parent),
    Call("set_prompt", Prompting.set_prompt),
    Call("set_status", ObjectList.set_status),
    Call("split_object", TrackEdits.split_object),
    Call("swap_objects", TrackEdits.swap_objects),
    Call("take_over", ModelChange.carry_over),
    Call("unaccept", Review.unaccept),
    Call("undo", History.undo),
    Call("unlock", Review.unlock),
    Call("add_daughter", Divisions.add_daughter),
    Call("link_daughters", Divisions.link_daughters),
    Call("move_division", Divisions.move_division),
    Call("decline_division", Divisions.decline_division),
    Call("withdraw_division", Divisions.withdraw_division),
    Call("note_backward_check", BackwardCheck.note_backward_check),
    Call("next_guess", Prompting.next_guess),
    Call("mark_unseen", Prompting.mark_unseen),
)

# deeds of the history that are no calls
BEGIN, TRACK, END, FOLD = "begin tracking", "track", "end tracking", "fold"
LOCK = Review.lock.__name__
CARRY_OVER = ModelChange.carry_over.__name__  # the call that brings objects to another model


def index(rows: Iterable[Row], key: Callable[[Row], Key]) -> dict[Key, Row]:
    """Rows of a table by a key.

    Raises
    ------
    ValueError
        If two rows have the same key.
    """
    found: dict[Key, Row] = {}
    for row in rows:
        if found.setdefault(key(row), row) is not row:
            raise ValueError(f"{row} and {found[key(row)]} have one name")
    return found


kinds_by_tag: dict[str, Kind] = index(KINDS, lambda kind: kind.tag)
kinds_by_class: dict[type, Kind] = index(KINDS, lambda kind: kind.cls)
calls_by_tag: dict[str, Call] = index(CALLS, lambda call: call.tag)
calls_by_method: dict[str, Call] = index(CALLS, lambda call: call.method.__name__)


def kind_of(value: Any) -> Kind:
    """The kind of a dataclass instance.

    Raises
    ------
    TypeError
        If it has no tag.
    """
    try:
        return kinds_by_class[type(value)]
    except KeyError:
        name = type(value).__name__
        raise TypeError(f"a {name} cannot be saved: it has no tag in {__name__}") from None


def to_file(line: Line) -> Line:
    """A call or a deed with the names that files have for its method and its parameters.

    A call that only a newer program knows is kept unchanged.
    """
    call = calls_by_method.get(line.name)
    if call is None:
        return line
    return replace(line, name=call.tag, arguments=renamed(line.arguments, inverse(call.parameters)))


def from_file(line: Line) -> Line:
    """A call or a deed with the names of today; one that is unknown stays as it is."""
    call = calls_by_tag.get(line.name)
    if call is None:
        return line
    name, arguments = call.method.__name__, renamed(line.arguments, call.parameters)
    return replace(line, name=name, arguments=arguments)


def renamed(values: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """Values under their other names; those that have no other name keep theirs."""
    return {names.get(name, name): value for name, value in values.items()}


def inverse(names: Names) -> dict[str, str]:
    """From the new name to the old one."""
    return {new: old for old, new in names.items()}
