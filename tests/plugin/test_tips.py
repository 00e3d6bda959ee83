"""The line that says what to do next."""

from dataclasses import replace

import pytest

from napari_sam2.plugin.tips import Situation, action, tip

OTHER_TOOLS = ("select", "draw", "reshape", "paint", "other")
READY = Situation()
CLICKED = replace(READY, has_objects=True, has_object=True)


@pytest.mark.parametrize(
    ("situation", "beginning"),
    [
        (Situation(has_images=False), "Open a movie"),
        (Situation(has_image=False), "Choose an image"),
        (Situation(problem="“x” has 4 axes"), "“x” has 4 axes"),
        (Situation(is_missing=True), "This model is not on this computer yet"),
        (Situation(is_missing=True, is_downloading=True), "Downloading"),
        (Situation(has_model=False), "No model is loaded"),
        (Situation(has_model=False, is_loading=True, is_open=False), "The model is loading"),
        (Situation(missing_layers=("clicks",)), "The layer for clicks was deleted"),
        (READY, "Click a cell."),
        (replace(READY, tool="other"), "Another layer or tool of napari is selected"),
        (replace(READY, tool="select"), "Clicks select and move points"),
        (replace(READY, tool="draw"), "Draw around a cell"),
        (replace(READY, tool="reshape"), "Clicks change shapes"),
        (replace(READY, tool="paint"), "Paint or erase to correct object 1"),
        (replace(READY, has_objects=True, object_id=2), "Click the cell that becomes object 2"),
        (CLICKED, "Right-click takes away"),
        (replace(CLICKED, is_sign_exclude=True), "Clicks now exclude"),
        (replace(CLICKED, is_tracking=True), "Tracking. Esc stops"),
        (replace(CLICKED, is_tracked=True), "Check the frames"),
        (replace(CLICKED, is_tracked=True, unreviewed=3), "] goes to the most doubtful"),
        (replace(CLICKED, is_stack=False), "Right-click takes away. N for the next cell; export"),
        (replace(CLICKED, contrast_differs=True), "The model still sees"),
    ],
)
def test_every_situation_has_its_tip(situation, beginning):
    assert tip(situation).startswith(beginning)


@pytest.mark.parametrize(
    ("situation", "button"),
    [
        (READY, None),
        (Situation(missing_layers=("labels", "clicks")), "Restore layers"),
        (Situation(contrast_differs=True), "Use the new contrast"),
        *((Situation(tool=tool), "Back to clicking") for tool in OTHER_TOOLS),
        (Situation(tool="select", is_open=False, is_loading=True), "Back to clicking"),
    ],
)
def test_what_one_press_can_mend_has_a_button(situation, button):
    assert action(situation) == button
