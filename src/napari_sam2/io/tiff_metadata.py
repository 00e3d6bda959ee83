"""What TIFF files of ImageJ, OME and ours tell about scale and axes."""

from __future__ import annotations

import math
import re
from typing import Any
from xml.etree import ElementTree

import tifffile

from napari_sam2.io.scale import ImageScale, known_length_unit
from napari_sam2.version import __version__

_SOFTWARE = "napari-sam2"
_OME_UNITS = {
    "um": "µm",
    "nm": "nm",
    "mm": "mm",
    "cm": "cm",
    "m": "m",
    "inch": "in",
    "pixel": "pixel",
}
_SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "min": 60.0, "h": 3600.0, "d": 86400.0}


def software_tag(axes: str) -> str:
    """Text of the Software tag by which we know our own files, with the axes of the array."""
    return f"{_SOFTWARE} {__version__} axes={axes}"


def own_axes(tif: tifffile.TiffFile) -> str | None:
    """Axes of the array that we wrote, "TYX" or "YX"; None for a file that is not ours.

    A TIFF file by itself does not tell one frame from a single image.
    """
    tag = tif.pages.first.tags.get("Software")
    match = re.fullmatch(rf"{_SOFTWARE} \S+ axes=(TYX|YX)", str(tag.value)) if tag else None
    return match[1] if match else None


def imagej_metadata(axes: str, scale: ImageScale, limits: tuple[float, float]) -> dict[str, Any]:
    """Entries of an ImageJ description: axes, unit, frame interval and the range to show."""
    metadata: dict[str, Any] = {"axes": axes, "min": float(limits[0]), "max": float(limits[1])}
    if scale.pixel_size is not None:
        metadata["unit"] = scale.unit
    if scale.interval_s is not None and "T" in axes:
        metadata["finterval"] = scale.interval_s
    return metadata


def imagej_resolution(scale: ImageScale) -> tuple[float, float] | None:
    """Pixels per unit, (x, y)."""
    if scale.pixel_size is None:
        return None
    y, x = scale.pixel_size
    return 1 / x, 1 / y


def ome_metadata(axes: str, scale: ImageScale) -> dict[str, Any]:
    """Entries of an OME description: axes, pixel size and frame interval."""
    metadata: dict[str, Any] = {"axes": axes}
    if scale.pixel_size is not None:
        unit = _OME_UNITS[scale.unit]
        y, x = scale.pixel_size
        metadata |= {
            "PhysicalSizeY": y,
            "PhysicalSizeYUnit": unit,
            "PhysicalSizeX": x,
            "PhysicalSizeXUnit": unit,
        }
    if scale.interval_s is not None and "T" in axes:
        metadata |= {"TimeIncrement": scale.interval_s, "TimeIncrementUnit": "s"}
    return metadata


def read_scale(tif: tifffile.TiffFile) -> ImageScale:
    """Scale of an open TIFF file; what it does not tell, or tells wrongly, is None.

    Resolutions of files by neither ImageJ nor OME are left alone: most are those of a printer.
    """
    if tif.is_ome and tif.ome_metadata:
        return _ome_scale(tif.ome_metadata)
    if tif.is_imagej and tif.imagej_metadata:
        return _imagej_scale(tif)
    return ImageScale()


def _imagej_scale(tif: tifffile.TiffFile) -> ImageScale:
    metadata = tif.imagej_metadata or {}
    unit = known_length_unit(metadata.get("unit"))
    tags = tif.pages.first.tags
    size = (_inverse(tags.get("YResolution")), _inverse(tags.get("XResolution")))
    return _scale(size, unit, _positive(metadata.get("finterval")))


def _ome_scale(description: str) -> ImageScale:
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError:
        return ImageScale()
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return ImageScale()
    unit = known_length_unit(pixels.get("PhysicalSizeXUnit", "µm"))
    if known_length_unit(pixels.get("PhysicalSizeYUnit", "µm")) != unit:
        unit = None
    size = (_positive(pixels.get("PhysicalSizeY")), _positive(pixels.get("PhysicalSizeX")))
    interval = _positive(pixels.get("TimeIncrement"))
    seconds = _SECONDS.get(pixels.get("TimeIncrementUnit", "s"))
    return _scale(size, unit, interval * seconds if interval and seconds else None)


def _scale(
    size: tuple[float | None, float | None], unit: str | None, interval_s: float | None
) -> ImageScale:
    y, x = size
    if unit is None or y is None or x is None:
        return ImageScale(interval_s=interval_s)
    return ImageScale((y, x), unit, interval_s)


def _inverse(tag: tifffile.TiffTag | None) -> float | None:
    """Pixel size from a resolution tag, which holds a fraction (numerator, denominator)."""
    if tag is None or not isinstance(tag.value, tuple) or len(tag.value) != 2:
        return None
    pixels, units = tag.value
    return _positive(units / pixels) if pixels else None


def _positive(value: object) -> float | None:
    """The value as a positive, finite number, or None."""
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever the file holds
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
