"""Divisions by two clicks, by the offer on a new cell, and of selected cells."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Tracks
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_sam2.annotation.division_proposals import DivisionProposals
from napari_sam2.plugin.widgets.objects_model import Column
from napari_sam2.plugin.window.next_step import Action

from . import hands
from .test_track_edits import done, menu_action, select, undone
from .world import Gate

FRAMES, SIDE, BIRTH = 8, 64, 4
MOTHER, FIRST, SECOND, FAR = (28, 20), (18, 22), (40, 22), (30, 52)


def disc(place) -> np.ndarray:
    rows, columns = np.ogrid[:SIDE, :SIDE]
    return (rows - place[0]) ** 2 + (columns - place[1]) ** 2 <= 36


def movie() -> np.ndarray:
    """A disc that becomes two on frame 4, where the first one still touches it, and a far one."""
    frames = []
    for t in range(FRAMES):
        cells = (MOTHER, FAR) if t < BIRTH else (FIRST, SECOND, FAR)
        frames.append(np.where(np.any([disc(cell) for cell in cells], axis=0), 4000, 300))
    return np.array(frames, np.uint16)


@pytest.fixture
def tracked(open_desk):
    """The mother (1) and the far cell (2), tracked, on the first frame with two cells."""
    desk = open_desk(movie())
    desk.click(0, *MOTHER)
    desk.press(Qt.Key.Key_N)
    desk.click(0, *FAR)
    desk.settle()
    desk.track()
    desk.settle()
    desk.go_to(BIRTH)
    return desk


def parents(desk):
    return {key: one.parent for key, one in desk.image_state.objects.items() if one.parent}


def tip(desk) -> str:
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    return desk.panel.status.text.text()


def at(desk, t, place) -> int:
    return int(desk.labels.data[t][place])


def divide(desk) -> None:
    """D, click, click."""
    desk.press(Qt.Key.Key_D)
    desk.click(BIRTH, *FIRST)
    desk.click(BIRTH, *SECOND)
    desk.settle()


@pytest.mark.parametrize("by", ["key", "button"])
def test_d_and_two_clicks_make_two_daughters(tracked, by):
    if by == "button":
        QTest.mouseClick(tracked.panel.review.box.divide, Qt.MouseButton.LeftButton)
        tracked.click(BIRTH, *FIRST)
        tracked.click(BIRTH, *SECOND)
        tracked.settle()
    else:
        divide(tracked)
    assert parents(tracked) == {3: 1, 4: 1}
    assert tracked.image_state.objects[1].end == BIRTH - 1
    assert [at(tracked, BIRTH, place) for place in (FIRST, SECOND, FAR)] == [3, 4, 2]
    assert at(tracked, BIRTH - 1, MOTHER) == 1


def test_the_tip_leads_through_a_division(tracked):
    tracked.press(Qt.Key.Key_D)
    assert tip(tracked).startswith("Division: click the first daughter")
    tracked.click(BIRTH, *FIRST)
    tracked.settle()
    assert tip(tracked).startswith("Click the other daughter of cell 1.")
    tracked.click(BIRTH, *SECOND)
    tracked.settle()
    assert tip(tracked).startswith("Division of cell 1 done.")


def test_first_click_shows_the_mask_of_its_daughter_at_once(tracked):
    tracked.press(Qt.Key.Key_D)
    tracked.click(BIRTH, *FIRST)
    tracked.settle()
    assert at(tracked, BIRTH, FIRST) == 3
    assert tracked.image_state.current_object == 4


def test_more_clicks_refine_the_last_daughter(tracked):
    divide(tracked)
    tracked.click(BIRTH, 44, 22)
    tracked.settle()
    assert len(tracked.prompt(BIRTH, 4).points) == 2
    assert list(tracked.image_state.objects) == [1, 2, 3, 4]


@pytest.mark.parametrize("clicks", [1, 2, 3])
def test_esc_undoes_all_of_a_division(tracked, clicks):
    before = tracked.labels.data.copy()
    tracked.press(Qt.Key.Key_D)
    for place in (FIRST, SECOND, (44, 22))[:clicks]:
        tracked.click(BIRTH, *place)
    tracked.settle()
    tracked.press(Qt.Key.Key_Escape)
    tracked.qtbot.waitUntil(lambda: list(tracked.image_state.objects) == [1, 2], timeout=10000)
    assert np.array_equal(tracked.labels.data, before)
    assert tracked.controller.divisions.division is None


def test_esc_before_a_click_changes_nothing(tracked):
    tracked.press(Qt.Key.Key_D)
    tip(tracked)
    tracked.press(Qt.Key.Key_Escape)
    tracked.click(BIRTH, *SECOND)
    tracked.settle()
    assert parents(tracked) == {}


def test_daughters_are_not_tracked_before_their_birth(tracked):
    before = tracked.labels.data[:BIRTH].copy()
    divide(tracked)
    tracked.track()
    tracked.settle()
    assert np.array_equal(tracked.labels.data[:BIRTH], before)
    assert [at(tracked, FRAMES - 1, place) for place in (FIRST, SECOND)] == [3, 4]
    assert tracked.controller.divisions.division is None


def drag_between(desk, *places) -> None:
    hands.drag(desk.viewer, desk.points, *((BIRTH, *place) for place in places))
    desk.breathe()
    desk.settle()


def centre_of_view(desk):
    return tuple(getattr(desk.viewer, "scene", desk.viewer).camera.center)


@pytest.mark.real_window
def test_drag_from_daughter_to_daughter_divides_and_does_not_move_the_view(tracked):
    before = centre_of_view(tracked)
    tracked.press(Qt.Key.Key_D)
    drag_between(tracked, FIRST, SECOND)
    assert parents(tracked) == {3: 1, 4: 1}
    assert [at(tracked, BIRTH, place) for place in (FIRST, SECOND)] == [3, 4]
    assert centre_of_view(tracked) == before
    hands.move(tracked.viewer, hands.place_on_canvas(tracked.viewer, tracked.points, (BIRTH, 2, 2)))
    assert tracked.points.features["object"].tolist()[-2:] == [3, 4]
    tracked.press(Qt.Key.Key_Escape)
    tracked.qtbot.waitUntil(lambda: parents(tracked) == {}, timeout=10000)
    drag_between(tracked, FIRST, SECOND)  # moves the view, as napari does
    assert parents(tracked) == {}
    assert centre_of_view(tracked) != before


def test_drag_is_one_step_to_undo(tracked):
    before = tracked.labels.data.copy()
    tracked.press(Qt.Key.Key_D)
    drag_between(tracked, FIRST, SECOND)
    undone(tracked, before)
    assert parents(tracked) == {}


def test_drag_in_a_3d_view_marks_no_division(tracked):
    tracked.press(Qt.Key.Key_D)
    tracked.viewer.dims.ndisplay = 3
    places = [hands.place_on_canvas(tracked.viewer, tracked.points, (BIRTH, 2, 2))] * 2
    hands.press_button(tracked.viewer, places[0])
    hands.move(tracked.viewer, places[1] + 30, hands.LEFT)
    hands.release_button(tracked.viewer, places[1] + 30)
    tracked.settle()
    assert parents(tracked) == {}


def test_drag_far_from_every_cell_can_be_made_again(tracked, notifications):
    tracked.press(Qt.Key.Key_D)
    drag_between(tracked, (60, 2), (50, 2))
    assert "near" in notifications.only()
    drag_between(tracked, FIRST, SECOND)
    assert list(parents(tracked).values()) == [1, 1]


def test_click_far_from_every_cell_can_be_made_again(tracked, notifications):
    tracked.press(Qt.Key.Key_D)
    tracked.click(BIRTH, 60, 2)
    tracked.settle()
    assert "near" in notifications.only()
    tracked.click(BIRTH, *FIRST)
    tracked.click(BIRTH, *SECOND)
    tracked.settle()
    assert list(parents(tracked).values()) == [1, 1]


def test_first_frame_has_no_division(tracked, notifications):
    tracked.go_to(0)
    tracked.press(Qt.Key.Key_D)
    assert "needs a frame before" in notifications.only()
    assert tracked.controller.divisions.division is None


def test_another_frame_ends_the_clicks_of_a_division(tracked):
    tracked.press(Qt.Key.Key_D)
    tracked.click(BIRTH, *FIRST)
    tracked.settle()
    tracked.click(BIRTH + 1, *SECOND)
    tracked.settle()
    assert parents(tracked) == {3: 1}


def test_new_cell_where_another_one_was_is_offered_as_a_daughter(tracked):
    tracked.press(Qt.Key.Key_N)
    tracked.click(BIRTH, *FIRST)
    tracked.settle()
    assert tip(tracked).startswith("Daughter of cell 1? D: yes.")
    assert tracked.panel.status.button.text() == Action.MAKE_DAUGHTER.value
    tracked.press(Qt.Key.Key_D)
    tracked.qtbot.waitUntil(lambda: parents(tracked).get(3) == 1, timeout=10000)
    assert tracked.image_state.objects[1].end == BIRTH - 1


def test_sister_is_asked_for_if_the_mother_does_not_go_on(tracked):
    tracked.press(Qt.Key.Key_N)
    tracked.click(BIRTH, *FIRST)
    tracked.settle()
    tracked.press(Qt.Key.Key_D)
    tracked.qtbot.waitUntil(lambda: "other daughter of cell 1" in tip(tracked), timeout=10000)
    tracked.click(BIRTH, *SECOND)
    tracked.settle()
    assert parents(tracked) == {3: 1, 4: 1}


def test_new_cell_in_the_open_is_offered_nothing(tracked):
    tracked.press(Qt.Key.Key_N)
    tracked.click(BIRTH, 60, 60)
    tracked.settle()
    assert tracked.controller.divisions.offer is None


def test_d_on_two_selected_cells_makes_them_daughters(tracked):
    for place in (FIRST, SECOND):
        tracked.press(Qt.Key.Key_N)
        tracked.click(BIRTH, *place)
        tracked.settle()
    before = tracked.labels.data.copy()
    select(tracked, 3, 4)
    tracked.press(Qt.Key.Key_D)
    done(tracked, f"divide cell 1 at frame {BIRTH}")
    assert parents(tracked) == {3: 1, 4: 1}
    undone(tracked, before)
    assert parents(tracked) == {}


def test_points_of_daughters_are_shown_in_the_layer(tracked):
    divide(tracked)
    hands.move(tracked.viewer, hands.place_on_canvas(tracked.viewer, tracked.points, (BIRTH, 2, 2)))
    assert tracked.points.features["object"].tolist()[-2:] == [3, 4]


def show_proposals(desk) -> None:
    desk.panel.review.box.divisions.click()
    desk.qtbot.waitUntil(lambda: desk.controller.divisions.proposals is not None, timeout=20000)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)


def test_possible_divisions_are_listed_and_d_takes_one(tracked):
    tracked.go_to(0)
    show_proposals(tracked)
    assert tracked.panel.review.box.divisions.text() == "Possible divisions (1)"
    assert (tracked.controller.view.frame, tracked.image_state.current_object) == (BIRTH, 1)
    assert tip(tracked).startswith("Does cell 1 divide here?")
    tracked.press(Qt.Key.Key_D)
    done(tracked, f"divide cell 1 at frame {BIRTH}")
    assert parents(tracked) == {3: 1, 4: 1}
    assert sorted(at(tracked, BIRTH, place) for place in (FIRST, SECOND)) == [3, 4]
    tracked.press(Qt.Key.Key_Escape)
    tracked.qtbot.waitUntil(lambda: parents(tracked) == {}, timeout=10000)


def test_found_cell_beside_a_dividing_one_is_offered_as_its_daughter(tracked):
    tracked.press(Qt.Key.Key_F)
    tracked.qtbot.waitUntil(lambda: tracked.controller.finding.found is not None)
    tracked.press(Qt.Key.Key_Return)
    tracked.qtbot.waitUntil(lambda: tracked.controller.divisions.proposals is not None)
    assert tip(tracked).startswith("Does cell 1 divide here?")
    tracked.press(Qt.Key.Key_D)
    tracked.qtbot.waitUntil(lambda: len(parents(tracked)) == 2, timeout=10000)
    assert set(parents(tracked).values()) == {1}
    assert at(tracked, BIRTH, SECOND) in parents(tracked)


def test_found_cells_without_a_possible_mother_are_offered_nothing(tracked):
    tracked.go_to(1)
    tracked.controller.review.edit("clear_masks", object_id=2, frames=range(1, 2))
    tracked.settle()
    tracked.press(Qt.Key.Key_F)
    tracked.qtbot.waitUntil(lambda: tracked.controller.finding.found is not None)
    tracked.press(Qt.Key.Key_Return)
    tracked.settle()
    tracked.qtbot.waitUntil(lambda: len(tracked.image_state.objects) == 3)
    assert tracked.controller.divisions.proposals is None


def test_search_for_divisions_can_be_cancelled(tracked, notifications, monkeypatch):
    gate = Gate()

    def search(self, t):
        gate.wait(t)
        return []

    monkeypatch.setattr(DivisionProposals, "_on_frame", search)
    tracked.panel.review.box.divisions.click()
    tracked.qtbot.waitUntil(lambda: tracked.panel.track.button.text() == "Cancel (Esc)")
    assert tip(tracked).startswith("Looking for possible divisions.")
    tracked.press(Qt.Key.Key_Escape)
    gate.open()
    tracked.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    assert notifications.only() == "The search for possible divisions was cancelled."
    assert tracked.controller.divisions.proposals is None


def test_declined_division_is_not_proposed_again(tracked):
    show_proposals(tracked)
    tracked.press(Qt.Key.Key_D, Qt.KeyboardModifier.ShiftModifier)
    done(tracked, f"no division of cell 1 at frame {BIRTH}")
    assert tracked.panel.review.box.divisions.text() == "Possible divisions (0)"
    box = tracked.panel.review.box
    box.divisions.click()
    box.divisions.click()
    tracked.settle()
    tracked.qtbot.wait(200)
    assert not tracked.controller.divisions.proposals


def row_of(desk, object_id):
    model = desk.panel.review.table.model
    return [model.data(model.index(model.row_of(object_id), column)) for column in Column]


def test_table_shows_mothers_and_names_of_the_family(tracked):
    divide(tracked)
    tip(tracked)
    assert (row_of(tracked, 4)[Column.NAME], row_of(tracked, 4)[Column.MOTHER]) == ("1.2", "1")
    assert (row_of(tracked, 1)[Column.NAME], row_of(tracked, 1)[Column.MOTHER]) == ("", "")


def test_mother_is_cleared_and_set_in_the_table(tracked):
    divide(tracked)
    model = tracked.panel.review.table.model
    tip(tracked)
    cell = model.index(model.row_of(4), Column.MOTHER)
    assert model.setData(cell, "")
    tracked.qtbot.waitUntil(lambda: parents(tracked) == {3: 1}, timeout=10000)
    tip(tracked)
    assert not model.setData(cell, "17")
    assert model.setData(cell, "1")
    tracked.qtbot.waitUntil(lambda: parents(tracked) == {3: 1, 4: 1}, timeout=10000)


def test_division_is_moved_and_dissolved_by_the_menu(tracked):
    divide(tracked)
    tracked.track()
    tracked.settle()
    tracked.go_to(BIRTH + 1)
    select(tracked, 3)
    menu_action(tracked, "Move division to this frame").trigger()
    done(tracked, f"move the division of cell 1 to frame {BIRTH + 1}")
    assert at(tracked, BIRTH, SECOND) == 1
    select(tracked, 4)
    menu_action(tracked, "Undo division: cell 1 goes on as this cell").trigger()
    done(tracked, "merge cell 4 into cell 1")
    assert parents(tracked) == {}
    assert at(tracked, FRAMES - 1, SECOND) == 1


def tracks_of(desk):
    layers = [layer for layer in desk.viewer.layers if isinstance(layer, Tracks)]
    return layers[0] if layers else None


def test_tracks_layer_follows_the_annotation(tracked):
    active = tracked.viewer.layers.selection.active
    tracked.panel.review.box.tracks.click()
    tracked.qtbot.waitUntil(lambda: tracks_of(tracked) is not None, timeout=10000)
    assert tracked.viewer.layers.selection.active is active
    assert tracks_of(tracked).graph == {}
    divide(tracked)
    tracked.qtbot.waitUntil(lambda: len(tracks_of(tracked).graph) == 2, timeout=10000)
    assert tracks_of(tracked).graph == {3: [1], 4: [1]}
    tracked.panel.review.box.tracks.click()
    tracked.qtbot.waitUntil(lambda: tracks_of(tracked) is None, timeout=10000)


def test_single_image_has_neither_divisions_nor_tracks(open_desk):
    desk = open_desk(movie()[0])
    box = desk.panel.review.box
    assert not any(button.isEnabled() for button in (box.divide, box.divisions, box.tracks))


def test_q_shows_the_lanes_of_one_family(tracked):
    divide(tracked)
    tracked.qtbot.waitUntil(lambda: tracked.panel.review.lanes.view.lanes_listed == 4)
    tracked.press(Qt.Key.Key_Q)
    tracked.qtbot.waitUntil(lambda: tracked.panel.review.lanes.view.lanes_listed == 3)
    tracked.controller.choose_object(2)
    tracked.qtbot.waitUntil(lambda: tracked.panel.review.lanes.view.lanes_listed == 1)
    tracked.press(Qt.Key.Key_Q)
    tracked.qtbot.waitUntil(lambda: tracked.panel.review.lanes.view.lanes_listed == 4)
