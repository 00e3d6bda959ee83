"""A small family, drawn: 1 divides into 2 and 3, 3 is away for a frame, 5 leaves early."""

from __future__ import annotations

import numpy as np

from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tracked import TrackedLabels
from tests.evaluation.worlds import drawn

SCALE = ImageScale((0.5, 0.25), "um", 60.0)


def family(**known: object) -> TrackedLabels:
    labels = drawn("1.5", ".15", "2.3", "2..", "2.3")
    options = {"parents": {2: 1, 3: 1}, "names": {2: "Zoë 细胞"}, "scale": SCALE} | known
    return TrackedLabels(labels, **options)  # type: ignore[arg-type]


def image() -> np.ndarray:
    """(T, Y, X) uint16; the value of a pixel is its frame, row and column."""
    t, y, x = np.indices(family().shape)
    return (100 * t + 10 * y + x).astype(np.uint16)
