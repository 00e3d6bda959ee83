"""Metadata of TIFF files (ImageJ, OME and ours): scale and axes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.io.scale import FrameAxis, ImageScale, Step, positive, scale_of_steps
from napari_sam2.io.volume_scale import VolumeScale
from napari_sam2.version import __version__

_SOFTWARE = "napari-sam2"
_RESOLUTION_UNITS_UM = {2: 25400.0, 3: 10000.0}  # inch and centimetre
_LARGEST_PIXEL_UM = 10.0  # of a microscope; 2400 dots per inch are 10.6 um
_OME_UNITS = {
    "um": "µm",
    "nm": "nm",
    "mm": "mm",
    "cm": "cm",
    "m": "m",
    "inch": "in",
    "pixel": "pixel",
}


def software_tag(axes: str) -> str:
    """Text of the Software tag by which we know our own files, with the axes of the array."""
    return f"{_SOFTWARE} {__version__} axes={axes}"


def own_axes(tif: tifffile.TiffFile) -> str | None:
    """Axes of the array that we wrote, "TYX", "ZYX" or "YX"; None for a file that is not ours.

    A TIFF file by itself does not tell one frame from a single image.
    """
    tag = tif.pages.first.tags.get("Software")
    match = re.fullmatch(rf"{_SOFTWARE} \S+ axes=(TYX|ZYX|YX)", str(tag.value)) if tag else None
    return match[1] if match else None


def imagej_metadata(
    axes: str, scale: ImageScale | VolumeScale, limits: tuple[float, float]
) -> dict[str, Any]:
    """Entries of an ImageJ description: axes, unit, steps of the axes and the range to show."""
    metadata: dict[str, Any] = {"axes": axes, "min": float(limits[0]), "max": float(limits[1])}
    if scale.pixel_size is not None or scale.z_spacing is not None:
        metadata["unit"] = scale.unit
    if scale.z_spacing is not None and "Z" in axes:
        metadata["spacing"] = scale.z_spacing
    if scale.interval_s is not None and "T" in axes:
        metadata["finterval"] = scale.interval_s
    return metadata


def imagej_resolution(scale: ImageScale | VolumeScale) -> tuple[float, float] | None:
    """Pixels per unit, (x, y)."""
    if scale.pixel_size is None:
        return None
    y, x = scale.pixel_size
    return 1 / x, 1 / y


def ome_metadata(axes: str, scale: ImageScale | VolumeScale) -> dict[str, Any]:
    """Entries of an OME description: axes, pixel size, z spacing and frame interval."""
    metadata: dict[str, Any] = {"axes": axes}
    unit = _OME_UNITS[scale.unit]
    if scale.pixel_size is not None:
        y, x = scale.pixel_size
        metadata |= {
            "PhysicalSizeY": y,
            "PhysicalSizeYUnit": unit,
            "PhysicalSizeX": x,
            "PhysicalSizeXUnit": unit,
        }
    if scale.z_spacing is not None and "Z" in axes:
        metadata |= {"PhysicalSizeZ": scale.z_spacing, "PhysicalSizeZUnit": unit}
    if scale.interval_s is not None and "T" in axes:
        metadata |= {"TimeIncrement": scale.interval_s, "TimeIncrementUnit": "s"}
    return metadata


def read_scale(tif: tifffile.TiffFile, frame_axis: FrameAxis | None) -> ImageScale:
    """Scale of an open TIFF file; missing or invalid values are None.

    Parameters
    ----------
    tif : TiffFile
        The file.
    frame_axis : {"t", "z"}, optional
        Axis along which its images are stacked.
    """
    return scale_of_steps(read_steps(tif), frame_axis)


def read_steps(tif: tifffile.TiffFile) -> dict[str, Step]:
    """Steps along the axes "t", "z", "y" and "x" of an open TIFF file, as far as it tells them.

    The resolution tags of other files count where a pixel is smaller than 10 µm: larger ones are
    those of a screen or a printer.
    """
    if tif.is_ome and tif.ome_metadata:
        return _ome_steps(tif.ome_metadata)
    if tif.is_imagej and tif.imagej_metadata:
        return _imagej_steps(tif)
    if tif.is_lsm and tif.lsm_metadata:
        return lsm_steps(tif.lsm_metadata)
    if tif.is_stk and tif.stk_metadata:
        return stk_steps(tif.stk_metadata)
    return _resolution_steps(tif)


def lsm_steps(metadata: Mapping[str, Any]) -> dict[str, Step]:
    """Steps in the metadata of a Zeiss LSM file, whose voxels are in metres."""
    steps: dict[str, Step] = {
        axis.lower(): (_scaled(metadata.get(f"VoxelSize{axis}"), 1e6), "um") for axis in "ZYX"
    }
    return steps | {"t": (metadata.get("TimeIntervall"), "s")}  # spelt as in the file


def stk_steps(metadata: Mapping[str, Any]) -> dict[str, Step]:
    """Steps in the metadata of a MetaMorph stack: calibration, distance and time of the planes."""
    unit = metadata.get("CalibrationUnits")
    is_calibrated = bool(metadata.get("SpatialCalibration", True))
    sizes = [metadata.get(f"{axis}Calibration") if is_calibrated else None for axis in "YX"]
    distances = np.atleast_1d(metadata.get("ZDistance", ()))
    times = np.atleast_1d(metadata.get("DatetimeCreated", ())).astype("datetime64[ms]")
    return {
        "y": (sizes[0], unit),
        "x": (sizes[1], unit),
        "z": (distances[0] if len(distances) else None, unit),
        "t": (_even_step((times - times[0]).astype(float)) if len(times) > 1 else None, "ms"),
    }


def _resolution_steps(tif: tifffile.TiffFile) -> dict[str, Step]:
    tags = tif.pages.first.tags
    unit = tags.get("ResolutionUnit")
    unit_um = _RESOLUTION_UNITS_UM.get(unit.value) if unit is not None else None
    sizes = [_inverse(tags.get(f"{axis}Resolution")) for axis in "YX"]
    if unit_um is None or None in sizes:
        return {}
    y, x = (size * unit_um for size in sizes if size is not None)
    return {"y": (y, "um"), "x": (x, "um")} if max(y, x) < _LARGEST_PIXEL_UM else {}


def _imagej_steps(tif: tifffile.TiffFile) -> dict[str, Step]:
    metadata = tif.imagej_metadata or {}
    tags = tif.pages.first.tags
    unit = metadata.get("unit")
    return {
        "t": (metadata.get("finterval"), metadata.get("tunit", "s")),
        "z": (metadata.get("spacing"), metadata.get("zunit", unit)),
        "y": (_inverse(tags.get("YResolution")), metadata.get("yunit", unit)),
        "x": (_inverse(tags.get("XResolution")), unit),
    }


def _ome_steps(description: str) -> dict[str, Step]:
    try:
        root = ElementTree.fromstring(description)
    except ElementTree.ParseError:
        return {}
    pixels = root.find(".//{*}Pixels")
    if pixels is None:
        return {}
    steps: dict[str, Step] = {
        axis.lower(): (
            pixels.get(f"PhysicalSize{axis}"),
            pixels.get(f"PhysicalSize{axis}Unit", "µm"),
        )
        for axis in "ZYX"
    }
    interval: Step = (pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    return steps | {"t": interval if positive(interval[0]) else _plane_interval(pixels)}


def _plane_interval(pixels: ElementTree.Element) -> Step:
    """Interval from the times of the planes, where no interval is written."""
    times: dict[int, float] = {}
    unit = "s"
    for plane in pixels.iterfind("{*}Plane"):
        if plane.get("TheZ", "0") == plane.get("TheC", "0") == "0":
            try:
                times[int(plane.get("TheT", "0"))] = float(plane.get("DeltaT", "nan"))
            except ValueError:
                continue
            unit = plane.get("DeltaTUnit", unit)
    return _even_step(np.array([times[t] for t in sorted(times)])), unit


def _even_step(times: NDArray[np.float64]) -> float | None:
    """Typical step between times; None where a step differs from it by more than half of it."""
    steps = np.diff(times)
    if not len(steps) or not np.isfinite(steps).all():
        return None
    typical = float(np.median(steps))
    return typical if np.abs(steps - typical).max() <= abs(typical) / 2 else None


def _scaled(value: object, factor: float) -> float | None:
    number = positive(value)
    return None if number is None else number * factor


def _inverse(tag: tifffile.TiffTag | None) -> float | None:
    """Pixel size from a resolution tag, which holds a fraction (numerator, denominator)."""
    if tag is None or not isinstance(tag.value, tuple) or len(tag.value) != 2:
        return None
    pixels, units = tag.value
    return positive(units / pixels) if pixels else None
