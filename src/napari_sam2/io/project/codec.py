"""Encode and decode the values of a project: JSON for small values, arrays, mask records.

What is read is checked against the type annotations of the dataclasses, so that a new field needs
nothing here, and a new kind of action only its tag in `tags`. Nothing of it is ever executed.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.journal_entries import Called
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.tags import inverse, kind_of, renamed, to_file
from napari_sam2.io.project.typed import TypedReader
from napari_sam2.tracking.masks import MaskRecord

MAX_BYTES = 2**31  # of one value, unpacked
_LARGE_LOGIT = 1e30  # float32 ends there, and no network comes near
_LONG = 16  # integers in a row from here on are an array
_DTYPE = re.compile(r"\|b1|[|<>][iuf]\d{1,2}")  # as `numpy.dtype.str` has them
_HEAD = struct.Struct("<II")  # bytes of the JSON, and checksum of all that is unpacked


class RecordPool:
    """Numbers of mask records: a record is written once, and is a number from then on.

    Parameters
    ----------
    next_number : int
        Number of the next record that is not known yet.
    """

    def __init__(self, next_number: int = 1) -> None:
        self.next_number = next_number
        self._by_number: dict[int, MaskRecord] = {}
        self._numbers: dict[int, int] = {}  # by id(); the records above keep the ids valid

    def numbers(self) -> set[int]:
        """All numbers that were given."""
        return set(self._by_number)

    def number(self, record: MaskRecord) -> int:
        """Number of a record, the next one if it has none yet."""
        number = self._numbers.get(id(record))
        if number is None:
            number = self.next_number
            self.put(number, record)
        return number

    def put(self, number: int, record: MaskRecord) -> None:
        """Give a record that was read its number; the first one of a number stays."""
        self.next_number = max(self.next_number, number + 1)
        if number not in self._by_number:
            self._by_number[number] = record
            self._numbers[id(record)] = number

    def record(self, number: int) -> MaskRecord:
        """The record of a number.

        Raises
        ------
        ProjectError
            If there is none.
        """
        try:
            return self._by_number[number]
        except KeyError:
            raise ProjectError(f"mask record {number} is missing") from None


def pack(value: Any, pool: RecordPool, written: set[int] | None = None) -> bytes:
    """A value as compressed bytes.

    Parameters
    ----------
    value : object
        Plain values, arrays, dataclasses that have a tag, and tuples, sets and mappings of them.
    pool : RecordPool
        Numbers its records.
    written : set of int, optional
        Numbers of the records that the reader has; gets those that are written now. By default all
        are written.

    Raises
    ------
    TypeError
        If there is anything else in it.
    """
    writer = _Writer(pool, written or set())
    tree = {"value": writer.tree(value), "records": writer.new_records()}
    blobs = [_blob(array) for array in writer.arrays]
    tree["arrays"] = [[array.dtype.str, list(array.shape)] for array in writer.arrays]
    text = json.dumps(tree, separators=(",", ":")).encode()
    body = b"".join([text, *blobs])
    packed = zlib.compress(_HEAD.pack(len(text), zlib.crc32(body)) + body, level=1)
    if written is not None:
        written.update(writer.new_numbers)
    return packed


def unpack(data: bytes, hint: Any, pool: RecordPool) -> Any:
    """The value that `pack` wrote, checked against a type.

    Parameters
    ----------
    data : bytes
        From `pack`.
    hint : type
        Expected type.
    pool : RecordPool
        Gets the records that were written with the value.

    Raises
    ------
    ProjectError
        If it is anything else.
    """
    try:
        return _unpack(data, hint, pool)
    except ProjectError:
        raise
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise ProjectError(f"the data make no sense: {error}") from error


def _unpack(data: bytes, hint: Any, pool: RecordPool) -> Any:
    raw = _decompress(data)
    if len(raw) < _HEAD.size:
        raise ProjectError("the data end too early")
    length, checksum = _HEAD.unpack_from(raw)
    body = memoryview(raw)[_HEAD.size :]
    if zlib.crc32(body) != checksum:
        raise ProjectError("the data were changed or damaged: their checksum does not fit")
    tree = json.loads(bytes(body[:length]))
    if not isinstance(tree, dict) or tree.keys() != {"value", "records", "arrays"}:
        raise ProjectError("the data have other parts than expected")
    reader = TypedReader(_read_arrays(tree["arrays"], body[length:]), pool.record)
    for number, fields in tree["records"]:
        if type(number) is not int or number < 1:
            raise ProjectError(f"a mask record is numbered {number!r}")
        pool.put(number, checked_record(reader.dataclass(fields, MaskRecord)))
    return reader.value(tree["value"], hint)


def _decompress(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        raw = inflater.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise ProjectError(f"the data are damaged: {error}") from error
    if inflater.unconsumed_tail or not inflater.eof:
        raise ProjectError("the data are cut off, or larger than they may be")
    return raw


class _Writer:
    """Encodes values as JSON; arrays and new mask records are collected beside it."""

    def __init__(self, pool: RecordPool, written: set[int]) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._places: dict[int, int] = {}  # of arrays that several records share, by id()
        self._pool = pool
        self._written = written
        self._new: list[tuple[int, MaskRecord]] = []
        self.new_numbers: set[int] = set()

    def new_records(self) -> list[Any]:
        """Number and fields of each record that the reader does not have."""
        return [[number, self._fields(record)] for number, record in self._new]

    def tree(self, value: Any) -> Any:
        """A value as JSON."""
        if value is None or isinstance(value, bool | str):
            return value.value if isinstance(value, Enum) else value
        if isinstance(value, MaskRecord):
            return {"record": self._number(value)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = to_file(value) if isinstance(value, Called | Deed) else value
            return {"is": kind_of(value).tag, **self._fields(value)}
        if isinstance(value, np.ndarray):
            return {"array": self._array(value)}
        if isinstance(value, np.generic):
            return value.item()
        if isinstance(value, int | float):
            return value.value if isinstance(value, Enum) else value
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, frozenset | set):
            return self._sequence(sorted(value))
        if isinstance(value, Sequence | range):
            return self._sequence(value)
        raise TypeError(f"a {type(value).__name__} cannot be saved")

    def _fields(self, value: Any) -> dict[str, Any]:
        names = (field.name for field in dataclasses.fields(value))
        fields = {name: self.tree(getattr(value, name)) for name in names}
        return renamed(fields, inverse(kind_of(value).fields))

    def _mapping(self, value: Mapping[Any, Any]) -> Any:
        keys, values = list(value), list(value.values())
        kinds = {type(entry) for entry in values}
        if MaskRecord in kinds and kinds <= {MaskRecord, type(None)}:
            numbers = [0 if record is None else self._number(record) for record in values]
            places = (self._array(np.array(part, np.int64)) for part in (keys, numbers))
            return dict(zip(("keys", "numbers"), places, strict=True))
        return {"keys": self.tree(keys), "values": [self.tree(entry) for entry in values]}

    def _sequence(self, values: Sequence[Any]) -> Any:
        if len(values) >= _LONG and all(type(value) is int for value in values):
            return {"array": self._array(np.array(values, np.int64))}
        return [self.tree(value) for value in values]

    def _number(self, record: MaskRecord) -> int:
        number = self._pool.number(record)
        if number not in self._written and number not in self.new_numbers:
            self.new_numbers.add(number)
            self._new.append((number, record))
        return number

    def _array(self, array: NDArray[Any]) -> int:
        if array.dtype.kind not in "biuf":
            raise TypeError(f"an array of {array.dtype} cannot be saved")
        place = self._places.setdefault(id(array), len(self.arrays))
        if place == len(self.arrays):
            self.arrays.append(array)
        return place


def _blob(array: NDArray[Any]) -> bytes:
    return (np.packbits(array) if array.dtype == np.bool_ else array).tobytes()


def _read_arrays(entries: Iterable[Any], data: memoryview) -> list[NDArray[Any]]:
    """The arrays behind the JSON, each checked to have the bytes that its shape asks for."""
    arrays, start = [], 0
    for name, shape in entries:
        is_known = _DTYPE.fullmatch(str(name)) is not None
        if not is_known or not all(type(n) is int and n >= 0 for n in shape):
            raise ProjectError(f"an array is said to be {name!r} of shape {shape!r}")
        dtype, count = np.dtype(name), math.prod(shape)
        nbytes = -(-count // 8) if dtype == np.bool_ else count * dtype.itemsize
        part = data[start : start + nbytes]
        if len(part) != nbytes:
            raise ProjectError(f"an array of shape {tuple(shape)} has too few bytes")
        if dtype == np.bool_:
            flat = np.unpackbits(np.frombuffer(part, np.uint8), count=count).astype(bool)
        else:
            flat = np.frombuffer(part, dtype)
        arrays.append(flat.reshape(shape).copy())
        start += nbytes
    if start != len(data):
        raise ProjectError("there are more bytes than arrays")
    return arrays


def checked_record(record: MaskRecord) -> MaskRecord:
    """The record itself.

    Raises
    ------
    ProjectError
        If its crop does not lie inside its map.
    """
    crop, (row, column) = record.crop, record.corner
    is_inside = (
        crop.ndim == 2
        and 0 <= row <= record.size - crop.shape[0]
        and 0 <= column <= record.size - crop.shape[1]
    )
    is_number = abs(record.floor) < _LARGE_LOGIT
    if not is_inside or not is_number or record.size > 2**14 or record.pointer.ndim != 1:
        raise ProjectError("a mask record does not fit into its map")
    return record
