"""Prompt decoder: runs the network on the prompts of a frame, in one or several windows at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from napari_sam2.model import Decoded, PromptTensors, Sam2
from napari_sam2.tracking.decoded_records import records_of
from napari_sam2.tracking.device import inference
from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.guided_corrections import (
    excluded_entries,
    mean_of_both,
    with_middle,
    without_cells,
)
from napari_sam2.tracking.masks import MaskRecord
from napari_sam2.tracking.mirrored import (
    SURE_IOU,
    MirroredWindow,
    mean_of_looks,
    mirror_prompts,
)
from napari_sam2.tracking.multi_scale_click import Look, overlap_with_cell
from napari_sam2.tracking.prompt_points import prompt_points
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.signs import CellOpinion
from napari_sam2.tracking.whole_cells import (
    excluded_cells,
    fill_holes,
    included_cells,
    remove_islands,
)
from napari_sam2.tracking.windows import Window, WindowGrid


class PromptDecoder:
    """Computes the masks of prompted frames.

    A small network spends most of its time between operators, so that three windows in one run
    take about as long as two single runs.

    Parameters
    ----------
    model : Sam2
        In evaluation mode.
    encoder : FrameEncoder
        Features of the stack.
    grid : WindowGrid
        The possible windows of the network's view.
    opinion : CellOpinion
        Asks the cell head which cell is under a click.
    """

    def __init__(
        self, model: Sam2, encoder: FrameEncoder, grid: WindowGrid, opinion: CellOpinion
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._grid = grid
        self._opinion = opinion

    def mask(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        embedding: Tensor | None,
        window: Window,
    ) -> MaskRecord:
        """Mask of a prompted frame after one round of clicks.

        Without memories, it is the mean of the masks of the image and of its mirror image, if the
        network does that and is not sure of the first of them. With memories, it is the mean of
        that and of what the memories lead to, if the network has `guided_corrections`.

        Parameters
        ----------
        prompt : Prompt
            The prompt, of which points up to this round are used.
        number : int
            The round.
        previous : MaskRecord or None
            The mask of the previous round.
        embedding : Tensor or None
            (1, C, H, W) from `NetworkRunner.condition`, of this window; None for a frame without
            memories.
        window : Window
            The window of the network's view.

        Returns
        -------
        MaskRecord
        """
        prompts = self._tensors(prompt, number, previous, window)
        is_shown = prompt.shows_object(number)
        if embedding is None:
            decoded = self._look_afresh(prompt.t, window, prompts, is_shown)
        elif not self._model.config.guided_corrections:
            decoded = self._look(prompt.t, window, prompts, embedding, is_shown)
        else:
            prompts = self._guided(prompt, number, prompts, window)
            decoded = mean_of_both(
                self._look(prompt.t, window, prompts, embedding, is_shown),
                self._look_afresh(prompt.t, window, prompts, is_shown),
            )
        if self._model.config.whole_cells:
            size = self._model.config.low_res_size
            decoded = remove_islands(decoded, [included_cells(prompts, size)], least_share=0.0)
            decoded = fill_holes(decoded, [True], excluded_cells(prompts, size))
        return records_of(decoded, None, [window])[0]

    def _guided(
        self, prompt: Prompt, number: int, prompts: PromptTensors, window: Window
    ) -> PromptTensors:
        """The prompts of a correction, with what they mean for the whole cell."""
        if prompts.mask_logits is None or prompt.mask is not None:
            return prompts
        is_new = prompt.rounds == number
        places = prompt.points[is_new & (prompt.labels == 0)]
        size = self._model.config.low_res_size
        entries = excluded_entries(prompts, int(is_new.sum()), size)
        if not prompt.shows_object(number) and self._model.cell_head is not None:
            features = self._encoder.load(prompt.t, [window])
            with inference(self._model):
                found = [
                    self._opinion.cells_at(prompt.t, [window], features, (float(y), float(x)))
                    for y, x in places
                ]
            cells = [cell[0] for cell in found if cell is not None]
            logits = without_cells(prompts.mask_logits, entries, cells)
            prompts = replace(prompts, mask_logits=logits)
        return with_middle(prompts, self._model.config.image_size, entries)

    def _look_afresh(
        self, t: int, window: Window, prompts: PromptTensors, is_shown: bool
    ) -> Decoded:
        """The mask of one object without memories, by the mirror image too where it is unsure."""
        decoded = self._look(t, window, prompts, None, is_shown)
        if not self._is_unsure(float(decoded.predicted_iou)):
            return decoded
        mirrored = mirror_prompts(prompts, self._model.config.image_size)
        mirror = MirroredWindow.of(window)
        return mean_of_looks(decoded, self._look(t, mirror, mirrored, None, is_shown))

    def _look(
        self,
        t: int,
        window: Window,
        prompts: PromptTensors,
        embedding: Tensor | None,
        is_shown: bool,
    ) -> Decoded:
        """The mask of one object in a window."""
        features = self._encoder.load(t, [window])
        with inference(self._model):
            if embedding is None:
                embedding = self._model.without_memory(features)
            return self._model.decode(embedding, features, prompts, surely_visible=is_shown)

    def prepare(self) -> None:
        """Load the libraries that a first click needs, ahead of that click."""
        if self._model.cell_head is not None:
            import skimage.feature.peak  # noqa: F401

    def views(self, record: MaskRecord) -> list[Window]:
        """The window of a mask, and its mirror image if the network is not sure of the mask."""
        views = [record.window]
        if self._is_unsure(record.predicted_iou):
            views.append(MirroredWindow.of(record.window))
        return views

    def _is_unsure(self, predicted_iou: float) -> bool:
        """Whether the network looks at the mirror image too, for a mask of this predicted IoU."""
        return self._model.config.mirror_prompted and predicted_iou < SURE_IOU

    def looks(self, prompt: Prompt, number: int, windows: Sequence[Window]) -> list[Look]:
        """Masks of a first click in windows of several sizes, as `mask` without a mean.

        Parameters
        ----------
        prompt : Prompt
            The prompt on a frame without memories.
        number : int
            The round of the first click.
        windows : sequence of Window
            The windows; there may be none.

        Returns
        -------
        list of Look
            One for each window.
        """
        if not windows:
            return []
        prompts = PromptTensors.stack(
            [self._tensors(prompt, number, None, window) for window in windows]
        )
        features = self._encoder.load(prompt.t, windows)
        place = prompt.first_click(number)
        with inference(self._model):
            cells = None
            if self._model.cell_head is not None and place is not None:
                cells = self._opinion.cells_at(prompt.t, windows, features, place)
            decoded = self._model.decode(
                self._model.without_memory(features),
                features,
                prompts,
                surely_visible=prompt.shows_object(number),
                cell=cells,
            )
        records = records_of(decoded, None, windows)
        if self._model.cell_head is None:
            return [Look(record) for record in records]
        seen = [None] * len(records) if cells is None else list(cells)
        return [
            Look(record, overlap_with_cell(record, cell))
            for record, cell in zip(records, seen, strict=True)
        ]

    def guesses(
        self,
        prompt: Prompt,
        number: int,
        previous: MaskRecord | None,
        embedding: Tensor | None,
        window: Window,
    ) -> list[MaskRecord]:
        """The three masks of a single click; arguments as for `mask`."""
        prompts = self._tensors(prompt, number, previous, window)
        features = self._encoder.features[prompt.t, window]
        with inference(self._model):
            if embedding is None:
                embedding = self._model.without_memory(features)
            decoded = self._model.decode_guesses(
                embedding, features, prompts, surely_visible=prompt.shows_object(number)
            )
        if self._model.config.whole_cells:
            decoded = fill_holes(decoded, [True] * len(decoded.predicted_iou))
        return records_of(decoded, None, [window] * len(decoded.predicted_iou))

    def _tensors(
        self, prompt: Prompt, number: int, previous: MaskRecord | None, window: Window
    ) -> PromptTensors:
        """The prompt up to a round, and the mask of the previous round, for a window."""
        device, side, whole = self._model.device, self._model.config.image_size, self._grid.whole
        shape = (whole.height, whole.width)
        points, labels = prompt_points(prompt, number, window, side, shape)
        logits = None
        if previous is not None and previous.is_visible:
            logits = torch.from_numpy(previous.logits_in(window))[None, None].to(device)
        return PromptTensors(points.to(device), labels.to(device), logits)
