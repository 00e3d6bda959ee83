"""The measurements of all movies of a batch in one table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from napari_sam2.batch.outputs import MEASUREMENTS, PLACE
from napari_sam2.batch.plan import PARQUET
from napari_sam2.batch.record import MovieRecord
from napari_sam2.batch.results import BatchReport
from napari_sam2.io.tables import write_table


def write_measurement_table(report: BatchReport, name: str = MEASUREMENTS) -> None:
    """Write the measurements of all movies that have results into one table.

    Each row begins with the name of the movie and its place on the plate. A column that a movie
    does not have, such as lengths in micrometres where the size of its pixels is not known, is
    blank in its rows.

    Parameters
    ----------
    report : BatchReport
        Its records name the movies.
    name : str
        Name of the table in the folder of the results. With the suffix ``.parquet`` it is written
        in Parquet, with the types of the columns.

    Raises
    ------
    OSError
        If the table cannot be written, or measurements cannot be read; an old table stays.
    """
    records = sorted((each.record for each in report.results if each.record), key=_by_name)
    if Path(name).suffix.lower() == PARQUET:
        from napari_sam2.batch.parquet import write_parquet  # with a package of an extra

        write_parquet(report.output / name, [(_place(r), _file(report.output, r)) for r in records])
        return
    columns: dict[str, None] = {}
    for record in records:
        with _file(report.output, record).open(newline="", encoding="utf-8") as file:
            columns |= dict.fromkeys(next(csv.reader(file)))
    rows = (row for record in records for row in _rows(report.output, record, [*columns]))
    write_table(report.output / name, [*PLACE, *columns], rows)


def _by_name(record: MovieRecord) -> str:
    return record.name


def _file(output: Path, record: MovieRecord) -> Path:
    return output / record.name / MEASUREMENTS


def _place(record: MovieRecord) -> list[str]:
    return [record.name, record.plate, record.well, record.field]


def _rows(output: Path, record: MovieRecord, columns: list[str]) -> Iterator[list[str | None]]:
    place = _place(record)
    with _file(output, record).open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            yield [*place, *(row.get(column) for column in columns)]
