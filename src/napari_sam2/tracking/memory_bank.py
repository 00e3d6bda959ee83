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
    """Memories of one object that condition a frame, given by their frames.

    Attributes
    ----------
    frames : tuple of int
        Frames whose memories are used, prompted frames first.
    slots : tuple of int
        Temporal position of each memory: distance in frames minus one, or -1 if prompted.
    pointer_frames : tuple of int
        Frames whose object pointers are used.
    distances : tuple of int
        Signed distance of each pointer, positive in the past of the pass.
    """

    frames: tuple[int, ...]
    slots: tuple[int, ...]
    pointer_frames: tuple[int, ...]
    distances: tuple[int, ...]

    def nearest(self, t: int) -> int:
        """The frame nearest to frame `t` whose memory is used."""
        return min(self.frames, key=lambda k: abs(k - t))

    def nearest_prompted(self, t: int) -> int:
        """The prompted frame nearest to frame `t` whose memory is used."""
        prompted = (k for k, slot in zip(self.frames, self.slots, strict=True) if slot < 0)
        return min(prompted, key=lambda k: abs(k - t))

    @property
    def length(self) -> tuple[int, int]:
        """Numbers of memories and pointers; objects with equal lengths form a batch."""
        return len(self.frames), len(self.pointer_frames)


def nearest_prompted(frames: list[int], t: int, limit: int) -> list[int]:
    """Choose prompted frames: the nearest before, the nearest after, then the next nearest.

    Parameters
    ----------
    frames : list of int
        Prompted frames of the object.
    t : int
        Frame to segment.
    limit : int
        Largest number of frames.

    Returns
    -------
    list of int
        The frames in ascending order.
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
        Frame to segment.
    direction : str
        Direction of the pass. Recent memories come from the same pass only: a backward pass does
        not use masks of a forward pass, and no pass uses masks that a removed prompt left on frames
        before the first prompt.
    num_recent : int
        N of the paper: largest number of recent memories.
    max_prompted : int
        M of the paper: largest number of prompted frames, including future frames.
    max_pointers : int
        Largest number of frames whose object pointers are used.

    Returns
    -------
    Recall
    """
    sign = 1 if direction == "forward" else -1
    prompted = [k for k, record in records.items() if record.is_prompted and k != t]
    chosen = nearest_prompted(prompted, t, max_prompted)
    # tracked masks before the origin belong to removed prompts
    origin = min(prompted, key=lambda k: sign * k, default=t)

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
    """Cache of encoded memories; the network runner computes missing memories again.

    The key of a memory is its mask record, compared by identity, and the window.

    Parameters
    ----------
    budget_bytes : int
        Largest total size of the memories.
    """

    def __init__(self, budget_bytes: int) -> None:
        self._budget_bytes = budget_bytes
        self._kept: OrderedDict[tuple[int, Window], tuple[MaskRecord, Tensor]] = OrderedDict()
        self.nbytes = 0

    def get(self, record: MaskRecord, window: Window) -> Tensor | None:
        """(memory_dim, H, W) memory of a record in a window; None if it is not cached."""
        key = (id(record), window)
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[1]

    def put(self, record: MaskRecord, window: Window, memory: Tensor) -> None:
        """Store a memory, and drop the least recently used ones if the budget is exceeded."""
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
