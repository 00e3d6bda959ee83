"""The next frame is read, and encoded where that helps, while the current one is computed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2.model import FrameFeatures
from napari_sam2.tracking.windows import Window

Image = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What was done for a frame before it was its turn.

    Attributes
    ----------
    image : ndarray
        (Y, X, 3) float32 as `Frames.read` gives it.
    features : dict of Window to FrameFeatures
        Of the windows that were likely to be needed.
    """

    image: Image
    features: dict[Window, FrameFeatures]


def helps_to_encode(device: torch.device) -> bool:
    """Whether encoding ahead takes nothing from the frame at hand.

    A GPU waits for its orders much of the time; a CPU must have as many cores again as PyTorch
    uses, and one more for whoever looks on.
    """
    if device.type != "cpu":
        return device.type == "cuda"
    return _cores() > 2 * torch.get_num_threads()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Lookahead:
    """One frame at a time, in a thread that ends with it.

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
        self._expected: tuple[int, Future[Glimpse]] | None = None

    def expect(self, t: int, windows: Sequence[Window]) -> None:
        """Begin with a frame, unless that is on its way; what was not taken is given up.

        Parameters
        ----------
        t : int
            The frame.
        windows : sequence of Window
            Those whose features are likely to be needed, and not at hand yet.
        """
        if not windows or (self._expected is not None and self._expected[0] == t):
            return
        encoded = windows if helps_to_encode(self._device) else ()
        future: Future[Glimpse] = Future()
        self._expected = (t, future)
        Thread(target=self._look, args=(t, encoded, future), name="lookahead").start()

    def take(self, t: int) -> Glimpse | None:
        """What there is of a frame, once it is done; None if it was not expected.

        Raises
        ------
        DamagedFrame, FrameOutOfReach
            As `Frames.read`.
        """
        if self._expected is None or self._expected[0] != t:
            return None
        future, self._expected = self._expected[1], None
        return future.result()

    def _look(self, t: int, windows: Sequence[Window], future: Future[Glimpse]) -> None:
        try:
            image = self._read(t)
        except Exception as error:  # it is told to whoever takes the frame
            future.set_exception(error)
            return
        features: dict[Window, FrameFeatures] = {}
        try:
            if windows:
                features.update(zip(windows, self._encode(image, windows), strict=True))
        except RuntimeError:  # no memory for more than one thing at a time: it is done in its turn
            features.clear()
        future.set_result(Glimpse(image, features))
