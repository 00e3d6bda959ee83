"""A click on a wrong tracked mask means more than its place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from napari_sam2 import load_model
from napari_sam2.model import PRESETS, Decoded, PromptTensors, Sam2
from napari_sam2.model.prompt_encoder import BOX_END, BOX_START
from napari_sam2.tracking import Tracker
from napari_sam2.tracking.guided_corrections import (
    excluded_entries,
    mean_of_both,
    with_middle,
    without_cells,
)
from napari_sam2.training.synthetic import generate_clip


def logits_of(mask: NDArray[np.bool_]) -> torch.Tensor:
    return torch.where(torch.from_numpy(mask), 6.0, -6.0)[None, None]


def two_cells() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    left, right = np.zeros((2, 16, 32), bool)
    left[4:12, 2:14] = True
    right[4:12, 14:26] = True
    return left, right


MIDDLE = (8, 20)  # of the right cell


def without(mask: NDArray[np.bool_], cell: NDArray[np.bool_], click: tuple[int, int] = MIDDLE):
    found = without_cells(logits_of(mask), [click], [torch.from_numpy(cell)[None]])
    return (found[0, 0] > 0).numpy()


def test_an_excluded_cell_leaves_the_mask() -> None:
    left, right = two_cells()
    assert (without(left | right, right) == left).all()


def test_a_cell_that_is_nearly_the_whole_mask_stays() -> None:
    left, right = two_cells()
    left[:, :11] = False
    assert (without(left | right, right) == (left | right)).all()


def test_a_click_at_the_rim_of_a_cell_is_about_its_outline() -> None:
    left, right = two_cells()
    assert (without(left | right, right, (8, 25)) == (left | right)).all()


def test_a_click_beside_the_mask_excludes_no_cell() -> None:
    left, right = two_cells()
    mask = left | right
    mask[6:10, 18:22] = False
    assert (without(mask, right) == mask).all()


def test_an_unknown_cell_changes_nothing() -> None:
    left, right = two_cells()
    assert (without(left | right, np.zeros_like(right)) == (left | right)).all()


def prompts_of(mask: NDArray[np.bool_] | None) -> PromptTensors:
    logits = None if mask is None else logits_of(mask)
    return PromptTensors(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[0]]), logits)


def test_the_middle_of_a_mask_is_included_first() -> None:
    mask = np.zeros((16, 16), bool)
    mask[2:9, 5:12] = True
    found = with_middle(prompts_of(mask), side=64)
    assert found.labels.tolist() == [[1, 0]]
    assert found.points.tolist() == [[[33.5, 21.5], [1.0, 2.0]]]  # the middle of entry (5, 8)


def test_the_middle_of_a_mask_at_the_edge_of_the_window_lies_inside() -> None:
    found = with_middle(prompts_of(np.ones((16, 16), bool)), side=64)
    assert ((found.points[0, 0] > 24) & (found.points[0, 0] < 40)).all()


@pytest.mark.parametrize("mask", [None, np.zeros((16, 16), bool)])
def test_without_a_mask_there_is_no_middle(mask: NDArray[np.bool_] | None) -> None:
    given = prompts_of(mask)
    assert with_middle(given, side=64) is given


def test_a_box_says_itself_where_the_object_is() -> None:
    corners = torch.tensor([[[1.0, 2.0], [9.0, 9.0]]])
    mask = logits_of(np.ones((16, 16), bool))
    given = PromptTensors(corners, torch.tensor([[BOX_START, BOX_END]]), mask)
    assert with_middle(given, side=64) is given


def test_a_click_deep_inside_the_mask_says_that_the_object_is_not_there() -> None:
    mask = np.zeros((16, 16), bool)
    mask[2:9, 5:12] = True
    assert len(with_middle(prompts_of(mask), 64, [(5, 8)]).labels[0]) == 1
    assert len(with_middle(prompts_of(mask), 64, [(2, 8)]).labels[0]) == 2


def test_the_last_clicks_that_exclude_have_entries_in_the_map() -> None:
    points = torch.tensor([[[1.0, 2.0], [22.0, 10.0], [70.0, 60.0], [47.9, 35.9]]])
    given = PromptTensors(points, torch.zeros(1, 4, dtype=torch.long), None)
    assert excluded_entries(given, 3, 16) == [(2, 5), (15, 15), (8, 11)]
    given = replace(given, labels=torch.tensor([[0, 0, 1, 0]]))
    assert excluded_entries(given, 3, 16) == [(2, 5), (8, 11)]


def decoded_of(mask: NDArray[np.bool_], predicted_iou: float) -> Decoded:
    one = torch.ones(1, 1)
    return Decoded(logits_of(mask), torch.tensor([predicted_iou]), one, torch.ones(1, 4))


def test_masks_with_and_without_memories_are_averaged() -> None:
    left, right = two_cells()
    found = mean_of_both(decoded_of(left, 0.9), decoded_of(left | right, 0.5))
    assert found.mask_logits[0, 0, 6, 4] == 6
    assert found.mask_logits[0, 0, 6, 20] == 0
    assert float(found.predicted_iou) == pytest.approx(0.7)


def test_an_empty_mask_is_not_averaged() -> None:
    seen, nothing = decoded_of(two_cells()[0], 0.9), decoded_of(np.zeros((16, 32), bool), 0.1)
    assert mean_of_both(seen, nothing) is seen
    assert mean_of_both(nothing, seen) is nothing


def test_only_our_own_network_is_guided() -> None:
    assert [name for name, preset in PRESETS.items() if preset.guided_corrections] == ["cells"]


@pytest.fixture(scope="module")
def cells() -> Sam2:
    return load_model("cells", "cpu")


@pytest.fixture(scope="module")
def joined() -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Frames that hold still, and two cells of the frame that lie side by side."""
    clip = generate_clip("nuclei", (192, 192), 1, seed=5)
    labels = clip.labels[0]
    ids = np.unique(labels[labels > 0])
    middles = {k: np.argwhere(labels == k).mean(0) for k in ids}
    pairs = [(np.hypot(*(middles[a] - middles[b])), a, b) for a in ids for b in ids if a < b]
    _, one, other = min(pairs)
    return np.repeat(clip.images, 2, 0), labels == one, labels == other


def corrected(model: Sam2, joined: tuple[NDArray, NDArray, NDArray]) -> tuple[float, float]:
    """IoU with one cell after tracking a mask of both cells, and after excluding the other."""
    frames, one, other = joined
    tracker = Tracker(model, frames)
    tracker.add_mask(0, 1, one | other)
    before = [result.masks[0] for result in tracker.propagate(0, len(frames))][-1]
    middle = np.argwhere(other).mean(0)
    after = tracker.add_points(len(frames) - 1, 1, [middle], [0]).masks[0]
    return iou(before, one), iou(after, one)


def iou(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    return float((one & other).sum() / (one | other).sum())


def test_one_click_excludes_a_whole_cell(
    cells: Sam2,
    joined: tuple[NDArray, NDArray, NDArray],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, after = corrected(cells, joined)
    assert before < 0.65
    assert after > 0.75
    monkeypatch.setattr(cells, "config", replace(cells.config, guided_corrections=False))
    assert corrected(cells, joined)[1] < after
