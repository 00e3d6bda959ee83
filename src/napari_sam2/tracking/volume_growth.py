"""Growth of masks: through the planes of one volume, and from a volume to the next in time."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.model import Sam2
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.tracker import Tracker
from napari_sam2.tracking.volume_planes import Range, areas_by_plane
from napari_sam2.tracking.volume_recipe import (
    MasksByPlane,
    follow_leading_planes,
    grow_through_planes,
)

CACHE_BYTES = 512 * 1024**2  # of the features of one volume


@dataclass(frozen=True, eq=False)
class Volume:
    """Images and labels of one time point.

    Attributes
    ----------
    images : ndarray
        (Z, Y, X).
    labels : ndarray
        (Z, Y, X) int32, 0 is background.
    """

    images: NDArray[Any]
    labels: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Grown:
    """The result of a volume.

    Attributes
    ----------
    labels : ndarray
        (Z, Y, X) int32, 0 is background.
    predicted_iou : dict of int to float
        Mean quality of the masks of each object, as the network predicts it.
    """

    labels: NDArray[np.int32]
    predicted_iou: dict[int, float]


class VolumeGrowth:
    """Grows masks through volumes with the same model and contrast.

    Parameters
    ----------
    model : Sam2
        The network.
    contrast_limits : tuple of float
        Values that the network sees as black and white.
    """

    def __init__(self, model: Sam2, contrast_limits: tuple[float, float]) -> None:
        self._model = model
        self._limits = contrast_limits

    def through_planes(
        self, images: NDArray[Any], prompts: Sequence[Prompt]
    ) -> Generator[float, None, Grown]:
        """Grow objects through a volume from their prompted planes.

        Parameters
        ----------
        images : ndarray
            (Z, Y, X).
        prompts : sequence of Prompt
            Their frames are planes.

        Yields
        ------
        float
            Share of the work that is done, 0 to 1.

        Returns
        -------
        Grown
        """
        if not prompts:
            return Grown(np.zeros(images.shape, np.int32), {})
        tracker = self._tracker(images)
        _give(tracker, prompts)
        planes = range(len(images))
        labels = yield from grow_through_planes(tracker, planes, _prompted_planes(prompts), images)
        return Grown(labels, _qualities(tracker, labels))

    def to_next(
        self, before: Volume, images: NDArray[Any], left_out: Collection[int]
    ) -> dict[int, dict[int, PixelMask]]:
        """Track the leading plane of each object to the next volume.

        Where nothing of an object is left on its leading plane, its next largest plane is tried.

        Parameters
        ----------
        before : Volume
            The volume before in time (or after it, backward).
        images : ndarray
            (Z, Y, X) of the next volume.
        left_out : collection of int
            Objects that are not tracked.

        Returns
        -------
        dict
            Masks by plane and object, without those of which nothing is left.
        """
        areas = {k: n for k, n in areas_by_plane(before.labels).items() if k not in left_out}
        work = follow_leading_planes(areas, lambda z: self._plane_to_next(before, images, z))
        while True:
            try:
                next(work)
            except StopIteration as end:
                found: dict[int, dict[int, PixelMask]] = end.value
                return found

    def _plane_to_next(self, before: Volume, images: NDArray[Any], z: int) -> dict[int, PixelMask]:
        """Masks on a plane of the next volume, of all objects that were on this plane."""
        tracker = self._tracker(np.stack([before.images[z], images[z]]))
        tracker.import_masks(0, masks_of(before.labels[z]))
        for _ in tracker.propagate(direction="forward"):
            pass
        return masks_of(tracker.labels(1))

    def _tracker(self, images: NDArray[Any]) -> Tracker:
        frames = Frames(images, contrast_limits=self._limits)
        return Tracker(self._model, frames, cache_bytes=CACHE_BYTES, disk_bytes=0)


def as_prompts(masks: MasksByPlane) -> list[Prompt]:
    """A prompt for each mask of each plane."""
    return [Prompt(z, k, mask=mask) for z, found in masks.items() for k, mask in found.items()]


def _give(tracker: Tracker, prompts: Iterable[Prompt]) -> None:
    """Give all prompts; empty masks come last, because they need another prompt."""
    painted: dict[int, dict[int, PixelMask]] = {}
    others: list[Prompt] = []
    for prompt in prompts:
        is_mask = prompt.mask is not None and prompt.mask.any() and not prompt.round_numbers()
        if is_mask and prompt.mask is not None:
            painted.setdefault(prompt.t, {})[prompt.object_id] = prompt.mask
        else:
            others.append(prompt)
    for z, masks in painted.items():
        tracker.import_masks(z, masks)
    for prompt in sorted(others, key=lambda prompt: prompt.mask is not None):
        tracker.set_prompt(prompt)


def _prompted_planes(prompts: Iterable[Prompt]) -> dict[int, Range]:
    """First and last prompted plane of each object."""
    planes: dict[int, list[int]] = {}
    for prompt in prompts:
        planes.setdefault(prompt.object_id, []).append(prompt.t)
    return {object_id: (min(found), max(found)) for object_id, found in planes.items()}


def _qualities(tracker: Tracker, labels: NDArray[np.int32]) -> dict[int, float]:
    """Mean predicted IoU of each object over its planes."""
    found = {}
    for object_id, areas in areas_by_plane(labels).items():
        scores = [tracker.scores(int(z), object_id) for z in np.flatnonzero(areas)]
        found[object_id] = float(np.mean([score[0] for score in scores if score is not None]))
    return found
