"""The panel counts the masks that a lesson learns."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.annotation import Annotation, Status
from napari_sam2.annotation.vouched import vouched_labels
from napari_sam2.plugin.window.vouched import VouchedMasks
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model
from tests.worlds import discs_that_cross


@pytest.fixture(scope="module")
def annotation() -> Annotation:
    """Two discs, clicked and tracked; one is locked and reviewed on some frames."""
    world = discs_that_cross()
    annotation = Annotation(Tracker(build_tiny_model(), world.images))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(annotation.propagate())
    annotation.lock(2, [2, 3])
    annotation.accept(2, [4])
    return annotation


@pytest.mark.parametrize("status", list(Status))
def test_the_counted_masks_are_those_that_are_learnt(
    annotation: Annotation, status: Status
) -> None:
    annotation.set_status(1, status)
    counted = VouchedMasks(annotation.shape[0])
    for object_id, known in annotation.objects.items():
        counted.put(known, annotation.timeline(object_id))
    learnt = vouched_labels(annotation)
    ids = [set(np.unique(labels[labels > 0]).tolist()) for labels in learnt.values()]
    assert counted.masks == sum(map(len, ids))
    assert counted.frames == len(learnt)
    assert counted.cells == len(set().union(*ids))
    assert counted.most_on_a_frame == max(map(len, ids))


def test_an_object_is_counted_once(annotation: Annotation) -> None:
    annotation.set_status(1, Status.DRAFT)
    counted = VouchedMasks(annotation.shape[0])
    for _ in range(2):
        counted.put(annotation.objects[1], annotation.timeline(1))
    assert str(counted) == "1 mask of 1 cell on 1 frame"
    counted.remove(1)
    assert (counted.masks, counted.cells, counted.frames) == (0, 0, 0)
