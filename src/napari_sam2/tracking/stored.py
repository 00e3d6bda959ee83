"""What a tracker holds, and what can be seen of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from napari_sam2.model import Sam2
from napari_sam2.tracking.composition import (
    RANK_CLICKED,
    RANK_PAINTED,
    RANK_TRACKED,
    RANK_WINNER,
    UNKNOWN_DISTANCE,
    Layer,
    compose,
    hidden,
    may_be_hidden,
)
from napari_sam2.tracking.disk_cache import DiskCache
from napari_sam2.tracking.frames import Frames, Stack, as_frames
from napari_sam2.tracking.masklet import Masklet
from napari_sam2.tracking.masks import (
    Direction,
    MaskRecord,
    Region,
    Renderer,
    clip,
    may_reach,
    part_about,
)
from napari_sam2.tracking.memory_bank import recall
from napari_sam2.tracking.network_runner import Job, NetworkRunner
from napari_sam2.tracking.prompts import Prompt, check_integer
from napari_sam2.tracking.results import FrameResult
from napari_sam2.tracking.windows import Window, WindowGrid, WindowMode

DRAWN_BYTES = 64 * 1024**2  # of masks at full size, kept for the labels that follow results


class Stored:
    """Masks, prompts and locks of all objects; parameters as those of `Tracker`."""

    def __init__(
        self,
        model: Sam2,
        frames: Stack,
        *,
        max_prompted_frames: int = 8,
        clean: bool = True,
        cache_bytes: int = 2 * 1024**3,
        disk_bytes: int = 8 * 1024**3,
        cache_folder: Path | None = None,
        memory_bytes: int = 512 * 1024**2,
        object_batch: int = 16,
        windows: WindowMode | None = None,
        area_guard: bool = True,
    ) -> None:
        if max_prompted_frames < 1 or object_batch < 1:
            raise ValueError("max_prompted_frames and object_batch must be at least 1")
        self._frames = as_frames(frames)
        mode: WindowMode = windows or model.config.windows
        self._runner = NetworkRunner(
            model,
            self._frames,
            WindowGrid(self._frames.shape[1:], model.config.image_size, mode),
            cache_bytes=cache_bytes,
            memory_bytes=memory_bytes,
            object_batch=object_batch,
            disk=DiskCache(disk_bytes, cache_folder),
        )
        self._renderer = Renderer(model.config.low_res_size, self._frames.shape[1:], clean=clean)
        self._max_prompted_frames = max_prompted_frames
        self._area_guard = area_guard
        self._windows = mode
        self._masklets: dict[int, Masklet] = {}
        self._spans: dict[int, range] = {}
        self._drawn: dict[MaskRecord, Region] = {}
        self._drawn_bytes = 0
        self._embedding: tuple[tuple[int, int, Window], Tensor] | None = None

    # -- what is there -------------------------------------------------------------------------

    @property
    def model(self) -> Sam2:
        """The network."""
        return self._runner.model

    @property
    def settings(self) -> dict[str, Any]:
        """The keywords of this tracker that its masks depend on."""
        return {
            "max_prompted_frames": self._max_prompted_frames,
            "clean": self._renderer.clean,
            "windows": self._windows,
            "area_guard": self._area_guard,
        }

    @property
    def frames(self) -> Frames:
        """The stack."""
        return self._frames

    @property
    def shape(self) -> tuple[int, int, int]:
        """(T, Y, X)."""
        return self._frames.shape

    @property
    def object_ids(self) -> tuple[int, ...]:
        """All objects, in the order in which they were added."""
        return tuple(self._masklets)

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """What was given for an object on a frame."""
        masklet = self._masklets.get(object_id)
        entry = masklet.prompted.get(t) if masklet else None
        return entry.prompt if entry else None

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, by object and then by frame."""
        return tuple(
            masklet.prompted[t].prompt
            for masklet in self._masklets.values()
            for t in sorted(masklet.prompted)
        )

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The stored mask of an object on a frame, if there is one."""
        record = self._masklet(object_id).records.get(t)
        return None if record is None else self._result(t, [(object_id, record)])

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        """Predicted IoU and occlusion score of a stored mask, without drawing it."""
        record = self._masklet(object_id).records.get(t)
        return None if record is None else (record.predicted_iou, record.occlusion_score)

    def low_res_logits(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """(S / 4, S / 4) logits of the stored mask; far from the mask they are one number."""
        record = self._masklet(object_id).records.get(t)
        return None if record is None else record.logits()

    def labels(self, t: int, winners: Collection[int] = ()) -> NDArray[np.int32]:
        """Labels of a frame, composed from the stored masks of all objects.

        Parameters
        ----------
        t : int
            Frame.
        winners : collection of int
            Objects that win wherever masks overlap, as those do that are locked on the frame. After
            them come masks painted on the frame, then those clicked on it, then those of objects
            that are prompted on a frame nearer by, then the highest logit. A tracked mask that
            loses more than half to stronger ones is left out.

        Returns
        -------
        ndarray
            (Y, X) int32, 0 is background.
        """
        self._check_frame(t)
        here = [k for k, m in self._masklets.items() if t in m.records]
        fixed = {k for k in here if k in winners or t in self._masklets[k].locked}
        left_out = hidden(self._renderer.shape, (self._unlocked_layer(t, k) for k in here)) - fixed
        layers = (self._layer(t, k, k in winners) for k in here if k not in left_out)
        return compose(self._renderer.shape, layers)

    def relabel(
        self, t: int, labels: NDArray[np.integer], object_ids: Collection[int]
    ) -> tuple[tuple[slice, slice], NDArray[np.int32]]:
        """Labels of that part of a frame in which a change of some objects can be seen.

        Parameters
        ----------
        t : int
            Frame.
        labels : ndarray
            (Y, X) its labels from before the change.
        object_ids : collection of int
            The objects whose masks changed; they may be unknown by now.

        Returns
        -------
        tuple of slice
            Rows and columns of the part.
        ndarray
            (h, w) int32, what `labels` gives there.
        """
        self._check_frame(t)
        here = {k: m for k, m in self._masklets.items() if t in m.records}
        drawn = [self._region(here[k].records[t]).window for k in object_ids if k in here]
        was_there = np.zeros(labels.shape, bool)
        for object_id in object_ids:
            was_there |= labels == object_id
        part = part_about(was_there, drawn)
        layers = [self._layer(t, k) for k, m in here.items() if may_reach(m.records[t], part)]
        if any(self._may_appear_or_hide(t, layer.object_id, labels) for layer in layers):
            return (slice(0, labels.shape[0]), slice(0, labels.shape[1])), self.labels(t)
        shape = (part[0].stop - part[0].start, part[1].stop - part[1].start)
        parts = [replace(layer, region=clip(layer.region, part)) for layer in layers]
        return part, compose(shape, parts)

    # -- inside --------------------------------------------------------------------------------

    def _masklet(self, object_id: int) -> Masklet:
        masklet = self._masklets.get(object_id)
        if masklet is None:
            known = ", ".join(map(str, self._masklets)) or "none"
            raise ValueError(f"unknown object {object_id}: the objects are {known}")
        return masklet

    def _check_frame(self, t: int) -> None:
        if not 0 <= check_integer(t, "frame") < len(self._frames):
            raise ValueError(f"frame {t} is outside the stack of {len(self._frames)} frames")

    def _result(self, t: int, found: Sequence[tuple[int, MaskRecord]]) -> FrameResult:
        masks = np.zeros((len(found), *self._renderer.shape), bool)
        for mask, (_, record) in zip(masks, found, strict=True):
            region = self._region(record)
            mask[region.window] = region.mask
        return FrameResult(
            t=t,
            object_ids=tuple(object_id for object_id, _ in found),
            masks=masks,
            predicted_iou=np.array([record.predicted_iou for _, record in found], np.float32),
            occlusion_score=np.array([record.occlusion_score for _, record in found], np.float32),
        )

    def _region(self, record: MaskRecord) -> Region:
        """The drawn mask of a record; the last few are kept, since labels follow results."""
        region = self._drawn.get(record)
        if region is None:
            region = self._renderer.region(record)
            self._drawn[record] = region
            self._drawn_bytes += region.nbytes
            while self._drawn_bytes > DRAWN_BYTES and len(self._drawn) > 1:
                self._drawn_bytes -= self._drawn.pop(next(iter(self._drawn))).nbytes
        return region

    def _layer(self, t: int, object_id: int, is_winner: bool = False) -> Layer:
        """A stored mask with its claim to its pixels."""
        masklet = self._masklets[object_id]
        record = masklet.records[t]
        if is_winner or t in masklet.locked:
            return Layer(object_id, RANK_WINNER, self._region(record))
        return Layer(object_id, _rank(record), self._region(record), _distance(record, t))

    def _unlocked_layer(self, t: int, object_id: int) -> Layer:
        """The same as if the object were not locked: locks must not change what is hidden."""
        record = self._masklets[object_id].unlocked(t)
        return Layer(object_id, _rank(record), self._region(record), _distance(record, t))

    def _may_appear_or_hide(self, t: int, object_id: int, labels: NDArray[np.integer]) -> bool:
        """Whether a tracked mask may be in the labels now and was not, or the other way round."""
        layer = self._unlocked_layer(t, object_id)
        there = layer.region.window
        if layer.rank != RANK_TRACKED or not layer.region.mask.any():
            return False
        if not (labels[there] == object_id).any():
            return True
        others = (
            self._unlocked_layer(t, k)
            for k, m in self._masklets.items()
            if t in m.records
            and (-_rank(m.unlocked(t)), _distance(m.unlocked(t), t)) < layer.priority
            and may_reach(m.unlocked(t), there)  # before it is drawn
        )
        return may_be_hidden(layer, others)

    def _job(self, t: int, masklet: Masklet, direction: Direction) -> Job:
        config = self.model.config
        chosen = recall(
            masklet.records,
            t,
            direction,
            num_recent=config.num_memories - 1,
            max_prompted=self._max_prompted_frames,
            max_pointers=min(len(self._frames), config.max_object_pointers),
        )
        near = min(chosen.frames, key=lambda k: abs(k - t))
        beside = masklet.records[
            near
        ]  # the frame before in the sense of the pass, or what is nearest
        window = self._runner.grid.choose(beside.extent, beside.window)
        before = t - 1 if direction == "forward" else t + 1
        return Job(masklet.records, chosen, window, beside if near == before else None)


def _rank(record: MaskRecord) -> int:
    if record.painted is not None:
        return RANK_PAINTED
    return RANK_CLICKED if record.is_prompted else RANK_TRACKED


def _distance(record: MaskRecord, t: int) -> int:
    """Frames between a tracked mask and what it goes back to; 0 for others."""
    if _rank(record) != RANK_TRACKED:
        return 0
    return UNKNOWN_DISTANCE if record.anchor is None else abs(record.anchor - t)
