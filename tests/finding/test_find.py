"""Finding in images of all kinds, whole images in tiles, and automatic masklets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_sam2.finding import CellSize, GridSettings, Proposal, find_objects
from napari_sam2.finding.automatic import track_found
from napari_sam2.finding.everywhere import lay_tiles
from napari_sam2.finding.fields import lay_windows
from napari_sam2.finding.progress import Steps
from napari_sam2.finding.scale import choose_scale, possible_pixels, sample_windows
from napari_sam2.model import Sam2, build_model
from napari_sam2.tracking import Frames, Tracker
from napari_sam2.tracking.pixels import masks_of
from tests import worlds
from tests.tracking.tiny import build_tiny_model, tiny_config

QUICK = GridSettings((3,), pred_iou_thresh=0, stability_score_thresh=0, crops_nms_thresh=1)
WORLD = worlds.two_discs()


@pytest.fixture(scope="module")
def tiny() -> Sam2:
    return build_tiny_model()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((40, 50), np.uint8),
        np.full((40, 50), 7000, np.uint16),
        np.random.default_rng(0).integers(0, 65535, (40, 50)).astype(np.uint16),
        np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8),
        np.where(np.eye(48) > 0, np.nan, 0.5).astype(np.float32),
        np.random.default_rng(0).random((8, 70)),
    ],
    ids=["black", "constant", "16 bit", "colour", "NaN", "narrow"],
)
def test_proposals_lie_in_any_image(tiny: Sam2, image: np.ndarray) -> None:
    for proposal in find_objects(tiny, image, grid=QUICK, min_score=0):
        assert proposal.mask.shape == image.shape[:2]
        y, x = (round(value) for value in proposal.centre)
        assert proposal.mask[y, x]


@pytest.mark.parametrize(
    ("image", "options", "message"),
    [
        (np.zeros((5, 40)), {}, "5 x 40 pixels"),
        (np.zeros((9, 40, 40)), {}, "choose a frame"),
        (np.full((40, 40), np.nan), {}, "no finite values"),
        (np.zeros((40, 40)), {"method": "magic"}, "auto, grid or centres"),
        (np.zeros((40, 40)), {"min_area": 9, "max_area": 3}, "min_area <= max_area"),
        (np.zeros((40, 40)), {"min_score": 2}, "from 0 to 1"),
        (np.zeros((40, 40)), {"cell_size": 0}, "positive diameter"),
        (np.zeros((40, 40)), {"seeds": [1, 2, 3]}, r"\(N, 2\)"),
    ],
)
def test_bad_input_is_refused_in_words(
    tiny: Sam2, image: np.ndarray, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        find_objects(tiny, image, **options)


def test_a_list_is_no_image(tiny: Sam2) -> None:
    with pytest.raises(TypeError, match="expected an image; got list"):
        find_objects(tiny, [[1, 2]])


def test_limits_of_area_and_score_hold(tiny: Sam2) -> None:
    image = np.random.default_rng(1).random((60, 60))
    every = find_objects(tiny, image, grid=QUICK, min_score=0, min_area=0)
    middle = float(np.median([proposal.area for proposal in every]))
    small = find_objects(tiny, image, grid=QUICK, min_score=0, min_area=0, max_area=middle)
    assert 0 < len(small) < len(every)
    assert [p.score for p in every] == sorted((p.score for p in every), reverse=True)


@pytest.mark.parametrize("shape", [(700, 300), (64, 64), (40, 1000)])
def test_tiles_share_out_an_image_and_windows_cover_it(tiny: Sam2, shape: tuple[int, int]) -> None:
    tiles = np.zeros(shape, int)
    for core, part in lay_tiles(shape, 64):
        tiles[core.y0 : core.y0 + core.height, core.x0 : core.x0 + core.width] += 1
        seen = np.zeros(shape, int)
        for window in lay_windows(tiny, 4, part):
            rows = slice(max(window.y0, 0), window.y0 + window.height)
            seen[rows, max(window.x0, 0) : window.x0 + window.width] += 1
        assert seen[part.y0 : part.y0 + part.height, part.x0 : part.x0 + part.width].all()
    assert (tiles == 1).all()


def test_scale_follows_the_size_of_a_cell(tiny: Sam2) -> None:
    image = np.full((1000, 1000, 1), 0.5, np.float32)
    pixels = [choose_scale(tiny, image, CellSize(size), Steps()) for size in (10, 30, 80, 200)]
    assert pixels == sorted(set(pixels))


def test_tiny_image_has_one_scale() -> None:
    assert possible_pixels((20, 30), 64) == [1]


def test_proposal_beside_all_objects_becomes_one_from_its_frame_on(tiny: Sam2) -> None:
    tracker = Tracker(tiny, Frames(WORLD.images))
    asked = []

    def find(t: int) -> list[Proposal]:
        asked.append(t)
        found = masks_of(WORLD.labels[t])
        shown = found if t else {1: found[1]}  # the second disc is overlooked at first
        return [Proposal(mask, 0.9, 1.0, (0, 0)) for mask in shown.values()]

    def labels_of(t: int) -> np.ndarray:
        """Discs that are objects are tracked as they move."""
        return np.where(np.isin(WORLD.labels[t], tracker.object_ids), WORLD.labels[t], 0)

    length = len(WORLD.images)
    results = list(track_found(tracker, find, labels_of, length, look_every=2))
    assert asked == list(range(0, length, 2))
    assert {prompt.object_id: prompt.t for prompt in tracker.prompts()} == {1: 0, 2: 2}
    assert {result.t for result in results} == set(range(length))


def test_empty_movie_has_no_masklets(tiny: Sam2) -> None:
    tracker = Tracker(tiny, Frames(WORLD.images))
    assert list(track_found(tracker, lambda t: [], tracker.labels, 3)) == []


def test_few_windows_of_a_huge_image_are_tried(tiny: Sam2) -> None:
    image = np.broadcast_to(np.float32(0.5), (5000, 5000, 1))
    assert len(sample_windows(tiny, image, 1)) <= 4


@pytest.mark.parametrize("is_stained", [True, False])
def test_a_stain_is_noticed_where_the_network_sees_grey(
    monkeypatch: pytest.MonkeyPatch, is_stained: bool
) -> None:
    model = build_model(replace(tiny_config(), cell_head=True, sees_colour=False))
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    colours = [ramp, ramp[::-1] if is_stained else ramp, ramp]
    frames = Frames(np.stack([np.tile(colour, (64, 1)) for colour in colours], -1), rgb=True)
    told: list[bool] = []
    monkeypatch.setattr(
        "napari_sam2.finding.find.find_by_centres", lambda *given: told.append(given[4]) or []
    )
    for seen in (frames, Tracker(model, frames).frames):  # as in a script and as in the window
        find_objects(model, seen)
    assert told == [is_stained] * 2
