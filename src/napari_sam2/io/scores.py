"""The table of scores of an annotation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from napari_sam2.annotation.error_probability import known_value
from napari_sam2.io.tables import ScoreRow

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation


def score_rows(annotation: Annotation) -> Iterator[ScoreRow]:
    """One row for each object and frame of which something is known."""
    prompted = {(prompt.t, prompt.object_id) for prompt in annotation.prompts()}
    timelines = {key: annotation.timeline(key) for key in annotation.objects}
    for t, frame in enumerate(annotation.labels):
        ids, sizes = np.unique(frame, return_counts=True)
        areas = dict(zip(ids.tolist(), sizes.tolist(), strict=True))
        for object_id in sorted(annotation.objects):
            score = annotation.score(t, object_id)
            area = areas.get(object_id, 0)
            if score is None and not area:
                continue
            yield ScoreRow(
                frame=t,
                object_id=object_id,
                area_px=area,
                predicted_iou=score.predicted_iou if score else None,
                occlusion_score=score.occlusion_score if score else None,
                prompted=(t, object_id) in prompted,
                error_probability=known_value(timelines[object_id].error_probability[t]),
                backward_iou=known_value(timelines[object_id].backward_iou[t]),
            )
