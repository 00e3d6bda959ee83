"""Append-only journal file: each piece has its length and checksum, which reveal a torn end."""

from __future__ import annotations

import os
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_sam2.io.project.errors import ProjectError

TITLE = b"napari-sam2 journal 1\n"
_HEAD = struct.Struct("<II")  # length of the piece, checksum of length and piece


@dataclass(frozen=True)
class JournalContent:
    """Content of a journal file.

    Attributes
    ----------
    pieces : tuple of bytes
        Complete pieces, in their order.
    good_bytes : int
        Where the last complete piece ends.
    torn_bytes : int
        Bytes after the last complete piece: an incomplete piece, or damage.
    """

    pieces: tuple[bytes, ...]
    good_bytes: int
    torn_bytes: int


def read_journal(path: Path, end: int | None = None) -> JournalContent:
    """Read all pieces up to the first one that is torn or damaged.

    Parameters
    ----------
    path : Path
        The file.
    end : int, optional
        Where it ends in truth.

    Raises
    ------
    ProjectError
        If it is no journal.
    OSError
        If it cannot be read.
    """
    data = memoryview(path.read_bytes())[:end]
    if bytes(data[: len(TITLE)]) != TITLE[: len(data)]:
        raise ProjectError(f"{path.name} is no journal of napari-sam2")
    pieces: list[bytes] = []
    end = min(len(TITLE), len(data))
    while (piece := _piece_at(data, end)) is not None:
        pieces.append(piece)
        end += _HEAD.size + len(piece)
    return JournalContent(tuple(pieces), end, len(data) - end)


def _piece_at(data: memoryview, start: int) -> bytes | None:
    head = data[start : start + _HEAD.size]
    if len(head) < _HEAD.size:
        return None
    length, checksum = _HEAD.unpack(head)
    piece = bytes(data[start + _HEAD.size : start + _HEAD.size + length])
    if len(piece) < length or zlib.crc32(piece, length) != checksum:
        return None
    return piece


class JournalFile:
    """A journal that is written.

    A piece is handed to the operating system before `append` returns: from then on it outlives the
    program. `sync` makes it outlive a power cut too, and may be called in another thread. While the
    disk is full or gone, pieces are kept and written with the next one.

    Parameters
    ----------
    path : Path
        Made if it is missing; an incomplete piece at its end is cut off.
    end : int, optional
        Length that counts; the bytes after it are cut off, too.

    Raises
    ------
    ProjectError
        If there is something else.
    OSError
        If it cannot be written.
    """

    def __init__(self, path: Path, end: int | None = None) -> None:
        self.path = path
        good = read_journal(path).good_bytes if path.exists() else 0
        end = good if end is None else min(good, end)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        self._end = end
        self._unwritten = bytearray(TITLE[end:])
        try:
            os.ftruncate(self._file, end)
            os.lseek(self._file, end, os.SEEK_SET)
            self._write()
        except BaseException:
            os.close(self._file)
            raise

    @property
    def size(self) -> int:
        """Bytes that are in the file."""
        return self._end

    @property
    def unwritten_bytes(self) -> int:
        """Bytes that wait for the disk to take them."""
        return len(self._unwritten)

    def append(self, piece: bytes) -> None:
        """Write a piece.

        Raises
        ------
        OSError
            If the disk does not take it; it is then written with the next one.
        """
        head = _HEAD.pack(len(piece), zlib.crc32(piece, len(piece)))
        self._unwritten += head + piece
        self._write()

    def sync(self) -> None:
        """Wait until all that was written is on the disk itself."""
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file; pieces that could not be written are tried once more."""
        with suppress(OSError):
            self._write()
            self.sync()
        os.close(self._file)

    def _write(self) -> None:
        """Write the waiting pieces; one that was written in part is removed."""
        waiting = memoryview(bytes(self._unwritten))
        written = 0
        try:
            while written < len(waiting):
                written += os.write(self._file, waiting[written:])
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._end)
            os.lseek(self._file, self._end, os.SEEK_SET)
            raise
        self._end += written
        self._unwritten.clear()
