"""What is known of an object on each frame: prompts, locks, reviews and scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.state import DocumentState


@dataclass(frozen=True, eq=False)
class FrameStates:
    """One object on each of T frames.

    Attributes
    ----------
    is_prompted, is_locked, is_reviewed, is_marked_wrong, has_record : (T,) bool
        Whether the frame has a prompt, a lock, a review, a mask that a person marked as wrong, or a
        mask that may be empty.
    is_unseen : (T,) bool
        Whether the frame has a prompt whose mask nobody has looked at.
    predicted_iou, occlusion_score : (T,) float32
        Scores of the network; NaN where there is no mask.
    """

    is_prompted: NDArray[np.bool_]
    is_locked: NDArray[np.bool_]
    is_reviewed: NDArray[np.bool_]
    is_marked_wrong: NDArray[np.bool_]
    has_record: NDArray[np.bool_]
    is_unseen: NDArray[np.bool_]
    predicted_iou: NDArray[np.float32]
    occlusion_score: NDArray[np.float32]

    @classmethod
    def of(cls, state: DocumentState, object_id: int) -> FrameStates:
        """What a document knows of an object."""
        length = len(state.labels)
        is_prompted, is_locked, is_reviewed, is_marked_wrong, has_record, is_unseen = np.zeros(
            (6, length), bool
        )
        predicted_iou, occlusion_score = np.full((2, length), np.nan, np.float32)
        found = state.object_state(object_id)
        if found is not None:
            is_prompted[list(found.prompted)] = True
            is_unseen[[t for t, entry in found.prompted.items() if entry.is_unseen]] = True
            is_locked[list(state.locked_frames(object_id))] = True
            for t in found.records:
                scores = state.tracker.scores(t, object_id)
                assert scores is not None
                has_record[t] = True
                predicted_iou[t], occlusion_score[t] = scores
        is_reviewed[list(state.reviewed.get(object_id, ()))] = True
        is_marked_wrong[list(state.marked_wrong.get(object_id, ()))] = True
        return cls(
            is_prompted,
            is_locked,
            is_reviewed,
            is_marked_wrong,
            has_record,
            is_unseen,
            predicted_iou,
            occlusion_score,
        )
