"""The report of a batch, a row per movie: a table, and a page that needs no network."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from napari_sam2.batch.results import BatchReport, MovieResult, State
from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.tables import write_table

REPORT_PAGE, REPORT_TABLE = "report.html", "report.csv"
_COLUMNS = (
    "name",
    "state",
    "plate",
    "well",
    "field",
    "frames",
    "cells",
    "divisions",
    "possible_divisions",
    "masks",
    "doubtful_share",
    "differing_share",
    "worst_frame",
    "seconds",
    "tries",
    "error",
    "movie",
)
_HEADINGS = (
    *("worst frame", "movie", "state", "cells"),
    *("divisions", "doubtful masks", "frames", "time"),
)
_DIFFERING = "other masks on the way back"  # a column only where this was checked
_STATES: dict[State, str] = {
    "done": "done",
    "unchanged": "unchanged since the last time",
    "failed": "failed",
    "stopped": "not reached",
}
_STYLE = """
body {font: 15px/1.4 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem}
table {border-collapse: collapse; width: 100%}
th, td {border-bottom: 1px solid #8884; padding: .4rem .6rem; text-align: left}
td.number {text-align: right; font-variant-numeric: tabular-nums}
tr.failed td {background: #d3302f22}
small {opacity: .7; overflow-wrap: anywhere}
:root {color-scheme: light dark}
"""


def write_report(report: BatchReport) -> None:
    """Write ``report.csv`` and ``report.html`` into the folder of the results.

    Raises
    ------
    OSError
        If they cannot be written; old ones are left as they were.
    """
    write_table(report.output / REPORT_TABLE, _COLUMNS, map(_row, report.results))
    with atomic_path(report.output / REPORT_PAGE) as temporary:
        temporary.write_text(page_of(report), encoding="utf-8")


def _row(result: MovieResult) -> list[object]:
    record = result.record
    known = {} if record is None else record.model_dump()
    if record is not None:
        known["doubtful_share"] = record.doubtful_share
        known["differing_share"] = record.differing_share
    known |= {key: getattr(result, key) for key in ("name", "movie", "state", "error", "tries")}
    return [known.get(column) for column in _COLUMNS]


def page_of(report: BatchReport) -> str:
    """The report as HTML: one file with its pictures in it."""
    was_checked = any(each.record and each.record.checked for each in report.results)
    names = (*_HEADINGS, *((_DIFFERING,) if was_checked else ()))
    headings = "".join(f"<th>{heading}</th>" for heading in names)
    rows = "\n".join(_page_row(each, was_checked) for each in report.results)
    title = f"Batch of {len(report.results)} movies"
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{title}</h1>\n<p>{escape(sentence_of(report))} "
        "The movies to look at first stand first.</p>\n"
        f"<table>\n<thead><tr>{headings}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></html>\n"
    )


def sentence_of(report: BatchReport) -> str:
    """Counts of a batch as a sentence for the user: "7 done, 1 failed."."""
    counts = {text: report.count(state) for state, text in _STATES.items()}
    return ", ".join(f"{count} {text}" for text, count in counts.items() if count) + "."


def _page_row(result: MovieResult, was_checked: bool) -> str:
    cells = "".join(_page_cells(result, was_checked))
    return f'<tr class="{result.state}">{cells}</tr>'


def _page_cells(result: MovieResult, was_checked: bool) -> Iterator[str]:
    record = result.record
    picture = f'<img alt="" src="{record.thumbnail}">' if record else ""
    yield f"<td>{picture}</td>"
    place = ""
    if record and record.well:
        place = f"<br>{escape(record.plate)} {escape(record.well)}, field {escape(record.field)}"
    yield (f"<td><b>{escape(result.name)}</b>{place}<br><small>{escape(result.movie)}</small></td>")
    error = f"<br>{escape(result.error)}" if result.error else ""
    yield f"<td>{result.state}{error}</td>"
    share = None if record is None else record.differing_share
    differing = ("" if share is None else f"{share:.1%}",) if was_checked else ()
    for text in (*_numbers(result), *differing):
        yield f'<td class="number">{text}</td>'


def _numbers(result: MovieResult) -> tuple[str, ...]:
    record = result.record
    if record is None:
        return ("",) * 5
    return (
        str(record.cells),
        f"{record.divisions} (possible: {record.possible_divisions})",
        f"{record.doubtful_share:.1%}",
        f"{record.frames} (worst: {record.worst_frame})",
        f"{record.seconds:.1f} s",
    )
