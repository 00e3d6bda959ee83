"""Our network and the reference of the parity tests with the same random weights, mid-movie.

Speed does not depend on what the weights know, so a full memory bank is made of one prompted frame:
its output stands for the frames behind the one that is timed.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from transformers import Sam2VideoInferenceSession, Sam2VideoModel

from napari_sam2.model import PRESETS, PromptTensors, Sam2, build_model
from napari_sam2.model.config import MemoryReach, Precision
from napari_sam2.tracking import ObjectState, Tracker
from napari_sam2.tracking.masks import MaskRecord
from tests.model.comparison import random_image
from tests.model.reference import reference_video_model
from tests.model.weights import SIZES, soft_state_dict

FULL = 16  # frames behind a frame that fill its bank: memories, and object pointers
CLICK = [(0.4, 0.5)]
MASK_LOGIT = 5.0


class StillMovie:
    """(T, Y, X, 3) uint8 of which every frame is the same picture."""

    def __init__(self, frames: int, side: int) -> None:
        self.shape = (frames, side, side, 3)
        self.dtype = np.dtype(np.uint8)
        picture = random_image(side)[0].permute(1, 2, 0).numpy()
        self._picture = np.clip(128 + 50 * picture, 0, 255).astype(np.uint8)

    def __getitem__(self, t: int) -> np.ndarray:
        return self._picture


class Pair:
    """Both networks, and a movie of which `FULL` frames have been tracked.

    Parameters
    ----------
    size : str
        `tiny`, `small`, `base_plus` or `large`.
    frames : int
        Frames that can be timed.
    image_size : int
        Side of the input in pixels.
    device : str
        Where both run.
    """

    def __init__(
        self, size: str, frames: int, *, image_size: int = 1024, device: str = "cpu"
    ) -> None:
        layout = SIZES[size]
        weights = soft_state_dict(layout, seed=2)
        config = PRESETS[f"sam2.1_{size}"].at_size(image_size)
        self.device = torch.device(device)
        self.ours: Sam2 = build_model(config, weights).to(self.device)
        self.reference: Sam2VideoModel = reference_video_model(layout, weights, image_size)
        self.reference.to(self.device)
        self.side = image_size
        self.length = FULL + frames
        self.image = random_image(image_size).to(self.device)

    # -- parts -----------------------------------------------------------------------------------

    def bank(self, objects: int = 1) -> tuple[torch.Tensor, ...]:
        """Maps, slots, pointers and distances of a full memory bank, for `gather_memory`."""
        config, side = self.ours.config, self.side // 16
        generator = torch.Generator().manual_seed(5)
        maps = torch.randn(objects, 7, config.memory_dim, side, side, generator=generator)
        slots = torch.tensor([[-1, 5, 4, 3, 2, 1, 0]]).expand(objects, -1)
        pointers = torch.randn(objects, FULL, config.d_model, generator=generator)
        distances = torch.arange(FULL).float().expand(objects, -1) / (FULL - 1)
        return tuple(x.to(self.device) for x in (maps, slots, pointers, distances))

    def reference_attends(self) -> Any:
        """Their memory attention over the same tokens; laying them out is not counted."""
        memory = self.ours.gather_memory(*self.bank())
        tokens = (self.side // 16) ** 2
        inputs = {
            "current_vision_features": torch.randn(tokens, 1, 256, device=self.device),
            "current_vision_position_embeddings": torch.randn(tokens, 1, 256, device=self.device),
            "memory": memory.tokens.transpose(0, 1).contiguous(),
            "memory_posision_embeddings": memory.code.transpose(0, 1).contiguous(),
            "num_object_pointer_tokens": memory.num_pointer_tokens,
        }
        return lambda: self.reference.memory_attention(**inputs)

    def reference_decodes(self) -> Any:
        """Their decoder on a tracked frame, with the masks at the input's size."""
        sides = [self.side // stride for stride in (4, 8, 16)]
        maps = [
            torch.randn(1, c, s, s, device=self.device)
            for c, s in zip((32, 64, 256), sides, strict=True)
        ]
        return lambda: self.reference._single_frame_forward(
            image_embeddings=maps, multimask_output=True
        )

    def reference_memorizes(self) -> Any:
        """Their memory encoder on a tracked frame."""
        tokens = torch.randn((self.side // 16) ** 2, 1, 256, device=self.device)
        mask = torch.randn(1, 1, self.side, self.side, device=self.device)
        score = torch.ones(1, 1, device=self.device)
        return lambda: self.reference._encode_new_memory(tokens, mask, score, False)

    def our_decoding(self, objects: int = 1) -> Any:
        """Our decoder on a tracked frame."""
        features = self.ours.encode_frame(self.image)
        embedding = self.ours.without_memory(features).expand(objects, -1, -1, -1).contiguous()
        prompts = PromptTensors.none(objects, self.device)
        return lambda: self.ours.decode(embedding, features, prompts)

    def our_memorizing(self) -> Any:
        """Our memory encoder on a tracked frame."""
        features = self.ours.encode_frame(self.image)
        logits = torch.randn(1, 1, self.side // 4, self.side // 4, device=self.device)
        score, prompted = torch.ones(1, 1), torch.zeros(1, dtype=torch.bool)
        score, prompted = score.to(self.device), prompted.to(self.device)
        return lambda: self.ours.memorize(features, logits, score, prompted)

    # -- whole frames ----------------------------------------------------------------------------

    def tracker(self, objects: int, *, fast: bool = False, local: bool = False) -> OurMovie:
        """Our tracker in mid-movie, exact unless told otherwise."""
        return OurMovie(self, objects, fast=fast, local=local)

    def session(self, objects: int) -> ReferenceMovie:
        """Their session in mid-movie."""
        return ReferenceMovie(self, objects)


class OurMovie:
    """Some objects that our tracker has followed up to frame `FULL`."""

    def __init__(self, pair: Pair, objects: int, *, fast: bool, local: bool) -> None:
        side = pair.side
        precision: Precision = "fast" if fast else "exact"
        memory: MemoryReach = "local" if local else "whole"
        model = copy(pair.ours)  # the same weights under another configuration
        model.config = replace(model.config, precision=precision, memory_reach=memory)
        self.tracker = Tracker(model, StillMovie(pair.length, side), memory_bytes=4 * 1024**3)
        self.tracker.add_points(0, 1, [(share[0] * side, share[1] * side) for share in CLICK], [1])
        state = self.tracker.snapshot(1)
        clicked = _small_cell(state.records[0])
        engine = self.tracker._runner
        memory = engine.memorize(0, [clicked])[0]
        self._states = {}
        for object_id in range(1, objects + 1):
            records = {0: replace(clicked)}
            records |= {t: replace(clicked, direction="forward") for t in range(1, FULL)}
            for record in records.values():
                engine.memories.put(record, record.window, memory)
            renamed = state.renamed(object_id)
            self._states[object_id] = ObjectState(None, records, renamed.prompted)

    def track(self, frames: int, *, cached: bool) -> None:
        """Track some frames, for the first time or with their features at hand."""
        if not cached:
            self.tracker._runner.encoder.features.clear()
        for object_id, state in self._states.items():
            self.tracker.restore(object_id, state)
        for _ in self.tracker.propagate(FULL, FULL + frames, "forward"):
            pass

    def encode(self, frames: int) -> None:
        """Have the features of the frames to be tracked at hand."""
        for t in range(FULL, FULL + frames):
            self.tracker.encode(t)


def _small_cell(record: MaskRecord) -> MaskRecord:
    """With a mask of a tenth of the side; random weights make any."""
    start, side = int(0.4 * record.size), record.size // 10
    crop = np.full((side, side), MASK_LOGIT, np.float32)
    return replace(record, corner=(start, start), crop=crop, floor=-MASK_LOGIT)


class ReferenceMovie:
    """The same in a session of the reference; its cache holds one frame, as it does by default."""

    def __init__(self, pair: Pair, objects: int) -> None:
        self.model = pair.reference
        video = pair.image.expand(pair.length, -1, -1, -1)
        self.session = Sam2VideoInferenceSession(
            video=video,
            dtype=torch.float32,
            inference_device=pair.device,
            video_storage_device=pair.device,
            inference_state_device=pair.device,
        )
        for object_id in range(1, objects + 1):
            self.session.obj_id_to_idx(object_id)
        self._prompt(torch.tensor(CLICK)[None, None] * pair.side)
        first = self.session.output_dict_per_obj[0]["cond_frame_outputs"][0]
        for index in range(objects):
            outputs = self.session.output_dict_per_obj[index]
            outputs["cond_frame_outputs"][0] = first
            outputs["non_cond_frame_outputs"].update(dict.fromkeys(range(1, FULL), first))

    def _prompt(self, points: torch.Tensor) -> None:
        device = self.session.inference_device
        clicks = {"point_coords": points.to(device), "point_labels": torch.ones(1, 1, 1).int()}
        clicks["point_labels"] = clicks["point_labels"].to(device)
        output = self.model._run_single_frame_inference(
            self.session, 0, 0, 1, True, clicks, None, False
        )
        self.session.store_output(0, 0, output_value=output, is_conditioning_frame=True)
        masks, scores = [output["high_res_masks"]], [output["object_score_logits"]]
        self.model._batch_encode_memories(self.session, 0, [0], masks, scores, [True])

    def track(self, frames: int) -> None:
        """Track some frames; their features are encoded, as on every pass."""
        self.session.cache.clear_all()
        for t in range(FULL, FULL + frames):
            self.model(self.session, frame_idx=t)
