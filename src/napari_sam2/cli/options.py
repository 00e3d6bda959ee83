"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
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


class Windows(StrEnum):
    """What the network sees of a frame."""

    auto = "auto"
    small = "small"
    whole = "whole"


MovieArgument = typer.Argument(
    metavar="MOVIE",
    exists=True,
    help="TIFF, folder of TIFF, PNG or JPEG images, MP4, AVI, GIF or zarr.",
)
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="cells (in the package), a name of `napari-sam2 models`, or a checkpoint file.",
    ),
]
DeviceOption = Annotated[str, typer.Option(help="Device: auto, cpu, cuda, cuda:1, mps.")]
SizeOption = Annotated[
    int | None,
    typer.Option(
        "--image-size",
        metavar="PIXELS",
        help="Side of the input of an official model, a multiple of 32 (default: 1024). 512 takes "
        "about a seventh of the time on a CPU, with half the detail.",
    ),
]
FastOption = Annotated[
    bool,
    typer.Option(
        "--fast", help="Compute in bfloat16 if the CPU supports it; masks change slightly."
    ),
]
LocalOption = Annotated[
    bool,
    typer.Option(
        "--local",
        help="Search small objects near their last place: much faster for many objects and an "
        "official model.",
    ),
]
WindowsOption = Annotated[
    Windows | None,
    typer.Option(
        "--windows",
        help="auto: an official model sees a square around each object, at the resolution of the "
        "movie; small: only around tiny objects; whole: the whole frame. By default squares if "
        "objects are known to be tiny.",
    ),
]
WithImageOption = Annotated[
    bool,
    typer.Option(
        "--with-image",
        help="Write the movie beside its labels, as the image of an OME-Zarr. The movie is copied.",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]


def with_movie(format_name: str) -> str:
    """Name of the format that holds the movie beside its labels.

    Raises
    ------
    UsageError
        If the format cannot hold it.
    """
    if not format_name.startswith("ome-zarr"):
        raise UsageError("--with-image needs an output that ends with .ome.zarr")
    is_new = format_name.endswith("0.5")
    return "ome-zarr-movie-0.5" if is_new else "ome-zarr-movie"


def load(
    name: str,
    device: str,
    image_size: int | None = None,
    *,
    fast: bool = False,
    local: bool = False,
    windows: Windows | None = None,
) -> Sam2:
    """The model of the options above; "tiny" stands for "sam2.1_tiny" and so on.

    Raises
    ------
    UsageError
        If it is neither a name nor a file, there is no such device, or the model cannot have an
        input of this size.
    FileNotFoundError
        If it must be downloaded first.
    ValueError
        If the file is no checkpoint.
    """
    from napari_sam2.model import image_sizes, load_model
    from napari_sam2.model.checkpoint import named_or_file, resolve_device

    if image_size is not None and (image_size <= 0 or image_size % 32):
        raise UsageError(f"--image-size is a positive multiple of 32, as 512; got {image_size}")
    try:
        source, target = named_or_file(name), resolve_device(device)
    except ValueError as error:
        raise UsageError(str(error)) from error
    network = load_model(
        source,
        target,
        image_size=image_size,
        precision="fast" if fast else "exact",
        memory_reach="local" if local else "whole",
        windows=None if windows is None else windows.value,
    )
    sizes = image_sizes(network.config)
    if len(sizes) == 1 and image_size not in (None, *sizes):
        raise UsageError(
            f"{name} sees {sizes[0]} px and nothing else: leave --image-size away, or choose an "
            "official model"
        )
    return network
