"""Tracker protocol: what the floors above use of a tracker.

`Tracker` satisfies all of it. It has three layers, so that other trackers need to implement only
what is asked of them: the classical baseline is evaluated, and fast trackers without a network
drive an annotation or a window in tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.plan import Sweep
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.results import FrameResult


class ObjectTracker(Protocol):
    """A tracker that can be evaluated: it takes prompts and returns masks."""

    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Click an object."""
        ...

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Draw a box round an object."""
        ...

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Paint an object."""
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
        """Carry objects to other frames; the work is done while the results are taken."""
        ...

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The mask of an object on a frame, if there is one."""
        ...

    def labels(self, t: int) -> NDArray[np.int32]:
        """(Y, X) labels of a frame."""
        ...


class AnnotationTracker(ObjectTracker, Protocol):
    """A tracker that can drive an annotation.

    States are those of the tracker that made them: an annotation keeps them and hands them back.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X) of the stack."""
        ...

    @property
    def object_ids(self) -> tuple[int, ...]:
        """All objects, in the order in which they were added."""
        ...

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """The prompt of an object on a frame, if there is one."""
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

    def import_masks(self, t: int, masks: Mapping[int, Any]) -> None:
        """Paint many objects on a frame."""
        ...

    def carry_over(self, object_id: int, state: Any, kept: Collection[int] = ...) -> None:
        """Add an object with the state that another tracker holds of it."""
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
        """Carry objects to other frames; the work is done while the results are taken."""
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
        """How many results `propagate` hands out at most."""
        ...

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        """Predicted IoU and occlusion score of a mask."""
        ...

    def labels(self, t: int, winners: Collection[int] = ()) -> NDArray[np.int32]:
        """(Y, X) labels of a frame; `winners` win wherever masks overlap."""
        ...

    def relabel(
        self, t: int, labels: NDArray[np.integer], object_ids: Collection[int]
    ) -> tuple[tuple[slice, slice], NDArray[np.int32]]:
        """Part of a frame in which a change of some objects can be seen, and its labels."""
        ...

    def lock(
        self,
        object_id: int,
        frames: Iterable[int],
        labels: Callable[[int], NDArray[np.integer]] | None = None,
    ) -> None:
        """Fix an object on some frames."""
        ...

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        """Bring locked frames back to what they were before the lock."""
        ...

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        ...

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the frames of an object; None removes the limit."""
        ...

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> Any:
        """The state of an object on some frames, or on all."""
        ...

    def restore(self, object_id: int, state: Any) -> None:
        """Bring an object back to a state; None removes it."""
        ...


class EncodingTracker(AnnotationTracker, Protocol):
    """A tracker that can drive a window: features ahead of a click, previews of its input."""

    @property
    def frames(self) -> Frames:
        """The stack."""
        ...

    def encode(self, t: int) -> None:
        """Compute the features of a frame ahead of a click."""
        ...

    def features_cached(self, t: int) -> bool:
        """Whether the features of a frame are at hand."""
        ...

    def input_of(self, t: int, object_id: int, frames: Frames) -> NDArray[np.float32]:
        """(S, S, 3) float32 in 0..1: the network's input for an object on a frame."""
        ...
