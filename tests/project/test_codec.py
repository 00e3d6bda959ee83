from __future__ import annotations

import contextlib
import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.annotation.actions import Group, SetObject
from napari_sam2.annotation.journal_entries import Entry, Recorded
from napari_sam2.annotation.objects import AnnotatedObject
from napari_sam2.io.project.codec import RecordPool, pack, unpack
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.tags import kinds_by_tag
from napari_sam2.tracking import ObjectState, Prompt

from .values import RECORDS, actions, instances, same

KEPT = sorted(
    tag for tag, kind in kinds_by_tag.items() if tag in actions() or issubclass(kind.cls, Entry)
)
few = settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))


def there_and_back(value: Any, hint: Any) -> Any:
    return unpack(pack(value, RecordPool()), hint, RecordPool())


@pytest.mark.parametrize("name", KEPT)
@few
@given(data=st.data())
def test_every_action_and_entry_comes_back_equal(name: str, data: st.DataObject) -> None:
    cls = kinds_by_tag[name].cls
    value = data.draw(instances(cls))
    assert same(there_and_back(value, cls), value)


@few
@given(record=RECORDS)
def test_a_record_is_written_once(record: Any) -> None:
    pool, other = RecordPool(), RecordPool()
    state = ObjectState(None, {0: record, 3: record})
    first, second = pack(state, pool), pack(state, pool)
    assert len(second) <= len(first)
    back = [unpack(data, ObjectState, other).records for data in (first, second)]
    assert len({id(found) for records in back for found in records.values()}) == 1
    assert same(back[0][0], record)


def test_arrays_come_back_to_be_written_to() -> None:
    prompt = Prompt(0, 1, mask=np.ones((3, 11), bool))
    assert there_and_back(prompt, Prompt).mask.crop.flags.writeable


def test_what_cannot_be_saved_is_refused() -> None:
    with pytest.raises(TypeError, match="object cannot be saved"):
        pack(object(), RecordPool())
    with pytest.raises(TypeError, match="an array of object"):
        pack(np.array([None]), RecordPool())


def made(value: Any, records: Any = (), arrays: Any = (), blob: bytes = b"") -> bytes:
    """What somebody might put together by hand, with a checksum that fits."""
    text = json.dumps({"value": value, "records": records, "arrays": arrays}).encode()
    head = struct.pack("<II", len(text), zlib.crc32(text + blob))
    return zlib.compress(head + text + blob)


NONSENSE = {
    "a string for a number": made({"is": "Folded", "count": "two", "text": ""}),
    "a truth for a number": made({"is": "Folded", "count": True, "text": ""}),
    "a field too many": made({"is": "Forgotten", "path": "/etc/passwd"}),
    "a field too few": made({"is": "Folded", "count": 2}),
    "a class of others": made({"is": "Path"}),
    "another class of ours": made({"is": "Prompt", "t": 0, "object_id": 1}),
    "a list": made([1, 2]),
    "nothing": made(None),
    "an unknown record": made({"is": "Advanced", "t": 0, "states": {"record": 7}}),
    "an array that lies": made(None, arrays=[["<f4", [10**9, 10**9]]], blob=b"1234"),
    "an array below zero": made(None, arrays=[["<f4", [-1]]], blob=b""),
    "an array of objects": made(None, arrays=[["|O", [1]]], blob=b"12345678"),
    "a structured array": made(None, arrays=[["f4,f4", [1]]], blob=b"12345678"),
    "an array of no kind": made(None, arrays=[["evil", [1]]], blob=b"1"),
    "bytes too many": made(None, blob=b"more"),
    "deep lists": made(json.loads("[" * 500 + "]" * 500)),
    "not compressed": b"hello",
    "empty": b"",
    "cut off": pack(None, RecordPool())[:-5],
}


@pytest.mark.parametrize("what", NONSENSE)
def test_nonsense_is_an_error_in_words(what: str) -> None:
    with pytest.raises(ProjectError):
        unpack(NONSENSE[what], Entry, RecordPool())


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_sam2.io.project.codec.MAX_BYTES", 2**20)
    with pytest.raises(ProjectError, match="larger than they may be"):
        unpack(zlib.compress(bytes(2**24)), Entry, RecordPool())


GROUP = Recorded(Group("add object 1", (SetObject(1, None, AnnotatedObject(1, "µ 細胞")),)))


@settings(max_examples=200, deadline=None)
@given(position=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_changed_byte_is_noticed_or_changes_nothing(position: float, byte: int) -> None:
    data = bytearray(pack(GROUP, RecordPool()))
    data[int(position * len(data))] = byte
    try:
        back = unpack(bytes(data), Entry, RecordPool())
    except ProjectError:
        return
    assert same(back, GROUP)


def other_trees() -> st.SearchStrategy[Any]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    names = st.sampled_from(["is", "group", "text", "actions", "array", "record", "keys", "values"])
    kinds = st.sampled_from(sorted(kinds_by_tag))
    return st.recursive(
        leaves | kinds,
        lambda part: st.lists(part, max_size=3) | st.dictionaries(names, part, max_size=4),
        max_leaves=12,
    )


@settings(max_examples=300, deadline=None)
@given(tree=other_trees())
def test_any_json_is_a_value_or_an_error_in_words(tree: Any) -> None:
    with contextlib.suppress(ProjectError):
        assert isinstance(unpack(made(tree), Entry, RecordPool()), Entry)
