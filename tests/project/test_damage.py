"""Whatever is in the folder: an annotation, or an error in words; never code, never other files."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.manifest import read_manifest

from .desk import reopen, same_seen

Content = dict[str, Any]


@pytest.fixture
def closed(saved, annotation) -> Path:
    """A project that nobody has open, with a change in its journal."""
    annotation.rename_object(1, "after")
    saved.close()
    return saved.path


@pytest.fixture
def rewrite(closed: Path) -> Callable[[Callable[[Content], Any]], None]:
    """Edits session.json by hand."""

    def edit(change: Callable[[Content], Any]) -> None:
        content = json.loads((closed / "session.json").read_text("utf-8"))
        change(content)
        (closed / "session.json").write_text(json.dumps(content), "utf-8")

    return edit


EDITS: dict[str, tuple[Callable[[Content], Any], str]] = {
    "no version": (lambda c: c.pop("schema_version"), "which version"),
    "a version in words": (lambda c: c.update(schema_version="one"), "which version"),
    "a newer version": (lambda c: c.update(schema_version=99), "newer napari-sam2"),
    "a field too many": (lambda c: c.update(extra=1), "extra"),
    "a field too few": (lambda c: c.pop("model"), "model"),
    "a shape of words": (lambda c: c["image"].update(shape=["a", 2]), "image.shape"),
    "a shape of nothing": (lambda c: c["image"].update(shape=[0, 2]), "image.shape"),
    "limits that are one": (lambda c: c["image"].update(contrast_limits=[5, 5]), "contrast"),
    "limits that fall": (lambda c: c["image"]["contrast_limits"].reverse(), "contrast"),
    "grey said to be colour": (lambda c: c["image"].update(rgb=True), "image.*colour"),
    "colour said to be grey": (lambda c: c["image"].update(shape=[8, 40, 56, 3]), "image.*colour"),
    "limits without end": (lambda c: c["image"].update(contrast_limits=[0, 1e999]), "contrast"),
    "a path upwards": (lambda c: c["chunks"][0].update(file="../../etc/passwd"), "chunks.0.file"),
    "a path from the root": (lambda c: c["properties"].update(file="/etc/passwd"), "properties"),
    "a history elsewhere": (lambda c: c.update(history="../history-1.log"), "history"),
    "a generation below zero": (lambda c: c.update(generation=-1), "generation"),
    "a number that is text": (lambda c: c.update(next_number="7"), "next_number"),
    "a file that is not there": (
        lambda c: c["chunks"][0].update(file="masks/000000-77.bin"),
        "is missing",
    ),
    "another digest": (lambda c: c["properties"].update(digest="0" * 32), "digest differs"),
    "a history that is too long": (lambda c: c.update(history_bytes=10**9), "damaged"),
    "a history that ends within": (lambda c: c.update(history_bytes=30), "damaged"),
}


@pytest.mark.parametrize("what", EDITS)
def test_nonsense_by_hand_is_told_where_it_is(rewrite, closed, model, world, what: str) -> None:
    change, told = EDITS[what]
    rewrite(change)
    with pytest.raises(ProjectError, match=told):
        reopen(closed, model, world)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"text"', "[" * 100_000, "\x00\xff"])
def test_what_is_no_json_of_ours_is_refused(closed, model, world, text: str) -> None:
    (closed / "session.json").write_text(text, "utf-8")
    with pytest.raises(ProjectError, match="damaged"):
        reopen(closed, model, world)


def test_a_huge_manifest_is_not_read(closed, model, world) -> None:
    os.truncate(closed / "session.json", 2**30)
    with pytest.raises(ProjectError, match="too large"):
        reopen(closed, model, world)


def test_no_manifest_is_no_annotation(closed, model, world) -> None:
    (closed / "session.json").unlink()
    with pytest.raises(FileNotFoundError, match="no project"):
        reopen(closed, model, world)


def part_of(folder: Path, name: str) -> Path:
    manifest = read_manifest(folder)
    parts = {"masks": manifest.chunks[0].file, "properties": manifest.properties.file}
    return folder / parts[name]


class Exploit:
    """Would leave a trace if it were ever unpickled."""

    def __reduce__(self) -> Any:
        return (os.mkdir, ("unpickled",))


@pytest.mark.parametrize("name", ["masks", "properties"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:],
        lambda data: pickle.dumps(Exploit()),
        lambda data: bytes(len(data)),
    ],
    ids=["truncated", "empty", "flipped", "pickle", "zeros"],
)
def test_a_damaged_file_is_named(
    closed, model, world, tmp_path, monkeypatch: pytest.MonkeyPatch, name: str, damage: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    path = part_of(closed, name)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ProjectError, match=name):
        reopen(closed, model, world)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_out_of_the_folder_is_not_followed(closed, model, world, tmp_path) -> None:
    path = part_of(closed, "masks")
    shutil.move(path, tmp_path / "elsewhere.bin")
    path.symlink_to(tmp_path / "elsewhere.bin")
    with pytest.raises(ProjectError, match="leads out"):
        reopen(closed, model, world)


def test_a_damaged_journal_costs_only_what_follows(closed, annotation, model, world) -> None:
    journal = closed / read_manifest(closed).journal
    data = bytearray(journal.read_bytes())
    data[-3] ^= 1
    journal.write_bytes(data)
    annotation.undo()
    folder = reopen(closed, model, world)
    assert same_seen(folder.annotation, annotation)
    folder.close()


def test_a_refused_annotation_can_be_opened_once_it_is_mended(
    rewrite, closed, model, world
) -> None:
    rewrite(lambda content: content.update(generation=-1))
    with pytest.raises(ProjectError):
        reopen(closed, model, world)
    rewrite(lambda content: content.update(generation=1))
    reopen(closed, model, world).close()


def spots(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Ways to all values in a JSON tree."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree)
    found = [(*path, key) for key, _ in entries]
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
        if isinstance(value, dict | list):
            found += spots(value, (*path, key))
    return found


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = leaves | st.lists(leaves, max_size=4) | st.dictionaries(st.text(max_size=5), leaves)
ODD: list[Any] = [
    *(None, True, -1, 0, 3, 2**62, 2**64, 10**30, 0.5, 1e-320, 1e308, float("nan"), float("inf")),
    *("", "7", "\x00", "\ud800", "é" * 5000, "uint8", "object", "9999-12-31T23:59:59-23:00"),
    *([], {}, [None], [0, 1], [1, 0], [5, 5], [8, 40, 56, 1], [2**40, 2**40], {"": None}),
]


def test_odd_values_anywhere_are_taken_or_told(closed, model, world) -> None:
    good = (closed / "session.json").read_text("utf-8")
    for way in spots(json.loads(good)):
        for value in ODD:
            open_with(closed, model, world, good, way, value)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_value_anywhere_is_taken_or_told(closed, model, world, data: st.DataObject) -> None:
    good = (closed / "session.json").read_text("utf-8")
    way = data.draw(st.sampled_from(spots(json.loads(good))))
    open_with(closed, model, world, good, way, data.draw(anything))


def open_with(
    folder: Path, model: Any, world: Any, good: str, way: tuple[Any, ...], value: Any
) -> None:
    """Open an annotation of which one value was edited; other errors than ours are raised."""
    content = json.loads(good)
    place = content
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    (folder / "session.json").write_text(json.dumps(content), "utf-8")
    try:
        reopen(folder, model, world).close()
    except (ProjectError, FileNotFoundError):
        pass
    finally:
        (folder / "session.json").write_text(good, "utf-8")
