"""What is done to images, prompts and masks between their own pixels and the network's input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional as F

from napari_sam2.model import Sam2
from napari_sam2.tracking import Frames, Tracker

from .comparison import our_model, relative_difference, two_discs
from .reference import ReferenceTracker, reference_video_model
from .weights import MINI, StateDict

if TYPE_CHECKING:
    from transformers import Sam2VideoModel

SIDE = 128
MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])
TOLERANCE = 2e-4


@pytest.fixture(scope="module")
def model(mini_weights: StateDict) -> Sam2:
    return our_model(MINI, mini_weights, SIDE)


@pytest.fixture(scope="module")
def reference(mini_weights: StateDict) -> Sam2VideoModel:
    return reference_video_model(MINI, mini_weights, SIDE)


def prepared(model: Sam2, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """(Y, X, 3) in 0..1 -> (S, S, 3)."""
    return (
        model.preprocess(torch.from_numpy(image).permute(2, 0, 1)[None])[0].permute(1, 2, 0).numpy()
    )


def resized_by_pillow(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bilinear with antialiasing, by another library, each channel in float32."""
    channels = [Image.fromarray(channel) for channel in np.moveaxis(image, -1, 0)]
    bilinear = Image.Resampling.BILINEAR
    return np.stack([np.asarray(c.resize((SIDE, SIDE), bilinear)) for c in channels], -1)


@settings(max_examples=25, deadline=None)
@given(height=st.integers(1, 400), width=st.integers(1, 400))
def test_image_is_squashed_with_antialiasing_and_normalised(
    model: Sam2, height: int, width: int
) -> None:
    image = np.random.default_rng(0).random((height, width, 3), np.float32)
    expected = (resized_by_pillow(image) - MEAN) / STD
    np.testing.assert_allclose(prepared(model, image), expected, atol=1e-4)


def test_image_of_the_right_size_is_not_resampled(model: Sam2) -> None:
    image = np.random.default_rng(0).random((SIDE, SIDE, 3), np.float32)
    np.testing.assert_allclose(prepared(model, image), (image - MEAN) / STD, atol=1e-6)


def test_bytes_of_a_colour_image_are_divided_by_255() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 5, 7, 3), np.uint8)
    np.testing.assert_allclose(Frames(pixels).read(1), pixels[1] / 255, atol=1e-7)


def test_one_channel_is_given_three_times() -> None:
    frame = Frames(np.arange(12.0).reshape(1, 3, 4)).read(0)
    assert (frame == frame[..., :1]).all()
    assert len(np.unique(frame)) > 2


@pytest.fixture(scope="module")
def oblong() -> Frames:
    """Frames of 96 x 160 pixels: the two axes are scaled differently."""
    movie = two_discs(160)[:2, 30:126]
    return Frames(movie, contrast_limits=(0.0, 1.0))


@pytest.fixture
def tracker(model: Sam2, oblong: Frames) -> Tracker:
    return Tracker(model, oblong, clean=False)


@pytest.fixture
def expected(reference: Sam2VideoModel, model: Sam2, oblong: Frames) -> ReferenceTracker:
    images = [torch.from_numpy(oblong.read(t)).permute(2, 0, 1) for t in range(len(oblong))]
    return ReferenceTracker(reference, model.preprocess(torch.stack(images)))


def first_frame(tracker: Tracker) -> torch.Tensor:
    return torch.from_numpy(tracker.low_res_logits(0, 1))[None, None]


def to_input(y: float, x: float) -> tuple[float, float]:
    """(y, x) in pixels of the oblong image -> (x, y) of the input, centres of pixels on centres.

    The official predictors only multiply, which moves a click by up to half a pixel of the image or
    of the input, whichever is coarser.
    """
    return (x + 0.5) / 160 * SIDE - 0.5, (y + 0.5) / 96 * SIDE - 0.5


def test_click_lands_on_the_pixel_that_the_reference_is_told(
    tracker: Tracker, expected: ReferenceTracker
) -> None:
    tracker.add_points(0, 1, [(26, 48), (70, 110.5)], [1, 0])
    logits = expected.prompt(0, [to_input(26, 48), to_input(70, 110.5)], [1, 0])
    assert relative_difference(first_frame(tracker), logits) < TOLERANCE


def test_corners_of_a_box_land_where_the_reference_is_told(
    tracker: Tracker, expected: ReferenceTracker
) -> None:
    tracker.add_box(0, 1, (10, 33, 42, 64))
    logits = expected.prompt(0, [to_input(10, 33), to_input(42, 64)], [2, 3])
    assert relative_difference(first_frame(tracker), logits) < TOLERANCE


def test_painted_mask_is_resized_with_antialiasing_and_cut_at_one_half(
    tracker: Tracker, expected: ReferenceTracker
) -> None:
    y, x = np.mgrid[:96, :160]
    mask = (y - 26) ** 2 + (x - 48) ** 2 < 16**2
    tracker.add_mask(0, 1, mask)
    full = torch.from_numpy(mask).float()[None, None]
    square = F.interpolate(full, (SIDE, SIDE), mode="bilinear", antialias=True) >= 0.5
    logits = expected.prompt(0, mask=square.float())
    assert relative_difference(first_frame(tracker), logits) < TOLERANCE


def test_mask_handed_out_is_the_low_resolution_one_stretched_bilinearly(tracker: Tracker) -> None:
    result = tracker.add_points(0, 1, [(26, 48)], [1])
    stretched = F.interpolate(first_frame(tracker), (96, 160), mode="bilinear")[0, 0].numpy()
    beyond_doubt = np.abs(stretched) > 1e-3
    assert beyond_doubt.mean() > 0.99
    np.testing.assert_array_equal(result.masks[0][beyond_doubt], stretched[beyond_doubt] > 0)
