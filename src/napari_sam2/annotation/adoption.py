"""Labels that come from elsewhere become objects of a document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.actions import Action, Operation, SetMasklet, SetObject
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.objects import MAX_OBJECT_ID, AnnotatedObject, checked_integer
from napari_sam2.annotation.roster import Roster
from napari_sam2.tracking.pixels import masks_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class Adoption(Roster):
    """Takes over what another program, or a person before, has segmented.

    Attributes
    ----------
    on_progress : callable or None
        Gets how many frames of a long operation are done, and how many there are. What it raises
        ends the operation, of which nothing is left then.
    """

    on_progress: Callable[[int, int], None] | None = None

    @journaled
    def adopt_labels(self, labels: ArrayLike, t: int | None = None) -> tuple[int, ...]:
        """Make an object of every label; each of its masks becomes a painted prompt.

        The model sees a mask when it is needed, not now. `on_progress` is called after each frame.

        Parameters
        ----------
        labels : (Y, X) or (T, Y, X) integers
            Labels of frame `t`, or of all frames; 0 is background.
        t : int, optional
            The frame of (Y, X) labels.

        Returns
        -------
        tuple of int
        The object of each label, in the order of the labels: the label itself where no object
            has that id, else a new id.

        Raises
        ------
        ValueError, TypeError
            If the labels do not fit the stack, or are no labels. Nothing is adopted then.
        """
        given = np.asarray(labels)
        frames = self._checked_labels(given, t)
        masks = {frame: masks_of(plane) for frame, plane in frames.items()}
        found: dict[int, list[int]] = defaultdict(list)  # frames by label
        for frame, present in masks.items():
            for label in present:
                found[label].append(frame)
        ids = self._ids_for(sorted(found))
        tracker = self._content.tracker
        running = self._running()
        try:
            for done, (frame, present) in enumerate(masks.items(), start=1):
                tracker.adopt_masks(frame, {ids[label]: mask for label, mask in present.items()})
                if self.on_progress is not None:
                    self.on_progress(done, len(masks))
        except BaseException:
            for object_id in set(ids.values()) & set(tracker.object_ids):
                tracker.remove_object(object_id)
            raise
        actions: list[Action] = []
        for label, object_id in ids.items():
            added = SetObject(object_id, None, AnnotatedObject(object_id))
            added.apply(self._content)
            there = frozenset(found[label])
            state = tracker.snapshot(object_id)
            actions += [added, SetMasklet(object_id, None, state, there, there)]
        if not actions:
            return ()
        chosen = tuple(ids.values())
        data = {"action": "adopt labels", "objects": list(chosen), "frames": sorted(frames)}
        noun = "object" if len(chosen) == 1 else "objects"
        group = Operation(f"adopt {len(chosen)} {noun}", tuple(actions), data)
        self._content.stale.update(chosen)
        self._settle(group, running, self._content.labels_for(max(chosen)))
        return chosen

    def _checked_labels(self, labels: NDArray[Any], t: int | None) -> dict[int, NDArray[Any]]:
        """The (Y, X) labels of each frame."""
        shape = self.shape
        if labels.dtype.kind not in "iu":
            raise TypeError(f"labels must be integers; got {labels.dtype}")
        if labels.shape == shape[1:] and t is not None:
            self._content.check_frame(checked_integer(t, "frame"))
            planes = {int(t): labels}
        elif labels.shape == shape and t is None:
            planes = dict(enumerate(labels))
        else:
            raise ValueError(
                f"labels must be {shape}, or {shape[1:]} with their frame; "
                f"got {labels.shape} and frame {t}"
            )
        if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= MAX_OBJECT_ID:
            raise ValueError(
                f"labels must be between 0 and {MAX_OBJECT_ID}; "
                f"got {labels.min()} to {labels.max()}"
            )
        return planes

    def _ids_for(self, labels: list[int]) -> dict[int, int]:
        """An id for each label, its own where that is free."""
        next_id = max([self._content.largest_id, *labels], default=0) + 1
        ids: dict[int, int] = {}
        for label in labels:
            if label in self._content.objects:
                ids[label], next_id = next_id, next_id + 1
            else:
                ids[label] = label
        return ids
