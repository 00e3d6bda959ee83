"""Error probabilities of a whole annotation, as tables show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.annotation import Annotation


def error_probabilities(annotation: Annotation) -> dict[int, NDArray[np.float32]]:
    """(T,) error probability of each object of an annotation, NaN where it is unknown."""
    return {
        object_id: annotation.timeline(object_id).error_probability
        for object_id in annotation.objects
    }


def known_value(probability: float) -> float | None:
    """A probability as a table shows it: None where it is unknown."""
    return None if np.isnan(probability) else float(probability)
