"""Lanes without a viewer: what is painted where, and what clicks and drags mean."""

import re

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QImage, QKeyEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_sam2.annotation.measured import Measurement
from napari_sam2.plugin.widgets.lane_paint import (
    BAR_HEIGHT,
    BAR_TOP,
    GUTTER,
    LOCK_HEIGHT,
    LOCK_TOP,
    ROW,
    RULER,
    Heading,
    tick_step,
)
from napari_sam2.plugin.widgets.lanes_box import HINT, LanesBox
from napari_sam2.plugin.widgets.lanes_picture import save_picture
from napari_sam2.plugin.widgets.lanes_view import LaneRange, LanesView
from napari_sam2.plugin.window.lane_words import why
from napari_sam2.plugin.window.timelines import MEASURED_STOPS, quality_colour

from .drawn_timelines import timeline

DRAWINGS = {1: "p=====??==", 2: "..=L==xx=="}
FRAMES = 10


def fill(view: LanesView, drawings=None) -> LanesView:
    drawings = drawings or DRAWINGS
    view.show_frames(len(next(iter(drawings.values()))))
    view.show_objects([Heading(i, "", (1.0, 0.0, 0.0, 1.0)) for i in drawings])
    for object_id, drawing in drawings.items():
        view.show_timeline(object_id, timeline(drawing))
    return view


@pytest.fixture
def box(qtbot) -> LanesBox:
    box = LanesBox()
    qtbot.addWidget(box)
    box.resize(600, 200)
    fill(box.view)
    with qtbot.waitExposed(box):
        box.show()
    return box


@pytest.fixture
def view(box) -> LanesView:
    return box.view


def place(view: LanesView, t: float, row: int) -> QPoint:
    """The middle of a frame in a lane."""
    return QPoint(round(GUTTER + view.axis.x(t + 0.5)), RULER + row * ROW + ROW // 2)


def click(view, t, row) -> None:
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place(view, t, row))


def drag(view, start, end, row) -> None:
    target = view.viewport()
    QTest.mousePress(target, Qt.MouseButton.LeftButton, pos=place(view, start, row))
    QTest.mouseMove(target, place(view, (start + end) / 2, row))
    QTest.mouseMove(target, place(view, end, row))
    QTest.mouseRelease(target, Qt.MouseButton.LeftButton, pos=place(view, end, row))


