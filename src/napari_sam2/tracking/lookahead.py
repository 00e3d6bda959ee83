"""Look-ahead: read, and where possible encode, the next frame while the current one is tracked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2.model import FrameFeatures
from napari_sam2.tracking.windows import Window

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Glimpse:
    """The image and the features of a frame that were prepared ahead.

    Attributes
    ----------
    image : ndarray
        (Y, X, 3) float32 from `Frames.read`.
    features : dict of Window to FrameFeatures
        Features of the likely windows; empty if no features were computed ahead.
    """

    image: Image
    features: dict[Window, FrameFeatures]


def helps_to_encode(device: torch.device) -> bool:
    """Whether the device can encode ahead without slowing down the current frame.

    A GPU is idle much of the time. A CPU must have twice as many cores as PyTorch uses, and one
    more for the window.
    """
    if device.type != "cpu":
        return device.type == "cuda"
    return _cores() > 2 * torch.get_num_threads()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Lookahead:
    """Prepares one frame at a time in a thread, which ends when this object is deleted.

    Parameters
    ----------
    read : callable
        Returns the image of a frame.
    encode : callable
        Returns the features of an image in some windows; may run in parallel to the caller.
    device : torch.device
        Device that computes the features.
    """

    def __init__(
        self,
        read: Callable[[int], Image],
        encode: Callable[[Image, Sequence[Window]], list[FrameFeatures]],
        device: torch.device,
    ) -> None:
        self._read = read
        self._encode = encode
        self._device = device
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="lookahead")
        self._expected: tuple[int, Future[Glimpse]] | None = None

    def expect(self, t: int, windows: Sequence[Window]) -> None:
        """Start to prepare a frame, unless it is being prepared; drop a frame that was not taken.

        Parameters
        ----------
        t : int
            The frame.
        windows : sequence of Window
            Windows whose features are likely to be needed and are not in the cache.
        """
        if not windows or (self._expected is not None and self._expected[0] == t):
            return
        if self._expected is not None:
            self._expected[1].cancel()
        encoded = windows if helps_to_encode(self._device) else ()
        self._expected = (t, self._thread.submit(self._look, t, encoded))

    def drop(self) -> None:
        """Drop the prepared frame, whose pixels may have been changed."""
        if self._expected is not None:
            self._expected[1].cancel()
            self._expected = None

    def take(self, t: int) -> Glimpse | None:
        """Wait for the prepared frame; None if this frame was not requested.

        Raises
        ------
        DamagedFrame, FrameOutOfReach
            See `Frames.read`.
        """
        if self._expected is None or self._expected[0] != t:
            return None
        future, self._expected = self._expected[1], None
        return future.result()

    def _look(self, t: int, windows: Sequence[Window]) -> Glimpse:
        image = self._read(t)
        try:
            features = self._encode(image, windows) if windows else []
        except RuntimeError:  # no memory for two frames: encode it on demand
            return Glimpse(image, {})
        return Glimpse(image, dict(zip(windows, features, strict=True)))
