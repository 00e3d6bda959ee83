"""Look-ahead: the next frame is read, and encoded where that helps, during the current one."""

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
    """The image and the features of a frame that were made ahead.

    Attributes
    ----------
    image : ndarray
        (Y, X, 3) float32 as `Frames.read` gives it.
    features : dict of Window to FrameFeatures
        Of the windows that were likely to be needed; empty if features were not made ahead.
    """

    image: Image
    features: dict[Window, FrameFeatures]


def helps_to_encode(device: torch.device) -> bool:
    """Whether encoding ahead does not slow the current frame down.

    A GPU waits for its orders much of the time. A CPU must have twice as many cores as PyTorch
    uses, and one more for the window.
    """
    if device.type != "cpu":
        return device.type == "cuda"
    return _cores() > 2 * torch.get_num_threads()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Lookahead:
    """Prepares one frame at a time in a thread, which ends when this object is gone.

    Parameters
    ----------
    read : callable
        Frame -> its image.
    encode : callable
        Image and windows -> features; may run beside the caller's thread.
    device : torch.device
        Where features are computed.
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
        """Begin to prepare a frame, unless it is under way; a frame that was not taken is dropped.

        Parameters
        ----------
        t : int
            The frame.
        windows : sequence of Window
            Those whose features are likely to be needed, and not in the cache yet.
        """
        if not windows or (self._expected is not None and self._expected[0] == t):
            return
        if self._expected is not None:
            self._expected[1].cancel()
        encoded = windows if helps_to_encode(self._device) else ()
        self._expected = (t, self._thread.submit(self._look, t, encoded))

    def take(self, t: int) -> Glimpse | None:
        """The prepared frame, as soon as it is ready; None if it was not expected.

        Raises
        ------
        DamagedFrame, FrameOutOfReach
            As `Frames.read`.
        """
        if self._expected is None or self._expected[0] != t:
            return None
        future, self._expected = self._expected[1], None
        return future.result()

    def _look(self, t: int, windows: Sequence[Window]) -> Glimpse:
        image = self._read(t)
        try:
            features = self._encode(image, windows) if windows else []
        except RuntimeError:  # no memory for two frames at a time: it is encoded when it is needed
            return Glimpse(image, {})
        return Glimpse(image, dict(zip(windows, features, strict=True)))
