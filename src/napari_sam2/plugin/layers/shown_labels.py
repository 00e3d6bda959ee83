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
        frames, key = self._placed(key)
        return self._axes.spread(self.labels.frames(frames))[key]

    def __setitem__(self, key: Any, value: Any, /) -> None:
        frames, key = self._placed(key)
        with self.labels.changing(frames) as stack:
            self._axes.spread(stack)[key] = value

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """All labels in memory."""
        return np.asarray(self._axes.spread(np.asarray(self.labels)), dtype)

    def reshape(self, shape: list[int]) -> PackedLabels | NDArray[Any]:
        """The labels with other axes; without those of length 1 they stay as they are."""
        kept = self._axes.kept
        if tuple(shape) == self.labels.shape and kept == tuple(sorted(kept)):
            return self.labels
        return np.asarray(self).reshape(shape)

    def _placed(self, key: Any) -> tuple[list[int], tuple[Any, ...]]:
        """The frames that an index asks for, and the index into these frames alone."""
        entries = list(whole_key(key, self.ndim))
        part = entries[self._frame_axis]
        frames, entries[self._frame_axis] = frames_of_key(part, self.shape[self._frame_axis])
        return frames, tuple(entries)
