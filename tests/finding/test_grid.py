"""The grid finder, beside the mask generation of the package `transformers`."""

from __future__ import annotations

import sys
import tracemalloc
from dataclasses import replace
from importlib import import_module
from types import ModuleType

import numpy as np
import pytest
import torch

from napari_sam2.finding import FindingStopped, GridSettings, find_objects
from napari_sam2.finding.grid import crop_windows, find_by_grid, usual_grid
from napari_sam2.finding.logits import tidied_logits
from napari_sam2.finding.progress import Steps
from napari_sam2.model import PRESETS
from napari_sam2.model.sam2 import PIXEL_MEAN, PIXEL_STD
from napari_sam2.tracking import Frames
from napari_sam2.tracking.image_parts import shrunk
from napari_sam2.tracking.windows import Window
from tests.model.comparison import our_model, random_image
from tests.model.reference import reference_image_model
from tests.model.weights import MINI, soft_state_dict
from tests.tracking.tiny import build_tiny_model

THEIRS = "transformers.models.sam.image_processing_pil_sam"  # slow to import
SIDE = 128
LOOSE = GridSettings(
    points_per_side=(4, 4),
    points_per_batch=7,
    pred_iou_thresh=0.3,
    stability_score_thresh=0.3,
    stability_score_offset=0.05,
    min_mask_region_area=0,
)


def plain_nms(boxes, scores, idxs, iou_threshold):
    """Greedy suppression of (x0, y0, x1, y1) boxes, pair by pair, in place of torchvision's."""
    kept = []
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        x0, y0, x1, y1 = boxes[index].tolist()
        for other in kept:
            u0, v0, u1, v1 = boxes[other].tolist()
            shared = max(min(x1, u1) - max(x0, u0), 0) * max(min(y1, v1) - max(y0, v0), 0)
            union = (x1 - x0) * (y1 - y0) + (u1 - u0) * (v1 - v0) - shared
            if shared > iou_threshold * union:
                break
        else:
            kept.append(index)
    return torch.tensor(kept, dtype=torch.long)


