"""Labels of a long movie on an image with more axes than time, rows and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.frame_keys import frames_of_key, whole_key

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from napari_sam2.annotation.packed_labels import PackedLabels
    from napari_sam2.plugin.layers.image_axes import ImageAxes


class ShownLabels:
    """`PackedLabels` with the axes of a layer; only the frames that an index asks for are read.

    Parameters
    ----------
    labels : PackedLabels
        (T, Y, X), which are changed when pixels of the layer are.
    axes : ImageAxes
        The axes of the layer, with frames.
    """

    def __init__(self, labels: PackedLabels, axes: ImageAxes) -> None:
        assert axes.frames is not None, "labels of a single image are an array"
        self.labels = labels
        self.dtype = labels.dtype
        self._axes, self._frame_axis = axes, axes.frames
        lengths = enumerate(axes.lengths)
        self.shape = tuple(n if axis in axes.kept else 1 for axis, n in lengths)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any, /) -> Any:
        frames, shape, key = self._placed(key)
        return self._spread(self.labels.frames(frames), shape)[key]

    def __setitem__(self, key: Any, value: Any, /) -> None:
        frames, shape, key = self._placed(key)
        with self.labels.changing(frames) as stack:
            self._spread(stack, shape)[key] = value

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All labels in memory."""
        return np.asarray(self._axes.spread(np.asarray(self.labels)), dtype)

    def reshape(self, shape: list[int]) -> PackedLabels | NDArray[Any]:
        """The labels with other axes; without those of length 1 they stay as they are."""
        kept = self._axes.kept
        if (
            not self._axes.in_3d
            and tuple(shape) == self.labels.shape
            and kept == tuple(sorted(kept))
        ):
            return self.labels
        return np.asarray(self).reshape(shape)

    def _spread(self, stack: NDArray[Any], shape: tuple[int, int]) -> NDArray[Any]:
        """Frames as a view with the axes of the layer; in 3D these are times and their planes."""
        if not self._axes.in_3d:
            return self._axes.spread(stack)
        return self._axes.spread_volumes(stack.reshape(*shape, *stack.shape[1:]))

    def _placed(self, key: Any) -> tuple[list[int], tuple[int, int], tuple[Any, ...]]:
        """Frames that an index asks for, as times and planes, and the index into these alone."""
        entries = list(whole_key(key, self.ndim))
        times, planes = [0], [0]
        for axis in self._axes.kept[:-2]:
            found, entries[axis] = frames_of_key(entries[axis], self.shape[axis])
            times, planes = (found, planes) if axis == self._frame_axis else (times, found)
        frames = [t * self._axes.planes + z for t in times for z in planes]
        return frames, (len(times), len(planes)), tuple(entries)
