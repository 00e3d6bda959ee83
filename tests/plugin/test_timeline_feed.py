"""Which timelines are told, and when."""

import pytest

from napari_sam2.plugin.inference.timeline_feed import LEAST_PAUSE_S, TimelineFeed


class Paper:
    """A document whose timelines are words, and a clock that stands."""

    def __init__(self):
        self.objects = {1: "one", 2: "two", 3: "three"}
        self.told = []
        self.now = 0.0
        self.feed = TimelineFeed(7, self, self._tell, lambda: self.now)

    def timeline(self, object_id):
        return self.objects[object_id]

    def _tell(self, report):
        self.told.append((report.object_id, report.timeline))

    def tell_all(self, is_tracking=False):
        while self.feed.is_due(is_tracking):
            self.feed.tell_one()
        told, self.told = self.told, []
        return told


@pytest.fixture
def paper():
    return Paper()


def test_everything_is_told_once(paper):
    assert paper.tell_all() == [(1, "one"), (2, "two"), (3, "three")]
    assert not paper.feed.is_due(False)


def test_only_what_changed_is_told_again(paper):
    paper.tell_all()
    paper.objects[2] = "second"
    paper.feed.mark()
    assert paper.tell_all() == [(2, "second")]


def test_one_step_tells_one_timeline(paper):
    paper.feed.tell_one()
    assert paper.told == [(1, "one")]
    assert paper.feed.is_due(True)  # the round goes on


def test_rounds_pause_while_tracking(paper):
    paper.tell_all()
    paper.feed.mark()
    assert not paper.feed.is_due(True)
    assert paper.feed.is_due(False)
    paper.now += LEAST_PAUSE_S
    assert paper.feed.is_due(True)


def test_a_removed_object_is_not_asked_for(paper):
    paper.feed.tell_one()
    del paper.objects[2]
    assert paper.tell_all() == [(1, "one"), (3, "three")]


def test_a_window_that_forgot_is_told_everything(paper):
    paper.tell_all()
    paper.feed.forget()
    assert len(paper.tell_all()) == 3
