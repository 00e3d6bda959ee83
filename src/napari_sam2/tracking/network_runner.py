"""Network runner: runs the network on prompts and memories, and returns mask records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam2.model import Decoded, FrameFeatures, PromptTensors, Sam2
from napari_sam2.model.blocks import Blocks
from napari_sam2.model.sam2 import MASK_PROMPT_LOGIT
from napari_sam2.tracking.area_guard import LARGEST_GROWTH
from napari_sam2.tracking.decoded_records import records_of
from napari_sam2.tracking.device import Batches, inference
from napari_sam2.tracking.dim_cells import DimCells
from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.local_attention import block_cells, block_corner, block_side
from napari_sam2.tracking.masks import Direction, MaskRecord, draw_record
from napari_sam2.tracking.memory_bank import MemoryCache, Recall, recall
from napari_sam2.tracking.outline_fit import best_shifts, shifted
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.prompt_decoder import PromptDecoder
from napari_sam2.tracking.seen_cells import SeenCells
from napari_sam2.tracking.signs import CellOpinion
from napari_sam2.tracking.whole_cells import fill_holes, has_holes, remove_islands
from napari_sam2.tracking.windows import Window, WindowGrid

KEPT_MEMORIES = 4096  # more than a pass needs for a few hundred objects
Records = Mapping[int, MaskRecord]
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Job:
    """One object to be segmented on a frame.

    Attributes
    ----------
    records : mapping of int to MaskRecord
        The masks of the object by frame.
    recall : Recall
        The memories that condition the frame.
    window : Window
        The part of the image that the network sees.
    previous : MaskRecord or None
        The mask on the frame before, in the direction of the pass.
    """

    records: Records
    recall: Recall
    window: Window
    previous: MaskRecord | None = None

    @classmethod
    def repeated(cls, t: int, record: MaskRecord) -> Job:
        """The job to segment a prompted frame as if it were the frame after itself."""
        memories = Recall(frames=(t,), slots=(-1,), pointer_frames=(t,), distances=(1,))
        return cls({t: record}, memories, record.window, record)

    def place_before(self, t: int) -> NDArray[np.bool_] | None:
        """Where the object is on the nearest frame that conditions frame `t`, in the window.

        None if it is not visible there.
        """
        record = self.records[self.recall.nearest(t)]
        return record.logits_in(self.window) > 0 if record.is_visible else None


class NetworkRunner:
    """Runs the network on frames of one stack, and keeps encoded memories in a cache.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    encoder : FrameEncoder
        Features of the stack.
    grid : WindowGrid
        The possible windows of the network's view.
    length : int
        Frames of the stack.
    memory_bytes : int
        Budget of encoded memories.
    object_batch : int
        Most objects in one run of the network; halved if the device runs out of memory.
    max_prompted_frames : int
        Most prompted frames that condition a frame.

    Attributes
    ----------
    prompts : PromptDecoder
        Runs the network on the prompts of a user.
    seen_cells : SeenCells
        Draws masks towards the cells that the cell U-Net sees.
    """

    def __init__(
        self,
        model: Sam2,
        encoder: FrameEncoder,
        grid: WindowGrid,
        *,
        length: int,
        memory_bytes: int,
        object_batch: int,
        max_prompted_frames: int,
    ) -> None:
        self.model = model
        self.encoder = encoder
        self.grid = grid
        self.max_prompted_frames = max_prompted_frames
        self._length = length
        one = 2 * model.config.memory_dim * (model.config.image_size // 16) ** 2  # bfloat16
        self.memories = MemoryCache(min(memory_bytes, KEPT_MEMORIES * one))
        self._pointers: WeakKeyDictionary[MaskRecord, NDArray[np.float32]] = WeakKeyDictionary()
        self._shifts: WeakKeyDictionary[MaskRecord, float] = WeakKeyDictionary()
        self._whole: WeakKeyDictionary[MaskRecord, bool] = WeakKeyDictionary()
        self._opinion = CellOpinion(model)
        self.dim_cells = DimCells(encoder, is_used=model.config.brighten_dim_cells)
        self.seen_cells = SeenCells(model, encoder, self.dim_cells)
        self.prompts = PromptDecoder(model, encoder, grid, self._opinion)
        self._batches = Batches(object_batch, model.device, encoder.features.offload)

    def notice_changes(self, frames: Iterable[int] | None = None) -> bool:
        """Drop all results that are based on frames whose pixels were changed later.

        Parameters
        ----------
        frames : iterable of int, optional
            Frames to look at. Default: all frames that were encoded.

        Returns
        -------
        bool
            Whether there are such frames.
        """
        if not self.encoder.forget_changed(frames):
            return False
        self.memories.clear()
        self._pointers.clear()
        self._shifts.clear()
        self.dim_cells.forget()
        self.seen_cells.forget()
        return True

    def grow(self, length: int) -> None:
        """Note that the stack has more frames."""
        self._length = length

    # -- tracking ------------------------------------------------------------------------------

    def job(self, t: int, records: Records, direction: Direction) -> Job:
        """The job to segment an object on a frame, given its masks on other frames."""
        config = self.model.config
        chosen = recall(
            records,
            t,
            direction,
            num_recent=config.num_memories - 1,
            max_prompted=self.max_prompted_frames,
            max_pointers=min(self._length, config.max_object_pointers),
        )
        nearest = chosen.nearest(t)
        beside = records[nearest]
        window = self.grid.choose(beside.extent, beside.window)
        window = self.dim_cells.view(window, nearest, beside)
        before = t - 1 if direction == "forward" else t + 1
        previous = records[before] if before in chosen.frames else None
        return Job(records, chosen, window, previous)

    def leap(self, source: int, record: MaskRecord) -> Job:
        """The job to segment an object on the next frame, given its mask on frame `source` only."""
        window = self.grid.choose(record.extent, record.window)
        window = self.dim_cells.view(window, source, record)
        return replace(Job.repeated(source, record), window=window)

    def track(self, t: int, jobs: Sequence[Job], direction: Direction) -> list[MaskRecord]:
        """Masks of unprompted objects on a frame, in the order of the jobs.

        Objects with equally long memories are one batch.
        """
        if self.model.config.fit_outlines:
            self._fit_outlines(t, jobs)
        return self._in_batches(t, jobs, lambda part: self._track_batch(t, part, direction))

    def _in_batches(
        self, t: int, jobs: Sequence[Job], run: Callable[[list[Job]], list[Result]]
    ) -> list[Result]:
        """The results of the jobs, in their order, with equally long memories in a batch."""
        self.encoder.features.load((t, job.window) for job in jobs)
        groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for index, job in enumerate(jobs):
            groups[(*job.recall.length, self._block_side(t, job))].append(index)
        results: dict[int, Result] = {}
        for indices in groups.values():
            found = self._batches.run([jobs[i] for i in indices], run)
            results.update(zip(indices, found, strict=True))
        return [results[index] for index in range(len(jobs))]

    def _track_batch(self, t: int, jobs: list[Job], direction: Direction) -> list[MaskRecord]:
        windows = [job.window for job in jobs]
        features = self.encoder.load(t, windows)
        decoded = self._decode_tracked(t, jobs, features)
        frames = [job.recall.nearest_prompted(t) for job in jobs]
        prompted = [(k, job.records[k]) for job, k in zip(jobs, frames, strict=True)]
        nearest = [record for _, record in prompted]
        decoded, overlaps = self.seen_cells.follow(t, windows, decoded, prompted)
        if self.model.config.fit_outlines:
            decoded = shifted(decoded, [self._shifts.get(one, 0.0) for one in nearest])
        if self.model.config.whole_cells:
            places = [job.place_before(t) for job in jobs]
            decoded = remove_islands(decoded, places)
            decoded = fill_holes(decoded, [self._is_whole(one) for one in nearest])
        if self.model.cell_unet is None:
            with inference(self.model):
                overlaps = self._opinion.overlap(t, windows, features, decoded.mask_logits)
        assert decoded.agreement is not None
        agreement = decoded.agreement.float().cpu().tolist()
        records = records_of(decoded, direction, windows)
        return [
            replace(record, agreement=one, cell_overlap=two)
            for record, one, two in zip(records, agreement, overlaps, strict=True)
        ]

    def _is_whole(self, record: MaskRecord) -> bool:
        """Whether a prompted mask has no holes, asked for each frame that is tracked from it."""
        found = self._whole.get(record)
        if found is None:
            found = self._whole[record] = not has_holes(record.logits() > 0)
        return found

    def _decode_tracked(self, t: int, jobs: list[Job], features: FrameFeatures) -> Decoded:
        """The output of the network for a frame without prompts."""
        blocks = self._blocks(t, jobs)
        conditioned = self.condition(t, jobs, blocks)
        prompts, largest = self._tracking_prompts(jobs), self._largest(t, jobs)
        with inference(self.model):
            return self.model.decode(conditioned, features, prompts, largest=largest, blocks=blocks)

    def _largest(self, t: int, jobs: list[Job]) -> Tensor | None:
        """(B,) entries of masks up to which objects stay visible while the network is in doubt.

        A larger mask has spread over something else. 0 for objects that were not visible on the
        frame before; None for a network that is never in doubt.
        """
        config = self.model.config
        if not config.occlusion_margin:
            return None
        entries = []
        for job in jobs:
            was_visible = job.previous is not None and job.previous.is_visible
            usual = job.records[job.recall.nearest_prompted(t)].area if was_visible else 0.0
            share = usual / (job.window.height * job.window.width)
            entries.append(LARGEST_GROWTH * share * config.low_res_size**2)
        return torch.tensor(entries, device=self.model.device)

    def _fit_outlines(self, t: int, jobs: Sequence[Job]) -> None:
        """Measure the shifts of prompted masks that have none yet.

        Each prompted frame is tracked as if it were the frame after itself.
        """
        by_frame: dict[int, list[Job]] = defaultdict(list)
        for job in jobs:
            k = job.recall.nearest_prompted(t)
            if job.records[k].is_visible and job.records[k] not in self._shifts:
                record = job.records[k]
                window = self.dim_cells.view(record.window, k, record)
                by_frame[k].append(replace(Job.repeated(k, record), window=window))
        for k, repeated in by_frame.items():
            found = self._in_batches(k, repeated, partial(self._fit_batch, k))
            for job, shift in zip(repeated, found, strict=True):
                self._shifts[job.records[k]] = shift

    def _fit_batch(self, t: int, jobs: list[Job]) -> list[float]:
        features = self.encoder.load(t, [job.window for job in jobs])
        decoded = self._decode_tracked(t, jobs, features)
        wanted = np.stack([job.records[t].logits_in(job.window) for job in jobs])[:, None]
        return best_shifts(decoded.mask_logits.float().cpu(), torch.from_numpy(wanted))

    def _tracking_prompts(self, jobs: list[Job]) -> PromptTensors:
        """Empty prompts, with the masks of the previous frame if the network uses them."""
        device, size = self.model.device, self.model.config.low_res_size
        prompts = PromptTensors.none(len(jobs), device)
        if not self.model.config.draw_previous:
            return prompts
        nothing = np.full((size, size), -MASK_PROMPT_LOGIT, np.float32)
        shown = [job.previous if job.previous and job.previous.is_visible else None for job in jobs]
        masks = [
            nothing if record is None else record.logits_in(job.window)
            for record, job in zip(shown, jobs, strict=True)
        ]
        logits = torch.from_numpy(np.stack(masks)[:, None]).to(device)
        has_mask = torch.tensor([record is not None for record in shown], device=device)
        return PromptTensors(prompts.points, prompts.labels, logits, has_mask)

    def condition(self, t: int, jobs: Sequence[Job], blocks: Blocks | None = None) -> Tensor:
        """(B, C, H, W) embedding of a frame or its blocks, conditioned on memories."""
        maps = [self._maps(job) for job in jobs]
        features = self.encoder.load(t, [job.window for job in jobs])
        device = self.model.device
        span = max(min(self._length, self.model.config.max_object_pointers) - 1, 1)
        width = self.model.config.d_model
        pointers = np.zeros((len(jobs), len(jobs[0].recall.pointer_frames), width), np.float32)
        for row, job in enumerate(jobs):
            for column, k in enumerate(job.recall.pointer_frames):
                pointers[row, column] = self._pointer(k, job.records[k])
        distances = np.array([job.recall.distances for job in jobs], np.float32) / span
        with inference(self.model):
            memory = self.model.gather_memory(
                torch.stack(maps).float(),
                torch.tensor([job.recall.slots for job in jobs], device=device),
                torch.from_numpy(pointers).to(device),
                torch.from_numpy(distances).reshape(pointers.shape[:2]).to(device),
                self._memory_cells(t, jobs),
            )
            return self.model.attend(features, memory, blocks)

    def _block_side(self, t: int, job: Job) -> int:
        """Side of the blocks of a frame and its memories to which an object attends, in cells."""
        size = self.model.config.image_size // 16
        if self.model.config.memory_reach == "whole":
            return size
        return block_side(job.records, job.recall.frames, t, job.window, size)

    def _blocks(self, t: int, jobs: Sequence[Job]) -> Blocks | None:
        """Blocks in which objects are searched for; None for the whole map."""
        size, side = self.model.config.image_size // 16, self._block_side(t, jobs[0])
        if side == size:
            return None
        corners = (block_corner(j.records, j.recall.frames, t, j.window, size, side) for j in jobs)
        return Blocks(tuple(corners), side, size)

    def _memory_cells(self, t: int, jobs: Sequence[Job]) -> Tensor | None:
        """(B, M, n) cells of the memories to which objects attend; None for all cells."""
        size, side = self.model.config.image_size // 16, self._block_side(t, jobs[0])
        if side == size:
            return None
        cells = [block_cells(j.records, j.recall.frames, j.window, size, side) for j in jobs]
        return torch.from_numpy(np.stack(cells)).to(self.model.device)

    def _pointer(self, t: int, record: MaskRecord) -> NDArray[np.float32]:
        """(C,) object pointer of a mask, computed now if the mask has no pointer yet."""
        if record.pointer.size:
            return record.pointer
        found = self._pointers.get(record)
        if found is None:
            found = self._imported(t, record).pointer
            self._pointers[record] = found
        return found

    def _maps(self, job: Job) -> Tensor:
        """(M, memory_dim, H, W) memories of one object; missing ones are computed again."""
        maps = []
        for k in job.recall.frames:
            record = job.records[k]
            memory = self.memories.get(record, job.window)
            if memory is None:
                memory = self.memorize(k, [record], [job.window])[0]
            maps.append(memory)
        return torch.stack(maps)

    def memorize(
        self, t: int, records: Sequence[MaskRecord], windows: Sequence[Window] | None = None
    ) -> list[Tensor]:
        """Encode and cache the memories of masks on one frame, each in its window by default.

        Memories are stored in bfloat16, as in the official code: half the size, and equal
        results.
        """
        windows = windows or [record.window for record in records]
        pairs = list(zip(records, windows, strict=True))
        return self._batches.run(pairs, lambda part: self._memorize_batch(t, part))

    def _memorize_batch(self, t: int, pairs: list[tuple[MaskRecord, Window]]) -> list[Tensor]:
        features, device = self.encoder.load(t, [window for _, window in pairs]), self.model.device
        logits = torch.from_numpy(np.stack([r.logits_in(window) for r, window in pairs])[:, None])
        scores = torch.tensor([[record.occlusion_score] for record, _ in pairs])
        prompted = torch.tensor([record.is_prompted for record, _ in pairs])
        with inference(self.model):
            memory = self.model.memorize(
                features, logits.to(device), scores.to(device), prompted.to(device)
            )
        memories = [single.clone() for single in memory.to(torch.bfloat16).unbind(0)]
        for (record, window), single in zip(pairs, memories, strict=True):
            self.memories.put(record, window, single)
        return memories

    # -- prompts -------------------------------------------------------------------------------

    def import_mask(self, t: int, mask: PixelMask, window: Window) -> MaskRecord:
        """The record of a painted mask."""
        size = self.model.config.image_size
        drawn = draw_record(mask, window, self.model.config.low_res_size)
        window = self.dim_cells.view(window, t, drawn)
        pixels = torch.from_numpy(mask.cut(window))[None, None].to(self.model.device)
        with inference(self.model):
            share = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
            decoded = self._import_share(t, window, share)
        return records_of(decoded, None, [window], painted=mask)[0]

    def _imported(self, t: int, record: MaskRecord) -> MaskRecord:
        """The record of a mask that the network has not processed yet."""
        if record.painted is not None:
            return self.import_mask(t, record.painted, record.window)
        size, window = self.model.config.image_size, self.dim_cells.view(record.window, t, record)
        logits = torch.from_numpy(record.logits())[None, None].to(self.model.device)
        with inference(self.model):
            wide = F.interpolate(logits, (size, size), mode="bilinear")
            decoded = self._import_share(t, window, (wide > 0).float())
        return records_of(decoded, None, [window])[0]

    def _import_share(self, t: int, window: Window, share: Tensor) -> Decoded:
        """Output of the network for a mask, given as (1, 1, S, S) painted shares of pixels."""
        features = self.encoder.features[t, window]
        decoded = self.model.import_mask(features, (share >= 0.5).float())
        if (share > 0).any() and not (decoded.mask_logits > 0).any():
            decoded = self.model.import_mask(features, _fullest_block(share))
        return decoded


def _fullest_block(share: Tensor) -> Tensor:
    """A (1, 1, S, S) float32 mask of one pixel, for an object smaller than a pixel."""
    blocks = F.avg_pool2d(share, 4)
    return F.interpolate((blocks == blocks.amax()).float(), scale_factor=4.0)
