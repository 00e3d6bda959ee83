"""Memory bank: the memories that condition a frame (paper §4 "Memory bank")."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from napari_sam2.tracking.masks import Direction, MaskRecord
from napari_sam2.tracking.windows import Window


@dataclass(frozen=True)
class Recall:
    """Memories of one object for one frame, by the frames that they come from.

    Attributes
    ----------
    frames : tuple of int
        Frames whose memories take part: prompted ones first.
    slots : tuple of int
        Temporal position of each: frames away minus one, or -1 for a prompted frame.
    pointer_frames : tuple of int
        Frames whose object pointers take part.
    distances : tuple of int
        Signed distance of each pointer, positive in the past of the pass.
    """

    frames: tuple[int, ...]
    slots: tuple[int, ...]
    pointer_frames: tuple[int, ...]
    distances: tuple[int, ...]

    @property
    def length(self) -> tuple[int, int]:
        """Objects of the same length are computed as one batch."""
        return len(self.frames), len(self.pointer_frames)


def nearest_prompted(frames: list[int], t: int, limit: int) -> list[int]:
    """Prompted frames that take part: the nearest before, the nearest after, then the rest.

    Parameters
    ----------
    frames : list of int
        Prompted frames of the object.
    t : int
        Frame about to be segmented.
    limit : int
        Largest number.

    Returns
    -------
    list of int
        Ascending.
    """
    if len(frames) <= limit:
        return sorted(frames)
    before = max((k for k in frames if k < t), default=None)
    after = min((k for k in frames if k >= t), default=None)
    chosen = [k for k in (before, after) if k is not None][:limit]
    rest = sorted((k for k in frames if k not in chosen), key=lambda k: (abs(k - t), k))
    return sorted(chosen + rest[: limit - len(chosen)])


def recall(
    records: Mapping[int, MaskRecord],
    t: int,
    direction: Direction,
    *,
    num_recent: int,
    max_prompted: int,
    max_pointers: int,
) -> Recall:
    """Choose the memories for a frame.

    Parameters
    ----------
    records : mapping of int to MaskRecord
        Masks of the object by frame.
    t : int
        Frame about to be segmented.
    direction : str
        Of the pass: recent memories come from the same pass only, so that a backward pass never
        reads what a forward pass left ahead of it, nor any pass what a prompt that is gone left
        behind the first one.
    num_recent : int
        N of the paper: recent memories that take part.
    max_prompted : int
        M: prompted frames that take part, future ones included.
    max_pointers : int
        Most frames whose object pointers take part.

    Returns
    -------
    Recall
    """
    sign = 1 if direction == "forward" else -1
    prompted = [k for k, record in records.items() if record.is_prompted and k != t]
    chosen = nearest_prompted(prompted, t, max_prompted)
    origin = min(prompted, key=lambda k: sign * k, default=t)  # what lies behind it is left over

    def is_neighbour(k: int) -> bool:
        record = records.get(k)
        if record is None or k in chosen or sign * (k - origin) < 0:
            return False
        return record.is_prompted or record.direction == direction

    recent = [d for d in range(num_recent, 0, -1) if is_neighbour(t - sign * d)]
    pointing = [k for k in chosen if sign * (t - k) > 0]
    near = [t - sign * d for d in range(1, max_pointers) if is_neighbour(t - sign * d)]
    pointer_frames = pointing + near
    return Recall(
        frames=(*chosen, *(t - sign * d for d in recent)),
        slots=(*(-1 for _ in chosen), *(d - 1 for d in recent)),
        pointer_frames=tuple(pointer_frames),
        distances=tuple(sign * (t - k) for k in pointer_frames),
    )


class MemoryCache:
    """Cache of encoded memories; the network runner computes missing ones again.

    A memory is found again only for the very record that it was made from, in the same window.

    Parameters
    ----------
    budget_bytes : int
        Largest sum of the memories kept.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[tuple[int, Window], tuple[MaskRecord, Tensor]] = OrderedDict()
        self.nbytes = 0

    def get(self, record: MaskRecord, window: Window) -> Tensor | None:
        """(memory_dim, H, W) of this record seen through a window, if it is still there."""
        key = (id(record), window)
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def put(self, record: MaskRecord, window: Window, memory: Tensor) -> None:
        """Keep a memory; the least recently used ones are dropped when the budget is exceeded."""
        key = (id(record), window)
        self._forget(key)
        self._kept[key] = (record, memory)
        self.nbytes += memory.numel() * memory.element_size()
        while self.nbytes > self._budget_bytes and len(self._kept) > 1:
            self._forget(next(iter(self._kept)))

    def _forget(self, key: tuple[int, Window]) -> None:
        found = self._kept.pop(key, None)
        if found is not None:
            self.nbytes -= found[1].numel() * found[1].element_size()

    def clear(self) -> None:
        """Forget everything."""
        self._kept.clear()
        self.nbytes = 0
