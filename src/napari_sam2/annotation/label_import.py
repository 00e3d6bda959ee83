"""Import of labels: labels of another program become objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_sam2.annotation.actions import Action, Operation, SetMasklet, SetObject
from napari_sam2.annotation.journal import callable_by_name, journaled
from napari_sam2.annotation.journal_entries import Called
from napari_sam2.annotation.objects import MAX_OBJECT_ID, AnnotatedObject
from napari_sam2.annotation.undo_texts import counted
from napari_sam2.tracking.pixels import PixelMask, masks_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from napari_sam2.annotation.document import Document


class StackOfLabels(Protocol):
    """A (T, Y, X) array of labels that is read one frame at a time."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, Y, X)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """An integer type."""

    def __getitem__(self, t: int, /) -> ArrayLike:
        """(Y, X) labels of frame `t`."""


class LabelImport:
    """Makes objects of labels that another program or person has made.

    Parameters
    ----------
    document : Document
        The shared state.

    Attributes
    ----------
    on_progress : callable or None
        Gets the number of imported frames and the number of all frames. If it raises, nothing is
        imported.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._state = document.state
        self.on_progress: Callable[[int, int], None] | None = None

    @callable_by_name
    def import_labels(
        self,
        labels: ArrayLike | StackOfLabels,
        t: int | None = None,
        parents: Mapping[int, int] | None = None,
    ) -> tuple[int, ...]:
        """Make an object of every label; each of its masks becomes a painted prompt.

        The model encodes a mask only once it is needed. Labels of a movie are read one frame at a
        time, so an array on disk is never in memory as a whole. `on_progress` is called after each
        frame.

        Parameters
        ----------
        labels : (Y, X) or (T, Y, X) integers
            Labels of frame `t`, or of all frames; 0 is background. Any array with the attributes
            ``shape`` and ``dtype`` whose frames are read by their index is possible.
        t : int, optional
            The frame of (Y, X) labels.
        parents : mapping of int to int, optional
            Label of the daughter to label of the mother. Links to a mother that is not imported, or
            is still there when her daughter begins, are left out.

        Returns
        -------
        tuple of int
            The object of each label, in the order of the labels: the label itself where no object
            has that id, else a new id.

        Raises
        ------
        ValueError, TypeError
            If the labels do not fit the stack, or are not integers. Nothing is imported then.
        """
        given: Any = labels
        if not hasattr(labels, "dtype"):
            given = np.asarray(labels)
        frames = self._frames_of(given, t)
        masks: dict[int, dict[int, PixelMask]] = {}

        def read() -> Iterator[tuple[int, dict[int, PixelMask]]]:
            for frame in frames:
                masks[frame] = _masks_on(given if t is not None else given[frame])
                yield frame, masks[frame]

        with self._document.journal.call() as is_outermost:
            chosen = self._import(read(), len(frames), parents or {})
            if chosen and is_outermost:
                arguments = {"masks": masks} | ({"parents": dict(parents)} if parents else {})
                self._document.journal.tell(Called("import_masks", arguments))
        return chosen

    @journaled
    def import_masks(
        self,
        masks: Mapping[int, Mapping[int, PixelMask]],
        parents: Mapping[int, int] | None = None,
        clicks: Mapping[int, Mapping[int, tuple[float, float]]] | None = None,
    ) -> tuple[int, ...]:
        """Make an object of every label, as `import_labels` does, from the masks themselves.

        Parameters
        ----------
        masks : mapping of int to mapping of int to PixelMask
            (Y, X) mask, not empty, of each label on each frame.
        parents : mapping of int to int, optional
            As for `import_labels`.
        clicks : mapping of int to mapping of int to (float, float), optional
            Click (y, x) of labels on frames, which is known to give the mask there.

        Returns
        -------
        tuple of int
            The object of each label, in the order of the labels.

        Raises
        ------
        ValueError
            If a mask is empty or does not fit the stack. Nothing is imported then.
        """
        return self._import(masks.items(), len(masks), parents or {}, clicks or {})

    def _import(
        self,
        masks: Iterable[tuple[int, Mapping[int, PixelMask]]],
        total: int,
        parents: Mapping[int, int],
        clicks: Mapping[int, Mapping[int, tuple[float, float]]] = MappingProxyType({}),
    ) -> tuple[int, ...]:
        """Import the masks frame by frame; remove all of them again if that fails."""
        tracker = self._state.tracker
        running = self._document.running_group()
        ids: dict[int, int] = {}  # of the object, by label
        found: dict[int, list[int]] = defaultdict(list)  # frames by label
        try:
            for done, (frame, present) in enumerate(masks, start=1):
                self._choose_ids(ids, present)
                places = {ids[label]: place for label, place in clicks.get(frame, {}).items()}
                shown = {ids[label]: mask for label, mask in present.items()}
                tracker.import_masks(frame, shown, places)
                for label in present:
                    found[label].append(frame)
                if self.on_progress is not None:
                    self.on_progress(done, total)
        except BaseException:
            for object_id in set(ids.values()) & set(tracker.object_ids):
                tracker.remove_object(object_id)
            raise
        if not ids:
            return ()
        actions: list[Action] = []
        objects = _families(ids, found, parents)
        for label, object_id in sorted(ids.items()):
            added = SetObject(object_id, None, objects[object_id])
            added.apply(self._state)
            there = frozenset(found[label])
            state = tracker.snapshot(object_id)
            actions += [added, SetMasklet(object_id, None, state, there, there)]
        chosen = tuple(object_id for _, object_id in sorted(ids.items()))
        frames = sorted(set().union(*found.values()))
        data = {"action": "adopt labels", "objects": list(chosen), "frames": frames}
        group = Operation(f"import {counted(len(chosen), 'cell')}", tuple(actions), data)
        self._state.stale.update(chosen)
        self._document.settle(group, running, self._state.labels_for(max(chosen)))
        return chosen

    def _choose_ids(self, ids: dict[int, int], labels: Iterable[int]) -> None:
        """Add an object id for each new label: the label itself if it is free, else a new id."""
        new = sorted(set(labels) - ids.keys())
        taken = self._state.objects.keys() | set(ids.values())
        next_id = max([self._state.largest_id, *ids.values(), *new], default=0) + 1
        for label in new:
            if label in taken:
                ids[label], next_id = next_id, next_id + 1
            else:
                ids[label] = label

    def _frames_of(self, labels: Any, t: int | None) -> Sequence[int]:
        """Frames of the labels, after a check of their shape and dtype."""
        shape = self._state.shape
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be integers; got {labels.dtype}")
        if labels.shape == shape[1:] and t is not None:
            return (self._state.checked_frame(t),)
        if labels.shape == shape and t is None:
            return range(shape[0])
        raise ValueError(
            f"labels must be {shape}, or {shape[1:]} with their frame; "
            f"got {labels.shape} and frame {t}"
        )


