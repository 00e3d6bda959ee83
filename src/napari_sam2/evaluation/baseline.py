"""A classical tracker to compare with: threshold, watershed, and links by overlap.

It takes the prompts that the network takes, and tracks by them without learning.
Regions are made with scikit-image and linked with laptrack.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skimage.measure import regionprops

from napari_sam2.evaluation.optional_packages import needs_extra
from napari_sam2.evaluation.vos import bounding_window, region_similarity
from napari_sam2.finding.regions import (
    LOOKS,
    USUAL_SHARE,
    USUAL_SOLIDITY,
    Image,
    Look,
    Regions,
    regions_of,
)
from napari_sam2.tracking import FrameResult, Frames, Prompt

LEAST_OVERLAP = 0.1  # IoU of one object on two frames

_LINKING: dict[str, Any] = {
    "metric_coefs": (1.0, 0.0, -1.0, 0.0, 0.0),  # 1 - IoU
    "cutoff": 1 - LEAST_OVERLAP,
    "gap_closing_cutoff": False,
    "splitting_cutoff": False,
    "merging_cutoff": False,
}

Mask = NDArray[np.bool_]


@dataclass
class _Object:
    """Cropped masks and prompts by frame."""

    masks: dict[int, tuple[tuple[slice, slice], Mask]] = field(default_factory=dict)
    prompts: dict[int, Prompt] = field(default_factory=dict)


class ClassicalTracker:
    """Takes the same prompts as `Tracker`.

    The look of a cell (bright, dark, or rough on a smooth ground, and how much so) is taken from
    the prompts: the one with the best regions there is chosen. Regions of each frame come from a
    threshold and a watershed of the distances inside. An object is the region that overlaps most
    with where it was last; while no region does, it is not there.

    Parameters
    ----------
    frames : Frames
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self._objects: dict[int, _Object] = {}
        self._agreement = dict.fromkeys(LOOKS, 0.0)
        self._last_regions: tuple[int, dict[Look, Regions]] = (-1, {})

    # -- prompts -------------------------------------------------------------------------------

    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Click an object: it gains or loses the region that is clicked."""
        return self._add(t, object_id, self._prompt(t, object_id).with_points(points, labels))

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Draw a box: the object is made of the regions that are mostly inside."""
        return self._add(t, object_id, self._prompt(t, object_id).with_box(box))

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Paint an object: that is its mask."""
        return self._add(t, object_id, self._prompt(t, object_id).with_mask(mask))

    def remove_object(self, object_id: int) -> None:
        """Forget an object."""
        del self._objects[object_id]

    def _prompt(self, t: int, object_id: int) -> Prompt:
        known = self._objects.get(object_id)
        return known.prompts.get(t, Prompt(t, object_id)) if known else Prompt(t, object_id)

    def _add(self, t: int, object_id: int, prompt: Prompt) -> FrameResult:
        known = self._objects.setdefault(object_id, _Object())
        if not known.prompts:
            for look in LOOKS:
                self._agreement[look] += _agreement(prompt, self._regions(t, look))
        before = self._mask(t, object_id) if t in known.masks else None
        self._put(t, known, _prompted_mask(prompt, self._regions(t, self._look), before))
        known.prompts[t] = prompt
        return self._result(t, [object_id])

    @property
    def _look(self) -> Look:
        """The look whose regions agree best with the prompts so far; the first one of equals."""
        return max(LOOKS, key=lambda look: self._agreement[look])

    # -- tracking ------------------------------------------------------------------------------

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Literal["forward", "backward", "both"] = "forward",
        object_ids: Iterable[int] | None = None,
    ) -> Iterator[FrameResult]:
        """Carry objects forward from where they were prompted first.

        Raises
        ------
        ValueError
            If another direction is wanted.
        """
        if direction != "forward":
            raise ValueError(f"the classical tracker goes forward only; got {direction}")
        ids = list(self._objects if object_ids is None else object_ids)
        for t in range(start or 0, len(self._frames) if stop is None else stop):
            active = [k for k in ids if min(self._objects[k].prompts) <= t]
            if not active:
                continue
            self._advance(t, [k for k in active if t not in self._objects[k].prompts])
            yield self._result(t, active)

    def _advance(self, t: int, object_ids: Sequence[int]) -> None:
        previous = np.zeros(self._frames.shape[1:], np.int32)
        for object_id in reversed(object_ids):
            window, mask = self._last_seen(t, self._objects[object_id])
            previous[window][mask] = object_id
        regions = self._regions(t, self._look)
        partners = linked(previous, regions)
        for object_id in object_ids:
            region = partners.get(object_id)
            mask = regions == region if region else np.zeros(regions.shape, bool)
            self._put(t, self._objects[object_id], mask)

    def _last_seen(self, t: int, known: _Object) -> tuple[tuple[slice, slice], Mask]:
        """The last mask before a frame that is not empty; there is one, of the first prompt."""
        for k in range(t - 1, -1, -1):
            if k in known.masks and known.masks[k][1].any():
                return known.masks[k]
        return (slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool)

    # -- results -------------------------------------------------------------------------------

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The mask of an object on a frame, if there is one."""
        known = t in self._objects[object_id].masks
        return self._result(t, [object_id]) if known else None

    def labels(self, t: int) -> NDArray[np.int32]:
        """(Y, X) labels of a frame; where masks overlap the object that came first wins."""
        labels = np.zeros(self._frames.shape[1:], np.int32)
        for object_id in reversed(self._objects):
            if t in self._objects[object_id].masks:
                window, mask = self._objects[object_id].masks[t]
                labels[window][mask] = object_id
        return labels

    def _result(self, t: int, object_ids: Sequence[int]) -> FrameResult:
        masks = np.stack([self._mask(t, object_id) for object_id in object_ids])
        unknown = np.full(len(object_ids), np.nan, np.float32)
        return FrameResult(t, tuple(object_ids), masks, unknown, unknown)

    def _mask(self, t: int, object_id: int) -> Mask:
        mask = np.zeros(self._frames.shape[1:], bool)
        window, crop = self._objects[object_id].masks[t]
        mask[window] = crop
        return mask

    def _put(self, t: int, known: _Object, mask: Mask) -> None:
        window = bounding_window(mask)
        known.masks[t] = window, mask[window].copy()

    # -- regions -------------------------------------------------------------------------------

    def _grey(self, t: int) -> Image:
        grey: Image = self._frames.read(t).mean(axis=-1)
        return grey

    def _regions(self, t: int, look: Look) -> Regions:
        if self._last_regions[0] != t:
            self._last_regions = (t, {})
        kept = self._last_regions[1]
        if look not in kept:
            signal, threshold = look
            kept[look] = regions_of(signal(self._grey(t)), threshold)
        return kept[look]


