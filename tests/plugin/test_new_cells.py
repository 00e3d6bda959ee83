"""New cells: every few frames are searched, what is new is walked, taken and dropped."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from . import hands, world
from .test_finding import FindingEngine, found_layers, proposal, square, tip
from .world import disc, disc_centre


class LaterCells(FindingEngine):
    """Finds both discs on every frame, and from frame 3 on a square."""

    def find_cells(self, model, frames, t, cell_size, progress, should_stop):
        found = super().find_cells(model, frames, t, cell_size, progress, should_stop)
        later = [proposal(square(2, 50, 10, 58), 0.8)] if t >= 3 and not self.is_empty else []
        return [*found, *later]


@pytest.fixture
def desk(open_desk):
    desk = open_desk(world.movie(), engine=LaterCells())
    desk.panel.new_cells.box.every.setValue(3)
    return desk


def look(desk) -> None:
    """Press the button and wait for the end of the search."""
    QTest.mouseClick(desk.panel.new_cells.box.look, Qt.MouseButton.LeftButton)
    wait_for_end(desk)


def wait_for_end(desk) -> None:
    desk.qtbot.waitUntil(lambda: desk.controller.new_cells.progress is None, timeout=20000)
    desk.settle()


def track_discs(desk) -> None:
    for index in (0, 1):
        desk.click(0, *disc_centre(index, 0))
        desk.controller.next_object()
    desk.track()
    desk.settle()


def test_every_few_frames_are_searched_and_the_first_with_new_cells_is_shown(desk):
    track_discs(desk)
    desk.go_to(0)
    look(desk)
    assert [t for t, _ in desk.engine.searches] == [0, 3, 6]
    assert desk.controller.new_cells.frames == [3]  # the square of frame 6 is the same cell
    assert desk.controller.view.frame == 3
    assert np.array_equal(desk.controller.finding.found.drawn > 0, square(2, 50, 10, 58))
    assert set(desk.image_state.objects) == {1, 2}
    assert desk.panel.new_cells.box.next.text() == "New cells (1)"


class TwoLaterCells(LaterCells):
    """Finds one more square from frame 6 on, and moves the first one."""

    def find_cells(self, model, frames, t, cell_size, progress, should_stop):
        found = FindingEngine.find_cells(self, model, frames, t, cell_size, progress, should_stop)
        if t >= 3:
            found = [*found, proposal(moving(t), 0.8)]
        return [*found, proposal(square(40, 2, 48, 10), 0.8)] if t >= 6 else found


def moving(t: int) -> np.ndarray:
    return square(2, 50 - t, 10, 58 - t)


@pytest.fixture
def desk_with_two(open_desk):
    desk = open_desk(world.movie(), engine=TwoLaterCells())
    desk.panel.new_cells.box.every.setValue(3)
    track_discs(desk)
    desk.go_to(0)
    look(desk)
    return desk


def press(desk, key) -> None:
    desk.press(key)
    desk.settle()


def test_cells_taken_on_two_frames_without_tracking_are_two_cells(desk_with_two, notifications):
    desk = desk_with_two
    assert desk.controller.new_cells.frames == [3, 6]
    assert desk.panel.new_cells.box.next.text() == "New cells (2)"
    press(desk, Qt.Key.Key_Return)
    assert desk.controller.view.frame == 6  # Enter goes on
    assert np.array_equal(desk.controller.finding.found.drawn > 0, square(40, 2, 48, 10))
    press(desk, Qt.Key.Key_Return)
    assert set(desk.image_state.objects) == {1, 2, 3, 4}
    assert np.array_equal(desk.labels.data[3] == 3, moving(3))
    assert np.array_equal(desk.labels.data[6] == 4, square(40, 2, 48, 10))
    assert not (desk.labels.data[6] == 3).any()
    assert not desk.controller.new_cells.frames
    press(desk, Qt.Key.Key_BracketRight)
    assert not found_layers(desk)


def test_cells_that_were_taken_and_not_tracked_are_not_new(desk_with_two, notifications):
    desk = desk_with_two
    press(desk, Qt.Key.Key_Return)
    press(desk, Qt.Key.Key_Return)
    look(desk)
    assert "No new cells were found." in notifications.messages
    assert set(desk.image_state.objects) == {1, 2, 3, 4}


def test_cells_found_on_the_first_frame_are_not_new_on_later_ones(open_desk, notifications):
    desk = open_desk(world.movie(), engine=FindingEngine())
    press(desk, Qt.Key.Key_F)
    desk.qtbot.waitUntil(lambda: desk.controller.finding.found is not None)
    press(desk, Qt.Key.Key_Return)
    desk.panel.new_cells.box.every.setValue(3)
    look(desk)
    assert notifications.messages[-1] == "No new cells were found."


def test_the_walk_begins_on_the_shown_frame(open_desk):
    desk = open_desk(world.movie(), engine=TwoLaterCells())
    desk.panel.new_cells.box.every.setValue(3)
    desk.go_to(0)
    look(desk)
    assert desk.controller.new_cells.frames == [0, 3, 6]
    assert desk.controller.view.frame == 0
    press(desk, Qt.Key.Key_BracketRight)
    assert desk.controller.view.frame == 3


def test_once_tracked_new_cells_are_not_new_any_more(desk, notifications):
    track_discs(desk)
    look(desk)
    taken = square(2, 50, 10, 58)
    desk.labels.data[3][taken] = 3  # as another way to make the cell would
    desk.go_to(0)
    press(desk, Qt.Key.Key_BracketRight)
    assert desk.controller.view.frame == 6  # the cell is offered where it is not tracked
    desk.labels.data[6][taken] = 3
    desk.go_to(0)
    press(desk, Qt.Key.Key_BracketRight)
    assert not desk.controller.new_cells.frames
    assert "No new cells are left." in notifications.messages


def test_backspace_drops_the_new_cells_of_a_frame_and_no_point(desk_with_two):
    desk = desk_with_two
    desk.points.selected_data = {0}
    press(desk, Qt.Key.Key_Backspace)
    assert desk.controller.new_cells.frames == [6]
    assert desk.controller.view.frame == 6
    assert len(desk.points.data) == 2
    assert set(desk.image_state.objects) == {1, 2}


def test_enter_drops_the_new_cells_that_the_sliders_hide(open_desk):
    desk = open_desk(world.movie(), engine=TwoLaterCells())
    desk.panel.new_cells.box.every.setValue(3)
    desk.go_to(0)
    look(desk)
    desk.panel.find.score.setValue(80)  # hides the second disc
    press(desk, Qt.Key.Key_Return)
    assert set(desk.image_state.objects) == {1}
    assert desk.controller.new_cells.frames == [3, 6]
    assert desk.controller.view.frame == 3


def test_the_bracket_keys_walk_the_frames_with_new_cells(desk_with_two):
    desk = desk_with_two
    seen = []
    for key in (Qt.Key.Key_BracketRight, Qt.Key.Key_BracketRight, Qt.Key.Key_BracketLeft):
        press(desk, key)
        seen.append(desk.controller.view.frame)
    assert seen == [6, 3, 6]


def test_a_right_click_drops_one_new_cell_on_all_frames(desk):
    track_discs(desk)
    look(desk)
    desk.click(3, 6, 54, by=hands.right_click)
    desk.settle()
    assert not desk.controller.new_cells.frames


def test_nothing_new_is_told(desk, notifications):
    desk.engine.is_empty = True
    look(desk)
    assert notifications.only() == "No new cells were found."


def test_after_tracking_the_movie_is_searched_only_if_that_is_chosen(desk):
    track_discs(desk)
    assert not desk.engine.searches
    desk.panel.new_cells.box.automatic.setChecked(True)
    desk.controller.choose_object(1)
    desk.click(7, *disc_centre(0, 7))
    desk.track()
    wait_for_end(desk)
    assert desk.controller.new_cells.frames == [3]
    assert not found_layers(desk)  # the view stays where the user is


def test_esc_cancels_the_search(desk):
    track_discs(desk)
    desk.engine.waits = True
    QTest.mouseClick(desk.panel.new_cells.box.look, Qt.MouseButton.LeftButton)
    desk.qtbot.waitUntil(lambda: bool(desk.engine.searches))
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    desk.press(Qt.Key.Key_Escape)
    desk.engine.waits = False
    desk.settle()
    assert desk.controller.new_cells.progress is None
    assert len(desk.engine.searches) == 1
    assert tip(desk)


def test_a_cell_that_was_lost_and_found_again_goes_on_as_the_same_cell(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.track()
    desk.settle()
    desk.controller.review.clear(1, range(3, world.FRAMES))
    desk.settle()
    look(desk)
    assert desk.controller.view.frame in {0, 3}
    while desk.controller.view.frame != 3:
        desk.press(Qt.Key.Key_BracketRight)
        desk.settle()
    desk.click(3, *disc_centre(0, 3))
    desk.settle()
    assert set(desk.image_state.objects) == {1}
    assert np.array_equal(desk.labels.data[3] == 1, disc(0, 3))


class CellThatComesBack(FindingEngine):
    """The search of whole frames finds no first disc; around its last place it is on frame 5."""

    def __init__(self) -> None:
        super().__init__()
        self.near: list[int] = []

    def find_cells(self, model, frames, t, cell_size, progress, should_stop):
        return super().find_cells(model, frames, t, cell_size, progress, should_stop)[1:]

    def find_near(self, model, frames, t, lost, cell_size, should_stop):
        self.near.append(t)
        y, x = disc_centre(0, lost.last)
        assert abs(lost.place[0] - y) < 1
        assert abs(lost.place[1] - x) < 1
        assert 10 < lost.diameter < 14
        return proposal(disc(0, t), 0.35) if t == 5 else None


@pytest.fixture
def desk_with_lost(open_desk):
    """The first disc is lost after frame 2, and the second one is tracked to the end."""
    desk = open_desk(world.movie(), engine=CellThatComesBack())
    track_discs(desk)
    clear_from(desk, 3)
    return desk


def clear_from(desk, t: int) -> None:
    """Clear the masks of the first disc, and wait until the window knows."""
    desk.controller.review.clear(1, range(t, world.FRAMES))
    desk.qtbot.waitUntil(lambda: desk.image_state.summaries[1].last == t - 1)
    desk.settle()


def test_a_lost_cell_is_looked_for_around_its_last_place(desk_with_lost):
    desk = desk_with_lost
    look(desk)
    assert [t for t, _ in desk.engine.searches] == [0, 3]  # whole frames
    assert desk.engine.near == [3, 4, 5]
    assert desk.panel.new_cells.box.next.text() == "Lost cells (1)"
    assert desk.controller.view.frame == 5
    press(desk, Qt.Key.Key_Return)
    assert set(desk.image_state.objects) == {1, 2}
    assert np.array_equal(desk.labels.data[5] == 1, disc(0, 5))
    prompt = desk.prompt(5, 1)
    assert np.array_equal(prompt.mask.full(), disc(0, 5))
    np.testing.assert_allclose(prompt.points, [disc_centre(0, 5)])  # corrected like other cells
    before = (desk.labels.data[5] == 1).sum()
    desk.controller.choose_object(1)
    y, x = disc_centre(0, 5)
    desk.click(5, y + 4, x, by=hands.right_click)
    desk.settle()
    assert 0 < (desk.labels.data[5] == 1).sum() < before


def test_a_cell_that_is_not_tracked_yet_is_not_lost(desk_with_lost):
    desk = desk_with_lost
    clear_from(desk, 1)
    look(desk)
    assert desk.engine.near == []  # the cell is clicked on frame 0 and waits to be tracked


def test_new_and_lost_cells_are_counted_apart(desk_with_lost):
    desk = desk_with_lost
    later = proposal(square(2, 50, 10, 58), 0.8)
    only_second = desk.engine.find_cells
    desk.engine.find_cells = lambda *args: [*only_second(*args), later]
    desk.panel.new_cells.box.every.setValue(2)
    look(desk)
    assert desk.panel.new_cells.box.next.text() == "New cells (1), lost cells (1)"


def test_a_lost_cell_is_not_looked_for_beyond_three_frames(desk_with_lost):
    desk = desk_with_lost
    desk.engine.find_near = lambda model, frames, t, *_: desk.engine.near.append(t)
    look(desk)
    assert desk.engine.near == [3, 4, 5]
