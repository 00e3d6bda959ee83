"""The annotation: the public face over the parts of this package."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar, cast, overload

from napari_sam2.annotation.backward_check import BackwardCheck
from napari_sam2.annotation.division_proposals import DivisionProposals
from napari_sam2.annotation.divisions import Divisions
from napari_sam2.annotation.document import Document
from napari_sam2.annotation.history import History
from napari_sam2.annotation.journal import UNDO_BYTES, is_callable_by_name
from napari_sam2.annotation.label_import import LabelImport
from napari_sam2.annotation.lineage import Lineage
from napari_sam2.annotation.model_change import ModelChange
from napari_sam2.annotation.mothers import Mothers
from napari_sam2.annotation.object_list import ObjectList
from napari_sam2.annotation.project import Project, open_project, save_project
from napari_sam2.annotation.prompting import Prompting
from napari_sam2.annotation.propagation import Propagator
from napari_sam2.annotation.review import Review
from napari_sam2.annotation.swap_proposals import SwapProposals
from napari_sam2.annotation.timelines import Timelines
from napari_sam2.annotation.track_edits import TrackEdits
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker

if TYPE_CHECKING:
    from napari_sam2.annotation.actions import Group
    from napari_sam2.annotation.journal_entries import Called
    from napari_sam2.annotation.objects import AnnotatedObject
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.arrays import ArrayLike
    from napari_sam2.tracking.frames import Stack
    from napari_sam2.tracking.protocol import AnnotationTracker

PARTS = (
    BackwardCheck,
    DivisionProposals,
    Divisions,
    Mothers,
    History,
    LabelImport,
    Lineage,
    ModelChange,
    ObjectList,
    Prompting,
    Propagator,
    Review,
    SwapProposals,
    Timelines,
    TrackEdits,
)

Part = TypeVar("Part")
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def _delegate(
    part: type[Part], method: Callable[Concatenate[Part, Parameters], Result]
) -> Callable[Concatenate[Annotation, Parameters], Result]:
    """Method of `Annotation` that calls a method of one of its parts."""

    @wraps(method)
    def call(self: Annotation, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        return method(self._part(part), *args, **kwargs)

    return cast("Callable[Concatenate[Annotation, Parameters], Result]", call)


class Annotation:
    """Objects, their prompts, labels and scores for one stack, with undo of every change.

    It drives a tracker, which no other code may change from then on, and is used from one thread.
    Each change is a group of actions in its journal. A call that raises changes nothing. In a
    ``with`` block it is closed at the end.

    Parameters
    ----------
    tracker : AnnotationTracker or Sam2
        `Tracker` of the stack, whose objects become objects of the annotation; or a network from
        `load_model`, with a `movie`.
    movie : array_like, path, Movie or Frames, optional
        The stack to track, where a network is given; as for `Tracker`.
    undo_bytes : int
        Memory that undo and redo may take, 1 GiB by default. If they need more, the oldest steps
        can no longer be undone; the last step always can.

    Attributes
    ----------
    events : AnnotationEvents
        Signals that announce changes.

    Raises
    ------
    TypeError
        If a tracker and a movie are given, or a network without a movie.
    ValueError, FileNotFoundError
        If the movie cannot be opened, as for `Tracker`.

    Notes
    -----
    The tracker composes the labels from the masks of all objects: no two objects ever share a
    pixel, and a change writes only pixels that an object loses or gains by it.

    The methods are those of the classes in `PARTS`, each of which gets the `Document`. A new action
    is a `journaled` method of one part, which `call` finds by its name; a line below makes it a
    method of the Python API, too.
    """

    @overload
    def __init__(self, tracker: AnnotationTracker, *, undo_bytes: int = UNDO_BYTES) -> None: ...

    @overload
    def __init__(self, tracker: Sam2, movie: Stack, *, undo_bytes: int = UNDO_BYTES) -> None: ...

    def __init__(
        self,
        tracker: AnnotationTracker | Sam2,
        movie: Stack | None = None,
        *,
        undo_bytes: int = UNDO_BYTES,
    ) -> None:
        if isinstance(tracker, Sam2) and movie is not None:
            driven: AnnotationTracker = Tracker(tracker, movie)
        elif not isinstance(tracker, Sam2) and movie is None:
            driven = tracker
        else:
            raise TypeError("expected Annotation(tracker) or Annotation(model, movie)")
        self._document = Document(driven, undo_bytes=undo_bytes)
        self._parts: dict[type, Any] = {part: part(self._document) for part in PARTS}
        self._project: Project[Annotation] | None = None
        self.events = self._document.events

    def _part(self, part: type[Part]) -> Part:
        return cast("Part", self._parts[part])

    def call(self, called: Called) -> Any:
        """Call a method that changes the annotation by its name.

        Parameters
        ----------
        called : Called
            Name of a journaled method, such as ``"add_box"``, and its arguments by their names.

        Returns
        -------
        object
            Result of the method.

        Raises
        ------
        ValueError
            If there is no journaled method of that name.
        TypeError
            If the arguments do not fit the method.
        Exception
            If the method raises it.
        """
        for kind, part in self._parts.items():
            method = getattr(kind, called.name, None)
            if method is not None and is_callable_by_name(method):
                return method(part, **called.arguments)
        raise ValueError(f"an annotation has no journaled method {called.name!r}")

    # Content

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X) of the stack."""
        return self._document.state.shape

    @property
    def planes(self) -> int:
        """Planes of each volume: plane z of time t is frame t * planes + z. 1 for a movie."""
        return self._document.state.planes

    def grow(self, data: ArrayLike) -> None:
        """Add the new frames of a longer movie, such as one that is still being acquired.

        Objects, prompts, masks and undo stay as they are; the new frames have no labels until they
        are tracked. A running propagation ends. The labels are another array, announced by the
        event `labels_replaced`.

        Parameters
        ----------
        data : (T, Y, X) or (T, Y, X, 3 or 4) array-like
            The movie from its first frame on; only new frames differ from the movie so far.

        Raises
        ------
        ValueError
            If frames are missing, or new ones have another size or type. Nothing changes then.
        """
        self._document.grow(data)

    @property
    def labels(self) -> LabelArray:
        """(T, Y, X) uint16 or uint32 object ids, 0 for background; changed in place.

        Up to 512 MiB they are an array of numpy. Those of a longer movie are indexed like one, and
        frames that were not used for a while are compressed, so that they fit into memory. Once an
        id exceeds 65535 it is another array of dtype uint32, announced by the event
        `labels_replaced`.
        """
        return self._document.state.labels

    @property
    def objects(self) -> dict[int, AnnotatedObject]:
        """The objects by id, in the order of the ids: a copy."""
        return self._part(ObjectList).all()

    new_object_id = _delegate(ObjectList, ObjectList.new_object_id)
    add_object = _delegate(ObjectList, ObjectList.add_object)
    remove_object = _delegate(ObjectList, ObjectList.remove_object)
    rename_object = _delegate(ObjectList, ObjectList.rename_object)
    set_status = _delegate(ObjectList, ObjectList.set_status)
    tracks = _delegate(Lineage, Lineage.tracks)
    set_parent = _delegate(Lineage, Lineage.set_parent)

    # Prompts

    prompts = _delegate(Prompting, Prompting.prompts)
    prompt = _delegate(Prompting, Prompting.prompt)
    add_points = _delegate(Prompting, Prompting.add_points)
    add_box = _delegate(Prompting, Prompting.add_box)
    add_mask = _delegate(Prompting, Prompting.add_mask)
    remove_box = _delegate(Prompting, Prompting.remove_box)
    set_prompt = _delegate(Prompting, Prompting.set_prompt)
    next_guess = _delegate(Prompting, Prompting.next_guess)
    remove_point = _delegate(Prompting, Prompting.remove_point)
    clear_prompts = _delegate(Prompting, Prompting.clear_prompts)
    mark_unseen = _delegate(Prompting, Prompting.mark_unseen)
    seen_masks = _delegate(Prompting, Prompting.seen_masks)
    repair_labels = _delegate(Prompting, Prompting.repair_labels)
    foreign_pixels = _delegate(Prompting, Prompting.foreign_pixels)

    # Propagation

    propagate = _delegate(Propagator, Propagator.propagate)
    total_steps = _delegate(Propagator, Propagator.total_steps)
    objects_to_track = _delegate(Propagator, Propagator.objects_to_track)

    # Review

    lock = _delegate(Review, Review.lock)
    unlock = _delegate(Review, Review.unlock)
    locked_frames = _delegate(Review, Review.locked_frames)
    accept = _delegate(Review, Review.accept)
    unaccept = _delegate(Review, Review.unaccept)
    reviewed_frames = _delegate(Review, Review.reviewed_frames)
    mark_wrong = _delegate(Review, Review.mark_wrong)
    wrong_frames = _delegate(Review, Review.wrong_frames)
    judge = _delegate(Review, Review.judge)
    is_satisfactory = _delegate(Review, Review.is_satisfactory)
    clear_masks = _delegate(Review, Review.clear_masks)
    timeline = _delegate(Timelines, Timelines.timeline)
    score = _delegate(Timelines, Timelines.score)
    next_doubtful = _delegate(Timelines, Timelines.next_doubtful)
    wrong_share = _delegate(Timelines, Timelines.wrong_share)
    draw_sample = _delegate(Timelines, Timelines.draw_sample)
    check_backward = _delegate(BackwardCheck, BackwardCheck.check_backward)
    note_backward_check = _delegate(BackwardCheck, BackwardCheck.note_backward_check)

    # Track edits

    split_object = _delegate(TrackEdits, TrackEdits.split_object)
    swap_objects = _delegate(TrackEdits, TrackEdits.swap_objects)
    propose_swaps = _delegate(SwapProposals, SwapProposals.propose_swaps)
    divide_object = _delegate(TrackEdits, TrackEdits.divide_object)
    merge_objects = _delegate(TrackEdits, TrackEdits.merge_objects)

    # Divisions

    add_daughter = _delegate(Divisions, Divisions.add_daughter)
    link_daughters = _delegate(Divisions, Divisions.link_daughters)
    move_division = _delegate(Divisions, Divisions.move_division)
    decline_division = _delegate(Divisions, Divisions.decline_division)
    propose_divisions = _delegate(DivisionProposals, DivisionProposals.propose_divisions)
    withdraw_division = _delegate(Divisions, Divisions.withdraw_division)
    find_mother = _delegate(Mothers, Mothers.find_mother)
    mother_at = _delegate(Mothers, Mothers.mother_at)
    propose_mother = _delegate(Mothers, Mothers.propose_mother)

    # Objects from elsewhere

    import_labels = _delegate(LabelImport, LabelImport.import_labels)
    import_masks = _delegate(LabelImport, LabelImport.import_masks)
    work = _delegate(ModelChange, ModelChange.work)
    carry_over = _delegate(ModelChange, ModelChange.carry_over)
    models_of = _delegate(ModelChange, ModelChange.models_of)

    @property
    def on_progress(self) -> Callable[[int, int], None] | None:
        """Called by an import of labels with the numbers of imported and of all frames.

        If it raises, nothing is imported.
        """
        return self._part(LabelImport).on_progress

    @on_progress.setter
    def on_progress(self, on_progress: Callable[[int, int], None] | None) -> None:
        self._part(LabelImport).on_progress = on_progress

    # Undo and redo

    undo = _delegate(History, History.undo)
    redo = _delegate(History, History.redo)
    grouped = _delegate(History, History.grouped)
    fold = _delegate(History, History.fold)
    follow_journal = _delegate(History, History.follow_journal)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self.undo_text)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self.redo_text)

    @property
    def undo_text(self) -> str:
        """Text of the step that an undo takes back; empty if there is none."""
        return self._part(History).undo_text()

    @property
    def redo_text(self) -> str:
        """Text of the step that a redo repeats; empty if there is none."""
        return self._part(History).redo_text()

    @property
    def history(self) -> tuple[Group, ...]:
        """All undo steps, oldest first; a running propagation comes last."""
        return self._part(History).steps()

    # Project

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model: Sam2 | None = None,
        *,
        movie: Stack | None = None,
    ) -> Annotation:
        """Open an annotation that was saved in Python, in the window or in a shell.

        Changes made after the last save are there too, and can be undone. The project is locked
        until `close`, and every further change is written to it at once.

        Parameters
        ----------
        path : path
            The project, a folder ``NAME.sam2``.
        model : Sam2, optional
            The network that the project was made with. Default: it is loaded by its name.
        movie : path, array_like or Movie, optional
            The images, if they are neither at their old place nor beside the project.

        Raises
        ------
        FileNotFoundError
            If there is no project, or the model must be downloaded first.
        ValueError
            If the project is damaged, in use elsewhere, or was made with other images or another
            model; the message says which.
        """
        project: Project[Annotation] = open_project(path, model, movie)
        project.annotation._project = project
        return project.annotation

    def save(self, path: str | os.PathLike[str] | None = None, *, overwrite: bool = False) -> None:
        """Save everything as a project, which the window opens too.

        A save that fails leaves the previous save unchanged. From the first save on the project is
        locked until `close`, and every further change is written to it at once, so that a crash
        loses nothing.

        Parameters
        ----------
        path : path, optional
            Folder to make, ``NAME.sam2``. Default: the project of the last save or load.
        overwrite : bool
            Whether another project at `path` may be replaced.

        Raises
        ------
        FileExistsError
            If there is something at `path`, and `overwrite` is not set.
        ValueError
            If there is no `path` yet, or its name does not end with ``.sam2``.
        OSError
            If it cannot be written.
        """
        if path is None and self._project is None:
            raise ValueError('this annotation has no project yet: give one, as save("NAME.sam2")')
        place = self._project.path if path is None and self._project is not None else path
        self._project = save_project(place, self, self._project, overwrite=overwrite)

    def close(self) -> None:
        """Release the project, if there is one.

        Changes that were not saved stay in the project and are there when it is loaded again.
        """
        if self._project is not None:
            self._project.close()
            self._project = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
