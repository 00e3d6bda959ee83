"""Frame encoder: image features of the frames of one stack, by window."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.arrays import Pixels
from napari_sam2.model import FrameFeatures, Sam2
from napari_sam2.model.sam2 import PIXEL_MEAN, PIXEL_STD
from napari_sam2.tracking.device import inference
from napari_sam2.tracking.disk_cache import DiskCache
from napari_sam2.tracking.features import FeatureCache, View
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.lookahead import Glimpse, Lookahead
from napari_sam2.tracking.windows import Window

ENCODE_BATCH = 8  # windows of a frame in one run of the image encoder
KEPT_PIXELS = 2**24  # a larger frame is read again rather than kept


class FrameEncoder:
    """Runs the image encoder on windows of frames, and keeps the features in a cache.

    Parameters
    ----------
    model : Sam2
        The model, in evaluation mode.
    frames : Frames
        The stack.
    cache_bytes : int
        Budget of the features in memory, in bytes.
    disk : DiskCache, optional
        Stores features that do not fit into the budget.

    Attributes
    ----------
    frames : Frames
        The stack.
    features : FeatureCache
        Features by frame and window.
    """

    def __init__(
        self, model: Sam2, frames: Frames, cache_bytes: int, disk: DiskCache | None = None
    ) -> None:
        self._model = model
        self.frames = frames
        self.features = FeatureCache(self._encode, cache_bytes, disk, model.device)
        self._lookahead = Lookahead(frames.read, self._encode_image, model.device)
        self._marks: dict[int, int | None] = {}  # of the frames as they were encoded
        self._last: tuple[int, NDArray[np.float32]] | None = None

    def load(self, t: int, windows: Sequence[Window]) -> FrameFeatures:
        """Features of a frame: one set if all objects share a window, else one set per object."""
        found = self.features.load((t, window) for window in windows)
        if len(found) == 1:
            return found[t, windows[0]]
        return FrameFeatures.stack([found[t, window] for window in windows])

    def forget_changed(self, frames: Iterable[int] | None = None) -> frozenset[int]:
        """Drop the features of frames whose pixels were changed since they were encoded.

        Parameters
        ----------
        frames : iterable of int, optional
            Frames to look at. Default: all frames that were encoded.

        Returns
        -------
        frozenset of int
            The changed frames, which are also added to `Frames.changed`.
        """
        wanted = list(self._marks) if frames is None else [t for t in frames if t in self._marks]
        changed = frozenset(t for t in wanted if self._marks[t] != self.frames.mark(t))
        if changed:
            self.features.forget(changed)
            self._lookahead.drop()
            self._last = None
            self.frames.changed |= changed
            for t in changed:
                del self._marks[t]
        return changed

    def expect(self, t: int, windows: Iterable[Window]) -> None:
        """Start to prepare the frame that will be tracked next, with its likely windows."""
        missing = [w for w in dict.fromkeys(windows) if (t, w) not in self.features]
        self._lookahead.expect(t, missing)

    def image(self, t: int) -> Pixels:
        """A normalised frame, (Y, X, 1 or 3); the one that was encoded last is not read again."""
        if self._last is None or self._last[0] != t:
            return self.frames.view(t)
        return self._last[1][..., : self.frames.channels]  # those of grey are equal

    def inputs(self, t: int, windows: Sequence[Window]) -> Tensor:
        """(N, 3, S, S) what the network is shown of N windows of a frame."""
        return preprocess_windows(self._model, self.image(t), windows, self._background(windows))

    def input_of(self, image: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
        """(S, S, 3) float32 in 0..1: the network's input for a window of a (Y, X, 3) image."""
        shown = shown_part(image, window, self._background((window,)))
        crop = torch.from_numpy(np.ascontiguousarray(shown))
        seen = self._model.preprocess(crop.permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
        mean, deviation = (np.array(part, np.float32) for part in (PIXEL_MEAN, PIXEL_STD))
        pixels: NDArray[np.float32] = np.clip(seen * deviation + mean, 0, 1)
        return pixels

    def _encode(self, views: Sequence[View]) -> list[FrameFeatures]:
        """Compute features of views; a frame is read once, unless it was read ahead."""
        frames: dict[int, list[Window]] = defaultdict(list)
        for t, window in views:
            frames[t].append(window)
        found: dict[View, FrameFeatures] = {}
        for t, windows in frames.items():
            self._marks[t] = self.frames.mark(t)
            seen = self._lookahead.take(t) or Glimpse(self.frames.read(t), {})
            if seen.image.shape[0] * seen.image.shape[1] <= KEPT_PIXELS:
                self._last = (t, seen.image)
            left = [window for window in windows if window not in seen.features]
            features = dict(zip(left, self._encode_image(seen.image, left), strict=True))
            found.update({(t, w): (features | seen.features)[w] for w in windows})
        return [found[view] for view in views]

    def _encode_image(
        self, image: NDArray[np.float32], windows: Sequence[Window]
    ) -> list[FrameFeatures]:
        """Features of a frame in some windows, a few at a time."""
        found: list[FrameFeatures] = []
        for start in range(0, len(windows), ENCODE_BATCH):
            found += self._encode_windows(image, windows[start : start + ENCODE_BATCH])
        return found

    def _encode_windows(
        self, image: NDArray[np.float32], windows: Sequence[Window]
    ) -> list[FrameFeatures]:
        seen = image[..., : self.frames.channels]  # those of grey are equal
        return encode_windows(self._model, seen, windows, self._background(windows)).unstack()

    def _background(self, windows: Sequence[Window]) -> float:
        """Level of the background, which is measured only if a window is brightened."""
        return self.frames.background if any(window.gain > 1 for window in windows) else 0.0


def shown_part(image: Pixels, window: Window, background: float) -> NDArray[Any]:
    """The part of an image that a window shows, brightened as it asks for.

    Parameters
    ----------
    image : Pixels
        (Y, X, ...) in 0..1.
    window : Window
        The part.
    background : float
        Level of the background, which stays as it is.
    """
    part = window.crop(image)
    if window.gain == 1:
        return part
    brightened: NDArray[Any] = np.clip((part - background) * window.gain + background, 0, 1)
    return brightened


def encode_windows(
    model: Sam2, image: Pixels, windows: Sequence[Window], background: float = 0.0
) -> FrameFeatures:
    """Features of an image in some windows, one set for each, in one run of the image encoder.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    image : Pixels
        (Y, X, 1 or 3) float32 in 0..1.
    windows : sequence of Window
        At least one.
    background : float
        Level of the background of the image, for windows that are brightened.
    """
    with inference(model):
        return model.encode_frame(preprocess_windows(model, image, windows, background))


def preprocess_windows(
    model: Sam2, image: Pixels, windows: Sequence[Window], background: float = 0.0
) -> Tensor:
    """(N, 3, S, S) what the network is shown of N windows; arguments as for `encode_windows`."""
    crops = [np.array(shown_part(image, window, background), order="C") for window in windows]
    with inference(model):
        inputs = [
            model.preprocess(torch.from_numpy(crop).permute(2, 0, 1)[None].to(model.device))
            for crop in crops
        ]
        return torch.cat(inputs)
