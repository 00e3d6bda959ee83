"""Features of frames, computed once and kept within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from napari_sam2.model import FrameFeatures
from napari_sam2.tracking.windows import Window

View = tuple[int, Window]
"""A frame, and the window through which it is seen."""


class FeatureCache:
    """The least recently used features go first.

    Parameters
    ----------
    compute : callable
        Views -> their features; those of one frame are computed together.
    budget_bytes : int
        Largest sum of the features kept; the newest one stays in any case.
    """

    def __init__(
        self, compute: Callable[[Sequence[View]], list[FrameFeatures]], budget_bytes: int
    ) -> None:
        if budget_bytes < 0:
            raise ValueError(f"budget_bytes must not be negative; got {budget_bytes}")
        self._compute = compute
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[View, FrameFeatures] = OrderedDict()
        self.nbytes = 0

    def __contains__(self, view: View) -> bool:
        return view in self._kept

    def __getitem__(self, view: View) -> FrameFeatures:
        """Features of a view, from the cache or computed now."""
        return self.load([view])[view]

    def load(self, views: Iterable[View]) -> dict[View, FrameFeatures]:
        """Features of some views; those that are missing are computed together."""
        wanted = list(dict.fromkeys(views))
        missing = [view for view in wanted if view not in self._kept]
        found = {view: self._kept[view] for view in wanted if view in self._kept}
        found.update(zip(missing, self._compute(missing) if missing else [], strict=True))
        for view in missing:
            self._kept[view] = found[view]
            self.nbytes += found[view].nbytes
        for view in wanted:
            self._kept.move_to_end(view)
        self._shrink()
        return found

    def clear(self) -> None:
        """Forget everything, for example when the contrast changed."""
        self._kept.clear()
        self.nbytes = 0

    def _shrink(self) -> None:
        while self.nbytes > self._budget_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self.nbytes -= oldest.nbytes
