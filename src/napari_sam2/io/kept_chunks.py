"""A zarr array whose decoded chunks are kept while their frames are read one after the other."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

_BUDGET_BYTES = 256 * 2**20


class KeptChunks:
    """A zarr array that decodes a chunk once for all of the planes in it.

    Parameters
    ----------
    array : zarr.Array
        The array.
    budget_bytes : int
        Memory for decoded chunks. Where the chunks of one plane need more, only the plane is
        decoded.
    """

    def __init__(self, array: zarr.Array[Any], budget_bytes: int = _BUDGET_BYTES) -> None:
        self._array, self._budget = array, budget_bytes
        self.shape, self.dtype = tuple(array.shape), array.dtype
        self._blocks: OrderedDict[tuple[int, ...], NDArray[Any]] = OrderedDict()
        self._lock = threading.Lock()

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        """The part at one number or full slice per axis."""
        chunks = self._array.chunks
        starts = tuple(
            part // chunk * chunk if isinstance(part, int) else -1
            for part, chunk in zip(index, chunks, strict=True)
        )
        lengths = [
            size if start < 0 else min(chunk, size - start)
            for start, chunk, size in zip(starts, chunks, self.shape, strict=True)
        ]
        planes = [size for start, size in zip(starts, lengths, strict=True) if start >= 0]
        n_bytes = int(np.prod(lengths, dtype=np.int64)) * self.dtype.itemsize
        if n_bytes > self._budget or max(planes, default=1) == 1:
            return np.asarray(self._array[index])
        inner = tuple(
            part - start if isinstance(part, int) else part
            for part, start in zip(index, starts, strict=True)
        )
        with self._lock:
            part: NDArray[Any] = self._block(starts, lengths, n_bytes)[inner].copy()
            return part

    def _block(self, starts: tuple[int, ...], lengths: list[int], n_bytes: int) -> NDArray[Any]:
        if starts not in self._blocks:
            while self._blocks and (len(self._blocks) + 1) * n_bytes > self._budget:
                self._blocks.popitem(last=False)
            region = tuple(
                slice(max(start, 0), max(start, 0) + length)
                for start, length in zip(starts, lengths, strict=True)
            )
            self._blocks[starts] = np.asarray(self._array[region])
        self._blocks.move_to_end(starts)
        return self._blocks[starts]
