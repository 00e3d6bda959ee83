"""Subject of an annotation: its image and its model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.project.fingerprint import image_fingerprint, model_fingerprint
from napari_sam2.io.project.manifest import ChosenPart, ImageInfo, KeptCellSize, ModelInfo
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.selection import EVERYTHING, Selection
from napari_sam2.model import image_sizes
from napari_sam2.tracking import Tracker


@dataclass(frozen=True)
class Subject:
    """Image, model and size of the cells, as ``session.json`` has them."""

    image: ImageInfo
    model: ModelInfo
    cell_size: KeptCellSize | None = None


@dataclass(frozen=True)
class ImageOrigin:
    """Properties of an image beside its pixels.

    Parameters
    ----------
    name : str
        As the user knows it.
    path : path or None
        The file or folder that it came from.
    paths : sequence of path
        All files, in their order, where each frame was chosen as a file.
    scale : ImageScale
        Its axes and sizes.
    has_user_contrast : bool
        Whether a user set the limits that the model sees as black and white.
    selection : Selection
        Which part of the file it is.
    """

    name: str
    path: str | os.PathLike[str] | None = None
    scale: ImageScale = field(default_factory=ImageScale)
    has_user_contrast: bool = False
    selection: Selection = EVERYTHING
    paths: Sequence[str | os.PathLike[str]] = ()


def subject_of(tracker: Tracker, data: ArrayLike, origin: ImageOrigin, model_name: str) -> Subject:
    """Image and model of a tracker.

    Parameters
    ----------
    tracker : Tracker
        The tracker.
    data : array-like
        The image that it was made with; three frames are read.
    origin : ImageOrigin
        Properties of the image.
    model_name : str
        Name or path from which the model was loaded.
    """
    image = ImageInfo(
        name=origin.name,
        path=None if origin.path is None else os.path.abspath(origin.path),
        shape=tuple(int(length) for length in data.shape),
        dtype=str(np.dtype(data.dtype)),
        rgb=tracker.frames.is_rgb,
        fingerprint=image_fingerprint(data),
        contrast_limits=tracker.frames.contrast_limits,
        has_user_contrast=origin.has_user_contrast,
        part=ChosenPart.of(origin.selection, tracker.planes),
        paths=tuple(os.path.abspath(path) for path in origin.paths),
        **_scale_fields(origin.scale),
    )
    config = tracker.model.config
    model = ModelInfo(
        name=model_name,
        fingerprint=model_fingerprint(tracker.model),
        image_size=None if config.image_size == image_sizes(config)[0] else config.image_size,
    )
    return Subject(image, model)


def with_scale(subject: Subject, scale: ImageScale) -> Subject:
    """The same image and model, and another scale of the image."""
    return replace(subject, image=subject.image.model_copy(update=_scale_fields(scale)))


def _scale_fields(scale: ImageScale) -> dict[str, Any]:
    return {
        "pixel_size": scale.pixel_size,
        "unit": scale.unit,
        "interval_s": scale.interval_s,
        "z_spacing": scale.z_spacing,
        "frame_axis": scale.frame_axis,
        "origin": None if scale.origin is None else scale.origin.values,
    }
