"""Contrast with which a TIFF file is shown, as the programs that wrote it say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tifffile

from napari_sam2.io.stack import Limits, limits


def read_shown_limits(tif: tifffile.TiffFile, channels: int) -> tuple[Limits | None, ...]:
    """Values that are shown as black and white, for each channel; empty where nothing says so.

    ImageJ writes the range of each channel of a hyperstack, or one range for all images; MetaMorph
    one range, which counts where it was not set automatically.

    Parameters
    ----------
    tif : TiffFile
        The file.
    channels : int
        Number of its channels.
    """
    if tif.is_imagej and tif.imagej_metadata:
        return imagej_limits(tif.imagej_metadata, channels)
    if tif.is_stk and tif.stk_metadata and not tif.stk_metadata.get("AutoScale", 1):
        found = limits(tif.stk_metadata.get("MinScale"), tif.stk_metadata.get("MaxScale"))
        return (found,) if channels == 1 else ()
    return ()


def imagej_limits(metadata: dict[str, Any], channels: int) -> tuple[Limits | None, ...]:
    """Ranges of the channels in the metadata of ImageJ; one range is that of one channel."""
    ranges = metadata.get("Ranges")
    if isinstance(ranges, Sequence) and len(ranges) == 2 * channels:
        return tuple(limits(*ranges[n : n + 2]) for n in range(0, len(ranges), 2))
    found = limits(metadata.get("min"), metadata.get("max")) if channels == 1 else None
    return () if found is None else (found,)
