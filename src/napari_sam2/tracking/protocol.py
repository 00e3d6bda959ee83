"""Tracker protocols: the methods of a tracker that other packages use.

`Tracker` implements all three protocols. Other trackers implement only the ones that they need:
the classical baseline can be evaluated, and fast trackers without a network drive annotations and
windows in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2 import arrays
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.plan import Sweep
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.results import Correction, FrameResult, Signs
from napari_sam2.tracking.windows import Window


class ObjectTracker(Protocol):
    """A tracker that can be evaluated: it accepts prompts and returns masks."""

    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Add clicks on an object."""
        ...

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Set the box of an object."""
        ...

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Set the painted mask of an object."""
        ...

    def remove_object(self, object_id: int) -> None:
        """Remove an object."""
        ...

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = ...,
        object_ids: Iterable[int] | None = None,
    ) -> Iterator[FrameResult]:
        """Track objects through other frames, each when its result is requested."""
        ...

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The mask of an object on a frame; None if it has no mask."""
        ...

    def labels(self, t: int) -> NDArray[np.int32]:
        """(Y, X) labels of a frame."""
        ...


class AnnotationTracker(ObjectTracker, Protocol):
    """A tracker that can drive an annotation.

    An annotation stores the states of a tracker and passes them back to the same tracker.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the stack, (T, Y, X)."""
        ...

    @property
    def object_ids(self) -> tuple[int, ...]:
        """All objects, in the order in which they were added."""
        ...

    def grow(self, data: arrays.ArrayLike, /) -> None:
        """Add the new frames of a longer stack, whose first frames are those so far."""
        ...

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """The prompt of an object on a frame; None if it has no prompt."""
        ...

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts."""
        ...

    def set_prompt(self, prompt: Prompt) -> FrameResult | None:
        """Replace the prompt of an object on a frame."""
        ...

    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        """Remove the prompt of an object on a frame."""
        ...

    def import_masks(
        self,
        t: int,
        masks: Mapping[int, Any],
        clicks: Mapping[int, tuple[float, float]] | None = ...,
    ) -> None:
        """Set the painted masks of many objects on a frame, with the clicks that give them."""
        ...

    def carry_over(self, object_id: int, state: Any, kept: Collection[int] = ...) -> None:
        """Add an object with its state from another tracker."""
        ...

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = ...,
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> Iterator[FrameResult]:
        """Track objects through other frames, each when its result is requested."""
        ...

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = ...,
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> int:
        """Largest number of results that `propagate` yields."""
        ...

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        """Predicted IoU and occlusion score of a mask."""
        ...

    def signs(self, t: int, object_id: int) -> Signs | None:
        """What tracking knows about the quality of a mask; None if there is no mask."""
        ...

    def pointer(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """How an object looks on a frame; None if that is not known."""
        ...

    def corrections(self, object_id: int) -> tuple[Correction, ...]:
        """Tracked masks of an object that were prompted later."""
        ...

    def note_backward_iou(self, object_id: int, values: Mapping[int, float | None]) -> None:
        """Note the result of a backward check with the masks of an object on some frames."""
        ...

    def without_objects(self) -> AnnotationTracker:
        """Another tracker of the same stack, with the same settings and no objects."""
        ...

    def labels(self, t: int, winners: Collection[int] = ()) -> NDArray[np.int32]:
        """(Y, X) labels of a frame; `winners` have priority wherever masks overlap."""
        ...

    def relabel(
        self, t: int, labels: NDArray[np.integer], object_ids: Collection[int]
    ) -> tuple[tuple[slice, slice], NDArray[np.int32]]:
        """The part of a frame that a change of some objects affects, and its labels."""
        ...

    def lock(
        self,
        object_id: int,
        frames: Iterable[int],
        labels: Callable[[int], NDArray[np.integer]] | None = None,
    ) -> None:
        """Lock an object on some frames."""
        ...

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        """Unlock frames, and restore their masks from before the lock."""
        ...

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        ...

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the frames on which an object may have masks; None removes the limit."""
        ...

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> Any:
        """The state of an object on some frames, or on all frames."""
        ...

    def restore(self, object_id: int, state: Any) -> None:
        """Restore the state of an object; None removes the object."""
        ...


class EncodingTracker(AnnotationTracker, Protocol):
    """A tracker that can drive a window: it computes features ahead and previews its input."""

    @property
    def frames(self) -> Frames:
        """The stack."""
        ...

    def encode(self, t: int) -> None:
        """Compute the features of a frame ahead of a click."""
        ...

    def features_cached(self, t: int) -> bool:
        """Whether the features of a frame are cached."""
        ...

    def forget_features(self) -> None:
        """Free the memory of all features."""
        ...

    def input_of(self, t: int, object_id: int, frames: Frames) -> NDArray[np.float32]:
        """(S, S, 3) float32 in 0..1: the network's input for an object on a frame."""
        ...

    def window_of(self, t: int, object_id: int) -> Window:
        """The part of a frame that the network sees for an object."""
        ...