@pytest.fixture
def _without_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only function of torchvision that their code calls, under its name."""
    import_module(THEIRS)  # asks for the true torchvision

    boxes = ModuleType("torchvision.ops.boxes")
    boxes.batched_nms = plain_nms
    for name in ("torchvision", "torchvision.ops"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, boxes.__name__, boxes)


@torch.no_grad()
def their_masks(model, image: torch.Tensor, settings: GridSettings):
    """The steps of their pipeline on an image of (1, 3, S, S), with their functions."""
    theirs = import_module(THEIRS)

    processor = theirs.SamImageProcessorPil()
    crops, points, _, labels = processor.generate_crop_boxes(
        np.zeros((SIDE, SIDE, 3), np.uint8),
        SIDE,
        len(settings.points_per_side) - 1,
        settings.crop_overlap_ratio,
        settings.points_per_side[0],
        1,
    )
    found = []
    for index, crop in enumerate(torch.as_tensor(np.asarray(crops)).float()):
        x0, y0, x1, y1 = (int(value) for value in crop)
        part = torch.nn.functional.interpolate(
            image[..., y0:y1, x0:x1], (SIDE, SIDE), mode="bilinear", antialias=True
        )
        output = model(
            pixel_values=part,
            input_points=torch.as_tensor(np.asarray(points)).float()[:, :, index : index + 1],
            input_labels=torch.as_tensor(np.asarray(labels)).long()[:, :, index : index + 1],
            multimask_output=True,
        )
        logits = torch.nn.functional.interpolate(
            output.pred_masks[0], (y1 - y0, x1 - x0), mode="bilinear", align_corners=False
        )
        found.append(
            processor.filter_masks(
                logits,
                output.iou_scores[0],
                [SIDE, SIDE],
                crop,
                settings.pred_iou_thresh,
                settings.stability_score_thresh,
                0.0,
                settings.stability_score_offset,
            )
        )
    masks = [mask for part in found for mask in part[0]]
    scores, boxes = (torch.cat([torch.as_tensor(p[k]) for p in found]) for k in (1, 2))
    return theirs._post_process_for_mask_generation(masks, scores, boxes, settings.crops_nms_thresh)


@pytest.mark.usefixtures("_without_torchvision")
@pytest.mark.parametrize(("seed", "suppression", "least"), [(2, 1.0, 40), (5, 0.98, 1)])
def test_grid_gives_the_masks_of_an_independent_mask_generation(
    seed: int, suppression: float, least: int
) -> None:
    settings = replace(LOOSE, crops_nms_thresh=suppression)
    weights = soft_state_dict(MINI, seed=seed)
    normalised = random_image(SIDE, seed)
    theirs = their_masks(reference_image_model(MINI, weights, SIDE), normalised, settings)
    model = our_model(MINI, weights, SIDE)
    mean, spread = (torch.tensor(part)[:, None, None] for part in (PIXEL_MEAN, PIXEL_STD))
    image = (normalised * spread + mean)[0].permute(1, 2, 0).numpy().astype(np.float32)
    ours = find_by_grid(model, image, settings, Steps())
    assert len(ours) == len(theirs[0]) >= least
    for proposal, mask, score in zip(ours, theirs[0], theirs[1], strict=True):
        assert np.mean(np.asarray(proposal.mask) != np.asarray(mask)) < 1e-3
        assert proposal.score == pytest.approx(float(score), abs=1e-4)


def test_grid_covers_the_image_and_its_crops_with_points() -> None:
    crops = list(crop_windows((300, 400), GridSettings()))
    assert [side for _, side in crops] == [32] + 4 * [16] + 16 * [4]
    covered = np.zeros((300, 400), int)
    for window, _ in crops:
        covered[window.y0 : window.y0 + window.height, window.x0 : window.x0 + window.width] += 1
    assert covered.min() >= 3


def test_search_stops_when_it_is_asked_to() -> None:
    asked = iter([False, False, True])
    told = []
    with pytest.raises(FindingStopped):
        find_objects(
            build_tiny_model(),
            np.random.default_rng(0).random((64, 64)),
            grid=LOOSE,
            progress=lambda done, total: told.append((done, total)),
            should_stop=lambda: next(asked),
        )
    assert told == [(1, 15), (2, 15)]


@pytest.mark.parametrize(
    ("windows", "side", "cell_size", "points"),
    [
        ("whole", 2048, 18, (32, 16, 4)),
        ("auto", 1024, 18, (32, 16, 4)),
        ("auto", 2048, None, (32, 16, 16)),
        ("auto", 4096, None, (32, 16, 16, 16)),
        ("auto", 20000, None, (32, 16, 16, 16)),
        ("small", 2048, 18, (32, 16, 16)),
        ("small", 2048, 40, (32, 16, 4)),
        ("small", 2048, None, (32, 16, 4)),
    ],
)
def test_crops_are_finer_where_the_network_sees_windows(
    windows: str, side: int, cell_size: float | None, points: tuple[int, ...]
) -> None:
    config = replace(PRESETS["sam2.1_tiny"], windows=windows)
    settings = usual_grid(config, (side // 2, side), cell_size)
    assert settings.points_per_side == points
    finest = list(crop_windows((side // 2, side), settings))[-1][0]
    assert side == 20000 or windows == "whole" or max(finest.height, finest.width) <= 1024


def test_the_search_uses_the_grid_of_what_the_network_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_tiny_model()
    model.config = replace(model.config, windows="auto")
    used: list[GridSettings] = []
    monkeypatch.setattr(
        "napari_sam2.finding.find.find_by_grid", lambda *given: used.append(given[2]) or []
    )
    find_objects(model, np.zeros((256, 256), np.float32) + np.arange(256))
    assert used == [usual_grid(model.config, (256, 256))] != [GridSettings()]


@pytest.mark.parametrize(("shape", "size"), [((700, 500), 64), ((130, 1001), 64), ((65, 64), 64)])
def test_a_large_crop_is_shrunk_as_the_network_shrinks_it(monkeypatch, shape, size: int) -> None:
    monkeypatch.setattr("napari_sam2.tracking.image_parts.STRIP", 5000)
    image = np.random.default_rng(0).random((shape[0] + 20, shape[1] + 10, 3), np.float32)
    window = Window(15, 4, *shape)
    crop = torch.from_numpy(window.crop(image)).permute(2, 0, 1)[None]
    theirs = torch.nn.functional.interpolate(crop, (size, size), mode="bilinear", antialias=True)
    np.testing.assert_allclose(
        shrunk(image, window, size), theirs[0].permute(1, 2, 0).numpy(), atol=1e-5
    )


def test_proposals_of_large_masks_are_the_same(monkeypatch) -> None:
    model, image = build_tiny_model(), np.random.default_rng(0).random((300, 200))
    settings = replace(LOOSE, min_mask_region_area=0, crops_nms_thresh=1)
    options = {"grid": settings, "min_score": 0, "min_area": 0}
    before = find_objects(model, image, **options)
    for name in ("grid.LARGE", "logits.STRIP"):
        monkeypatch.setattr(f"napari_sam2.finding.{name}", 1000)
    after = find_objects(model, image, **options)
    assert len(after) == len(before) > 10
    for one, other in zip(before, after, strict=True):
        assert np.mean(np.asarray(one.mask) != np.asarray(other.mask)) < 1e-3
        assert one.score == pytest.approx(other.score, abs=1e-4)


def test_holes_and_specks_of_logits_are_tidied() -> None:
    logits = np.full((64, 64), -3.0, np.float32)
    logits[10:50, 10:50] = 4
    logits[20:22, 20:22] = -1  # a hole
    logits[30:40, 30:40] = -2  # a large hole stays
    logits[60, 60] = 2  # a speck
    clean = tidied_logits(logits, 9) > 0
    expected = logits > 0
    expected[20:22, 20:22], expected[60, 60] = True, False
    assert np.array_equal(clean, expected)


def test_masks_that_fill_a_large_image_take_little_memory() -> None:
    side = 4000
    image = np.zeros((1, side, side), np.uint8)
    image[0, ::50] = 200
    settings = replace(LOOSE, points_per_side=(4,), pred_iou_thresh=0, stability_score_thresh=0)
    model = build_tiny_model()
    tracemalloc.start()
    found = find_objects(
        model, Frames(image), grid=replace(settings, crops_nms_thresh=0.7), min_score=0
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert max(proposal.mask.crop.size for proposal in found) > side**2 / 2
    assert peak < 12 * side**2  # bytes; 48 clicked masks of a byte each, and the image in float32
