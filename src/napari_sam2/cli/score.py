"""``napari-sam2 score``: score the labels of any tool against the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.cli.options import OverwriteOption
from napari_sam2.cli.reports import (
    ConventionOption,
    CsvOption,
    JsonOption,
    MarginOption,
    MarkersOption,
    PlotOption,
    TruthTracksOption,
    check_report_files,
    progress,
    versions,
    write_report,
)
from napari_sam2.evaluation.protocol_names import Convention

_KINDS = "TIFF, folder of images, or folder of the Cell Tracking Challenge."


def score(
    labels: Annotated[Path, typer.Argument(metavar="LABELS", exists=True, help=_KINDS)],
    truth: Annotated[Path, typer.Argument(metavar="TRUTH", exists=True, help=_KINDS)],
    tracks: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Track table of the labels, as for the truth."
        ),
    ] = None,
    truth_tracks: TruthTracksOption = None,
    markers: MarkersOption = False,
    margin: MarginOption = 0,
    convention: ConventionOption = Convention.ours,
    json: JsonOption = None,
    csv: CsvOption = None,
    plot: PlotOption = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Score labels by the ground truth: J and F of each object; DET, SEG and TRA of the movie."""
    check_report_files(json, csv, plot, overwrite)

    from napari_sam2.evaluation.ground_truth import open_labels
    from napari_sam2.evaluation.report import Report
    from napari_sam2.evaluation.scoring import score as compare

    found = open_labels(labels, tracks=tracks)
    right = open_labels(
        truth, tracks=truth_tracks, is_markers=markers, length=found.shape[0], margin=margin
    )
    with progress("comparing") as tell:
        evaluation = compare(found, right, tell, convention)
    provenance = {
        "labels": str(labels),
        "truth": str(truth),
        "shape": list(found.shape),
        "margin": margin,
        "convention": str(convention),
        "versions": versions(),
    }
    write_report(Report(evaluation, provenance), json, csv, plot)
