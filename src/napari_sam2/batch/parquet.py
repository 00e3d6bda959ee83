"""Tables in Parquet, which needs pyarrow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
from pyarrow import csv, parquet

from napari_sam2.batch.outputs import PLACE
from napari_sam2.io.atomic import atomic_path

_TEXTS = ("name",)  # columns that are text even where all values look like numbers


def write_parquet(path: Path, files: Sequence[tuple[Sequence[str], Path]]) -> None:
    """Join tables in CSV, one after the other, so that one of them is in memory at a time.

    Parameters
    ----------
    path : Path
        .parquet file to write.
    files : sequence of (sequence of str, Path)
        For each table the values of the columns `PLACE`, which come in front, and its file.

    Raises
    ------
    OSError
        If a table cannot be read, or the file cannot be written; an old file is left as it was.
    """
    schemas = [_table(place, file).schema for place, file in files]
    empty = pa.schema([(name, pa.string()) for name in PLACE])
    schema = pa.unify_schemas(schemas or [empty], promote_options="permissive")
    with atomic_path(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for place, file in files:
            table = _table(place, file)
            columns = [
                table[field.name].cast(field.type)
                if field.name in table.column_names
                else pa.nulls(len(table), field.type)
                for field in schema
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def _table(place: Sequence[str], file: Path) -> pa.Table:
    """A table with its place in front; blank values are null."""
    options = csv.ConvertOptions(
        strings_can_be_null=True, column_types=dict.fromkeys(_TEXTS, pa.string())
    )
    table = csv.read_csv(file, convert_options=options)
    for number, (name, value) in enumerate(zip(PLACE, place, strict=True)):
        table = table.add_column(number, name, pa.array([value] * len(table), pa.string()))
    return table
