"""Cells that may have swapped are offered one after the other, and swapped on demand."""

import numpy as np
import pytest

from napari_sam2.annotation.swap_proposals import SwapProposal
from napari_sam2.plugin.protocol.review_messages import SwapsFound

from .hands import centre_of_view, zoom_in
from .world import disc, disc_centre


@pytest.fixture
def tracked(desk):
    """Both discs are tracked as cells 1 and 2."""
    for index in (0, 1):
        desk.click(0, *disc_centre(index, 0))
        desk.settle()
        desk.controller.next_object()
    desk.track()
    desk.wait_for_whole_timelines(1, 2)
    return desk


def box(desk):
    return desk.panel.review.swaps


def is_cell_1(desk, t: int, mask: np.ndarray) -> bool:
    return np.array_equal(desk.labels.data[t] == 1, mask)


def offer(desk, *proposals: SwapProposal) -> None:
    desk.controller.swaps.handlers[SwapsFound](SwapsFound(desk.image_state.number, proposals))
    desk.settle()


def test_a_swap_is_offered_where_it_happened_and_can_be_undone(tracked):
    zoom_in(tracked.image_state.image)
    offer(tracked, SwapProposal(4, 1, 2, 0.5))
    assert tracked.controller.view.frame == 4
    assert centre_of_view(tracked.viewer) == pytest.approx(disc_centre(0, 4), abs=0.1)
    assert (
        box(tracked).text.text() == "Cells 1 and 2 may have swapped on frame 4. Swap from here on?"
    )
    box(tracked).swap.click()
    tracked.qtbot.waitUntil(lambda: is_cell_1(tracked, 4, disc(1, 4)))
    assert is_cell_1(tracked, 3, disc(0, 3))
    tracked.qtbot.waitUntil(box(tracked).swap.isHidden)
    tracked.controller.review.undo()
    tracked.qtbot.waitUntil(lambda: is_cell_1(tracked, 4, disc(0, 4)))


def test_the_next_pair_follows_and_a_cell_that_is_gone_is_passed_over(tracked):
    pairs = (SwapProposal(4, 1, 2, 0.5), SwapProposal(3, 1, 9, 0.4), SwapProposal(6, 1, 2, 0.3))
    offer(tracked, *pairs)
    box(tracked).keep.click()
    tracked.settle()
    assert tracked.controller.view.frame == 6
    assert is_cell_1(tracked, 6, disc(0, 6))


def test_without_possible_swaps_the_user_is_told(tracked, monkeypatch):
    said = []
    monkeypatch.setattr("napari_sam2.plugin.window.swaps.show_info", said.append)
    tracked.qtbot.waitUntil(box(tracked).swaps.isEnabled)
    box(tracked).swaps.click()
    tracked.qtbot.waitUntil(lambda: said == ["No possible swaps were found."])
    assert not box(tracked).text.text()
