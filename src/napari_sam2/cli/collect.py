"""``napari-sam2 collect``: satisfactory masklets of many projects as a data set."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError, make_folder
from napari_sam2.cli.options import OverwriteOption
from napari_sam2.cli.project import open_project

if TYPE_CHECKING:
    from napari_sam2.io.project.collect import Collector, ReadProject


def collect(
    projects: Annotated[
        list[Path],
        typer.Argument(metavar="NAME.sam2...", exists=True, file_okay=False, help="Projects."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder to write.")],
    images: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of movies that were moved."),
    ] = None,
    validation: Annotated[
        float,
        typer.Option(min=0.0, max=0.9, help="Share of the movies that is kept for validation."),
    ] = 0.2,
    overwrite: OverwriteOption = False,
) -> None:
    """Collect the cells that were reviewed as satisfactory from projects, as a data set.

    The data set holds movies, labels, the masks of each cell as JSON, figures and a data card. It
    is split by movie into a part for training and a part for validation.
    """
    if output.exists() and not overwrite:
        raise UsageError(f"{output} is there already; add --overwrite to replace it")
    if twice := [path for path, n in Counter(p.resolve() for p in projects).items() if n > 1]:
        raise UsageError(f"{twice[0].name} was given twice")
    make_folder(output.parent)

    from napari_sam2.io.project.collect import NothingToCollectError, collecting

    try:
        with collecting(output, validation) as collector:
            for path in projects:
                _add(collector, path, images)
            total = collector.finish()["total"]
    except (FileExistsError, NothingToCollectError) as error:
        raise UsageError(str(error)) from error
    typer.echo(
        f"{output}: {total['masklets']} cells with {total['masks']} masks in "
        f"{total['movies']} movies"
    )


def _add(collector: Collector, path: Path, images: Path | None) -> None:
    """Add a project, and say what is left out."""
    project = _read(path, images)
    from napari_sam2.io.project.collect import outdated

    if changed := outdated(project.annotation):
        cells = ", ".join(map(str, changed))
        typer.echo(f"{path.name}: changed after the verdict, review again: cell {cells}", err=True)
    movie = collector.add(project)
    if movie is None and not project.annotation.objects:
        typer.echo(f"{path.name}: holds no cells, left out", err=True)
    elif movie is None:
        typer.echo(f"{path.name}: holds no satisfactory cell, left out", err=True)
    else:
        typer.echo(f"{path.name}: {len(movie.masklets)} cells, {movie.left_out} left out")


def _read(path: Path, images: Path | None) -> ReadProject:
    from napari_sam2.io.project.collect import ReadProject
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import read_deeds

    try:
        manifest = read_manifest(path)
        moved = None if images is None else _moved(images, manifest.image.path)
        opened = open_project(path, moved)
        deeds = read_deeds(path, manifest)
    except (UsageError, ValueError, OSError) as error:
        reason = str(error).replace(" with --image", "; --images FOLDER says where movies are now")
        raise UsageError(f"{path.name}: {reason}") from error
    return ReadProject(path, manifest, opened.annotation, opened.image, deeds)


def _moved(folder: Path, before: str | None) -> Path | None:
    """Where a movie is in a folder, by its name; None if it is not there."""
    if before is None:
        return None
    place = folder / Path(before.replace("\\", "/")).name
    return place if place.exists() else None
