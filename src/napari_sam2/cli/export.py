"""``napari-sam2 export``: write labels in the format of another tool."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError, make_folder
from napari_sam2.cli.movies import (
    AxesOption,
    ChannelOption,
    PlaneOption,
    RangeOption,
    SeriesOption,
    open_channels,
    part_of_movie,
)
from napari_sam2.cli.options import OverwriteOption, WithImageOption, with_movie
from napari_sam2.cli.project import open_project

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.arrays import ArrayLike
    from napari_sam2.io.scale import ImageScale
    from napari_sam2.io.selection import Selection
    from napari_sam2.io.tracked import TrackedLabels
    from napari_sam2.io.volume_exports import TrackedVolumes


class Format(StrEnum):
    """Export formats; the names of `napari_sam2.io.formats.FORMATS`."""

    tiff = "tiff"
    ome = "ome"
    ome_zarr = "ome-zarr"
    ome_zarr_05 = "ome-zarr-0.5"
    ome_zarr_movie = "ome-zarr-movie"
    ome_zarr_movie_05 = "ome-zarr-movie-0.5"
    ctc = "ctc"
    geff = "geff"
    csv = "csv"
    trackmate = "trackmate"
    track_edit = "track-edit"
    coco = "coco"
    overlay = "overlay"


def export(
    labels: Annotated[
        Path,
        typer.Argument(
            metavar="LABELS",
            exists=True,
            help="TIFF, zarr, folder of images or of the Cell Tracking Challenge, GEFF, NAME.sam2.",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="File or folder to write.")],
    format: Annotated[
        Format | None,
        typer.Option("--format", "-f", help="Export format; default: from the name of the output."),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(
            "--image",
            "-i",
            exists=True,
            help="Movie to measure or to draw on; repeat the option for each channel.",
        ),
    ] = None,
    axes: AxesOption = None,
    channel: ChannelOption = None,
    z: PlaneOption = None,
    frame_range: RangeOption = None,
    series: SeriesOption = None,
    pixel_size: Annotated[
        float | None,
        typer.Option(help="Side of a pixel; default: from the labels or the image."),
    ] = None,
    unit: Annotated[str, typer.Option(help="Unit of the pixel size.")] = "um",
    interval: Annotated[
        float | None,
        typer.Option(help="Seconds between frames; default: from the labels or the image."),
    ] = None,
    z_spacing: Annotated[
        float | None,
        typer.Option(help="Distance between the slices of a Z stack, in the unit of the pixels."),
    ] = None,
    with_image: WithImageOption = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Write labels as TIFF, OME-Zarr, Cell Tracking Challenge, GEFF, tables, COCO or film."""
    part = part_of_movie(axes, channel, z, frame_range, series)
    if output.exists() and not overwrite:
        raise UsageError(f"{output} is there already; add --overwrite to replace it")
    if output.resolve() in {path.resolve() for path in (labels, *(image or ()))}:
        raise UsageError(f"{output} is the input; give another name for the output")

    from napari_sam2.io.exports import write_export
    from napari_sam2.io.formats import FORMATS, format_of

    try:
        chosen = FORMATS[format] if format is not None else format_of(output)
    except ValueError as error:
        raise UsageError(f"{error}; or say --format") from error
    if with_image:
        chosen = FORMATS[with_movie(chosen.name)]
    if (volumes := _volumes_of_project(labels, image or [])) is not None:
        from napari_sam2.io.volume_exports import write_volume_export

        make_folder(output.parent)
        write_volume_export(output, volumes, chosen)
        typer.echo(f"{output}: {chosen.title}, {volumes.labels.shape[0]} volumes")
        return
    tracked = _opened(labels, image or [], part)
    scale = _scale(tracked.scale, pixel_size, unit, interval, z_spacing)
    make_folder(output.parent)
    write_export(output, replace(tracked, scale=scale), chosen)
    typer.echo(f"{output}: {chosen.title}, {tracked.shape[0]} frames")


