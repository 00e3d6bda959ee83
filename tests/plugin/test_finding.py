"""Find cells: proposals of a frame are shown, filtered, taken, dropped and left."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from scipy import ndimage

from napari_sam2.finding import CellSize, FindingStopped, Proposal
from napari_sam2.plugin.layers.proposal_layer import dashed, draw_proposals
from napari_sam2.tracking.pixels import PixelMask

from . import hands, world
from .world import disc, disc_centre

SPECK = (56, 56)  # a small proposal with a low score


def proposal(mask: np.ndarray, score: float = 0.9) -> Proposal:
    centre = np.argwhere(mask).mean(0)
    return Proposal(PixelMask.of(mask), score, 1.0, (float(centre[0]), float(centre[1])))


def square(y0: int, x0: int, y1: int, x1: int) -> np.ndarray:
    mask = np.zeros((world.SIDE, world.SIDE), bool)
    mask[y0:y1, x0:x1] = True
    return mask


class FindingEngine(world.ThresholdEngine):
    """Finds both discs, and a speck with the score 0.3."""

    def __init__(self) -> None:
        super().__init__()
        self.searches: list[tuple[int, CellSize | None]] = []
        self.is_empty = False
        self.waits = False  # for the search to be cancelled
        self.wrong = False  # finds one square that is much larger than the discs

    def find_cells(self, model, frames, t, cell_size, progress, should_stop):
        self.searches.append((t, cell_size))
        progress(1, 4)
        end = time.monotonic() + 20
        while self.waits and time.monotonic() < end:
            if should_stop():
                raise FindingStopped
            time.sleep(0.01)
        if self.is_empty:
            return []
        if self.wrong:
            return [replace(proposal(square(22, 2, 62, 42)), scale=8)]
        speck = square(SPECK[0] - 2, SPECK[1] - 2, SPECK[0] + 2, SPECK[1] + 2)
        masks = [(disc(0, t), 0.9), (disc(1, t), 0.7), (speck, 0.3)]
        return [replace(proposal(mask, score), scale=3) for mask, score in masks]


@pytest.fixture
def desk(open_desk):
    return open_desk(world.movie(), engine=FindingEngine())


def find(desk):
    """Press F and wait for the outlines."""
    desk.press(Qt.Key.Key_F)
    desk.qtbot.waitUntil(lambda: desk.controller.finding.found is not None, timeout=20000)
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    return desk.controller.finding.found


def press(desk, key) -> None:
    desk.press(key)
    desk.settle()


def found_layers(desk) -> list[Labels]:
    return [layer for layer in desk.viewer.layers if layer.name == "SAM 2 found cells"]


def tip(desk) -> str:
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    return desk.panel.status.text.text()


@pytest.mark.parametrize("by", ["key", "button"])
def test_f_shows_outlines_and_writes_nothing(desk, by):
    if by == "button":
        QTest.mouseClick(desk.panel.find.find, Qt.MouseButton.LeftButton)
        desk.qtbot.waitUntil(lambda: desk.controller.finding.found is not None, timeout=20000)
    else:
        find(desk)
    (layer,) = found_layers(desk)
    drawn = desk.controller.finding.found.drawn
    assert np.array_equal(drawn > 0, disc(0, 0) | disc(1, 0))
    assert np.array_equal(layer.data[0], dashed(drawn, 1))
    assert desk.viewer.layers.selection.active is desk.points
    assert not desk.labels.data.any()
    assert not desk.image_state.objects
    assert desk.image_state.undo_text is None


def test_enter_makes_a_cell_of_each_outline_and_one_undo_takes_them_back(desk):
    find(desk)
    press(desk, Qt.Key.Key_Return)
    assert np.array_equal(desk.labels.data[0], disc(0, 0) + 2 * disc(1, 0))
    for object_id in (1, 2):
        prompt = desk.prompt(0, object_id)
        assert np.array_equal(prompt.mask.full(), disc(object_id - 1, 0))
        np.testing.assert_allclose(prompt.points, [disc_centre(object_id - 1, 0)])
    assert desk.image_state.undo_text == "take 2 found cells"
    assert not found_layers(desk)
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: not desk.image_state.objects)
    assert not desk.labels.data.any()
    assert desk.image_state.undo_text is None


def test_cells_that_were_taken_are_tracked_and_corrected_like_others(desk):
    find(desk)
    press(desk, Qt.Key.Key_Return)
    desk.track()
    desk.settle()
    assert np.array_equal(desk.labels.data[7] > 0, disc(0, 7) | disc(1, 7))
    before = desk.labels.data[0].copy()
    desk.go_to(0)
    desk.controller.choose_object(1)
    y, x = disc_centre(0, 0)
    desk.click(0, y + 4, x, by=hands.right_click)
    desk.settle()
    assert (desk.labels.data[0] == 1).sum() < (before == 1).sum()


def test_esc_leaves_without_a_trace(desk):
    before = list(desk.viewer.layers)
    find(desk)
    press(desk, Qt.Key.Key_Escape)
    assert list(desk.viewer.layers) == before
    assert not desk.labels.data.any()
    assert desk.image_state.undo_text is None
    press(desk, Qt.Key.Key_Return)
    assert not desk.image_state.objects


def test_esc_cancels_the_search(desk):
    desk.engine.waits = True
    desk.press(Qt.Key.Key_F)
    desk.qtbot.waitUntil(lambda: desk.panel.find.progress.maximum() == 4)
    assert tip(desk).startswith("Looking for cells.")
    assert desk.panel.find.cancel.isVisible()
    desk.press(Qt.Key.Key_Escape)
    desk.engine.waits = False
    assert not desk.controller.finding.is_searching
    desk.click(0, *disc_centre(0, 0))  # is answered after the search
    desk.settle()
    assert not found_layers(desk)
    assert set(desk.image_state.objects) == {1}


def test_a_cell_that_exists_is_not_found_again(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert find(desk).numbers == [2]
    press(desk, Qt.Key.Key_Return)
    assert np.array_equal(desk.labels.data[0], disc(0, 0) + 2 * disc(1, 0))


def test_a_click_takes_one_outline_and_the_others_stay(desk):
    find(desk)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0], disc(1, 0))
    assert desk.controller.finding.found.numbers == [1]
    assert desk.points.data.tolist() == [[0, *disc_centre(1, 0)]]


def test_a_right_click_drops_one_outline(desk, notifications):
    find(desk)
    desk.click(0, *disc_centre(1, 0), by=hands.right_click)
    desk.settle()
    assert desk.controller.finding.found.numbers == [1]
    assert not desk.image_state.objects
    assert not notifications.messages
    press(desk, Qt.Key.Key_Return)
    assert np.array_equal(desk.labels.data[0], disc(0, 0))


def test_a_click_beside_the_outlines_makes_a_cell_as_always(desk):
    find(desk)
    desk.click(0, *disc_centre(1, 0), by=hands.right_click)
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    assert np.array_equal(desk.labels.data[0], disc(1, 0))
    assert desk.prompt(0).mask is None


def test_the_sliders_show_other_outlines_without_another_search(desk):
    found = find(desk)
    desk.panel.find.score.setValue(20)
    assert found.numbers == [1, 2, 3]
    desk.panel.find.score.setValue(80)
    assert found.numbers == [1]
    desk.panel.find.score.setValue(20)
    desk.panel.find.size.setValue((3, 8))
    assert found.numbers == [3]
    assert found.drawn[SPECK] == 3
    desk.qtbot.waitUntil(lambda: desk.panel.find.count.text() == "1 cell found, 2 hidden")
    assert len(desk.engine.searches) == 1


def test_the_score_and_size_under_the_mouse_are_shown(desk):
    find(desk)
    place = hands.place_on_canvas(desk.viewer, desk.points, (0, *disc_centre(1, 0)))
    hands.move(desk.viewer, place)
    desk.qtbot.waitUntil(
        lambda: desk.panel.find.hovered.text() == f"Score 0.70 · 12 px wide · {disc(1, 0).sum()} px"
    )


def test_the_size_of_cells_that_were_taken_is_given_to_the_next_search(desk):
    find(desk)
    press(desk, Qt.Key.Key_Return)
    desk.go_to(5)
    find(desk)
    (first, second) = desk.engine.searches
    assert first == (0, None)
    assert second == (5, CellSize(proposal(disc(0, 0), 0.9).diameter, scale=3))


def test_the_size_of_a_clicked_cell_is_given_to_the_search(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    find(desk)
    assert desk.engine.searches == [(0, CellSize(proposal(disc(0, 0), 0.9).diameter))]


def test_the_size_of_wrong_cells_is_forgotten_when_they_are_undone(desk):
    desk.engine.wrong = True
    find(desk)
    press(desk, Qt.Key.Key_Return)
    assert desk.controller.finding.cell_size(desk.image_state) is not None
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: not desk.image_state.objects)
    desk.settle()
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    find(desk)
    assert desk.engine.searches[-1] == (0, CellSize(proposal(disc(0, 0)).diameter))


def test_an_undo_goes_back_to_the_size_of_the_cells_taken_before(desk):
    find(desk)
    press(desk, Qt.Key.Key_Return)
    size = desk.controller.finding.cell_size(desk.image_state)
    desk.engine.wrong = True
    desk.go_to(5)
    find(desk)
    press(desk, Qt.Key.Key_Return)
    desk.settle()
    assert desk.controller.finding.cell_size(desk.image_state) != size
    desk.press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    desk.qtbot.waitUntil(lambda: desk.controller.finding.cell_size(desk.image_state) == size)


def test_a_clicked_cell_of_another_size_counts_more_than_cells_taken_before(desk):
    desk.engine.wrong = True
    find(desk)
    press(desk, Qt.Key.Key_Return)
    desk.go_to(5)
    desk.click(5, *disc_centre(0, 5))
    desk.settle()
    find(desk)
    assert desk.engine.searches[-1] == (5, CellSize(proposal(disc(0, 5)).diameter))


def test_the_size_of_a_cell_on_the_nearest_frame_is_given_to_the_search(desk):
    desk.click(2, *disc_centre(0, 2))
    desk.settle()
    desk.go_to(6)
    find(desk)
    assert desk.engine.searches == [(6, CellSize(proposal(disc(0, 2)).diameter))]


def test_no_cells_found_says_what_to_try(desk, notifications):
    desk.engine.is_empty = True
    desk.press(Qt.Key.Key_F)
    desk.qtbot.waitUntil(lambda: bool(notifications.messages))
    assert "Click one cell and press F again" in notifications.only()
    assert not found_layers(desk)
    assert tip(desk) == "Click a cell, or press F to find all cells."


def test_outlines_can_be_taken_on_their_own_frame_only(desk):
    find(desk)
    desk.go_to(3)
    desk.settle()
    assert not desk.panel.find.found.isVisible()
    press(desk, Qt.Key.Key_Return)
    assert not desk.image_state.objects
    desk.go_to(0)
    desk.settle()
    assert desk.panel.find.found.isVisible()


def test_the_tip_names_the_keys_while_outlines_are_shown(desk):
    find(desk)
    assert tip(desk) == "Enter: take all. Click: take one. Right-click: drop one. Esc: leave."
    desk.panel.find.score.setValue(100)
    assert tip(desk).startswith("No cell has this score and size.")


def test_outlines_are_no_labels_to_import(desk):
    find(desk)
    assert desk.panel.label_import.layers() == []


def test_a_deleted_layer_of_outlines_is_forgotten(desk):
    find(desk)
    desk.viewer.layers.remove(found_layers(desk)[0])
    assert desk.controller.finding.found is None


def test_cells_of_a_single_image_are_found(open_desk):
    desk = open_desk(world.movie()[0], engine=FindingEngine())
    find(desk)
    press(desk, Qt.Key.Key_Return)
    assert np.array_equal(desk.labels.data, disc(0, 0) + 2 * disc(1, 0))


@pytest.mark.parametrize("width", [1, 2, 4])
def test_outlines_are_dashed_and_lie_on_the_whole_outline(width):
    y, x = np.mgrid[:90, :90]
    drawn = (((y - 44) ** 2 / 900 + (x - 44) ** 2 / 1600) <= 1).astype(np.int32)
    drawn[80:90, 0:12] = 2  # at the border of the image
    outline = drawn.astype(bool)
    for number in (1, 2):
        outline &= ~ndimage.binary_erosion(drawn == number, iterations=width)
    found = dashed(drawn, width)
    assert set(np.unique(found)) == {0, 1, 2}
    assert np.array_equal(found[found > 0], drawn[found > 0])
    assert not (found > 0)[~outline].any()
    for number in (1, 2):
        whole, left = outline & (drawn == number), found == number
        assert 0.35 * whole.sum() < left.sum() < 0.65 * whole.sum()
        _, dashes = ndimage.label(left, np.ones((3, 3)))
        _, gaps = ndimage.label(whole & ~left, np.ones((3, 3)))
        assert dashes >= 3
        assert gaps >= 3


def test_a_proposal_mostly_on_an_object_is_not_drawn():
    labels = square(0, 0, 10, 10).astype(int)
    most, half = proposal(square(0, 4, 10, 14)), proposal(square(0, 6, 10, 16))
    assert set(np.unique(draw_proposals({1: most}, labels))) == {0}
    drawn = draw_proposals({1: half}, labels)
    assert np.array_equal(drawn == 1, square(0, 10, 10, 16))


def test_a_proposal_around_an_object_is_not_drawn():
    labels = square(8, 8, 12, 12).astype(int)
    assert not draw_proposals({1: proposal(square(0, 0, 20, 20))}, labels).any()


def test_a_proposal_mostly_on_a_better_one_is_not_drawn():
    better, worse = proposal(square(0, 0, 10, 10)), proposal(square(0, 2, 10, 12), 0.5)
    assert set(np.unique(draw_proposals({1: better, 2: worse}, np.zeros((64, 64), int)))) == {0, 1}


def test_specks_of_a_proposal_are_not_drawn():
    both = proposal(square(0, 0, 10, 10) | square(20, 20, 22, 22))
    drawn = draw_proposals({1: both}, np.zeros((64, 64), int))
    assert np.array_equal(drawn == 1, square(0, 0, 10, 10))


def test_the_buttons_have_room_on_a_low_screen(desk):
    desk.viewer.window._qt_window.resize(900, 500)
    find(desk)
    box = desk.panel.find
    desk.qtbot.waitUntil(
        lambda: all(one.height() >= one.minimumSizeHint().height() for one in (box.take, box.find))
    )
