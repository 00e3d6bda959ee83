"""Mask store: the masks, prompts and locks of all objects of a stack."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from napari_sam2.errors import ObjectError
from napari_sam2.tracking.masklet import Masklet, put
from napari_sam2.tracking.masks import MaskRecord, Region, Renderer, clip
from napari_sam2.tracking.prompts import Prompt, check_integer
from napari_sam2.tracking.results import Correction, CroppedResult, FrameResult, ObjectState, Signs

RECORD_BYTES = 1000  # of a mask beside its pixels and its pointer, measured for 4000 masks
RECOUNT_SHARE = 0.1  # change of the number of masks after which their bytes are counted again
DRAWN_BYTES = 64 * 1024**2  # budget of masks at full size, which results and labels share


class MaskStore:
    """Stores all computed and painted masks; it does not run the network.

    Parameters
    ----------
    length : int
        Frames of the stack.
    renderer : Renderer
        Draws masks at the size of the image.
    planes : int
        Planes of each volume, where the frames are the planes of volumes over time.

    Attributes
    ----------
    masklets : dict of int to Masklet
        The objects, in the order in which they were added.
    spans : dict of int to range
        Frames to which the masks of an object are limited, if they are.
    """

    def __init__(self, length: int, renderer: Renderer, planes: int = 1) -> None:
        self.length = length
        self.renderer = renderer
        self.planes = planes
        self.masklets: dict[int, Masklet] = {}
        self.spans: dict[int, range] = {}
        self._drawn: dict[MaskRecord, Region] = {}
        self._drawn_bytes = 0
        self._counted = 0, 0  # masks, and their bytes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the stack, (T, Y, X)."""
        return (self.length, *self.renderer.shape)

    def masklet(self, object_id: int) -> Masklet:
        """The masklet of an object; a ValueError if the object is unknown."""
        masklet = self.masklets.get(object_id)
        if masklet is None:
            known = ", ".join(map(str, self.masklets)) or "none"
            raise ObjectError("unknown {0}: the objects are {known}", object_id, known=known)
        return masklet

    def check_frame(self, t: int) -> None:
        """Raise a ValueError if a frame is outside the stack."""
        if not 0 <= check_integer(t, "frame") < self.length:
            raise ValueError(f"frame {t} is outside the stack of {self.length} frames")

    def remove(self, object_id: int) -> None:
        """Remove an object; a ValueError if it is unknown."""
        self.masklet(object_id)
        del self.masklets[object_id]

    def masks_bytes(self) -> int:
        """Memory that the masks take, counted again when their number has changed by a tenth."""
        number = sum(len(masklet.records) for masklet in self.masklets.values())
        counted, found = self._counted
        if abs(number - counted) > RECOUNT_SHARE * counted:
            records = (record for m in self.masklets.values() for record in m.records.values())
            found = sum(record.nbytes for record in records) + number * RECORD_BYTES
            self._counted = number, found
        return found

    def frames_beside(self, t: int) -> range:
        """Frames whose masks may condition a frame: all, or the planes of its volume."""
        if self.planes == 1:
            return range(self.length)
        first = t - t % self.planes
        return range(first, first + self.planes)

    # -- reading -------------------------------------------------------------------------------

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """The prompt of an object on a frame; None if there is no prompt."""
        masklet = self.masklets.get(object_id)
        entry = masklet.prompted.get(t) if masklet else None
        return entry.prompt if entry else None

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, by object and then by frame."""
        return tuple(
            masklet.prompted[t].prompt
            for masklet in self.masklets.values()
            for t in sorted(masklet.prompted)
        )

    def record(self, t: int, object_id: int) -> MaskRecord | None:
        """The stored mask of an object on a frame; a ValueError if the object is unknown."""
        return self.masklet(object_id).records.get(t)

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The stored mask of an object on a frame, drawn at full size."""
        record = self.record(t, object_id)
        return None if record is None else self.draw(t, [(object_id, record)])

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        """Predicted IoU and occlusion score of a stored mask."""
        record = self.record(t, object_id)
        return None if record is None else (record.predicted_iou, record.occlusion_score)

    def signs(self, t: int, object_id: int) -> Signs | None:
        """What tracking knows about the quality of a stored mask."""
        record = self.record(t, object_id)
        return None if record is None else _signs_of(record)

    def pointer(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """(C,) object pointer of a stored mask; None without a visible mask or a pointer."""
        record = self.record(t, object_id)
        has_pointer = record is not None and record.is_visible and record.pointer.size
        return record.pointer if record is not None and has_pointer else None

    def corrections(self, object_id: int) -> tuple[Correction, ...]:
        """Tracked masks of an object that were prompted later, by frame."""
        masklet = self.masklet(object_id)
        return tuple(
            Correction(t, _signs_of(before), self._iou(before, masklet.records[t]))
            for t, entry in sorted(masklet.prompted.items())
            if (before := entry.before) is not None and before.agreement is not None
        )

    def _iou(self, one: MaskRecord, other: MaskRecord) -> float:
        """IoU of two masks; 1 if both are empty."""
        first, second = self.region(one), self.region(other)
        common = clip(second, first.window)
        shared = int((first.mask[common.window] & common.mask).sum())
        union = int(first.mask.sum()) + int(second.mask.sum()) - shared
        return shared / union if union else 1.0

    def note_backward_iou(self, object_id: int, values: Mapping[int, float | None]) -> None:
        """Note the result of a backward check with the stored masks of some frames."""
        self.masklet(object_id).note_backward_iou(values)

    def low_res_logits(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """(S / 4, S / 4) logits of a stored mask."""
        record = self.record(t, object_id)
        return None if record is None else record.logits()

    def draw(
        self, t: int, found: Sequence[tuple[int, MaskRecord]], problem: str | None = None
    ) -> CroppedResult:
        """Masks of some objects on one frame, drawn in the pixels of the image."""
        regions = [self.region(record) for _, record in found]
        return CroppedResult(
            t=t,
            object_ids=tuple(object_id for object_id, _ in found),
            predicted_iou=np.array([record.predicted_iou for _, record in found], np.float32),
            occlusion_score=np.array([record.occlusion_score for _, record in found], np.float32),
            problem=problem,
            shape=self.renderer.shape,
            crops=tuple((region.window, region.mask) for region in regions),
        )

    def region(self, record: MaskRecord) -> Region:
        """The mask of a record at full size, cached because labels use the masks of results."""
        region = self._drawn.get(record)
        if region is None:
            region = self.renderer.region(record)
            self._drawn[record] = region
            self._drawn_bytes += region.nbytes
            while self._drawn_bytes > DRAWN_BYTES and len(self._drawn) > 1:
                self._drawn_bytes -= self._drawn.pop(next(iter(self._drawn))).nbytes
        return region

    def forget_drawn(self) -> None:
        """Drop the cached masks at full size; they are drawn again on demand."""
        self._drawn.clear()
        self._drawn_bytes = 0

    # -- locks and limits ----------------------------------------------------------------------

    def lock(
        self, object_id: int, frames: Iterable[int], labels: Callable[[int], NDArray[np.integer]]
    ) -> None:
        """Lock an object on some frames, with its pixels in the labels of these frames."""
        masklet = self.masklet(object_id)
        chosen = sorted(set(frames) - masklet.locked.keys())
        for t in chosen:
            self.check_frame(t)
        for t in chosen:
            record = masklet.records.get(t)
            region = None if record is None else self.region(record)
            seen = None
            if region is not None:
                has_pixel = labels(t)[region.window] == object_id
                if not np.array_equal(has_pixel, region.mask):
                    seen = np.zeros(self.renderer.shape, bool)
                    seen[region.window] = has_pixel
            masklet.lock(t, seen)

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        """Unlock frames of an object, and restore their masks from before the lock."""
        masklet = self.masklet(object_id)
        for t in masklet.locked.keys() & set(frames):
            masklet.unlock(t)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        return frozenset(self.masklet(object_id).locked)

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the frames on which an object may have a mask; None removes the limit."""
        put(self.spans, object_id, span)

    # -- snapshots -----------------------------------------------------------------------------

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> ObjectState:
        """The state of an object on some frames, or on all frames."""
        return self.masklet(object_id).snapshot(frames)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Restore an object from a snapshot; None removes the object."""
        if state is None:
            self.masklets.pop(object_id, None)
        else:
            self.masklets.setdefault(object_id, Masklet()).restore(state)


def _signs_of(record: MaskRecord) -> Signs:
    return Signs(
        record.predicted_iou,
        record.agreement,
        record.cell_overlap,
        record.area,
        record.backward_iou,
    )
