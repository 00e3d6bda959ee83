import numpy as np
import pytest

from napari_sam2.annotation import Annotation

from .helpers import click
from .stand_in import StandInTracker


@pytest.fixture
def heard(annotation: Annotation) -> list[tuple[object, ...]]:
    """Names and arguments of all events, in order."""
    events: list[tuple[object, ...]] = []
    annotation.events.connect(lambda info: events.append((info.signal.name, *info.args)))
    return events


def test_first_click_tells_object_prompt_frame_and_history(annotation, tracker, heard) -> None:
    click(annotation, tracker, 1, t=2)
    assert heard == [
        ("objects_changed",),
        ("prompts_changed", 2, 1),
        ("frame_changed", 2),
        ("history_changed",),
    ]


def test_second_click_tells_nothing_of_objects(annotation, tracker, heard) -> None:
    click(annotation, tracker, 1)
    heard.clear()
    annotation.add_points(0, 1, [[1, 1]], [1])
    assert ("objects_changed",) not in heard


def test_propagation_tells_each_frame_as_it_comes(annotation, tracker, heard) -> None:
    click(annotation, tracker, 1)
    heard.clear()
    for result in annotation.propagate():
        assert ("frame_changed", result.t) in heard
    assert [event[1] for event in heard if event[0] == "frame_changed"] == [0, 1, 2, 3, 4]


def test_undo_tells_the_frames_it_changed(annotation, tracker, heard) -> None:
    click(annotation, tracker, 1)
    list(annotation.propagate(0, 3))
    heard.clear()
    annotation.undo()
    assert heard == [*(("frame_changed", t) for t in range(3)), ("history_changed",)]


def test_removal_tells_of_its_prompts(annotation, tracker, heard) -> None:
    click(annotation, tracker, 1, t=3)
    annotation.add_box(1, 1, (1, 1, 4, 4))
    heard.clear()
    annotation.remove_object(1)
    annotation.undo()
    told = [event[1:] for event in heard if event[0] == "prompts_changed"]
    assert told == [(1, 1), (3, 1)] * 2


def test_wider_labels_are_told_before_the_frame(annotation, tracker, heard) -> None:
    annotation.add_points(0, 70000, [tracker.centres[0, 0]], [1])
    names = [event[0] for event in heard]
    assert names.index("labels_replaced") < names.index("frame_changed")


def test_labels_are_replaced_once(annotation, tracker, heard) -> None:
    annotation.add_object(70000)
    annotation.undo()
    annotation.redo()
    annotation.add_object(70001)
    assert heard.count(("labels_replaced",)) == 1


def test_failed_call_tells_nothing(annotation, tracker, heard) -> None:
    with pytest.raises(ValueError):
        annotation.add_box(0, 1, (4, 4, 4, 4))
    assert heard == []


def test_listener_finds_the_change_complete(annotation, tracker: StandInTracker) -> None:
    found = []

    def look(*args: int) -> None:
        found.append((np.array_equal(annotation.labels[0], tracker.labels(0)), annotation.can_undo))

    annotation.events.connect_direct(look)
    click(annotation, tracker, 1)
    assert found
    assert set(found) == {(True, True)}


def test_history_is_told_once_a_propagation_begins_and_ends(annotation, tracker, heard) -> None:
    click(annotation, tracker, 1)
    heard.clear()
    list(annotation.propagate())
    assert heard.count(("history_changed",)) == 2
