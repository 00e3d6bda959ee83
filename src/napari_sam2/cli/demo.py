"""``napari-sam2 demo``: track a drawn movie from one click per cell, and score the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from napari_sam2.cli.errors import UsageError, check_outputs
from napari_sam2.cli.options import (
    DeviceOption,
    ModelOption,
    OverwriteOption,
    SizeOption,
    load,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.io.samples import Sample
    from napari_sam2.model import Sam2
    from napari_sam2.tracking import Prompt

_FILES = ("movie.tif", "prompts.json", "labels.tif", "scores.csv")
_PICTURES = ("contact_sheet.png", "overlay.gif", "overlay.mp4")


def demo(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder to write to; it is made if it is missing."),
    ] = Path("napari-sam2-demo"),
    gui: Annotated[bool, typer.Option("--gui", help="Open the movie in napari instead.")] = False,
    model: ModelOption = "cells",
    device: DeviceOption = "auto",
    image_size: SizeOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the drawn movie.")] = 0,
    overwrite: OverwriteOption = False,
) -> None:
    """Track a drawn movie from one click per cell, and compare with the ground truth."""
    from napari_sam2.io.samples import synthetic_movie

    if gui:
        from napari_sam2.cli.window import show
        from napari_sam2.plugin.napari_io.samples import synthetic_sample

        show(synthetic_sample())
        return
    _make_folder(output, overwrite)
    network = load(model, device, image_size)
    sample = synthetic_movie(seed=seed)
    labels, rate = _track(sample, network, output)
    _draw(sample, labels, output)
    _report(sample, labels, rate, output, network)


def click_each(labels: NDArray[np.uint16]) -> list[Prompt]:
    """One click on each object, where it is deepest on the first frame that it is on.

    Parameters
    ----------
    labels : (T, Y, X) uint16
    """
    from scipy import ndimage

    from napari_sam2.tracking import Prompt

    prompts = []
    for object_id in np.unique(labels[labels > 0]).tolist():
        t = int(np.flatnonzero((labels == object_id).any(axis=(1, 2)))[0])
        depth = ndimage.distance_transform_edt(np.pad(labels[t] == object_id, 1))
        y, x = np.unravel_index(np.argmax(depth), depth.shape)
        prompts.append(Prompt(t, object_id).with_points([(y - 1, x - 1)], [1]))
    return prompts


def _make_folder(output: Path, overwrite: bool) -> None:
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output} is a file; give the name of a folder")
    check_outputs([output / name for name in (*_FILES, *_PICTURES)], overwrite)


def _track(sample: Sample, network: Sam2, output: Path) -> tuple[NDArray[np.uint16], float]:
    """Track from one click each; writes movie, prompts, labels and scores."""
    from napari_sam2.annotation import Annotation
    from napari_sam2.batch.tracking_run import track_prompts
    from napari_sam2.cli.tracking_run import follow
    from napari_sam2.io.prompt_files import write_prompts
    from napari_sam2.io.scores import score_rows
    from napari_sam2.io.tables import write_scores
    from napari_sam2.io.tiff import write_images, write_labels
    from napari_sam2.tracking import Tracker

    clicks = click_each(sample.labels)
    write_images(output / "movie.tif", sample.images, sample.scale)
    write_prompts(output / "prompts.json", clicks)
    annotation = Annotation(Tracker(network, sample.images))
    rate = follow(track_prompts(annotation, clicks))
    write_labels(output / "labels.tif", annotation.labels, sample.scale)
    write_scores(output / "scores.csv", score_rows(annotation))
    return np.asarray(annotation.labels), rate


def _draw(sample: Sample, labels: NDArray[np.uint16], output: Path) -> None:
    from napari_sam2.io.overlay import write_animation, write_contact_sheet

    sheet, *animations = _PICTURES
    write_contact_sheet(output / sheet, sample.images, labels)
    for name in animations:
        write_animation(output / name, sample.images, labels)


def _report(
    sample: Sample, labels: NDArray[np.uint16], rate: float, output: Path, network: Sam2
) -> None:
    from napari_sam2.evaluation.overlap import object_ious

    ious = object_ious(sample.labels, labels)
    typer.echo("object  mean IoU  worst frame")
    for object_id, values in ious.items():
        typer.echo(f"{object_id:>6}  {np.mean(values):>8.3f}  {min(values):>11.3f}")
    everything = np.concatenate(list(ious.values()))
    typer.echo(f"mean IoU {everything.mean():.3f} over all frames and objects, one click each")
    typer.echo(
        f"{rate:.2f} frames/s with {len(ious)} objects, {network.config.name} on {network.device}"
    )
    typer.echo(f"written to {output}: {', '.join((*_FILES, *_PICTURES))}")
