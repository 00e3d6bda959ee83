"""Methods of an annotation that are called by their names."""

import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal import journaled
from napari_sam2.annotation.journal_entries import Called
from napari_sam2.annotation.object_list import ObjectList

from .helpers import click
from .stand_in import StandInTracker


def test_call_does_what_the_method_does(annotation: Annotation) -> None:
    assert annotation.call(Called("add_object", {"object_id": 7, "name": "mother"})) == 7
    assert annotation.objects[7].name == "mother"


def test_call_is_recorded_once(annotation: Annotation, tracker: StandInTracker) -> None:
    click(annotation, tracker, 1)
    entries: list[object] = []
    annotation.follow_journal(entries.extend)
    annotation.call(Called("accept", {"object_id": 1, "frames": [0]}))
    (called,) = [entry for entry in entries if isinstance(entry, Called)]
    assert (called.name, called.arguments) == ("accept", {"object_id": 1, "frames": [0]})


def test_labels_can_be_imported_by_name(annotation: Annotation) -> None:
    labels = annotation.labels[0] + 5
    assert annotation.call(Called("import_labels", {"labels": labels, "t": 0})) == (5,)


@pytest.mark.parametrize("name", ["invent", "save", "propagate", "_state", "labels", "events"])
def test_only_journaled_methods_are_called(annotation: Annotation, name: str) -> None:
    with pytest.raises(ValueError, match=f"an annotation has no journaled method '{name}'"):
        annotation.call(Called(name, {}))


def test_a_new_action_is_one_method_of_a_part(
    annotation: Annotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    @journaled
    def add_two_objects(self: ObjectList) -> tuple[int, int]:
        return self.add_object(), self.add_object()

    monkeypatch.setattr(ObjectList, "add_two_objects", add_two_objects, raising=False)
    assert annotation.call(Called("add_two_objects", {})) == (1, 2)
