"""From prompts and memories to mask records: the network as the tracker uses it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from napari_sam2.model import Decoded, FrameFeatures, PromptTensors, Sam2
from napari_sam2.model.blocks import Blocks
from napari_sam2.model.products import has_quick_bfloat16
from napari_sam2.model.prompt_encoder import BOX_END, BOX_START
from napari_sam2.model.sam2 import MASK_PROMPT_LOGIT, PIXEL_MEAN, PIXEL_STD
from napari_sam2.tracking.disk_cache import DiskCache
from napari_sam2.tracking.features import FeatureCache, View
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.local_attention import block_cells, block_corner, block_side
from napari_sam2.tracking.lookahead import Glimpse, Lookahead
from napari_sam2.tracking.masks import Direction, MaskRecord, pack_logits
from napari_sam2.tracking.memory_bank import MemoryCache, Recall
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.windows import Window, WindowGrid

KEPT_MEMORIES = 4096  # more than a pass needs of some hundred objects
ENCODE_BATCH = 8  # views of a frame in one run of the image encoder
Records = Mapping[int, MaskRecord]
Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


@contextmanager
def inference(model: Sam2) -> Iterator[None]:
    """No gradients, and bfloat16 products where the device gains by them."""
    device = model.device.type
    is_fast = device == "cpu" and model.config.precision == "fast" and has_quick_bfloat16()
    with (
        torch.inference_mode(),
        torch.autocast(device, torch.bfloat16, enabled=device == "cuda" or is_fast),
    ):
        yield


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a device, or this machine, had no memory left."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


@dataclass(frozen=True, eq=False)
class Job:
    """One object to be segmented on a frame.

    Attributes
    ----------
    records : mapping of int to MaskRecord
        Its masks by frame.
    recall : Recall
        The memories to look at.
    window : Window
        Where to look.
    previous : MaskRecord or None
        The mask on the frame before, in the sense of the pass.
    """

    records: Records
    recall: Recall
    window: Window
    previous: MaskRecord | None = None


class NetworkRunner:
    """Runs the network on frames of one stack; keeps features and memories in caches.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    frames : Frames
        The stack.
    grid : WindowGrid
        The windows that frames are seen through.
    cache_bytes : int
        Budget of features.
    memory_bytes : int
        Budget of encoded memories.
    object_batch : int
        Most objects in one run of the network; halved when the device is short of memory.
    disk : DiskCache, optional
        Takes features that the budget has no room for.
    """

    def __init__(
        self,
        model: Sam2,
        frames: Frames,
        grid: WindowGrid,
        *,
        cache_bytes: int,
        memory_bytes: int,
        object_batch: int,
        disk: DiskCache | None = None,
    ) -> None:
        self.model = model
        self.frames = frames
        self.grid = grid
        self.features = FeatureCache(self._encode, cache_bytes, disk, model.device)
        one = 2 * model.config.memory_dim * (model.config.image_size // 16) ** 2  # bfloat16
        self.memories = MemoryCache(min(memory_bytes, KEPT_MEMORIES * one))
        self._lookahead = Lookahead(frames.read, self._encode_image, model.device)
        self._pointers: WeakKeyDictionary[MaskRecord, NDArray[np.float32]] = WeakKeyDictionary()
        self.object_batch = object_batch

    def _encode(self, views: Sequence[View]) -> list[FrameFeatures]:
        """Features of views; each frame is read once, unless that was done ahead."""
        frames: dict[int, list[Window]] = defaultdict(list)
        for t, window in views:
            frames[t].append(window)
        found: dict[View, FrameFeatures] = {}
        for t, windows in frames.items():
            seen = self._lookahead.take(t) or Glimpse(self.frames.read(t), {})
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

    def expect(self, t: int, windows: Iterable[Window]) -> None:
        """Begin to read a frame that will be tracked next, likely through these windows."""
        missing = [w for w in dict.fromkeys(windows) if (t, w) not in self.features]
        self._lookahead.expect(t, missing)

    def _encode_windows(
        self, image: NDArray[np.float32], windows: Sequence[Window]
    ) -> list[FrameFeatures]:
        seen = image if self.frames.is_rgb else image[..., :1]  # three equal channels are one
        crops = [np.array(window.crop(seen), order="C") for window in windows]
        device = self.model.device
        with inference(self.model):
            inputs = [
                self.model.preprocess(torch.from_numpy(crop).permute(2, 0, 1)[None].to(device))
                for crop in crops
            ]
            return self.model.encode_frame(torch.cat(inputs)).unstack()

    def input_of(self, image: NDArray[np.float32], window: Window) -> NDArray[np.float32]:
        """(S, S, 3) float32 in 0..1: a window of a (Y, X, 3) image as the network gets it."""
        crop = torch.from_numpy(np.ascontiguousarray(window.crop(image)))
        seen = self.model.preprocess(crop.permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
        mean, deviation = (np.array(part, np.float32) for part in (PIXEL_MEAN, PIXEL_STD))
        pixels: NDArray[np.float32] = np.clip(seen * deviation + mean, 0, 1)
        return pixels

    def _features(self, t: int, windows: Sequence[Window]) -> FrameFeatures:
        """Features of a frame: one for all objects where they share the window, or one for each."""
        found = self.features.load((t, window) for window in windows)
        if len(found) == 1:
            return found[t, windows[0]]
        return FrameFeatures.stack([found[t, window] for window in windows])

    # -- tracking ------------------------------------------------------------------------------

    def track(self, t: int, jobs: Sequence[Job], direction: Direction) -> list[MaskRecord]:
        """Masks of unprompted objects on a frame, in the order of the jobs.

        Objects with equally long memories are one batch.
        """
        self.features.load((t, job.window) for job in jobs)
        groups: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for index, job in enumerate(jobs):
            groups[(*job.recall.length, self._block_side(t, job))].append(index)
        results: dict[int, MaskRecord] = {}
        for indices in groups.values():
            group = [jobs[i] for i in indices]
            records = self._in_batches(group, lambda part: self._track_batch(t, part, direction))
            results.update(zip(indices, records, strict=True))
        return [results[index] for index in range(len(jobs))]

    def _track_batch(self, t: int, jobs: list[Job], direction: Direction) -> list[MaskRecord]:
        windows = [job.window for job in jobs]
        features, blocks = self._features(t, windows), self._blocks(t, jobs)
        conditioned = self.condition(t, jobs, blocks)
        prompts = self._tracking_prompts(jobs)
        with inference(self.model):
            decoded = self.model.decode(conditioned, features, prompts, blocks=blocks)
        return self._records(decoded, direction, windows)

    def _tracking_prompts(self, jobs: list[Job]) -> PromptTensors:
        """No prompts; the masks of the frame before, where the network takes them."""
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
        features = self._features(t, [job.window for job in jobs])
        device = self.model.device
        span = max(min(len(self.frames), self.model.config.max_object_pointers) - 1, 1)
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
        """Side of the part of a frame and of its memories that an object looks at, in cells."""
        size = self.model.config.image_size // 16
        if self.model.config.memory_reach == "whole":
            return size
        return block_side(job.records, job.recall.frames, t, job.window, size)

    def _blocks(self, t: int, jobs: Sequence[Job]) -> Blocks | None:
        """Where objects are looked for; None for everywhere."""
        size, side = self.model.config.image_size // 16, self._block_side(t, jobs[0])
        if side == size:
            return None
        corners = (block_corner(j.records, j.recall.frames, t, j.window, size, side) for j in jobs)
        return Blocks(tuple(corners), side, size)

    def _memory_cells(self, t: int, jobs: Sequence[Job]) -> Tensor | None:
        """(B, M, n) cells of the memories that objects look at; None for all."""
        size, side = self.model.config.image_size // 16, self._block_side(t, jobs[0])
        if side == size:
            return None
        cells = [block_cells(j.records, j.recall.frames, j.window, size, side) for j in jobs]
        return torch.from_numpy(np.stack(cells)).to(self.model.device)

    def _pointer(self, t: int, record: MaskRecord) -> NDArray[np.float32]:
        """(C,) object pointer of a mask, made now if the network has not seen the mask yet."""
        if record.pointer.size:
            return record.pointer
        found = self._pointers.get(record)
        if found is None:
            found = self._imported(t, record).pointer
            self._pointers[record] = found
        return found

    def _maps(self, job: Job) -> Tensor:
        """(M, memory_dim, H, W) memories of one object, rebuilt where they are gone."""
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
        """Encode and keep the memories of some masks on one frame, each in its window by default.

        They are kept in bfloat16, as in the official code: half the bytes, and equal results.
        """
        windows = windows or [record.window for record in records]
        pairs = list(zip(records, windows, strict=True))
        return self._in_batches(pairs, lambda part: self._memorize_batch(t, part))

    def _memorize_batch(self, t: int, pairs: list[tuple[MaskRecord, Window]]) -> list[Tensor]:
        features, device = self._features(t, [window for _, window in pairs]), self.model.device
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

    # -- memory of the device ------------------------------------------------------------------

    def _in_batches(
        self, items: Sequence[Item], work: Callable[[list[Item]], list[Result]]
    ) -> list[Result]:
        """Work on a few items at a time, on fewer where the device is short of memory."""
        results: list[Result] = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + self.object_batch]
            try:
                results += work(list(part))
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                problem = str(error)
            else:
                continue
            self._make_room(problem)  # the error is gone by now, and with it what it held
        return results

    def _make_room(self, problem: str) -> None:
        if self.object_batch > 1:
            self.object_batch //= 2
            log.warning("short of memory: %d objects at a time from now on", self.object_batch)
        elif self.features.offload():
            log.warning("short of memory: features are kept off the device from now on")
        else:
            raise MemoryError(
                f"{self.model.device} has too little memory for one object at a time: use a "
                f"smaller model or input, or another device ({problem.splitlines()[0]})"
            )
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()

    # -- prompts -------------------------------------------------------------------------------

    def import_mask(self, t: int, mask: PixelMask, window: Window) -> MaskRecord:
        """A painted mask as the object's mask."""
        size = self.model.config.image_size
        pixels = torch.from_numpy(mask.cut(window))[None, None].to(self.model.device)
        with inference(self.model):
            share = F.interpolate(pixels, (size, size), mode="bilinear", antialias=True)
            decoded = self._import_share(t, window, share)
        return self._records(decoded, None, [window], painted=mask)[0]

    def _imported(self, t: int, record: MaskRecord) -> MaskRecord:
        """A mask that the network has not seen yet as the object's mask."""
        if record.painted is not None:
            return self.import_mask(t, record.painted, record.window)
        size = self.model.config.image_size
        logits = torch.from_numpy(record.logits())[None, None].to(self.model.device)
        with inference(self.model):
            wide = F.interpolate(logits, (size, size), mode="bilinear")
            decoded = self._import_share(t, record.window, (wide > 0).float())
        return self._records(decoded, None, [record.window])[0]

    def _import_share(self, t: int, window: Window, share: Tensor) -> Decoded:
        """What the network makes of (1, 1, S, S) shares of pixels that belong to an object."""
        features = self.features[t, window]
        decoded = self.model.import_mask(features, (share >= 0.5).float())
        if (share > 0).any() and not (decoded.mask_logits > 0).any():
            decoded = self.model.import_mask(features, _fullest_block(share))
        return decoded

    def decode_prompt(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        embedding: Tensor,
        window: Window,
    ) -> MaskRecord:
        """Mask of a prompted frame after one round of clicks.

        Parameters
        ----------
        prompt : Prompt
            Points up to this round take part.
        number : int
            The round.
        previous : MaskRecord or None
            The mask to start from.
        embedding : Tensor
            (1, C, H, W) from `condition` or `unconditioned`, of this window.
        window : Window
            Where to look.

        Returns
        -------
        MaskRecord
        """
        points, labels = self._points(prompt, number, window)
        device = self.model.device
        logits = None
        if previous is not None and previous.is_visible:
            logits = torch.from_numpy(previous.logits_in(window))[None, None].to(device)
        prompts = PromptTensors(points.to(device), labels.to(device), logits)
        features = self.features[prompt.t, window]
        with inference(self.model):
            decoded = self.model.decode(
                embedding, features, prompts, surely_visible=prompt.shows_object(number)
            )
        return self._records(decoded, None, [window])[0]

    def unconditioned(self, t: int, window: Window) -> Tensor:
        """(1, C, H, W) embedding of a frame that is prompted first."""
        features = self.features[t, window]
        with inference(self.model):
            return self.model.without_memory(features)

    def _points(self, prompt: Prompt, number: int, window: Window) -> tuple[Tensor, Tensor]:
        """Points and box corners of a prompt as the network takes them: (1, P, 2) (x, y), (1, P).

        The one place where (y, x) in pixels of the image becomes (x, y) of the input.
        """
        used = prompt.rounds <= number
        places = prompt.points[used]
        labels = prompt.labels[used].astype(np.int64)
        if prompt.box is not None:
            size = np.array(self.frames.shape[1:])
            corners = np.array(prompt.box).reshape(2, 2)
            corners = np.clip(corners, -size, 2 * size)  # float32 has no room for any number
            places = np.concatenate([corners, places])
            labels = np.concatenate([[BOX_START, BOX_END], labels])
        scale = self.model.config.image_size / np.array([window.height, window.width])
        places = (places - (window.y0, window.x0) + 0.5) * scale - 0.5  # between pixel centres
        points = places[:, ::-1].astype(np.float32)
        return torch.from_numpy(points.copy())[None], torch.from_numpy(labels)[None]

    def _records(
        self,
        decoded: Decoded,
        direction: Direction | None,
        windows: Sequence[Window],
        painted: PixelMask | None = None,
    ) -> list[MaskRecord]:
        masks = decoded.mask_logits[:, 0].float().cpu().numpy()
        ious = decoded.predicted_iou.float().cpu().tolist()
        scores = decoded.occlusion_score[:, 0].float().cpu().tolist()
        pointers = decoded.pointer.float().cpu().numpy()
        records = []
        for index, logits in enumerate(masks):
            corner, crop, floor = pack_logits(logits, exact=direction is None)
            records.append(
                MaskRecord(
                    corner=corner,
                    crop=crop,
                    floor=floor,
                    size=logits.shape[0],
                    predicted_iou=ious[index],
                    occlusion_score=scores[index],
                    pointer=pointers[index].copy(),
                    direction=direction,
                    window=windows[index],
                    painted=painted,
                )
            )
        return records


def _fullest_block(share: Tensor) -> Tensor:
    """One pixel of the mask map, for an object that is smaller: (1, 1, S, S) float32, 0 or 1."""
    blocks = F.avg_pool2d(share, 4)
    return F.interpolate((blocks == blocks.amax()).float(), scale_factor=4.0)
