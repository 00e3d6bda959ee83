"""The mask of a prompted frame is the mean of those of the image and of its mirror image."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from napari_sam2 import load_model
from napari_sam2.model import Decoded, PromptTensors, Sam2
from napari_sam2.model.prompt_encoder import BOX_END, BOX_START
from napari_sam2.tracking import Tracker, prompt_decoder
from napari_sam2.tracking import mirrored as mirrored_looks
from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.mirrored import MirroredWindow, mean_of_looks, mirror_prompts
from napari_sam2.tracking.windows import Window
from tests.worlds import World

SIDE = 256


def prompts_of(points: list[list[float]], labels: list[int]) -> PromptTensors:
    logits = torch.arange(16.0).reshape(1, 1, 4, 4)
    return PromptTensors(torch.tensor([points]), torch.tensor([labels]), logits)


def test_a_click_moves_to_the_other_side() -> None:
    mirrored = mirror_prompts(prompts_of([[0.0, 5.0]], [1]), SIDE)
    assert mirrored.points.tolist() == [[[255.0, 5.0]]]
    assert mirrored.mask_logits is not None
    assert mirrored.mask_logits[0, 0, 0].tolist() == [3.0, 2.0, 1.0, 0.0]


def test_the_start_of_a_box_stays_at_its_left() -> None:
    given = prompts_of([[10.0, 20.0], [60.0, 90.0], [30.0, 40.0]], [BOX_START, BOX_END, 0])
    mirrored = mirror_prompts(given, SIDE)
    assert mirrored.points.tolist() == [[[195.0, 20.0], [245.0, 90.0], [225.0, 40.0]]]
    again = mirror_prompts(mirrored, SIDE)
    assert torch.equal(again.points, given.points)
    assert given.points.tolist() == [[[10.0, 20.0], [60.0, 90.0], [30.0, 40.0]]]


def test_a_mirrored_window_is_another_view_of_the_same_pixels() -> None:
    image = np.full((6, 8), 0.5, np.float32)
    image[2, 1], image[3, 2], image[4, 3] = 0.7, 0.1, 0.9
    window = Window(1, -1, 4, 5)
    mirrored = MirroredWindow.of(window)
    expected = ((window.crop(image) - 0.5) * 1.5 + 0.5).clip(0, 1)[:, ::-1]
    assert mirrored.crop(image) == pytest.approx(expected)
    assert mirrored.crop(image).dtype == np.float32
    assert len({(0, window), (0, mirrored)}) == 2


def decoded_of(columns: slice, predicted_iou: float) -> Decoded:
    logits = torch.full((1, 1, 8, 8), -4.0)
    logits[..., columns] = 4.0
    return Decoded(logits, torch.tensor([predicted_iou]), torch.ones(1, 1), torch.ones(1, 4))


def test_two_masks_of_one_object_are_averaged() -> None:
    mean = mean_of_looks(decoded_of(slice(0, 4), 0.8), decoded_of(slice(3, 8), 0.6))
    assert mean.mask_logits[0, 0, 0].tolist() == [4.0] * 4 + [0.0] + [-4.0] * 3
    assert mean.predicted_iou.tolist() == [pytest.approx(0.7)]


def test_masks_of_two_objects_are_not_averaged() -> None:
    decoded = decoded_of(slice(0, 4), 0.8)
    assert mean_of_looks(decoded, decoded_of(slice(0, 4), 0.9)) is decoded
    nothing = replace(decoded, mask_logits=torch.full((1, 1, 8, 8), -1024.0))
    assert mean_of_looks(decoded, nothing) is decoded


def boxed(model: Sam2, image: NDArray[np.uint8], box: list[float]) -> NDArray[np.bool_]:
    return Tracker(model, image[None]).add_box(0, 1, box).masks[0]


def test_mirror_images_have_mirrored_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(4)
    rows, columns = np.ogrid[:SIDE, :SIDE]
    cell = ((rows - 120) / 60) ** 2 + ((columns - 100) / 45) ** 2 < 1
    picture = ndimage.gaussian_filter(np.where(cell, 140.0, 70.0), 2)
    image = (picture + noise.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
    model = load_model("cells", "cpu")
    there, mirrored = [55, 50, 185, 150], [55, 105, 185, 205]

    def different_pixels() -> int:
        one, other = boxed(model, image, there), boxed(model, image[:, ::-1], mirrored)
        assert 0.9 < one.sum() / cell.sum() < 1.1
        return int(np.count_nonzero(one != other[:, ::-1]))

    monkeypatch.setattr(prompt_decoder, "SURE_IOU", 1.1)  # never sure
    monkeypatch.setattr(mirrored_looks, "CONTRAST", 1)
    assert different_pixels() == 0
    model.config = replace(model.config, mirror_prompted=False)
    assert different_pixels() > 0


@pytest.mark.parametrize(("is_sure", "views"), [(True, 1), (False, 2)])
def test_sure_mask_needs_no_mirror_image(
    is_sure: bool, views: int, tiny_model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_decoder, "SURE_IOU", -1.0 if is_sure else 1.1)
    monkeypatch.setattr(tiny_model, "config", replace(tiny_model.config, mirror_prompted=True))
    tracker, encoded = Tracker(tiny_model, world.images), []
    encode = FrameEncoder._encode_windows

    def counted(encoder, image, windows):
        encoded.extend(windows)
        return encode(encoder, image, windows)

    monkeypatch.setattr(FrameEncoder, "_encode_windows", counted)
    tracker.add_box(0, 1, [10, 10, 30, 30])
    assert len(encoded) == views