def turn_wheel(view, modifier=Qt.KeyboardModifier.NoModifier, angle=120) -> None:
    at = QPointF(place(view, 5, 0))
    event = QWheelEvent(
        at,
        at,
        QPoint(),
        QPoint(0, angle),
        Qt.MouseButton.NoButton,
        modifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


def colour_at(view, t, row, depth=ROW // 2 - 2) -> tuple[int, int, int]:
    """Colour in the middle of a frame, so many pixels below the top of its lane."""
    picture = view.viewport().grab()
    at = place(view, t, row) + QPoint(0, depth - ROW // 2)
    colour = picture.toImage().pixelColor(at * picture.devicePixelRatio())
    return colour.red(), colour.green(), colour.blue()


def test_all_frames_fit_at_first(view):
    assert view.axis.x(FRAMES) == pytest.approx(view.viewport().width() - GUTTER)
    assert not view.horizontalScrollBar().maximum()


def test_bars_are_painted_where_there_are_masks(view):
    view.show_place(4, 0)
    good, doubtful, nothing = (colour_at(view, *at) for at in ((3, 0), (6, 0), (0, 1)))
    assert good[1] > good[0]
    assert doubtful[0] > doubtful[1]
    assert nothing == colour_at(view, 1, 1)
    assert nothing not in (good, doubtful)


def test_prompted_frames_have_dots_and_locked_ones_a_mark(view):
    view.show_place(8, 0)
    bar, lock = BAR_TOP + BAR_HEIGHT // 2, LOCK_TOP + LOCK_HEIGHT // 2
    assert colour_at(view, 0, 0, bar) != colour_at(view, 3, 0, bar)
    assert colour_at(view, 4, 1, lock) != colour_at(view, 3, 1, lock)


def test_lost_frames_have_a_line_where_others_are_empty(view):
    view.show_place(8, 0)
    line = BAR_TOP + BAR_HEIGHT // 2
    assert colour_at(view, 6, 1, line) != colour_at(view, 0, 1, line)
    assert colour_at(view, 6, 1, BAR_TOP) == colour_at(view, 0, 1, BAR_TOP)


def test_a_changed_timeline_is_painted_anew(view):
    before = colour_at(view, 3, 0)
    view.show_timeline(1, timeline("p==?==??=="))
    assert colour_at(view, 3, 0) != before


def test_click_jumps_to_frame_and_object(view, qtbot):
    with qtbot.waitSignal(view.jumped) as jumped:
        click(view, 7, 1)
    assert jumped.args == [7, 2]


def test_click_in_the_ruler_jumps_to_the_frame_only(view, qtbot):
    at = QPoint(place(view, 4, 0).x(), RULER // 2)
    with qtbot.waitSignal(view.jumped) as jumped:
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert jumped.args == [4, 0]


def test_click_on_a_name_stays_on_the_frame(view, qtbot):
    view.show_place(6, 1)
    at = QPoint(20, place(view, 0, 1).y())
    with qtbot.waitSignal(view.jumped) as jumped:
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert jumped.args == [6, 2]


def test_click_below_the_lanes_means_nothing(view, qtbot):
    with qtbot.assertNotEmitted(view.range_changed):
        click(view, 4, 5)
        drag(view, 2, 6, 5)


@pytest.mark.parametrize(("start", "end"), [(2, 5), (5, 2)])
def test_drag_selects_frames(view, start, end):
    drag(view, start, end, 1)
    assert view.selected == LaneRange(2, range(2, 6))


def test_a_drag_is_no_jump(view, qtbot):
    with qtbot.assertNotEmitted(view.jumped):
        drag(view, 2, 5, 0)


def test_shift_click_selects_from_the_shown_frame(view):
    view.show_place(1, 1)
    QTest.mouseClick(
        view.viewport(),
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.ShiftModifier,
        place(view, 4, 0),
    )
    assert view.selected == LaneRange(1, range(1, 5))


def test_double_click_selects_the_bar(view):
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=place(view, 4, 1))
    assert view.selected == LaneRange(2, range(2, 6))


def test_a_click_ends_the_selection(view):
    drag(view, 2, 5, 0)
    click(view, 8, 1)
    assert view.selected is None


def test_a_removed_object_takes_its_selection_along(view):
    drag(view, 2, 5, 1)
    view.show_objects([Heading(1, "", (1.0, 0.0, 0.0, 1.0))])
    assert view.selected is None


def test_the_menu_is_for_the_frame_under_the_mouse(view):
    asked = []
    view.menu_asked.disconnect()
    view.menu_asked.connect(asked.append)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=place(view, 3, 0))
    assert view.selected == LaneRange(1, range(3, 4))
    assert len(asked) == 1


def test_the_menu_keeps_a_selection_that_was_clicked(view):
    view.menu_asked.disconnect()
    drag(view, 2, 5, 0)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, pos=place(view, 3, 0))
    assert view.selected == LaneRange(1, range(2, 6))


def test_ctrl_wheel_zooms(view):
    fill(view, {1: "=" * 2000})
    zoom = view.axis.zoom
    turn_wheel(view, Qt.KeyboardModifier.ControlModifier)
    assert view.axis.zoom > zoom
    turn_wheel(view, Qt.KeyboardModifier.ControlModifier, angle=-120)
    assert view.axis.zoom == pytest.approx(zoom)


def test_zoom_keeps_the_frame_under_the_mouse(view):
    fill(view, {1: "=" * 2000})
    x = 200.0
    t = view.axis.frame(x)
    view.zoom(8, x)
    assert view.axis.zoom > 1
    assert abs(view.axis.frame(x) - t) <= 1
    view.fit()
    assert view.axis.x(2000) == pytest.approx(view.viewport().width() - GUTTER)


def test_wheel_scrolls_objects_and_with_shift_time(view):
    fill(view, dict.fromkeys(range(1, 60), "=" * 2000))
    view.zoom(8, 0)
    turn_wheel(view, angle=-120)
    assert view.verticalScrollBar().value() > 0
    turn_wheel(view, Qt.KeyboardModifier.ShiftModifier, angle=-120)
    assert view.horizontalScrollBar().value() > 0


def test_the_shown_frame_and_object_are_scrolled_into_view(view):
    fill(view, dict.fromkeys(range(1, 60), "=" * 2000))
    view.zoom(8, 0)
    view.show_place(1900, 55)
    assert 1900 in view.axis.visible(view.viewport().width() - GUTTER)
    assert view.verticalScrollBar().value() >= 50 * ROW - view.viewport().height()


def test_only_visible_lanes_get_a_picture(view):
    fill(view, dict.fromkeys(range(1, 200), "=" * 50))
    view.viewport().repaint()
    made = [object_id for object_id, lane in view._lanes.items() if not lane._image.isNull()]
    assert 1 in made
    assert 150 not in made


def test_tool_tip_says_what_a_frame_is(view):
    assert view.tip_at(QPointF(place(view, 3, 1))) == "cell 2, frame 3: quality 0.90, locked"
    assert view.tip_at(QPointF(place(view, 6, 1))) == "cell 2, frame 6: lost"


@pytest.mark.parametrize(("zoom", "step"), [(24, 5), (60, 1), (1, 100), (0.4, 200)])
def test_ruler_has_round_steps(zoom, step):
    assert tick_step(zoom) == step


def test_buttons_wait_for_a_selection(box):
    assert box.text.text() == HINT
    assert not box.clear.isEnabled()
    drag(box.view, 2, 5, 1)
    assert box.text.text() == "Cell 2, frames 2–5"
    assert box.clear.isEnabled()


@pytest.mark.parametrize("name", ["clear", "accept", "track"])
def test_buttons_ask_for_the_selected_frames(box, qtbot, name):
    drag(box.view, 2, 5, 1)
    with qtbot.waitSignal(getattr(box, f"{name}_asked")) as asked:
        getattr(box, name).click()
    assert asked.args == [LaneRange(2, range(2, 6))]


def test_lock_and_unlock_by_the_menu(box, qtbot):
    drag(box.view, 2, 5, 1)
    actions = {action.text(): action for action in box.menu().actions()}
    for name, is_locked in (("Lock", True), ("Unlock", False)):
        with qtbot.waitSignal(box.lock_asked) as asked:
            actions[name].trigger()
        assert asked.args == [LaneRange(2, range(2, 6)), is_locked]


@pytest.mark.parametrize("suffix", ["png", "SVG"])
def test_a_picture_has_all_lanes(qtbot, tmp_path, suffix):
    view = LanesView()
    qtbot.addWidget(view)
    fill(view, dict.fromkeys(range(1, 31), DRAWINGS[1]))
    view.resize(300, 60)  # three of the lanes are on the screen
    path = tmp_path / f"lanes.{suffix}"
    save_picture(view, path)
    if suffix == "SVG":
        text = path.read_text(encoding="utf-8")
        assert all(re.search(rf">\s*{number}\s*<", text) for number in (1, 30))
        return
    picture = QImage(str(path))
    last = picture.copy(2 * GUTTER, picture.height() - 2 * ROW, picture.width(), 2 * ROW)
    middle = last.pixelColor(last.width() // 4, 2 * (BAR_TOP + BAR_HEIGHT // 2))
    assert middle.green() > middle.red()


def test_a_picture_of_another_kind_is_refused(view, tmp_path):
    with pytest.raises(ValueError, match=r"ends with \.png or \.svg"):
        save_picture(view, tmp_path / "lanes.jpg")
    assert not list(tmp_path.iterdir())


def test_the_legend_names_every_colour(box):
    assert all(
        words in box.legend.text()
        for words in ("likely right", "unsure", "likely wrong", "reviewed", "unusual")
    )


def test_words_say_why_a_mask_is_worth_a_look():
    drawn = timeline("=?v")
    drawn.error_probability = np.array([0.62, np.nan, 0.9], np.float32)
    drawn.is_likely_wrong = np.array([True, False, True])
    drawn.reasons = ("the guesses of the network differ", "", "")
    assert why(drawn, 0) == "Likely wrong (62 %): the guesses of the network differ."
    assert why(drawn, 1) == "Unusual, but it may be right: low iou."
    assert why(drawn, 2) == ""


FAMILY = {1: "p===......", 2: "....p=====", 3: "....p=====", 5: "=========="}
MOTHER_OF = {2: 1, 3: 1}
KEYS = {"up": Qt.Key.Key_Up, "down": Qt.Key.Key_Down} | {
    "left": Qt.Key.Key_Left,
    "right": Qt.Key.Key_Right,
}


@pytest.mark.parametrize(
    ("here", "key", "there"),
    [
        ((5, 2), "down", (5, 3)),
        ((5, 3), "up", (5, 2)),
        ((5, 1), "up", (5, 1)),
        ((5, 5), "down", (5, 5)),
        ((5, 9), "down", (5, 1)),
        ((5, 2), "left", (4, 2)),
        ((5, 2), "right", (6, 2)),
        ((4, 3), "left", (3, 1)),
        ((3, 1), "right", (4, 2)),
        ((0, 5), "left", (0, 5)),
        ((9, 5), "right", (9, 5)),
    ],
    ids=lambda value: str(value),
)
def test_arrow_keys_walk_through_lanes_and_families(view, here, key, there) -> None:
    fill(view, FAMILY)
    colour = (1.0, 0.0, 0.0, 1.0)
    view.show_objects([Heading(key, "", colour, MOTHER_OF.get(key)) for key in FAMILY])
    view.show_place(*here)
    jumps = []
    view.jumped.connect(lambda t, object_id: jumps.append((t, object_id)))
    QTest.keyClick(view, KEYS[key])
    assert jumps == [there]


@pytest.mark.parametrize("modifier", ["NoModifier", "ControlModifier"])
def test_other_keys_are_left_to_the_viewer(view, modifier) -> None:
    key = Qt.Key.Key_D if modifier == "NoModifier" else Qt.Key.Key_Up
    event = QKeyEvent(QEvent.Type.KeyPress, key, getattr(Qt.KeyboardModifier, modifier))
    view.keyPressEvent(event)
    assert not event.isAccepted()


def measured(*values) -> Measurement:
    return Measurement.of(np.array(values, np.float32))


@pytest.fixture
def family(box) -> LanesBox:
    """Cell 1 with an area of 90 divides into 2 and 3, with areas of 40 and 60; 4 is another one."""
    nan, colour = np.nan, (1.0, 0.0, 0.0, 1.0)
    areas = {1: (90, 90, nan, nan), 2: (nan, nan, 40, 40), 3: (nan, nan, 60, 60), 4: (10,) * 4}
    box.view.show_frames(4)
    box.view.show_objects([Heading(key, "", colour, MOTHER_OF.get(key)) for key in areas])
    for key, values in areas.items():
        drawing = "".join("." if np.isnan(value) else "=" for value in values)
        box.view.show_timeline(key, timeline(drawing, {"area": measured(*values)}))
    box.view.show_place(0, 1)
    return box


def choose_colour(box: LanesBox, name: str) -> None:
    box.colour.setCurrentText(name)
    box.colour.activated.emit(box.colour.currentIndex())


def bar_at(view: LanesView, t: int, row: int) -> tuple[int, ...]:
    """Colour of the bar of a lane on a frame."""
    picture = view.viewport().grab().toImage()
    at = place(view, t, row)
    return picture.pixelColor(at.x() + 20, RULER + row * ROW + BAR_TOP + 2).getRgb()[:3]


def test_lanes_are_coloured_by_a_measurement(family) -> None:
    choose_colour(family, "area")
    colouring = family.view.colouring
    assert (colouring.low, colouring.high) == (10, 90)
    assert bar_at(family.view, 0, 0) == MEASURED_STOPS[-1][1]
    assert bar_at(family.view, 0, 3) == MEASURED_STOPS[0][1]
    assert family.legend.text().startswith("area: 10 ")


def test_lanes_are_coloured_by_quality_again(family) -> None:
    choose_colour(family, "area")
    choose_colour(family, "quality")
    assert family.view.colouring is None
    assert bar_at(family.view, 0, 0) == quality_colour(0.9)


def test_plot_shows_the_current_cell_and_its_daughters(family) -> None:
    assert [heading.object_id for heading, _ in family.plot.curves()] == [1, 2, 3]
    family.view.show_place(2, 3)
    assert [heading.object_id for heading, _ in family.plot.curves()] == [3]
    assert family.plot.limits() == (0, 60)


def test_click_in_the_plot_goes_to_the_nearest_cell(family) -> None:
    family.plot_shown.click()
    assert family.plot.isVisible()
    QApplication.processEvents()
    jumps = []
    family.view.jumped.connect(lambda t, object_id: jumps.append((t, object_id)))
    x = round(GUTTER + family.view.axis.x(2.5))
    for y in (0, family.plot.height() - 1):
        QTest.mouseClick(family.plot, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    assert jumps == [(2, 3), (2, 2)]


def test_plot_draws_curves_in_the_colour_of_the_cells(family) -> None:
    family.plot_shown.click()
    QApplication.processEvents()
    picture = family.plot.grab().toImage()
    assert family.plot.place_at(QPointF(GUTTER + family.view.axis.x(0.5), 8)) == (0, 1)
    drawn = picture.pixelColor(round(GUTTER + family.view.axis.x(1)), 8)
    assert drawn.red() > drawn.blue() + 100
