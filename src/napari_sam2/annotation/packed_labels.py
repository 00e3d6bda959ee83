"""Labels of a movie in memory: an array, or for a long movie frames that are compressed."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from imagecodecs import zstd_decode, zstd_encode
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import DTypeLike, NDArray

from napari_sam2.annotation.frame_keys import frames_of_key, whole_key
from napari_sam2.arrays import ArrayLike

PLAIN_BYTES = 512 * 1024**2  # up to here labels are an array: other plugins expect one
BUDGET_BYTES = 192 * 1024**2  # of the frames that are not compressed
SNAPSHOT_BYTES = 16 * 1024**2  # of the frames of a snapshot that are not compressed
LEAST_FRAMES = 3  # that are not compressed, however large they are: neighbours are compared
LEVEL = 1  # of Zstandard: 1024 x 1024 pixels with 100 cells take 15 kB and 2 ms


def new_labels(shape: Sequence[int], dtype: DTypeLike) -> LabelArray:
    """Labels without an object: an array, or `PackedLabels` where an array would be too large.

    Parameters
    ----------
    shape : sequence of int
        (T, Y, X), or fewer axes.
    dtype : dtype
        An unsigned integer type.
    """
    dtype = np.dtype(dtype)
    n_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if len(shape) != 3 or shape[0] <= LEAST_FRAMES or n_bytes <= PLAIN_BYTES:
        return np.zeros(tuple(shape), dtype)
    return PackedLabels((shape[0], shape[1], shape[2]), dtype)


def labels_in_memory(labels: ArrayLike) -> LabelArray:
    """Labels that can be changed, read one frame at a time from an array of any kind.

    Parameters
    ----------
    labels : (T, Y, X) or (Y, X) array-like of integers
    """
    held = new_labels(labels.shape, labels.dtype)
    if isinstance(held, PackedLabels):
        for t in range(len(held)):
            held[t] = np.asarray(labels[t])
        return held
    return np.array(labels)


def snapshot(labels: LabelArray) -> LabelArray:
    """The labels as they are now, to be read frame by frame while the others change.

    The copy takes little memory: its frames are compressed, unless all of them are small.

    Parameters
    ----------
    labels : ndarray or PackedLabels
    """
    if isinstance(labels, PackedLabels):
        return labels.copy(SNAPSHOT_BYTES)
    if labels.ndim != 3 or labels.nbytes <= SNAPSHOT_BYTES:
        return labels.copy()
    packed = PackedLabels((labels.shape[0], *labels.shape[1:]), labels.dtype, SNAPSHOT_BYTES)
    for t, frame in enumerate(labels):
        if frame.any():
            packed[t] = frame
    return packed


def longer(labels: LabelArray, length: int) -> LabelArray:
    """The same (T, Y, X) labels with more frames, which have no objects.

    Parameters
    ----------
    labels : ndarray or PackedLabels
        They may share their frames with the result, and are not to be used any more.
    length : int
        Frames of the result, not fewer than there are.
    """
    if isinstance(labels, PackedLabels):
        return labels.extended(length)
    grown = new_labels((length, *labels.shape[1:]), labels.dtype)
    for t, frame in enumerate(labels):
        if frame.any():
            grown[t] = frame
    return grown


class PackedLabels(NDArrayOperatorsMixin):
    """(T, Y, X) object ids that are indexed like an array of numpy, in little memory.

    The frames used last are plain arrays. Others are compressed, and frames without an object take
    no memory at all. The index of a frame gives a view that cannot be written, and may be out of
    date once the frame has changed; any other index gives a new array. Whatever numpy computes
    with the labels as a whole needs all of them in memory for that time.

    Parameters
    ----------
    shape : (int, int, int)
        (T, Y, X).
    dtype : dtype
        An unsigned integer type.
    budget_bytes : int, optional
        Memory for frames that are not compressed. Default: 192 MiB.

    Notes
    -----
    Several threads may use the labels at the same time.
    """

    def __init__(
        self, shape: tuple[int, int, int], dtype: DTypeLike, budget_bytes: int | None = None
    ) -> None:
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self._budget_bytes = BUDGET_BYTES if budget_bytes is None else budget_bytes
        self._plain: OrderedDict[int, NDArray[Any]] = OrderedDict()  # the frame used last is last
        self._packed: dict[int, bytes] = {}  # frames with objects that are not plain
        self._written: set[int] = set()  # plain frames that may differ from their packed ones
        self._writes: Counter[int] = Counter()  # of each frame
        self._lock = threading.RLock()

    @property
    def ndim(self) -> int:
        """Number of axes: 3."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of pixels."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def held_bytes(self) -> int:
        """Memory that the labels take now."""
        with self._lock:
            plain = sum(frame.nbytes for frame in self._plain.values())
            return plain + sum(map(len, self._packed.values()))

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        return (self[t] for t in range(len(self)))

    def __contains__(self, object_id: int) -> bool:
        return any(bool((frame == object_id).any()) for frame in self)

    def __repr__(self) -> str:
        return f"PackedLabels(shape={self.shape}, dtype={self.dtype})"

    def __getitem__(self, key: Any, /) -> Any:
        if isinstance(key, int | np.integer):
            return self._view(self._frame_number(int(key)))
        key = whole_key(key, self.ndim)
        if isinstance(key[0], int | np.integer):
            part = self._view(self._frame_number(int(key[0])))[key[1:]]
            return part.copy() if isinstance(part, np.ndarray) else part
        frames, first = frames_of_key(key[0], len(self))
        if isinstance(key[0], slice) and frames:  # a part of each frame, one after the other
            return np.stack([self._view(t)[key[1:]] for t in frames])
        return self.frames(frames)[(first, *key[1:])]

    def __setitem__(self, key: Any, value: Any, /) -> None:
        key = whole_key(key, self.ndim)
        if isinstance(key[0], int | np.integer):
            with self._lock:
                t = self._frame_number(int(key[0]))
                self._frame(t)[key[1:]] = value
                self._written.add(t)
                self._writes[t] += 1
            return
        frames, first = frames_of_key(key[0], len(self))
        with self.changing(frames) as stack:
            stack[(first, *key[1:])] = value

    def frames(self, numbers: Sequence[int]) -> NDArray[Any]:
        """A new (n, Y, X) array of some frames."""
        stack = np.empty((len(numbers), *self.shape[1:]), self.dtype)
        for frame, t in zip(stack, numbers, strict=True):
            with self._lock:
                frame[:] = self._frame(t)
        return stack

    @contextmanager
    def changing(self, numbers: Sequence[int]) -> Iterator[NDArray[Any]]:
        """A new (n, Y, X) array of some frames, which become what it is at the end."""
        with self._lock:
            stack = self.frames(numbers)
            yield stack
            for t, frame in zip(numbers, stack, strict=True):
                self[t] = frame

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All labels in memory."""
        if copy is False:
            raise ValueError("the labels are compressed: an array of them is always a copy")
        stack = self.frames(list(range(len(self))))
        return stack if dtype is None else stack.astype(dtype, copy=False)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Compute with all labels in memory, as the operators of numpy do."""
        arrays = [np.asarray(one) if isinstance(one, PackedLabels) else one for one in inputs]
        return getattr(function, method)(*arrays, **options)

    def writes_of(self, t: int) -> int:
        """How often a frame was written, which tells whether it may have changed."""
        return self._writes[t]

    def any(self) -> bool:
        """Whether there is an object on any frame."""
        return any(bool(frame.any()) for frame in self)

    def min(self) -> int:
        """Smallest number on any frame."""
        return min(int(frame.min()) for frame in self)

    def max(self) -> int:
        """Largest object id on any frame."""
        return max(int(frame.max()) for frame in self)

    def copy(self, budget_bytes: int | None = None) -> PackedLabels:
        """The labels as they are now; compressed frames are shared, since they never change.

        `budget_bytes` is the memory for frames that are not compressed; by default as here.
        """
        other = self.astype(self.dtype)
        if budget_bytes is not None:
            other._budget_bytes = budget_bytes
        return other

    def astype(self, dtype: DTypeLike) -> PackedLabels:
        """The labels as they are now, with another type of pixels."""
        other = PackedLabels(self.shape, dtype, self._budget_bytes)
        if other.dtype != self.dtype:
            for t in sorted(self._packed.keys() | self._plain.keys()):
                other[t] = self[t]
            return other
        for t in sorted(self._written):
            self._pack(t)  # one after the other, so that another thread can read meanwhile
        with self._lock:
            for t in sorted(self._written):
                self._pack(t)
            other._packed = dict(self._packed)
            other._writes = self._writes.copy()
        return other

    def extended(self, length: int) -> PackedLabels:
        """The labels as they are now with more frames, which have no objects."""
        other = self.copy()
        other.shape = (length, *self.shape[1:])
        return other

    # Frames

    def _frame_number(self, t: int) -> int:
        if not -len(self) <= t < len(self):
            raise IndexError(f"frame {t} is outside the {len(self)} frames of the labels")
        return t % len(self)

    def _view(self, t: int) -> NDArray[Any]:
        with self._lock:
            view = self._frame(t).view()
        view.flags.writeable = False
        return view

    def _frame(self, t: int) -> NDArray[Any]:
        """The plain array of a frame, of which the lock must be held until it is written."""
        frame = self._plain.get(t)
        if frame is None:
            packed = self._packed.get(t)
            frame = np.zeros(self.shape[1:], self.dtype)
            if packed is not None:
                zstd_decode(packed, out=frame.reshape(-1).view(np.uint8).data)
            self._plain[t] = frame
            self._shrink()
        self._plain.move_to_end(t)
        return frame

    def _shrink(self) -> None:
        frame_bytes = int(np.prod(self.shape[1:], dtype=np.int64)) * self.dtype.itemsize
        kept = max(LEAST_FRAMES, self._budget_bytes // max(frame_bytes, 1))
        while len(self._plain) > kept:
            t = next(iter(self._plain))
            self._pack(t)
            del self._plain[t]

    def _pack(self, t: int) -> None:
        """Compress a plain frame, if it was written since the last time."""
        with self._lock:
            if t in self._written:
                self._written.discard(t)
                frame = self._plain[t]
                if frame.any():
                    self._packed[t] = bytes(zstd_encode(frame.tobytes(), level=LEVEL))
                else:
                    self._packed.pop(t, None)


LabelArray = NDArray[Any] | PackedLabels
