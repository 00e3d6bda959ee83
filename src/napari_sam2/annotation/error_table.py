"""Error probabilities of a whole annotation, as tables show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_sam2.annotation.annotation import Annotation


def error_probabilities(annotation: Annotation) -> dict[int, NDArray[np.float32]]:
    """(T,) error probability of each object of an annotation, NaN where it is unknown."""
    return {
        object_id: annotation.timeline(object_id).error_probability
        for object_id in annotation.objects
    }
