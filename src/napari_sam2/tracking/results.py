"""Results of a tracker: masks of a frame, and states of an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_sam2.tracking.masks import MaskRecord, join_records, paint_record
from napari_sam2.tracking.pixels import CroppedMask, PixelMask
from napari_sam2.tracking.prompts import Prompt


@dataclass(frozen=True, eq=False)
class FrameResult:
    """Masks of some objects on one frame.

    Attributes
    ----------
    t : int
        Frame.
    object_ids : tuple of int
        Ids of the B objects.
    masks : ndarray
        (B, Y, X) bool; the masks of different objects may overlap.
    predicted_iou : ndarray
        (B,) float32, the quality of each mask as predicted by the model, 0..1.
    occlusion_score : ndarray
        (B,) float32 logits; below 0 the object is not visible and its mask empty.
    problem : str or None
        Reason why the frame was skipped; None if it was read.
    """

    t: int
    object_ids: tuple[int, ...]
    masks: NDArray[np.bool_]
    predicted_iou: NDArray[np.float32]
    occlusion_score: NDArray[np.float32]
    problem: str | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class CroppedResult(FrameResult):
    """Masks of some objects on one frame that become an array when `masks` is first read.

    Attributes
    ----------
    masks : ndarray
        (B, Y, X) bool, a new array, which is kept from then on.
    shape : tuple of int
        (Y, X) of the frame.
    crops : tuple of CroppedMask
        The B masks, each cropped to its extent.
    """

    masks: NDArray[np.bool_] = field(init=False, repr=False)
    shape: tuple[int, int]
    crops: tuple[CroppedMask, ...] = field(repr=False)

    def __getattr__(self, name: str) -> NDArray[np.bool_]:
        """Make the masks; called for attributes that are not there yet."""
        if name != "masks":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        masks = np.zeros((len(self.crops), *self.shape), bool)
        for mask, (window, crop) in zip(masks, self.crops, strict=True):
            mask[window] = crop
        object.__setattr__(self, "masks", masks)
        return masks


class Signs(NamedTuple):
    """What tracking knows about the quality of a mask.

    Attributes
    ----------
    predicted_iou : float
        IoU with the truth that the network expects, 0 to 1.
    agreement : float or None
        Mean IoU of the three guesses of the network with the mask; None for masks that were not
        tracked by this version of the program.
    cell_overlap : float or None
        IoU with the cell that the cell U-Net or the cell head sees there; None as above, for a
        network without both, and on frames on which they were not asked.
    area : float
        Area of the mask in pixels, before other objects take some of them.
    backward_iou : float or None
        IoU with the mask of a backward check; None if there was no check.
    """

    predicted_iou: float
    agreement: float | None
    cell_overlap: float | None
    area: float
    backward_iou: float | None = None


@dataclass(frozen=True)
class Correction:
    """A tracked mask that was prompted later.

    Attributes
    ----------
    t : int
        Frame.
    signs : Signs
        What tracking knew about the mask.
    iou : float
        IoU of the mask with the one after the prompt.
    """

    t: int
    signs: Signs
    iou: float


@dataclass(frozen=True, eq=False)
class PromptedFrame:
    """A prompt with the masks that were computed from it.

    Attributes
    ----------
    prompt : Prompt
        The prompt.
    before : MaskRecord or None
        The mask on the frame before it had a prompt.
    rounds : tuple of (int, MaskRecord)
        The mask after each round.
    seen : PixelMask or None
        The pixels that a person saw here, where the program has computed the mask again since
        then; empty if nobody has looked at any mask of this prompt. None where the person who gave
        the prompt saw the mask.
    """

    prompt: Prompt
    before: MaskRecord | None
    rounds: tuple[tuple[int, MaskRecord], ...] = ()
    seen: PixelMask | None = None

    @property
    def is_unseen(self) -> bool:
        """Whether nobody has looked at any mask of this prompt."""
        return self.seen is not None and not self.seen.any()


@dataclass(frozen=True, eq=False)
class ObjectState:
    """Masks, prompts and locks of an object on some or all frames; arrays are not copied.

    Attributes
    ----------
    frames : frozenset of int or None
        The frames of the state; None means all frames.
    records : mapping of int to MaskRecord
        Masks by frame.
    prompted : mapping of int to PromptedFrame
        Prompts by frame.
    locked : mapping of int to MaskRecord or None
        The mask to restore when a frame is unlocked; None if the frame had no mask.
    """

    frames: frozenset[int] | None = None
    records: Mapping[int, MaskRecord] = field(default_factory=dict)
    prompted: Mapping[int, PromptedFrame] = field(default_factory=dict)
    locked: Mapping[int, MaskRecord | None] = field(default_factory=dict)

    def __repr__(self) -> str:
        """Numbers of frames, without their masks."""
        return (
            f"ObjectState({len(self.records)} masks, {len(self.prompted)} prompted frames, "
            f"{len(self.locked)} locked frames)"
        )

    def cleared(self) -> ObjectState:
        """An empty state for the same frames."""
        return replace(self, records={}, prompted={}, locked={})

    def renamed(self, object_id: int) -> ObjectState:
        """The same state for another object id."""
        prompted = {
            t: replace(entry, prompt=replace(entry.prompt, object_id=object_id))
            for t, entry in self.prompted.items()
        }
        return replace(self, prompted=prompted)

    def anchored(self, t: int, object_id: int, mask: NDArray[np.bool_]) -> ObjectState:
        """The state with a painted mask on one frame; the model is not run.

        Parameters
        ----------
        t : int
            The frame, which must have a mask.
        object_id : int
            The object.
        mask : ndarray
            (Y, X) pixels of the mask.
        """
        record = self.records[t]
        before = self.prompted[t].before if t in self.prompted else record
        painted = paint_record(record, mask)
        entry = PromptedFrame(Prompt(t, object_id, mask=painted.painted), before, ((-1, painted),))
        return replace(
            self,
            records={**self.records, t: painted},
            prompted={**self.prompted, t: entry},
        )

    def seen_as(self, masks: Mapping[int, NDArray[np.bool_]]) -> ObjectState:
        """The state with other mask pixels on some frames; prompts do not change.

        Parameters
        ----------
        masks : mapping of int to ndarray
            (Y, X) pixels by frame; each frame must have a mask.
        """
        painted = {
            t: replace(paint_record(record, mask), direction=record.direction)
            for t, mask in masks.items()
            for record in [self.records[t]]
        }
        return replace(self, records={**self.records, **painted})

    def unseen(self, shape: tuple[int, int], *, painted: bool) -> ObjectState:
        """The state with prompts whose masks nobody has looked at.

        Parameters
        ----------
        shape : tuple of int
            (Y, X) of the frames.
        painted : bool
            Whether nobody has looked at masks that were painted or imported, either.
        """
        nothing = PixelMask.of(np.zeros(shape, bool))
        prompted = {
            t: replace(entry, seen=nothing) if painted or entry.prompt.round_numbers() else entry
            for t, entry in self.prompted.items()
        }
        return replace(self, prompted=prompted)

    def made_by(self, model: str) -> ObjectState:
        """The state whose masks name the model that made them.

        Painted masks, and masks that name an earlier model, stay as they are.
        """
        known: dict[MaskRecord, MaskRecord] = {}

        def signed(record: MaskRecord) -> MaskRecord:
            if record.made_by or record.painted is not None:
                return record
            return known.setdefault(record, replace(record, made_by=model))

        return ObjectState(
            self.frames,
            {t: signed(record) for t, record in self.records.items()},
            {
                t: replace(entry, before=None if entry.before is None else signed(entry.before))
                for t, entry in self.prompted.items()
            },
            {t: None if mask is None else signed(mask) for t, mask in self.locked.items()},
        )

    def united(
        self, other: ObjectState, object_id: int, masks: Mapping[int, NDArray[np.bool_]]
    ) -> ObjectState:
        """The union of two states; on frames where both have masks, the union of the masks.

        Parameters
        ----------
        other : ObjectState
            A state of the same frames; frames with two masks must not be locked.
        object_id : int
            The object of the merged state.
        masks : mapping of int to ndarray
            (Y, X) pixels of the union, by frame, for all frames with two masks.
        """
        moved, mine = other.renamed(object_id), self.renamed(object_id)
        state = ObjectState(
            self.frames,
            {**moved.records, **mine.records},
            {**moved.prompted, **mine.prompted},
            {**moved.locked, **mine.locked},
        )
        for t in mine.records.keys() & moved.records.keys():
            if t in masks:
                joined = join_records(mine.records[t], moved.records[t])
                state = replace(state, records={**state.records, t: joined})
                if t in state.prompted:
                    state = state.anchored(t, object_id, masks[t])
            elif moved.records[t].is_visible and not mine.records[t].is_visible:
                state = state.taking(t, moved)
        return state

    def taking(self, t: int, other: ObjectState) -> ObjectState:
        """The state with one frame replaced from another state."""
        parts = []
        for mine, theirs in (
            (self.records, other.records),
            (self.prompted, other.prompted),
            (self.locked, other.locked),
        ):
            kept: dict[int, Any] = {k: v for k, v in mine.items() if k != t}
            parts.append(kept | ({t: theirs[t]} if t in theirs else {}))
        return ObjectState(self.frames, *parts)
