"""Feature cache: image features of frames, computed once and kept within a byte budget."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence

import torch

from napari_sam2.model import FrameFeatures
from napari_sam2.tracking.disk_cache import DiskCache, View

__all__ = ["FeatureCache", "View"]


class FeatureCache:
    """Keeps recently used features in memory, and moves others to the disk cache or drops them.

    Parameters
    ----------
    compute : callable
        Computes the features of views; the views of a frame are computed together.
    budget_bytes : int
        Largest total size of the features in memory; the newest features are always kept. See
        `share_budget` for what the masks take of it.
    disk : DiskCache, optional
        Stores features that do not fit into the budget.
    device : torch.device, optional
        Device that uses the features. Default: the CPU.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[View]], list[FrameFeatures]],
        budget_bytes: int,
        disk: DiskCache | None = None,
        device: torch.device | None = None,
    ) -> None:
        if budget_bytes < 0:
            raise ValueError(f"budget_bytes must not be negative; got {budget_bytes}")
        self._compute = compute
        self._budget_bytes = budget_bytes
        self._disk = disk or DiskCache(0)
        self._kept: OrderedDict[View, FrameFeatures] = OrderedDict()
        self._device = device or torch.device("cpu")
        self._home = self._device  # device that stores the features
        self._masks_bytes: Callable[[], int] = lambda: 0
        self.nbytes = 0

    def share_budget(self, masks_bytes: Callable[[], int]) -> None:
        """Leave a part of the budget to the masks, at most one half, if both are in main memory.

        Parameters
        ----------
        masks_bytes : callable
            Tells how much memory the masks take now.
        """
        self._masks_bytes = masks_bytes

    def __contains__(self, view: View) -> bool:
        return view in self._kept or view in self._disk

    def __getitem__(self, view: View) -> FrameFeatures:
        """Features of a view, from the cache or computed now."""
        return self.load([view])[view]

    def load(self, views: Iterable[View]) -> dict[View, FrameFeatures]:
        """Features of some views; missing features are computed together."""
        wanted = list(dict.fromkeys(views))
        found = {view: features for view in wanted if (features := self._recall(view)) is not None}
        missing = [view for view in wanted if view not in found]
        found.update(zip(missing, self._compute(missing) if missing else [], strict=True))
        for view in wanted:
            self._keep(view, found[view])
        self._shrink()
        return found

    def offload(self) -> bool:
        """Move features to main memory, and copy them to the device for each use.

        Returns
        -------
        bool
            Whether this freed device memory.
        """
        if self._home.type == "cpu":
            return False
        self._home = torch.device("cpu")
        for view, features in self._kept.items():
            self._kept[view] = features.to(self._home)
        return True

    def forget(self, frames: Collection[int]) -> None:
        """Drop the features of some frames, whose pixels were changed."""
        for view in [view for view in self._kept if view[0] in frames]:
            self.nbytes -= self._kept.pop(view).nbytes
        self._disk.forget(frames)

    def clear(self) -> None:
        """Drop all features, for example after a change of contrast."""
        self._kept.clear()
        self._disk.clear()
        self.nbytes = 0

    def _recall(self, view: View) -> FrameFeatures | None:
        features = self._kept.get(view) or self._disk.get(view)
        return features and features.to(self._device)

    def _keep(self, view: View, features: FrameFeatures) -> None:
        if view not in self._kept:
            self._kept[view] = features.to(self._home)
            self.nbytes += features.nbytes
        self._kept.move_to_end(view)

    def _shrink(self) -> None:
        if self.nbytes <= self._budget_bytes // 2:
            return
        budget = self._budget_bytes
        if self._home.type == "cpu":
            budget = max(budget - self._masks_bytes(), budget // 2)
        while self.nbytes > budget and len(self._kept) > 1:
            view, oldest = self._kept.popitem(last=False)
            self._disk.put(view, oldest)
            self.nbytes -= oldest.nbytes
