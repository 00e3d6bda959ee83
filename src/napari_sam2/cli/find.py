"""``napari-sam2 find``: find all cells of a frame without a prompt, and write them as labels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_sam2.cli.errors import UsageError, check_inputs_stay, check_labels_output, check_outputs
from napari_sam2.cli.movies import (
    AxesOption,
    ChannelOption,
    PlaneOption,
    RangeOption,
    SeriesOption,
    check_all_were_read,
    open_part,
    part_of_movie,
)
from napari_sam2.cli.options import (
    DeviceOption,
    FastOption,
    ModelOption,
    MovieArgument,
    OverwriteOption,
    SizeOption,
    load,
)
from napari_sam2.cli.reports import progress

if TYPE_CHECKING:
    from napari_sam2.finding import Proposal
    from napari_sam2.model import Sam2
    from napari_sam2.tracking import Frames

MethodOption = Annotated[
    str,
    typer.Option(
        help="centres: one click for each cell that the built-in model sees; grid: clicks on a "
        "grid, for any model; auto: centres where the model can."
    ),
]
CellSizeOption = Annotated[
    float | None,
    typer.Option(min=1, help="Diameter of a typical cell in pixels; default: found by trial."),
]
MinScoreOption = Annotated[
    float, typer.Option(min=0, max=1, help="Cells with a lower score are left out.")
]
MinAreaOption = Annotated[float, typer.Option(min=0, help="Smallest area of a cell in pixels.")]
MaxAreaOption = Annotated[
    float | None, typer.Option(min=0, help="Largest area of a cell in pixels.")
]
NOTHING_FOUND = (
    "no cells found: try --min-score 0.2, a --cell-size, another frame, or --method grid"
)


def find(
    movie: Annotated[
        Path,
        MovieArgument,
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Labels to write, .tif or .ome.zarr.")
    ],
    axes: AxesOption = None,
    channel: ChannelOption = None,
    z: PlaneOption = None,
    frame_range: RangeOption = None,
    series: SeriesOption = None,
    frame: Annotated[int, typer.Option(min=0, help="The frame, counted from 0.")] = 0,
    method: MethodOption = "auto",
    min_score: MinScoreOption = 0.5,
    min_area: MinAreaOption = 12,
    max_area: MaxAreaOption = None,
    cell_size: CellSizeOption = None,
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    image_size: SizeOption = None,
    fast: FastOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Find all cells of a frame without a prompt, and write them as labels."""
    part = part_of_movie(axes, channel, z, frame_range, series)
    check_labels_output(output)
    check_inputs_stay([output], [movie])
    check_outputs([output], overwrite)

    from napari_sam2.finding import draw_labels, typical_size
    from napari_sam2.io.movie_frames import MovieFrames
    from napari_sam2.io.tiff import write_labels

    opened = open_part(movie, part)
    if frame >= opened.shape[0]:
        raise UsageError(f"the movie has {opened.shape[0]} frames; there is no frame {frame}")
    network = load(model, device, image_size, fast=fast)
    settings = {"method": method, "cell_size": cell_size, "min_score": min_score}
    settings |= {"min_area": min_area, "max_area": max_area}
    frames = MovieFrames(opened)
    found = found_on(network, frames, frame, settings)
    write_labels(output, draw_labels(found, frames.shape[1:]), opened.scale)
    size = typical_size(found)
    if size is None:
        typer.echo(f"{output}: {NOTHING_FOUND}")
    else:
        typer.echo(f"{output}: {len(found)} cells on frame {frame}, typically {size:.0f} px wide")
    check_all_were_read(frames, movie.name)


def found_on(network: Sam2, frames: Frames, t: int, settings: dict[str, Any]) -> list[Proposal]:
    """Proposals of a frame, with a progress bar."""
    from napari_sam2.finding import find_objects

    with progress(f"frame {t}") as tell:
        return find_objects(network, frames, t=t, progress=tell, **settings)
