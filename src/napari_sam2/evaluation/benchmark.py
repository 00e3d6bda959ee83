"""Benchmark: a model on all sequences of several data sets, as in the tables of the paper."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from napari_sam2.evaluation.datasets import DataSet, Sequence
from napari_sam2.evaluation.ground_truth import LabelledMovie
from napari_sam2.evaluation.report import named_three, number, stability_dict, write_figures
from napari_sam2.evaluation.results import (
    UNDEFINED,
    Evaluation,
    Figures,
    Stability,
    area_under_curve,
    mean_stability,
    quality_at,
)
from napari_sam2.evaluation.simulated_user import Progress
from napari_sam2.evaluation.vos import j_and_f, mean_of_defined
from napari_sam2.io.atomic import atomic_path

SMALL_BELOW, MEDIUM_BELOW = 32**2, 96**2  # pixels of an object in its first frame
CSV_COLUMNS = (
    "data_set", "sequence", "object", "category", "size", "seen", "J", "F", "J&F",
    "J_recall", "J_decay", "F_recall", "F_decay", "clicks",
)  # fmt: skip


@dataclass(frozen=True)
class ObjectRow:
    """Scores of one object of one sequence.

    Attributes
    ----------
    data_set, sequence : str
    object_id : int
    category : str
        What the object is; empty where the data set does not tell.
    size : str
        `small`, `medium` or `large`, by the area in the first frame.
    seen : bool or None
        Whether the model was trained with objects of this category; None where it is not known.
    figures : Figures
    """

    data_set: str
    sequence: str
    object_id: int
    category: str
    size: str
    seen: bool | None
    figures: Figures


@dataclass(frozen=True)
class SequenceRow:
    """A sequence that was evaluated; the last two are NaN if its protocol is not interactive.

    Attributes
    ----------
    data_set, sequence : str
    seconds_per_frame : float
        Of computing.
    area, quality_60 : float
        Area under the curve of J&F over annotation time, and J&F after 60 s.
    """

    data_set: str
    sequence: str
    seconds_per_frame: float
    area: float = UNDEFINED
    quality_60: float = UNDEFINED


@dataclass(frozen=True)
class Failure:
    """A sequence that could not be evaluated, and why."""

    data_set: str
    sequence: str
    message: str


@dataclass(frozen=True)
class Means:
    """Means over objects; NaN where nothing counts.

    Attributes
    ----------
    objects : int
        Objects that have scores.
    region, boundary : float
        J and F.
    stability : Stability
        Recall and decay.
    overall : float
        G: mean of J and F over seen and unseen categories.
    area, quality_60 : float
        Means over sequences, see `SequenceRow`.
    """

    objects: int
    region: float
    boundary: float
    stability: Stability
    overall: float = UNDEFINED
    area: float = UNDEFINED
    quality_60: float = UNDEFINED

    @property
    def j_and_f(self) -> float:
        """J&F."""
        return j_and_f(self.region, self.boundary)


@dataclass(frozen=True)
class BenchmarkReport:
    """Results of a benchmark.

    Attributes
    ----------
    objects : tuple of ObjectRow
    sequences : tuple of SequenceRow
    failures : tuple of Failure
    provenance : mapping of str to object
        Model, settings, versions: what JSON can hold.
    """

    objects: tuple[ObjectRow, ...]
    sequences: tuple[SequenceRow, ...]
    failures: tuple[Failure, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def data_sets(self) -> dict[str, Means]:
        """Means of each data set over its objects, in the order in which they were given."""
        names = dict.fromkeys(row.data_set for row in self.sequences)
        return {
            name: _means(
                [row for row in self.objects if row.data_set == name],
                [row for row in self.sequences if row.data_set == name],
            )
            for name in names
        }

    def average(self) -> Means:
        """Mean of the means of the data sets, so that a large one counts as much as a small one.

        Its J&F is the mean of the J&F of the data sets.
        """
        parts = list(self.data_sets().values())
        return Means(
            sum(part.objects for part in parts),
            mean_of_defined(part.region for part in parts),
            mean_of_defined(part.boundary for part in parts),
            mean_stability(part.stability for part in parts),
            mean_of_defined(part.overall for part in parts),
            mean_of_defined(part.area for part in parts),
            mean_of_defined(part.quality_60 for part in parts),
        )

    def groups(self) -> dict[str, Means]:
        """Means over the objects of all data sets, by size, then by category."""
        sizes = {f"size {size}": _of(self.objects, size=size) for size in _SIZES}
        names = sorted({row.category for row in self.objects if row.category})
        kinds = {f"category {name}": _of(self.objects, category=name) for name in names}
        return {name: _means(rows) for name, rows in {**sizes, **kinds}.items() if rows}


_SIZES = ("small", "medium", "large")


def _of(rows: Iterable[ObjectRow], size: str = "", category: str = "") -> list[ObjectRow]:
    return [row for row in rows if size in ("", row.size) and category in ("", row.category)]


def size_of(area: int) -> str:
    """Size bucket of an object with an area in pixels: below 32² small, below 96² medium."""
    if area < SMALL_BELOW:
        return "small"
    return "medium" if area < MEDIUM_BELOW else "large"


Run = Callable[[Sequence, LabelledMovie], Evaluation]


def benchmark(
    data_sets: Iterable[DataSet],
    run: Run,
    seen: Collection[str] | None = None,
    on_progress: Progress | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> BenchmarkReport:
    """Evaluate every sequence of some data sets.

    Parameters
    ----------
    data_sets : iterable of DataSet
    run : callable
        Evaluates one sequence with its truth.
    seen : collection of str, optional
        Categories that the model was trained with, for G.
    on_progress : callable, optional
        Called with the number of sequences done and of all sequences.
    provenance : mapping, optional
        Goes into the report.

    Returns
    -------
    BenchmarkReport
        A sequence that cannot be evaluated is among its failures; the others are evaluated.
    """
    work = [(one.name, sequence) for one in data_sets for sequence in one.sequences]
    objects: list[ObjectRow] = []
    sequences: list[SequenceRow] = []
    failures: list[Failure] = []
    for done, (name, sequence) in enumerate(work, start=1):
        try:
            truth = sequence.truth()
            found = run(sequence, truth)
            rows = _object_rows(name, sequence, truth, found, seen)
        except Exception as error:
            failures.append(Failure(name, sequence.name, str(error) or type(error).__name__))
        else:
            objects += rows
            sequences.append(_sequence_row(name, sequence.name, found))
        if on_progress is not None:
            on_progress(done, len(work))
    return BenchmarkReport(tuple(objects), tuple(sequences), tuple(failures), provenance or {})


def _object_rows(
    data_set: str,
    sequence: Sequence,
    truth: LabelledMovie,
    found: Evaluation,
    seen: Collection[str] | None,
) -> list[ObjectRow]:
    rows = []
    for object_id, figures in found.by_object().items():
        _, mask = next(truth.masks(truth.first_frame(object_id), [object_id]))
        category = sequence.categories.get(object_id, "")
        is_seen = category in seen if seen is not None and category else None
        size = size_of(int(mask.sum()))
        rows.append(ObjectRow(data_set, sequence.name, object_id, category, size, is_seen, figures))
    return rows


def _sequence_row(data_set: str, name: str, found: Evaluation) -> SequenceRow:
    area, quality = area_under_curve(found.curve), quality_at(found.curve, 60)
    return SequenceRow(data_set, name, found.stopwatch.per_frame(), area, quality)


def _means(rows: list[ObjectRow], sequences: Iterable[SequenceRow] = ()) -> Means:
    listed = list(sequences)
    figures = [row.figures for row in rows if not math.isnan(row.figures.region)]
    return Means(
        len(figures),
        mean_of_defined(one.region for one in figures),
        mean_of_defined(one.boundary for one in figures),
        mean_stability(one.stability for one in figures if one.stability is not None),
        _overall(rows),
        mean_of_defined(row.area for row in listed),
        mean_of_defined(row.quality_60 for row in listed),
    )


def _overall(rows: Iterable[ObjectRow]) -> float:
    """G of YouTube-VOS; NaN if there is no object of a seen or of an unseen category."""
    four = []
    for is_seen in (True, False):
        figures = [row.figures for row in rows if row.seen is is_seen]
        four += [
            mean_of_defined(one.region for one in figures),
            mean_of_defined(one.boundary for one in figures),
        ]
    return sum(four) / 4


def as_dict(report: BenchmarkReport) -> dict[str, Any]:
    """All figures as numbers, None, lists and dicts.

    Returns
    -------
    dict
        ``data_sets``, ``average``, ``groups``, ``sequences``, ``objects``, ``failures`` and
        ``provenance``.
    """
    return {
        "data_sets": {name: _means_dict(part) for name, part in report.data_sets().items()},
        "average": _means_dict(report.average()),
        "groups": {name: _means_dict(part) for name, part in report.groups().items()},
        "sequences": [
            {
                "data_set": row.data_set,
                "sequence": row.sequence,
                "seconds_per_frame": number(row.seconds_per_frame),
                "AUC": number(row.area),
                "J&F@60s": number(row.quality_60),
            }
            for row in report.sequences
        ],
        "objects": [_object_dict(row) for row in report.objects],
        "failures": [vars(failure) for failure in report.failures],
        "provenance": dict(report.provenance),
    }


def _object_dict(row: ObjectRow) -> dict[str, Any]:
    figures = row.figures
    return {
        "data_set": row.data_set,
        "sequence": row.sequence,
        "object": row.object_id,
        "category": row.category or None,
        "size": row.size,
        "seen": row.seen,
        **named_three(figures.region, figures.boundary),
        **stability_dict(figures.stability),
        "clicks": figures.clicks,
    }


def _means_dict(means: Means) -> dict[str, Any]:
    return {
        "objects": means.objects,
        **named_three(means.region, means.boundary),
        **stability_dict(means.stability),
        "G": number(means.overall),
        "AUC": number(means.area),
        "J&F@60s": number(means.quality_60),
    }


def write_json(path: str | os.PathLike[str], report: BenchmarkReport) -> None:
    """Write all figures; undefined ones are null.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    write_figures(path, as_dict(report))


def write_csv(path: str | os.PathLike[str], report: BenchmarkReport) -> None:
    """Write one line for each object; undefined figures are left blank.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, CSV_COLUMNS)
        table.writeheader()
        table.writerows(map(_object_dict, report.objects))


def as_text(report: BenchmarkReport) -> str:
    """A table for the screen: data sets, their average, groups; then what failed."""
    columns = ["objects", "J&F", "J", "F", "J_recall", "J_decay", "F_recall", "F_decay"]
    optional = ("G", "AUC", "J&F@60s")
    parts = {**report.data_sets(), "average": report.average(), **report.groups()}
    found = {name: _means_dict(part) for name, part in parts.items()}
    columns += [c for c in optional if any(row[c] is not None for row in found.values())]
    rows = [["", *(name.replace("_", " ") for name in columns)]]
    rows += [[name, *(_shown(row[column]) for column in columns)] for name, row in found.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        )
        for row in rows
    ]
    failed = (f"{f.data_set}, {f.sequence} failed: {f.message}" for f in report.failures)
    return "\n".join([*lines, *failed])


def _shown(value: float | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
