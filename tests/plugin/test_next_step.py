"""What can be done now: the tip, the button below it and the track button."""

from dataclasses import replace

import pytest

from napari_sam2.plugin.window.next_step import Action, Situation, TrackButton, next_step

OTHER_TOOLS = ("select", "draw", "reshape", "paint", "other")
READY = Situation()
CLICKED = replace(READY, has_objects=True, has_object=True)


@pytest.mark.parametrize(
    ("situation", "beginning"),
    [
        (Situation(has_images=False), "Open a movie"),
        (Situation(has_image=False), "Choose an image"),
        (Situation(problem="“x” has 4 axes"), "“x” has 4 axes"),
        (Situation(is_missing=True), "This model is not on your computer yet"),
        (Situation(is_missing=True, is_downloading=True), "Downloading"),
        (Situation(has_model=False), "No model is loaded"),
        (Situation(has_model=False, is_loading=True, is_open=False), "The model is loading"),
        (Situation(outside="This movie ends at frame 7."), "This movie ends at frame 7. Clicks"),
        (Situation(hidden_image="cells"), "“cells” is hidden"),
        (Situation(is_other_plane=True), "The panel takes other axes of this image"),
        (Situation(missing_layers=("clicks",)), "The layer for clicks was deleted"),
        (READY, "Click a cell, or press F to find all cells."),
        (replace(READY, saved_when="on 12 May"), "You saved work on this movie on 12 May. Open it"),
        (replace(READY, saved_when="on 2 May", is_stack=False), "You saved work on this image"),
        (replace(READY, saved_when="on 12 May", tool="other"), "Another layer or tool of napari"),
        (replace(READY, tool="other"), "Another layer or tool of napari is selected"),
        (replace(READY, tool="select"), "Clicks now select and move points"),
        (replace(READY, tool="draw"), "Draw a box around a cell, its outline, or a line"),
        (replace(READY, tool="draw", is_sign_exclude=True), "A line (path) excludes"),
        (replace(READY, tool="reshape"), "Clicks now change shapes"),
        (replace(READY, tool="paint"), "Paint or erase to correct cell 1"),
        (replace(READY, has_objects=True, object_id=2), "Click another cell: it becomes cell 2"),
        (CLICKED, "Right-click excludes an area. N: next cell. K: track"),
        (replace(CLICKED, guess=1), "O: another guess. Right-click excludes"),
        (replace(CLICKED, guess=2), "Guess 2 of 3. O: next guess. Right-click excludes"),
        (replace(CLICKED, is_tiny=True), "This cell is tiny in the model's view"),
        (replace(CLICKED, is_sign_exclude=True), "Clicks now exclude"),
        (replace(CLICKED, is_tracking=True), "Tracking. Esc stops"),
        (replace(CLICKED, is_tracked=True), "Check the frames"),
        (replace(CLICKED, is_tracked=True, unreviewed=3), "]: go to the most doubtful"),
        (
            replace(CLICKED, is_tracked=True, unreviewed=3, doubt="Likely wrong."),
            "Likely wrong. Cl",
        ),
        (replace(CLICKED, wants_tracking=True), "The taught model is in use"),
        (replace(CLICKED, is_stack=False), "Right-click excludes an area. N: next cell. Export"),
        (Situation(is_importing=True, tool="other"), "Importing labels. Esc cancels"),
        (Situation(is_proposing=True, tool="other"), "Looking for possible divisions. Esc cancels"),
        (replace(CLICKED, contrast_differs=True), "You changed the contrast"),
    ],
)
def test_every_situation_has_its_tip(situation, beginning):
    assert next_step(situation).tip.startswith(beginning)


@pytest.mark.parametrize(
    ("situation", "button"),
    [
        (READY, None),
        (replace(READY, saved_when="on 12 May"), Action.OPEN_SAVED),
        (Situation(missing_layers=("labels", "clicks")), Action.RESTORE_LAYERS),
        (Situation(contrast_differs=True), Action.USE_CONTRAST),
        (Situation(hidden_image="cells"), Action.SHOW_IMAGE),
        (Situation(outside="This movie ends at frame 7."), Action.BACK_TO_MOVIE),
        (Situation(has_image=False, tool="other"), None),
        (Situation(problem="“x” has 4 axes", contrast_differs=True), None),
        *((Situation(tool=tool), Action.BACK_TO_CLICKING) for tool in OTHER_TOOLS),
        (Situation(tool="select", is_open=False, is_loading=True), Action.BACK_TO_CLICKING),
    ],
)
def test_what_one_press_can_mend_has_a_button(situation, button):
    assert next_step(situation).action is button


@pytest.mark.parametrize(
    ("situation", "button"),
    [
        (READY, TrackButton.NOTHING_TO_TRACK),
        (Situation(has_image=False), TrackButton.NOTHING_TO_TRACK),
        (CLICKED, TrackButton.TRACK),
        (replace(CLICKED, is_tracking=True), TrackButton.CANCEL),
        (replace(CLICKED, is_stack=False), TrackButton.SINGLE_IMAGE),
        (replace(CLICKED, is_tracking=True, tool="other"), TrackButton.CANCEL),
        (Situation(is_importing=True, tool="other"), TrackButton.CANCEL_IMPORT),
        (Situation(is_proposing=True, tool="other"), TrackButton.CANCEL_SEARCH),
    ],
)
def test_track_button_fits_the_situation(situation, button):
    assert next_step(situation).track is button


def test_the_tip_names_the_track_key_only_while_it_tracks():
    for now in (CLICKED, replace(CLICKED, is_stack=False), replace(CLICKED, is_tracking=True)):
        step = next_step(now)
        assert ("K: track" in step.tip) == (step.track is TrackButton.TRACK)


@pytest.mark.parametrize(
    ("situation", "tip"),
    [
        (Situation(daughters=0), "Division: click the first daughter"),
        (Situation(daughters=1, mother=7), "Click the other daughter of cell 7."),
        (Situation(daughters=2, mother=7, object_id=9), "Division of cell 7 done."),
        (Situation(offered_mother=7, has_objects=True), "Daughter of cell 7? D: yes."),
        (Situation(proposed_mother=7, has_objects=True), "Does cell 7 divide here?"),
    ],
)
def test_tip_of_a_division(situation, tip):
    assert next_step(situation).tip.startswith(tip)


def test_a_taught_model_offers_to_track_again():
    assert next_step(replace(CLICKED, wants_tracking=True)).action is Action.TRACK_AGAIN


def test_teaching_is_offered_behind_the_tip():
    tip = next_step(replace(CLICKED, can_teach=True)).tip
    assert tip.startswith("Right-click excludes an area.")
    assert tip.endswith("Shift+T: teach the model your cells.")
