"""Tracking of one movie, step by step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.batch.tracking_run import (
    FindingSettings,
    link_found_daughters,
    track_found_objects,
)
from napari_sam2.finding import CellSize, Proposal
from napari_sam2.model.cell_head import CellHead
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.pixels import PixelMask
from tests import worlds
from tests.annotation.test_division_proposals import BIRTH, LENGTH, annotated, cells, follower
from tests.tracking.tiny import build_tiny_model


def test_object_that_begins_beside_a_dividing_one_becomes_its_daughter() -> None:
    nothing = np.zeros(cells(0)[0].shape, bool)
    sister = [nothing if t < BIRTH else cells(t)[1] for t in range(LENGTH)]
    annotation = annotated({1: follower(), 2: sister})
    link_found_daughters(annotation)
    mothers = {key: known.parent for key, known in annotation.objects.items()}
    assert mothers == {1: None, 2: 1, 3: 1}
    assert set(np.unique(annotation.labels[BIRTH])) == {0, 2, 3}


@pytest.mark.parametrize(("look_every", "step"), [(None, 1), (0, None), (7, 7)])
def test_every_frame_is_searched_by_a_network_with_a_head(
    look_every: int | None, step: int | None
) -> None:
    model = build_tiny_model()
    model.cell_head = CellHead(model.config.d_model)
    assert FindingSettings(look_every).step(model) == step


def test_one_frame_is_searched_by_a_network_without_a_head() -> None:
    assert FindingSettings().step(build_tiny_model()) is None


def test_size_of_the_cells_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    world, asked = worlds.two_discs(), []

    def find(*_: object, t: int, cell_size: CellSize | None, **__: object) -> list[Proposal]:
        asked.append(cell_size)
        mask = PixelMask.of(world.labels[t] == 1)
        return [Proposal(mask, 0.9, 1.0, (0, 0), scale=2)]

    monkeypatch.setattr("napari_sam2.batch.tracking_run.find_objects", find)
    model, frames = build_tiny_model(), Frames(world.images)
    settings = replace(FindingSettings(), look_every=1)
    list(track_found_objects(Annotation(Tracker(model, frames)), model, frames, settings))
    assert asked[0] is None
    assert len(set(asked[1:])) == 1
    assert asked[1] == CellSize(2 * np.sqrt((world.labels[0] == 1).sum() / np.pi), scale=2)
