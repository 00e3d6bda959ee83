from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.journal_file import TITLE, JournalFile, read_journal

PIECES = (b"one", b"", b"three" * 100)


def written(path: Path, *pieces: bytes) -> Path:
    journal = JournalFile(path)
    for piece in pieces:
        journal.append(piece)
    journal.close()
    return path


def test_pieces_come_back_in_order(tmp_path: Path) -> None:
    content = read_journal(written(tmp_path / "journal", *PIECES))
    assert (content.pieces, content.torn_bytes) == (PIECES, 0)


def test_a_piece_is_with_the_system_at_once(tmp_path: Path) -> None:
    journal = JournalFile(tmp_path / "journal")
    journal.append(b"one")
    assert read_journal(journal.path).pieces == (b"one",)
    journal.close()


def test_a_journal_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = written(tmp_path / "journal", b"one")
    assert read_journal(written(path, b"two")).pieces == (b"one", b"two")


@settings(max_examples=50, deadline=None)
@given(kept=st.integers(0, 600))
def test_a_torn_end_is_dropped_and_written_over(
    tmp_path_factory: pytest.TempPathFactory, kept: int
) -> None:
    path = written(tmp_path_factory.mktemp("torn") / "journal", *PIECES)
    os.truncate(path, min(kept, path.stat().st_size))
    pieces = read_journal(path).pieces
    assert pieces == PIECES[: len(pieces)]
    assert read_journal(written(path, b"next")).pieces == (*pieces, b"next")


@settings(max_examples=50, deadline=None)
@given(place=st.integers(len(TITLE), 500), value=st.integers(0, 255))
def test_damage_never_gives_other_pieces(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    path = written(tmp_path_factory.mktemp("damaged") / "journal", *PIECES)
    data = bytearray(path.read_bytes())
    data[place] = value
    path.write_bytes(data)
    pieces = read_journal(path).pieces
    assert pieces == PIECES[: len(pieces)]


def test_another_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b"something else entirely")
    with pytest.raises(ProjectError, match="no journal"):
        JournalFile(path)
    assert path.read_bytes() == b"something else entirely"


class FullDisk:
    """Takes so many bytes, then none."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 0
        self._write = os.write
        monkeypatch.setattr("os.write", self.write)

    def write(self, file: int, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = self._write(file, data[: self.room])
        self.room -= count
        return count


def test_what_a_full_disk_refuses_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "journal", b"one")
    journal = JournalFile(path)
    disk = FullDisk(monkeypatch)
    disk.room = 5
    with pytest.raises(OSError, match="No space"):
        journal.append(b"two")
    assert read_journal(path).pieces == (b"one",)
    disk.room = 10**6
    journal.append(b"three")
    assert read_journal(path).pieces == (b"one", b"two", b"three")
    journal.close()
