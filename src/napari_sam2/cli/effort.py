"""``napari-sam2 effort``: the time and the corrections that a project took."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import check_outputs
from napari_sam2.cli.options import OverwriteOption
from napari_sam2.cli.project import open_project

if TYPE_CHECKING:
    from napari_sam2.io.project.effort import Effort


def effort(
    project: Annotated[
        Path,
        typer.Argument(metavar="NAME.sam2", exists=True, file_okay=False, help="A project."),
    ],
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Table with a line per cell and frame, .csv.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="File for all figures.")] = None,
    image: Annotated[
        Path | None, typer.Option(exists=True, help="Path of the image, if it was moved.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Show how long a project took: seconds per frame, edited frames, clicks per clicked frame."""
    check_outputs([path for path in (csv, json) if path is not None], overwrite)
    opened = open_project(project, image)

    from napari_sam2.io.project.effort import effort_of, write_effort_csv, write_effort_json
    from napari_sam2.io.project.reading import read_deeds

    found = effort_of(read_deeds(project, opened.manifest), opened.annotation)
    typer.echo(table(found))
    if csv is not None:
        write_effort_csv(csv, found)
    if json is not None:
        write_effort_json(json, found)


def table(effort: Effort) -> str:
    """The figures of each phase, as lines for a screen."""
    from napari_sam2.io.project.effort import TITLES, phase_texts

    rows = [TITLES, *map(phase_texts, effort.phases)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, f"{effort.seconds / 60:.1f} minutes in all"])
