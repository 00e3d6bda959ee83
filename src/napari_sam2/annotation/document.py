"""The document that a person works on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar

from napari_sam2.annotation.actions import (
    Action,
    Group,
    SetObject,
    SetPrompt,
    Touched,
)
from napari_sam2.annotation.content import Content
from napari_sam2.annotation.entries import Advanced, Began, journaled
from napari_sam2.annotation.events import AnnotationEvents
from napari_sam2.annotation.journal import Journal, Listener
from napari_sam2.annotation.objects import (
    AnnotatedObject,
    Score,
    checked_integer,
    checked_object_id,
)
from napari_sam2.annotation.propagation import OpenPropagation, Request

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from napari_sam2.tracking import FrameResult, Prompt, Tracker
    from napari_sam2.tracking.tracker import Sweep

Result = TypeVar("Result")


class Annotation:
    """Objects, their prompts, labels and scores for one stack, with undo over everything.

    It drives a tracker, which nobody else may change from then on, and is used from one thread.
    Whatever is done to it is a group of actions in its journal. A call that raises leaves
    everything as it was.

    Parameters
    ----------
    tracker : Tracker
        Tracker of the stack. Objects that it has already become objects of the document.

    Attributes
    ----------
    events : AnnotationEvents
        Signals that tell what changed.

    Notes
    -----
    Labels are what the tracker composes of the masks of all objects: no two objects ever share a
    pixel, and a change writes only pixels that an object loses or wins by it.
    """

    def __init__(self, tracker: Tracker) -> None:
        self.events = AnnotationEvents()
        self._content = Content(tracker)
        self._journal = Journal()
        self._run: OpenPropagation | None = None
        self._rewinds = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X) of the stack."""
        return self._content.tracker.shape

    @property
    def labels(self) -> NDArray[Any]:
        """(T, Y, X) uint16 or uint32 object ids, 0 for background; changed in place.

        Once an id exceeds 65535 it is another array of dtype uint32, announced by the event
        `labels_replaced`.
        """
        return self._content.labels

    # Objects

    @property
    def objects(self) -> dict[int, AnnotatedObject]:
        """The objects by id, in the order of the ids: a copy."""
        return dict(sorted(self._content.objects.items()))

    def new_object_id(self) -> int:
        """An id that no object of this document has or had, removed and undone ones included."""
        return self._content.largest_id + 1

    @journaled
    def add_object(self, object_id: SupportsIndex | None = None, name: str = "") -> int:
        """Add an object that has no prompt yet.

        Parameters
        ----------
        object_id : int, optional
            Its value in the labels; a new one if None.
        name : str
            Its name.

        Returns
        -------
        int
            The id of the object.

        Raises
        ------
        ValueError
            If the id is taken, or is not a possible value of labels.
        """
        object_id = checked_object_id(self.new_object_id() if object_id is None else object_id)
        if object_id in self._content.objects:
            raise ValueError(f"object {object_id} exists already; choose another id")
        properties = AnnotatedObject(object_id, _checked_name(name))
        self._perform("add", object_id, SetObject(object_id, None, properties))
        return object_id

    @journaled
    def remove_object(self, object_id: int) -> None:
        """Remove an object with its prompts and masks from all frames.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        properties = self._known(object_id)
        object_id = properties.object_id
        actions: list[Action] = [SetObject(object_id, properties, None)]
        for child in self._content.objects.values():
            if child.parent == object_id:
                orphan = replace(child, parent=None)
                actions.append(SetObject(child.object_id, child, orphan))
        if object_id in self._content.tracker.object_ids:
            actions.append(self._content.removal(object_id))
        self._perform("remove", object_id, *actions)

    @journaled
    def rename_object(self, object_id: int, name: str) -> None:
        """Give an object another name.

        Raises
        ------
        ValueError
            If there is no such object.
        """
        before = self._known(object_id)
        after = replace(before, name=_checked_name(name))
        if after != before:
            self._perform("rename", before.object_id, SetObject(before.object_id, before, after))

    # Prompts

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, in the order of the object ids and then of the frames."""
        return tuple(sorted(self._content.tracker.prompts(), key=lambda p: (p.object_id, p.t)))

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """Prompt of an object on frame `t`, if there is one."""
        return self._content.prompt(t, object_id)

    @journaled
    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Add a round of clicks; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        points : (P, 2) array-like
            Clicks as (y, x) in pixels.
        labels : (P,) array-like
            1 includes, 0 excludes.

        Returns
        -------
        FrameResult
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            As the tracker does: frame outside the stack, point outside the image, shapes that do
            not fit.
        """
        tracker = self._content.tracker
        return self._change_prompt(
            "click on", t, object_id, lambda: tracker.add_points(t, object_id, points, labels)
        )

    @journaled
    def add_box(
        self, t: int, object_id: int, box: tuple[float, float, float, float]
    ) -> FrameResult:
        """Put a box around an object; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        box : (y0, x0, y1, x1)
            Edges in pixels.

        Returns
        -------
        FrameResult
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            As the tracker does: frame outside the stack, empty box, not finite.
        """
        tracker = self._content.tracker
        return self._change_prompt("box", t, object_id, lambda: tracker.add_box(t, object_id, box))

    @journaled
    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Set the mask of an object as painted; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        mask : (Y, X) bool array-like
            Its pixels.

        Returns
        -------
        FrameResult
            The new mask of this object on this frame.

        Raises
        ------
        ValueError
            As the tracker does: frame outside the stack, mask of another shape.
        """
        tracker = self._content.tracker
        return self._change_prompt(
            "paint", t, object_id, lambda: tracker.add_mask(t, object_id, mask)
        )

    @journaled
    def set_prompt(self, prompt: Prompt) -> FrameResult | None:
        """Replace all that was prompted for an object on a frame; an unknown object is created.

        Parameters
        ----------
        prompt : Prompt
            The new prompt; an empty one clears what is there.

        Returns
        -------
        FrameResult or None
            The new mask of this object on this frame, None if it has none any more.

        Raises
        ------
        ValueError
            As the tracker does.
        """
        if prompt.is_empty:
            return self.clear_prompts(prompt.t, prompt.object_id)
        tracker = self._content.tracker
        return self._change_prompt(
            "prompt", prompt.t, prompt.object_id, lambda: tracker.set_prompt(prompt)
        )

    @journaled
    def remove_point(self, t: int, object_id: int, index: int) -> FrameResult | None:
        """Take back one click; the mask follows.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            Object.
        index : int
            Index of the point in the prompt.

        Returns
        -------
        FrameResult or None
            The new mask of this object on this frame, None if it has none any more.

        Raises
        ------
        ValueError
            If there is no such object or the frame has no such point.
        """
        self._known(object_id)
        prompt = self.prompt(t, object_id)
        if prompt is None:
            raise ValueError(f"object {object_id} has no points on frame {t}")
        return self.set_prompt(prompt.without_point(index))

    @journaled
    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        """Forget all that was prompted for an object on a frame.

        The frame goes back to the mask that it had before the prompts, if it had one.

        Returns
        -------
        FrameResult or None
            The mask of this object on this frame, None if it has none.

        Raises
        ------
        ValueError
            If there is no such object or frame.
        """
        self._known(object_id)
        self._content.check_frame(t)
        if self._content.prompt(t, object_id) is None:
            return self._content.result(t, object_id)
        tracker = self._content.tracker
        return self._change_prompt(
            "clear prompts of", t, object_id, lambda: tracker.clear_prompts(t, object_id)
        )

    # Masklets

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "forward",
        object_ids: Iterable[int] | None = None,
    ) -> Iterator[FrameResult]:
        """Carry masklets to other frames, writing the labels frame by frame.

        The iterator may be closed at any moment; what it has yielded stays. However it ends, all
        of it is one undo step. Where other changes are made between two frames, what comes before
        and after them are steps of their own. Undo and redo end the iterator.

        Parameters
        ----------
        start, stop : int, optional
            Range of frames ``[start, stop)`` to write; the whole stack by default.
        direction : str
            ``"forward"``, ``"backward"`` or ``"both"``.
        object_ids : iterable of int, optional
            Objects to carry; all by default. Those that never had a prompt are left out.

        Yields
        ------
        FrameResult
            Masks of the objects on one frame, each by itself; frames with prompts keep their mask.

        Raises
        ------
        ValueError
            As the tracker does: range outside the stack, unknown direction or object.
        """
        request = Request.checked(start, stop, direction, self._with_masklet(object_ids))
        results = self._content.tracker.propagate(
            request.start, request.stop, direction, request.object_ids
        )
        return self._follow(results, request, self._rewinds)

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "forward",
        object_ids: Iterable[int] | None = None,
    ) -> int:
        """How many results `propagate` yields with these arguments if it is not closed early."""
        chosen = self._with_masklet(object_ids)
        return self._content.tracker.total_steps(start, stop, direction, chosen)

    def score(self, t: int, object_id: int) -> Score | None:
        """What the model thinks of its mask of an object on frame `t`; None where it has none."""
        result = self._content.result(t, object_id)
        if result is None:
            return None
        return Score(float(result.predicted_iou[0]), float(result.occlusion_score[0]))

    # History

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return bool(self.undo_text)

    @property
    def can_redo(self) -> bool:
        """Whether there is something to do again."""
        return bool(self.redo_text)

    @property
    def undo_text(self) -> str:
        """What an undo takes back; empty if there is nothing."""
        if self._run is not None and not self._run.is_empty:
            return self._run.text
        group = self._journal.next_undo
        return "" if group is None else group.text

    @property
    def redo_text(self) -> str:
        """What a redo does again; empty if there is nothing."""
        group = self._journal.next_redo
        return "" if group is None else group.text

    @property
    def history(self) -> tuple[Group, ...]:
        """What made the document what it is, oldest first; a running propagation comes last."""
        return self._journal.done + (() if (group := self._running()) is None else (group,))

    @journaled
    def undo(self) -> str | None:
        """Take back what was done last.

        Returns
        -------
        str or None
            What was taken back; None if there was nothing.
        """
        self._seal()
        group = self._journal.next_undo
        if group is None:
            return None
        self._travel(group.inverse(), self._journal.step_back)
        return group.text

    @journaled
    def redo(self) -> str | None:
        """Do again what was undone last.

        Returns
        -------
        str or None
            What was done again; None if there was nothing.
        """
        group = self._journal.next_redo
        if group is None:
            return None
        self._seal()
        self._travel(group, self._journal.step_forward)
        return group.text

    @contextmanager
    def grouped(self, text: str) -> Iterator[None]:
        """Make all that is done inside the ``with`` block one undo step.

        If the block raises, everything done in it is taken back.

        Parameters
        ----------
        text : str
            What the step is called in a menu.
        """
        self._seal()
        start = len(self._journal.done)
        try:
            yield
        except BaseException:
            self._take_back(start)
            raise
        self._seal()
        self._journal.fold(start, text)
        self.events.history_changed.emit()

    def follow_journal(self, listener: Listener | None) -> None:
        """Let a listener know all that happens from now on; None ends it.

        Parameters
        ----------
        listener : callable or None
            Gets the entries that belong together, in the thread of the annotation, when what they
            tell has happened. It must not raise.
        """
        self._journal.listener = listener

    # Making changes

    def _known(self, object_id: int) -> AnnotatedObject:
        """Properties of an object that must be there."""
        try:
            return self._content.objects[object_id]
        except KeyError:
            known = ", ".join(map(str, sorted(self._content.objects))) or "none"
            raise ValueError(f"unknown object {object_id!r}; there are: {known}") from None

    def _perform(self, verb: str, object_id: int, *actions: Action) -> None:
        """Make a change that needs no model."""
        running = self._running()
        labels = self._content.labels_for(object_id)
        group = Group(f"{verb} object {object_id}", actions)
        group.apply(self._content)
        self._settle(group, running, labels)

    def _change_prompt(
        self, verb: str, t: int, object_id: int, change: Callable[[], Result]
    ) -> Result:
        """Let the tracker change a prompt, and make a group of what it did."""
        t, object_id = checked_integer(t, "frame"), checked_object_id(object_id)
        content = self._content
        before, state_before = content.prompt(t, object_id), content.state(object_id, (t,))
        running = self._running()
        labels = content.labels_for(object_id)
        result = change()
        after, state_after = content.prompt(t, object_id), content.state(object_id, (t,))
        actions: list[Action] = [SetPrompt(t, object_id, before, after, state_before, state_after)]
        if object_id not in content.objects:
            added = SetObject(object_id, None, AnnotatedObject(object_id))
            added.apply(content)
            actions.insert(0, added)
        group = Group(f"{verb} object {object_id} on frame {t}", tuple(actions))
        self._settle(group, running, labels)
        return result

    def _settle(self, group: Group, running: Group | None, labels: NDArray[Any]) -> None:
        """Record a group that objects and tracker have already undergone, and show it."""
        is_replaced = labels is not self._content.labels
        self._content.labels = labels
        self._content.compose(group.touched.frames)
        self._run = None
        if running is not None:
            self._journal.record(running)
        self._journal.record(group)
        if is_replaced:
            self.events.labels_replaced.emit()
        self._announce(group.touched)

    def _travel(self, group: Group, move: Callable[[], None]) -> None:
        """Apply a group for an undo or redo and move it in the journal."""
        self._rewinds += 1
        group.apply(self._content)
        self._content.compose(group.touched.frames)
        move()
        self._announce(group.touched)

    def _take_back(self, start: int) -> None:
        """Undo for good all that was done after the first `start` groups."""
        self._seal()
        while len(self._journal.done) > start:
            self.undo()
            self._journal.forget_undone()
        self.events.history_changed.emit()

    def _announce(self, touched: Touched) -> None:
        if touched.objects:
            self.events.objects_changed.emit()
        for t, object_id in sorted(touched.prompts):
            self.events.prompts_changed.emit(t, object_id)
        for t in sorted(touched.frames):
            self.events.frame_changed.emit(t)
        self.events.history_changed.emit()

    # A running propagation

    def _with_masklet(self, object_ids: Iterable[int] | None) -> tuple[int, ...] | None:
        """The objects without those that the tracker was never told of."""
        if object_ids is None:
            return None
        waiting = self._content.objects.keys() - self._content.tracker.object_ids
        return tuple(object_id for object_id in object_ids if object_id not in waiting)

    def _follow(
        self, results: Iterator[FrameResult], request: Request, rewinds: int
    ) -> Generator[FrameResult, None, None]:
        """Write results as they come, until an undo or redo; however it ends, it is recorded."""
        run: OpenPropagation | None = None
        try:
            while self._rewinds == rewinds:
                if run is None or run is not self._run:
                    run = self._begin(request)
                result = next(results, None)
                if result is None:
                    break
                self._show(run, result)
                yield result
        finally:
            if isinstance(results, Generator):
                results.close()
            if run is self._run:
                self._seal()

    def _begin(self, request: Request) -> OpenPropagation:
        """Open a new undo step for what a propagation writes from here on."""
        self._seal()
        self._run = OpenPropagation(self._content, request)
        self._journal.tell(Began(request))
        return self._run

    def _show(self, run: OpenPropagation, result: FrameResult) -> None:
        is_first = run.is_empty
        run.add(result)
        self._content.compose((result.t,))
        if is_first:
            self._journal.forget_undone()
        states = {key: self._content.state(key, (result.t,)) for key in result.object_ids}
        self._journal.tell(Advanced(result.t, states))
        self.events.frame_changed.emit(result.t)
        if is_first:
            self.events.history_changed.emit()

    def _running(self) -> Group | None:
        """What the running propagation has written since the last other change."""
        return None if self._run is None else self._run.group()

    def _seal(self) -> None:
        """Record what the running propagation has written; what it writes later is another step."""
        group = self._running()
        self._run = None
        if group is not None:
            self._journal.record(group)
            self.events.history_changed.emit()


def _checked_name(name: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"name must be text; got {name!r}")
    return name
