"""``napari-sam2 replay``: repeat the work of a project, with the same model or another one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError, check_labels_output, check_outputs
from napari_sam2.cli.export import say_left_out
from napari_sam2.cli.movies import check_all_were_read
from napari_sam2.cli.options import (
    DeviceOption,
    FastOption,
    LocalOption,
    OverwriteOption,
    SizeOption,
    load,
)

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.io.project.manifest import Manifest
    from napari_sam2.model import Sam2
    from napari_sam2.tracking import Frames


def replay(
    saved: Annotated[
        Path,
        typer.Argument(metavar="NAME.sam2", exists=True, file_okay=False, help="A project."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Labels to write, .tif or .ome.zarr.")
    ],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="Another model; default: the model of the project."),
    ] = None,
    image: Annotated[
        Path | None, typer.Option(exists=True, help="Path of the image, if it was moved.")
    ] = None,
    device: DeviceOption = "auto",
    image_size: SizeOption = None,
    fast: FastOption = False,
    local: LocalOption = False,
    track_changed: Annotated[
        bool,
        typer.Option(
            "--track-changed",
            help="Then track the objects that were corrected, or whose tracking was stopped.",
        ),
    ] = False,
    overwrite: OverwriteOption = False,
) -> None:
    """Repeat all clicks and tracking of a project, and write the labels."""
    check_labels_output(output)
    check_outputs([output], overwrite)

    from napari_sam2.batch import tracking_run as run
    from napari_sam2.cli.tracking_run import follow
    from napari_sam2.io.project.images import ImageMovedError, find_image
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.tiff import write_labels
    from napari_sam2.tracking import Frames

    manifest = read_manifest(saved)
    try:
        found = find_image(saved, manifest, image)
    except ImageMovedError as error:
        raise UsageError(f"{error} with --image") from error
    if model is None:
        image_size = image_size or manifest.model.image_size
    network = load(model or manifest.model.name, device, image_size, fast=fast, local=local)
    frames = Frames(
        found.data, contrast_limits=manifest.image.contrast_limits, rgb=manifest.image.rgb
    )
    annotation = _empty(manifest, network, frames)
    done = _repeat(saved, manifest, annotation)
    if track_changed:
        changed = annotation.objects_to_track(direction="both")
        follow(run.track_changed(annotation))
        typer.echo(f"objects tracked again because they had changed: {len(changed)}")
    say_left_out(annotation.objects)
    write_labels(output, annotation, found.scale)
    typer.echo(
        f"{output}: {len(annotation.objects)} objects on {annotation.shape[0]} frames, "
        f"{done} steps repeated with {network.config.name} on {network.device}"
    )
    check_all_were_read(frames, found.path.name)


def _empty(manifest: Manifest, network: Sam2, frames: Frames) -> Annotation:
    """An annotation in which nothing was done; another model sees through its own windows."""
    from napari_sam2.io.project.reading import is_same_model, tracker_settings
    from napari_sam2.io.project.saving import Annotation  # makes it known to `write_labels`
    from napari_sam2.tracking import Tracker

    if not is_same_model(manifest, network):
        typer.echo(
            "this is another model than that of the project: the labels will differ", err=True
        )
    return Annotation(Tracker(network, frames, **tracker_settings(manifest, network)))


def _repeat(saved: Path, manifest: Manifest, annotation: Annotation) -> int:
    from napari_sam2.cli.tracking_run import progress_bar
    from napari_sam2.io.project.history import repeat
    from napari_sam2.io.project.reading import read_deeds

    deeds = read_deeds(saved, manifest)
    with progress_bar() as bar:
        task = bar.add_task("replay", total=len(deeds), rate="")
        for done in repeat(deeds, annotation):
            bar.update(task, completed=done)
    return len(deeds)
