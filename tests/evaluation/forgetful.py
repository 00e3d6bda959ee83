"""A tracker that is right for some frames after each click, and then sees nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np

from napari_sam2.evaluation.ground_truth import LabelledMovie
from napari_sam2.tracking import FrameResult, Frames


class Forgetful:
    """Knows the truth: one click shows the clicked pixel, two half of the object, three all of it.

    Tracked frames are right up to `patience` frames after the last prompt.
    """

    def __init__(self, truth: LabelledMovie, patience: int) -> None:
        self.truth, self.patience = truth, patience
        self.masks: dict[tuple[int, int], np.ndarray] = {}
        self.clicks: dict[tuple[int, int], list[tuple[int, ...]]] = defaultdict(list)

    def __call__(self, frames: Frames) -> Forgetful:
        return self

    def add_points(self, t: int, object_id: int, points: object, labels: object) -> FrameResult:
        ((y, x),), (label,) = np.array(points), np.array(labels)
        self.clicks[t, object_id].append((int(y), int(x), int(label)))
        count = len(self.clicks[t, object_id])
        mask = self.truth.frame(t) == object_id
        if count == 1:
            mask = np.zeros_like(mask)
            mask[int(y), int(x)] = True
        if count == 2:
            mask[mask.shape[0] // 2 :] = False
        return self._put(t, object_id, mask)

    def add_box(self, t: int, object_id: int, box: object) -> FrameResult:
        return self.add_mask(t, object_id, self.truth.frame(t) == object_id)

    def add_mask(self, t: int, object_id: int, mask: object) -> FrameResult:
        self.clicks[t, object_id].append(())
        return self._put(t, object_id, np.array(mask))

    def remove_object(self, object_id: int) -> None:
        for kept in (self.masks, self.clicks):
            for key in [key for key in kept if key[1] == object_id]:
                del kept[key]  # type: ignore[attr-defined]

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: str = "forward",
        object_ids: Iterable[int] | None = None,
    ) -> Iterator[FrameResult]:
        ids = tuple(object_ids or ())
        for t in range(start or 0, stop or self.truth.shape[0]):
            active = tuple(k for k in ids if self._prompted(k) and min(self._prompted(k)) <= t)
            for object_id in active:
                if t not in self._prompted(object_id):
                    self._follow(t, object_id)
            if active:
                yield self._result(t, active)

    def _prompted(self, object_id: int) -> list[int]:
        return [t for t, k in self.clicks if k == object_id]

    def _follow(self, t: int, object_id: int) -> None:
        last = max(k for k in self._prompted(object_id) if k < t)
        mask = self.truth.frame(t) == object_id
        self._put(t, object_id, mask & (t - last <= self.patience))

    def result(self, t: int, object_id: int) -> FrameResult | None:
        return self._result(t, (object_id,)) if (t, object_id) in self.masks else None

    def labels(self, t: int) -> np.ndarray:
        labels = np.zeros(self.truth.shape[1:], np.int32)
        for (k, object_id), mask in self.masks.items():
            if k == t:
                labels[mask] = object_id
        return labels

    def _put(self, t: int, object_id: int, mask: np.ndarray) -> FrameResult:
        self.masks[t, object_id] = mask
        return self._result(t, (object_id,))

    def _result(self, t: int, ids: tuple[int, ...]) -> FrameResult:
        nothing = np.zeros(len(ids), np.float32)
        return FrameResult(t, ids, np.stack([self.masks[t, k] for k in ids]), nothing, nothing)