def say_left_out(objects: Mapping[int, AnnotatedObject]) -> None:
    """Tell the user how many rejected objects of a project are not written, if there are any."""
    from napari_sam2.io.tracked import left_out_text, rejected_ids

    if rejected := rejected_ids(objects):
        typer.echo(left_out_text(len(rejected)))


def _opened(path: Path, images: list[Path], part: Selection) -> TrackedLabels:
    from napari_sam2.io.exports import open_tracked
    from napari_sam2.io.project.manifest import MANIFEST

    if (path / MANIFEST).is_file():
        return _of_project(path, images, part)
    return _with_images(open_tracked(path), images, part)


def _volumes_of_project(saved: Path, images: list[Path]) -> TrackedVolumes | None:
    """The labels of a project in 3D; None if it is no such project."""
    from napari_sam2.io.project.manifest import MANIFEST, read_manifest
    from napari_sam2.io.volume_exports import TrackedVolumes
    from napari_sam2.io.volume_scale import VolumeScale

    if not (saved / MANIFEST).is_file() or read_manifest(saved).image.planes == 1:
        return None
    opened = open_project(saved, images[0] if images else None)
    annotation, objects = opened.annotation, opened.annotation.objects
    say_left_out(objects)
    return TrackedVolumes.of_objects(
        annotation.labels,
        annotation.planes,
        objects,
        VolumeScale.of_planes(opened.image.scale),
        {object_id: annotation.timeline(object_id) for object_id in objects},
    )


def _of_project(saved: Path, images: list[Path], part: Selection) -> TrackedLabels:
    """The labels of a project with its image, names and mothers; no frame is computed."""
    from napari_sam2.annotation.error_table import error_probabilities
    from napari_sam2.io.tracked import TrackedLabels

    opened = open_project(saved, images[0] if images else None)
    annotation, info = opened.annotation, opened.manifest.image
    objects = annotation.objects
    say_left_out(objects)
    is_single = len(info.axes.replace("C", "")) == 2
    tracked = TrackedLabels.of_objects(
        annotation.labels[0] if is_single else annotation.labels,
        objects,
        opened.image.scale,
        {info.name: opened.image.data},
        error_probabilities(annotation),
    )
    others = _with_images(tracked, images[1:], part)
    shown = dict(others.shown_limits)
    if info.has_user_contrast and not info.rgb:
        shown |= {info.name: info.contrast_limits}
    return replace(tracked, channels={**tracked.channels, **others.channels}, shown_limits=shown)


def _with_images(tracked: TrackedLabels, paths: list[Path], part: Selection) -> TrackedLabels:
    opened = [open_channels(path, part) for path in paths]
    by_name = {name: movie for movies in opened for name, movie in movies.items()}
    if len(by_name) < sum(map(len, opened)):
        raise UsageError("two images have the same name: the channels are named after them")
    channels: dict[str, ArrayLike] = {name: movie.data for name, movie in by_name.items()}
    if len(tracked.labels.shape) == 2:
        channels = {name: data[0] for name, data in channels.items()}
    scale = tracked.scale
    for movie in by_name.values():
        scale = scale.completed_by(movie.scale)
    shown = {name: one.shown_limits for name, one in by_name.items() if one.shown_limits}
    return replace(tracked, scale=scale, channels=channels, shown_limits=shown)


def _scale(
    found: ImageScale,
    pixel_size: float | None,
    unit: str,
    interval: float | None,
    z_spacing: float | None,
) -> ImageScale:
    """Scale of the options, completed by the scale of the files."""
    from napari_sam2.io.scale import ImageScale

    size = None if pixel_size is None else (pixel_size, pixel_size)
    used = unit if size is not None or found.pixel_size is None else found.unit
    try:
        return ImageScale(size, used, interval, z_spacing).completed_by(found)
    except ValueError as error:
        raise UsageError(str(error)) from error
