"""Validation during training: the tracker on clips that are not trained on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_sam2.evaluation import protocols
from napari_sam2.evaluation.ground_truth import LabelledMovie, label_movie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.vos import mean_of_defined
from napari_sam2.model import Sam2
from napari_sam2.training.config import STRICT
from napari_sam2.training.data import ClipDataset

TRACKED = (PromptKind.mask, PromptKind.box, PromptKind.one_click)


@dataclass(frozen=True)
class ValidationPlan:
    """Clips and interval of the validation.

    Attributes
    ----------
    folders : tuple of str
        As for `ClipDataset`; none for no validation.
    every : int
        Steps of an epoch, the stretch of training between two validations.
    clips, objects, frames : int
        Most clips of all folders together, objects of each clip, and frames of it.
    """

    __pydantic_config__: ClassVar = STRICT

    folders: tuple[str, ...] = ()
    every: int = 500
    clips: int = 8
    objects: int = 3
    frames: int = 8

    def __post_init__(self) -> None:
        for name in ("every", "clips", "objects", "frames"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1; got {getattr(self, name)}")


@dataclass(frozen=True, eq=False)
class HeldOutClip:
    """A clip with its truth; an object is on its first frame.

    Attributes
    ----------
    images : ndarray
        (T, Y, X) uint8; T is 1 for a still.
    truth : LabelledMovie
        Of some objects.
    """

    images: NDArray[np.uint8]
    truth: LabelledMovie


def held_out_clips(plan: ValidationPlan, seed: int = 0) -> list[HeldOutClip]:
    """Clips of a plan, spread evenly over its folders, each time the same ones.

    Raises
    ------
    FileNotFoundError
        If a folder has no clips.
    ValueError
        If none of the clips has an object.
    """
    if not plan.folders:
        return []
    dataset = ClipDataset({Path(folder): 1.0 for folder in plan.folders})
    places = np.linspace(0, len(dataset) - 1, min(plan.clips, len(dataset))).round().astype(int)
    found = (_open_clip(*dataset[int(i)], plan, seed) for i in places)
    clips = [clip for clip in found if clip is not None]
    if not clips:
        raise ValueError(f"no object is labelled in the clips of {', '.join(plan.folders)}")
    return clips


def _open_clip(
    images: NDArray[np.uint8], labels: NDArray[np.uint16], plan: ValidationPlan, seed: int
) -> HeldOutClip | None:
    filled = np.flatnonzero(labels.any((1, 2)))
    if not len(filled):
        return None
    part = slice(int(filled[0]), int(filled[0]) + plan.frames)
    grey = images[part] if images.ndim == 3 else images[part].mean(-1).astype(np.uint8)
    return HeldOutClip(grey, label_movie(labels[part]).thinned(plan.objects, seed))


def evaluate(model: Sam2, clips: Sequence[HeldOutClip]) -> dict[str, float]:
    """Mean IoU by kind of prompt.

    Parameters
    ----------
    model : Sam2
        Ready for inference.
    clips : sequence of HeldOutClip

    Returns
    -------
    dict of str to float
        ``image 1-click``, ``image box``, ... on the frame on which an object appears first,
        ``track mask``, ... on the frames after a prompt, and ``mean``, the mean of all kinds.

    Notes
    -----
    SAM 2 paper, §6.2 and §6.3.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for clip in clips:
        t = min(clip.truth.annotated & {frames[0] for frames in clip.truth.frames_of.values()})
        still = label_movie(clip.truth.frame(t))
        for kind, iou in protocols.image(model, clip.images[t : t + 1], still).mean_iou.items():
            values[f"image {kind}"].append(iou)
        if clip.truth.shape[0] > 1:
            for kind in TRACKED:
                scores = protocols.vos(model, clip.images, clip.truth, kind).scores
                values[f"track {kind.value}"] += [score.region for score in scores]
    means = {name: mean_of_defined(found) for name, found in values.items()}
    return {**means, "mean": mean_of_defined(list(means.values()))}
