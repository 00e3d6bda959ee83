"""Features of frames, computed once and kept within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from napari_sam2.model import FrameFeatures


class FeatureCache:
    """The least recently used features go first.

    Parameters
    ----------
    compute : callable
        Frame index -> features.
    budget_bytes : int
        Largest sum of the features kept; the newest one stays in any case.
    """

    def __init__(self, compute: Callable[[int], FrameFeatures], budget_bytes: int) -> None:
        if budget_bytes < 0:
            raise ValueError(f"budget_bytes must not be negative; got {budget_bytes}")
        self._compute = compute
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[int, FrameFeatures] = OrderedDict()
        self.nbytes = 0

    def __contains__(self, t: int) -> bool:
        return t in self._kept

    def __getitem__(self, t: int) -> FrameFeatures:
        """Features of frame `t`, from the cache or computed now."""
        if t not in self._kept:
            features = self._compute(t)
            self._kept[t] = features
            self.nbytes += features.nbytes
            self._shrink()
        self._kept.move_to_end(t)
        return self._kept[t]

    def clear(self) -> None:
        """Forget everything, for example when the contrast changed."""
        self._kept.clear()
        self.nbytes = 0

    def _shrink(self) -> None:
        while self.nbytes > self._budget_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= oldest.nbytes
