"""Options that choose the part of a file that is the movie, and what the shell says about it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError

if TYPE_CHECKING:
    from napari_sam2.io.movie import Movie
    from napari_sam2.io.selection import Selection
    from napari_sam2.tracking import Frames

UNREADABLE = 4  # exit code of a command that is done, but for frames that could not be read

AxesOption = Annotated[
    str | None,
    typer.Option(
        "--axes",
        metavar="LETTERS",
        help="What each axis of the movie is, as TCYX (default: what its metadata say).",
    ),
]
ChannelOption = Annotated[
    str | None,
    typer.Option(
        "--channel",
        metavar="N",
        help="Channel to track, counted from 0; two or three, as 0,2, are mixed as red, green, "
        "blue, with weights from 0 to 1 if you like, as 0,2:0.5.",
    ),
]
PlaneOption = Annotated[
    str | None,
    typer.Option(
        "--z",
        metavar="PLANE",
        help="Plane to track, counted from 0, or of all planes: max, mean or focus (the sharpest).",
    ),
]
RangeOption = Annotated[
    str | None,
    typer.Option(
        "--range",
        metavar="FIRST:END",
        help="Frames FIRST to END - 1 only; frame 0 of the labels is then frame FIRST.",
    ),
]
SeriesOption = Annotated[
    int | None,
    typer.Option(
        "--series", min=0, metavar="N", help="Which image of a file that holds several, from 0."
    ),
]


def part_of_movie(
    axes: str | None, channel: str | None, z: str | None, frames: str | None, series: int | None
) -> Selection:
    """The part of a movie that the options above choose.

    Raises
    ------
    UsageError
        If one of them is not as its help says.
    """
    from napari_sam2.io.selection import Selection, parse_channels, parse_plane, parse_range

    try:
        return Selection(
            None if axes is None else axes.upper(),
            None if channel is None else parse_channels(channel),
            None if z is None else parse_plane(z),
            None if frames is None else parse_range(frames),
            series,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


def open_part(path: Path, part: Selection) -> Movie:
    """Open the chosen part of a movie, and say on stderr which one it is."""
    from napari_sam2.io.movies import open_selection

    movie = open_selection(path, part)
    if movie.note:
        typer.echo(movie.note, err=True)
    return movie


def open_channels(path: Path, part: Selection) -> dict[str, Movie]:
    """The chosen channel of a movie, or each of them by its name, where none was chosen."""
    from napari_sam2.io.axes import count_channels
    from napari_sam2.io.movies import open_stack

    count = 1
    if part.channel is None:
        stack = open_stack(path, series=part.series)
        count = count_channels(stack.axes, stack.shape, path.name, part.axes)
    if count == 1:
        return {path.stem: open_part(path, part)}
    parts = {f"{path.stem} channel {k}": replace(part, channel=k) for k in range(count)}
    return {name: open_part(path, chosen) for name, chosen in parts.items()}


def check_all_were_read(frames: Frames, name: str) -> None:
    """Name the frames that could not be read on stderr, and end with the exit code for that.

    Raises
    ------
    typer.Exit
        If there is such a frame.
    """
    if not frames.unreadable:
        return
    for t, reason in sorted(frames.unreadable.items()):
        typer.echo(f"{name}: frame {t} was skipped: {reason}", err=True)
    raise typer.Exit(UNREADABLE)