def linked(previous: Regions, regions: Regions) -> dict[int, int]:
    """Which region is which object, by their overlap.

    Parameters
    ----------
    previous : (Y, X) int32
        Objects where they were last.
    regions : (Y, X) int32

    Returns
    -------
    dict of int to int
        Object -> region, one to one; objects without partner are left out.
    """
    touched = np.unique(regions[previous > 0])
    regions = np.where(np.isin(regions, touched), regions, 0)
    if not regions.any():
        return {}
    with needs_extra("the baseline"):
        from laptrack import OverLapTrack

    tracker = OverLapTrack(**_LINKING)
    tracks, _, _ = tracker.predict_overlap_dataframe(np.stack([previous, regions]))
    names = tracks["track_id"]
    region_of = {int(name): int(label) for label, name in names.loc[1].items()}
    return {
        int(label): region_of[int(name)]
        for label, name in names.loc[0].items()
        if int(name) in region_of
    }


def _agreement(prompt: Prompt, regions: Regions) -> float:
    """Overlap of some regions with a prompt, 0 to 1."""
    if prompt.mask is not None:
        mask = prompt.mask.full()
        touched = np.unique(regions[mask])
        return region_similarity(mask, np.isin(regions, touched[touched > 0]))
    if prompt.box is not None:
        rows, columns = bounding_window(_regions_in_box(prompt.box, regions))
        extent = np.zeros(regions.shape, bool)
        extent[rows, columns] = True
        return region_similarity(_box_mask(prompt.box, regions.shape), extent)
    mask = _prompted_mask(prompt, regions, None, exact=True)
    if not mask.any():
        return 0.0
    size = float(mask.mean()) / USUAL_SHARE
    solidity = float(regionprops(mask.astype(np.uint8))[0].solidity) / USUAL_SOLIDITY
    return min(size, 1.0) * min(solidity, 1.0)


def _prompted_mask(
    prompt: Prompt, regions: Regions, before: Mask | None, exact: bool = False
) -> Mask:
    """The mask that a prompt leads to; only the last round of points is new.

    Parameters
    ----------
    prompt : Prompt
    regions : (Y, X) int32
    before : (Y, X) bool, optional
        The mask so far.
    exact : bool
        Clicks beside all regions find nothing; else those that include find the nearest one.
    """
    if prompt.mask is not None and not len(prompt.points):
        return prompt.mask.full()
    if prompt.box is not None and not len(prompt.points):
        return _regions_in_box(prompt.box, regions)
    mask = np.zeros(regions.shape, bool) if before is None else before.copy()
    newest = prompt.rounds == prompt.rounds[-1]
    for point, label in zip(prompt.points[newest], prompt.labels[newest], strict=True):
        region = _region_at(point, regions, exact or label == 0)
        if region:
            mask[regions == region] = label == 1
    return mask


def _region_at(point: NDArray[np.float64], regions: Regions, exact: bool) -> int:
    y, x = (int(value) for value in np.rint(point))
    y, x = min(max(y, 0), regions.shape[0] - 1), min(max(x, 0), regions.shape[1] - 1)
    if regions[y, x] or exact or not regions.any():
        return int(regions[y, x])
    places = np.argwhere(regions)
    nearest = places[np.argmin(((places - (y, x)) ** 2).sum(axis=1))]
    return int(regions[tuple(nearest)])


def _regions_in_box(box: Sequence[float], regions: Regions) -> Mask:
    sizes = np.bincount(regions.ravel())
    covered = np.bincount(regions[_box_mask(box, regions.shape)], minlength=len(sizes))
    chosen = 2 * covered > sizes
    chosen[0] = False
    mask: Mask = chosen[regions]
    return mask


def _box_mask(box: Sequence[float], shape: tuple[int, ...]) -> Mask:
    y, x = np.ogrid[: shape[0], : shape[1]]
    inside: Mask = (y >= box[0]) & (x >= box[1]) & (y <= box[2]) & (x <= box[3])
    return inside