def _families(
    ids: Mapping[int, int], frames: Mapping[int, Sequence[int]], parents: Mapping[int, int]
) -> dict[int, AnnotatedObject]:
    """Objects of labels, linked to their mothers where these end before.

    Parameters
    ----------
    ids : mapping of int to int
        Object of each label.
    frames : mapping of int to sequence of int
        Frames of each label.
    parents : mapping of int to int
        Label of the daughter to label of the mother.
    """
    objects = {object_id: AnnotatedObject(object_id) for object_id in ids.values()}
    for label, object_id in ids.items():
        mother = parents.get(label)
        if mother is None or mother not in ids or max(frames[mother]) >= min(frames[label]):
            continue
        birth, parent = min(frames[label]), objects[ids[mother]]
        end = birth - 1 if parent.end is None else min(parent.end, birth - 1)
        objects[parent.object_id] = replace(parent, end=end)
        objects[object_id] = replace(objects[object_id], parent=parent.object_id, birth=birth)
    return objects


def _masks_on(labels: ArrayLike) -> dict[int, PixelMask]:
    """The mask of each label of one frame."""
    plane = np.asarray(labels)
    if plane.size and not 0 <= int(plane.min()) <= int(plane.max()) <= MAX_OBJECT_ID:
        raise ValueError(
            f"labels must be between 0 and {MAX_OBJECT_ID}; got {plane.min()} to {plane.max()}"
        )
    return masks_of(plane)
