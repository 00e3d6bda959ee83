"""The tour of the first run waits for what its tips say, and does not come twice."""

from napari_sam2.io.window_settings import read_window_settings
from napari_sam2.plugin.window.tour import END, TIPS, Deeds, Tour

from .world import disc_centre


def test_each_tip_waits_for_its_deed():
    ended = []
    tour = Tour(ended.append)
    assert tour.text is None
    tour.start()
    deeds = (Deeds(1), Deeds(2), Deeds(2, True, 5), Deeds(2, True, 5), Deeds(2, True, 6))
    numbers = []
    for now in deeds:
        tour.look(now)
        numbers.append(None if tour.text is None else int(tour.text.split()[1]))
    assert numbers == [2, 3, 4, 4, None]
    assert ended == [True]


def test_skip_ends_the_tour():
    ended = []
    tour = Tour(ended.append)
    tour.skip()
    assert not ended
    tour.start()
    tour.skip()
    assert ended == [False]
    assert tour.text is None


def test_the_tour_is_taken_with_real_clicks_and_is_remembered(desk):
    panel = desk.panel

    def shown() -> str:
        desk.qtbot.waitUntil(lambda: not panel.is_behind)
        return panel.tour.text.text()

    panel._begin_tour()
    assert shown().endswith(TIPS[0].text)
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    assert shown().endswith(TIPS[1].text)
    desk.controller.next_object()
    desk.click(0, *disc_centre(1, 0))
    desk.settle()
    assert shown().endswith(TIPS[2].text)
    desk.track()
    assert shown().endswith(TIPS[3].text)
    assert not read_window_settings().has_toured
    desk.go_to(1)
    desk.qtbot.waitUntil(lambda: not panel.tour.isVisible())
    assert panel.status.message.text.text() == END
    assert read_window_settings().has_toured
    panel._begin_tour()
    assert shown() == ""


def test_skip_is_remembered_too(desk):
    desk.panel._begin_tour()
    desk.qtbot.waitUntil(desk.panel.tour.isVisible)
    desk.panel.tour.skip.click()
    desk.qtbot.waitUntil(lambda: not desk.panel.tour.isVisible())
    assert read_window_settings().has_toured
