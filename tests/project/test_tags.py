"""The names in files are those of the table, whatever classes, fields and methods are called."""

from __future__ import annotations

import dataclasses
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from operator import attrgetter

import pytest

import napari_sam2.annotation
from napari_sam2.annotation import Annotation
from napari_sam2.annotation.actions import Group
from napari_sam2.annotation.annotation import PARTS
from napari_sam2.annotation.journal import is_callable_by_name, journaled
from napari_sam2.annotation.journal_entries import Called, Entry, Folded
from napari_sam2.annotation.object_list import ObjectList
from napari_sam2.io.project import tags
from napari_sam2.io.project.codec import RecordPool, pack, unpack
from napari_sam2.io.project.history import repeat
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.tags import CALLS, KINDS, Call, Kind, index
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .old import rows


def classes_of_annotation() -> Iterator[type]:
    package = napari_sam2.annotation
    for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for value in vars(import_module(info.name)).values():
            if isinstance(value, type) and dataclasses.is_dataclass(value):
                yield value


def is_kept(cls: type) -> bool:
    """Whether its instances come into a journal: the kinds of actions and of entries."""
    is_action = hasattr(cls, "inverse") and hasattr(cls, "apply")
    return is_action or (issubclass(cls, Entry) and cls is not Entry)


def test_every_action_and_entry_has_a_tag() -> None:
    kept = {cls for cls in classes_of_annotation() if is_kept(cls)}
    assert {Group, Called} <= kept
    assert kept <= {kind.cls for kind in KINDS}


def test_every_method_that_is_called_by_name_has_a_tag() -> None:
    methods = [getattr(part, name) for part in PARTS for name in dir(part)]
    callable_ones = sorted(filter(is_callable_by_name, methods), key=attrgetter("__name__"))
    assert callable_ones == sorted((c.method for c in CALLS), key=attrgetter("__name__"))


def test_two_kinds_cannot_have_one_tag() -> None:
    rows = (Kind("Folded", Folded), Kind("Folded", Group))
    with pytest.raises(ValueError, match="have one name"):
        index(rows, lambda kind: kind.tag)


def test_a_class_without_a_tag_is_not_saved() -> None:
    @dataclasses.dataclass(frozen=True, eq=False)
    class Untagged(Entry):
        pass

    with pytest.raises(TypeError, match=r"Untagged cannot be saved: it has no tag in .*tags"):
        pack(Untagged(), RecordPool())


# After a rename


@dataclasses.dataclass(frozen=True, eq=False)
class Joined(Entry):
    """What `Folded` may be called one day, with a new field."""

    text: str
    steps: int
    by: str = "a person"


@pytest.fixture
def renamed_class(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind("Folded", Joined, {"count": "steps"})
    monkeypatch.setitem(tags.kinds_by_tag, "Folded", kind)
    monkeypatch.setitem(tags.kinds_by_class, Joined, kind)


def test_a_renamed_class_with_renamed_and_new_fields_is_read(
    request: pytest.FixtureRequest,
) -> None:
    data = pack(Folded(3, "strokes"), RecordPool())
    request.getfixturevalue("renamed_class")
    back = unpack(data, Entry, RecordPool())
    assert back.__dict__ == {"text": "strokes", "steps": 3, "by": "a person"}


def test_a_renamed_class_is_written_under_its_tags(renamed_class) -> None:
    (row,) = rows(pack(Joined("strokes", 3), RecordPool()))
    assert row == {"is": "Folded", "text": "strokes", "count": 3, "by": "a person"}


@journaled
def put_name(self: ObjectList, key: int, title: str) -> None:
    """What `rename_object` and its parameters may be called one day."""
    self.rename_object(key, title)


@pytest.fixture
def renamed_method(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ObjectList, "put_name", put_name, raising=False)
    call = Call("rename_object", put_name, {"object_id": "key", "name": "title"})
    monkeypatch.setitem(tags.calls_by_tag, "rename_object", call)
    monkeypatch.setitem(tags.calls_by_method, "put_name", call)


def test_a_renamed_method_with_renamed_parameters_is_replayed(
    request: pytest.FixtureRequest, model: Sam2, world: World
) -> None:
    data = pack(Deed(0.0, "rename_object", {"object_id": 1, "name": "new"}), RecordPool())
    request.getfixturevalue("renamed_method")
    deed = unpack(data, Deed, RecordPool())
    assert (deed.name, deed.arguments) == ("put_name", {"key": 1, "title": "new"})
    document = Annotation(Tracker(model, world.images))
    document.add_object(1)
    list(repeat([deed], document))
    assert document.objects[1].name == "new"


def test_a_renamed_method_is_written_under_its_tags(renamed_method) -> None:
    data = pack(Called("put_name", {"key": 1, "title": "new"}), RecordPool())
    row = next(rows(data))
    assert row["name"] == "rename_object"
    assert row["arguments"]["keys"] == ["object_id", "name"]


def test_a_call_of_a_newer_program_stays_as_it_is() -> None:
    deed = Deed(0.0, "invent", {"t": 3})
    back = unpack(pack(deed, RecordPool()), Deed, RecordPool())
    assert (back.name, back.arguments) == ("invent", {"t": 3})
