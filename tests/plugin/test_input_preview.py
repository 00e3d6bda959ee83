"""The user sees what the network sees."""

import numpy as np
import pytest

from napari_sam2.model.sam2 import PIXEL_MEAN, PIXEL_STD
from napari_sam2.plugin.inference.input_preview import look
from napari_sam2.plugin.inference.open_document import OpenDocument
from napari_sam2.plugin.protocol.input_preview import SIDE, InputShown, ShowInput
from napari_sam2.plugin.protocol.sources import ImageSource
from napari_sam2.plugin.widgets.input_preview_box import contrast_warning, view_text
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import build_tiny_model

from .world import ThresholdEngine, ThresholdTracker, disc_centre, movie


def show(data, wanted):
    """What is shown of a stack that was opened without limits."""
    tracker = ThresholdTracker(data, lambda t: None)
    command = ShowInput(1, 0, 1, ImageSource(data, contrast_limits=wanted))
    return look(command, tracker, ImageSource(data))


def test_the_thumbnail_follows_the_contrast_of_the_layer():
    assert show(movie(), (300, 4000)).pixels[0, 0, 0] == 0
    assert show(movie(), (0, 600)).pixels[0, 0, 0] == 128


def test_the_thumbnail_is_a_square_of_colours():
    assert show(movie(), None).pixels.shape == (SIDE, SIDE, 3)


def test_pixels_that_the_contrast_cuts_off_are_counted():
    ramp = np.tile(np.arange(100, dtype=np.uint16), (2, 10, 1))
    shown = show(ramp, (5, 89))
    assert (shown.below, shown.above) == (0.05, 0.10)


@pytest.mark.parametrize(
    ("below", "above", "text"),
    [
        (0.02, 0.0, "cuts off the darkest 2% of the pixels"),
        (0.02, 0.5, "the darkest 2% and the brightest 50% of"),
    ],
)
def test_more_than_one_percent_at_either_end_is_noted(below, above, text):
    assert text in contrast_warning(below, above)


def test_one_percent_is_not_noted():
    assert contrast_warning(0.01, 0.0) == ""


@pytest.mark.parametrize(
    ("height", "width", "is_whole", "text"),
    [
        (1536, 2048, True, "the whole image: 1536 × 2048 pixels, shrunk 2 times."),
        (512, 512, False, "a window: 512 × 512 pixels, enlarged 2 times."),
        (1024, 1024, False, "a window: 1024 × 1024 pixels, at its own resolution."),
        (768, 768, False, "a window: 768 × 768 pixels, enlarged 1.3 times."),
    ],
)
def test_the_caption_tells_the_part_its_size_and_the_scale(height, width, is_whole, text):
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    seen = InputShown(1, 0, pixels, 0.0, 0.0, height, width, side=1024, is_whole=is_whole)
    assert view_text(seen) == f"The model sees {text}"


def test_the_caption_tells_that_a_dim_cell_is_shown_brighter():
    pixels = np.zeros((SIDE, SIDE, 3), np.uint8)
    seen = InputShown(1, 0, pixels, 0.0, 0.0, 256, 256, side=256, is_whole=False, gain=4)
    assert view_text(seen).endswith("resolution, 4 times brighter, since this cell is dim.")


def test_the_preview_shows_the_window_of_a_tiny_cell():
    data = np.zeros((2, 400, 400), np.uint16)
    data[:, 190:202, 190:202] = 5000
    tracker = Tracker(build_tiny_model(), data, windows="small")
    tracker.add_box(0, 1, (190, 190, 202, 202))
    source = ImageSource(data)
    tiny, unknown = (look(ShowInput(1, 0, k, source), tracker, source) for k in (1, 2))
    assert not tiny.is_whole
    assert tiny.height == tiny.width < 100
    assert (unknown.is_whole, unknown.height) == (True, 400)


def test_a_frame_that_cannot_be_read_is_not_told_before_it_is_clicked():
    source = ImageSource(np.full((3, 8, 8), np.nan, np.float32), contrast_limits=(0, 1))
    told = []
    opened = ThresholdEngine().open_image("near", source)
    document = OpenDocument(1, source, opened, told.append)
    command = ShowInput(1, 99, 1, source)
    document.perform(command)
    assert not [report for report in told if isinstance(report, InputShown)]


def test_it_is_exactly_what_the_network_gets(monkeypatch):
    model = build_tiny_model()
    tracker = Tracker(model, movie())
    made = []
    encode = model.encode_frame
    monkeypatch.setattr(model, "encode_frame", lambda x: made.append(x) or encode(x))
    tracker.encode(0)
    pixels = made[0][0].permute(1, 2, 0).numpy() * PIXEL_STD + PIXEL_MEAN
    assert np.allclose(tracker.input_of(0, 1), pixels, atol=1e-5)


def test_only_what_changes_the_input_has_features_computed_again(desk):
    image = desk.image_state.image
    desk.panel.layout_parts.more.click()
    desk.qtbot.waitUntil(desk.panel.input_preview.isVisible)
    before = desk.image_state.seen
    image.gamma, image.opacity, image.colormap = 0.5, 0.6, "green"
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert len(desk.engine.sources) == 1
    image.contrast_limits = (300, 600)
    desk.qtbot.waitUntil(
        lambda: desk.image_state.seen is not before and desk.image_state.seen.above > 0.01
    )
    assert len(desk.engine.sources) == 1  # until the user says so: there is a click
    desk.qtbot.waitUntil(lambda: "brightest" in desk.panel.input_preview.text.text())
