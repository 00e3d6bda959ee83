"""Options that several commands have, and what they mean."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_sam2.cli.errors import UsageError

if TYPE_CHECKING:
    from napari_sam2.model import Sam2


class Direction(StrEnum):
    """Which way objects are carried from their prompts."""

    both = "both"
    forward = "forward"
    backward = "backward"


ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="cells (in the package), a name of `napari-sam2 models`, or a checkpoint file.",
    ),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]


def load(name: str, device: str) -> Sam2:
    """The model of an option; "tiny" stands for "sam2.1_tiny" and so on.

    Raises
    ------
    UsageError
        If it is neither a name nor a file, or there is no such device.
    FileNotFoundError
        If it must be downloaded first.
    ValueError
        If the file is no checkpoint.
    """
    from napari_sam2.model import PRESETS, load_model
    from napari_sam2.model.checkpoint import resolve_device

    full_name = name if name in PRESETS else f"sam2.1_{name}"
    if full_name not in PRESETS and not Path(name).is_file():
        raise UsageError(f"there is no model {name!r}; expected {', '.join(PRESETS)}, or a file")
    try:
        target = resolve_device(device)
    except ValueError as error:
        raise UsageError(str(error)) from error
    return load_model(full_name if full_name in PRESETS else Path(name), target)
