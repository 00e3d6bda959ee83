"""Metadata of TIFF files (ImageJ, OME and ours): scale and axes."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_sam2.io.scale import (
    FrameAxis,
    ImageScale,
    Step,
    has_position,
    known_length_unit,
    positive,
    scale_of_steps,
)
from napari_sam2.io.tiff_microscopes import even_step, microscope_origins, microscope_steps
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
    axes: str, scale: ImageScale | VolumeScale, limits: tuple[float, float] | None
) -> dict[str, Any]:
    """Entries of an ImageJ description: axes, unit, steps, origin and, if known, range to show."""
    metadata: dict[str, Any] = {"axes": axes}
    if limits is not None:
        metadata |= {"min": float(limits[0]), "max": float(limits[1])}
    if scale.pixel_size is not None or scale.z_spacing is not None:
        metadata["unit"] = scale.unit
    if scale.z_spacing is not None and "Z" in axes:
        metadata["spacing"] = scale.z_spacing
    if scale.interval_s is not None and "T" in axes:
        metadata["finterval"] = scale.interval_s
    return metadata | _imagej_origin(axes, scale)


def _imagej_origin(axes: str, scale: ImageScale | VolumeScale) -> dict[str, float]:
    """The pixel with the coordinates 0, as ImageJ counts it; ImageJ has none along time."""
    if scale.origin is None:
        return {}
    y, x = scale.pixel_size or (1.0, 1.0)
    steps = {"X": x, "Y": y, "Z": scale.z_spacing or 1.0}
    return {
        f"{axis.lower()}origin": -scale.origin.along(axis)[0] / step
        for axis, step in steps.items()
        if axis in axes
    }


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


def ome_planes(
    axes: str, shape: tuple[int, ...], scale: ImageScale | VolumeScale
) -> dict[str, Any]:
    """Entry of an OME description with the position and time of every plane; may be empty."""
    if scale.origin is None or len(shape) != len(axes):
        return {}
    origin, unit = scale.origin, _OME_UNITS[scale.unit]
    counts = shape[: axes.index("Y")]
    number = int(np.prod(counts))
    planes: dict[str, Any] = {}
    for axis, position in zip("YX", origin.along("yx"), strict=True):
        planes |= {f"Position{axis}": [position] * number, f"Position{axis}Unit": [unit] * number}
    places = dict(zip(axes, np.indices(counts).reshape(len(counts), -1), strict=False))
    if "Z" in places and (scale.z_spacing is not None or len(places["Z"]) == 1):
        depths = origin.z + places["Z"] * (scale.z_spacing or 0.0)
        planes |= {"PositionZ": depths.tolist(), "PositionZUnit": [unit] * number}
    if "T" in places and scale.interval_s is not None:
        times = origin.t + places["T"] * scale.interval_s
        planes |= {"DeltaT": times.tolist(), "DeltaTUnit": ["s"] * number}
    return {"Plane": planes}


def read_scale(tif: tifffile.TiffFile, frame_axis: FrameAxis | None) -> ImageScale:
    """Scale of an open TIFF file; missing or invalid values are None.

    Parameters
    ----------
    tif : TiffFile
        The file.
    frame_axis : {"t", "z"}, optional
        Axis along which its images are stacked.
    """
    return scale_of_steps(read_steps(tif), frame_axis, read_origins(tif))


def read_steps(tif: tifffile.TiffFile, number: int = 0) -> dict[str, Step]:
    """Steps along "t", "z", "y" and "x" of an image of an open TIFF file, as far as it tells them.

    The resolution tags of other files count where a pixel is smaller than 10 µm: larger ones are
    those of a screen or a printer.
    """
    if tif.is_ome and tif.ome_metadata:
        return _ome_steps(_ome_pixels(tif, number))
    if tif.is_imagej and tif.imagej_metadata:
        return _imagej_steps(tif)
    return microscope_steps(tif) or _resolution_steps(tif)


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


def read_origins(tif: tifffile.TiffFile, number: int = 0) -> dict[str, Step]:
    """Position of the first pixel of an image along "t", "z", "y" and "x", if the file tells it.

    Of an OME file these are the position and the time of the first plane, or else the position of
    the stage that the image is labelled with. Positions in OME's "reference frame", which has no
    unit, are left out. The origin of ImageJ is the pixel with the coordinates 0. Where these tell
    no position, those that the microscope wrote count; see `microscope_origins`.
    """
    origins: dict[str, Step] = {}
    if tif.is_ome and tif.ome_metadata:
        origins = _ome_origins(_ome_image(tif, number))
    elif tif.is_imagej and tif.imagej_metadata:
        origins = _imagej_origins(tif)
    if number == 0 and not any(has_position(origins.get(axis)) for axis in "zyx"):
        return origins | microscope_origins(tif)
    return origins


def _imagej_origins(tif: tifffile.TiffFile) -> dict[str, Step]:
    metadata, origins = tif.imagej_metadata or {}, dict[str, Step]()
    for axis, (size, unit) in _imagej_steps(tif).items():
        pixels, step = metadata.get(f"{axis}origin"), positive(size)
        if isinstance(pixels, int | float):
            is_known = step is not None and known_length_unit(unit) is not None
            origins[axis] = (-pixels * step, unit) if is_known and step else (-pixels, "pixel")
    return origins


def _ome_image(tif: tifffile.TiffFile, number: int) -> ElementTree.Element | None:
    """Description of an image of an OME file that has pixels."""
    try:
        root = ElementTree.fromstring(tif.ome_metadata or "")
    except ElementTree.ParseError:
        return None
    images = root.findall(".//{*}Image")
    described = [image for image in images if image.find("{*}Pixels") is not None]
    return described[number if number < len(described) else 0] if described else None


def _ome_pixels(tif: tifffile.TiffFile, number: int) -> ElementTree.Element | None:
    """Description of the pixels of an image of an OME file."""
    image = _ome_image(tif, number)
    return None if image is None else image.find("{*}Pixels")


def _ome_origins(image: ElementTree.Element | None) -> dict[str, Step]:
    """Place and time of the first plane, and the place of the stage along the other axes."""
    if image is None:
        return {}
    planes = _planes(image.find("{*}Pixels"))
    first = next((plane for plane in planes if _place(plane) == (0, 0, 0)), None)
    stage, origins = image.find("{*}StageLabel"), dict[str, Step]()
    for axis in "ZYX":
        for element, name in ((first, f"Position{axis}"), (stage, axis)):
            found = (None, None) if element is None else _measured(element, name)
            if has_position(found):
                origins[axis.lower()] = found
                break
    return origins if first is None else origins | {"t": _measured(first, "DeltaT", "s")}


def _measured(element: ElementTree.Element, name: str, unit: str | None = None) -> Step:
    return element.get(name), element.get(f"{name}Unit", unit)


def _planes(pixels: ElementTree.Element | None) -> list[ElementTree.Element]:
    return [] if pixels is None else pixels.findall("{*}Plane")


def _place(plane: ElementTree.Element) -> tuple[int, ...]:
    """Indices of a plane along T, Z and C."""
    found = [plane.get(f"The{axis}", "0") for axis in "TZC"]
    return tuple(int(index) if index.isdecimal() else -1 for index in found)


def _ome_steps(pixels: ElementTree.Element | None) -> dict[str, Step]:
    if pixels is None:
        return {}
    steps: dict[str, Step] = {
        axis.lower(): (
            pixels.get(f"PhysicalSize{axis}"),
            pixels.get(f"PhysicalSize{axis}Unit", "µm"),
        )
        for axis in "ZYX"
    }
    if not positive(steps["z"][0]):
        distance, unit = _plane_step(pixels, 1, "PositionZ", None)
        steps["z"] = (None if distance is None else abs(distance), unit)
    steps["t"] = (pixels.get("TimeIncrement"), pixels.get("TimeIncrementUnit", "s"))
    if not positive(steps["t"][0]):
        steps["t"] = _plane_step(pixels, 0, "DeltaT", "s")
    return steps


def _plane_step(
    pixels: ElementTree.Element, along: int, name: str, unit: str | None
) -> tuple[float | None, str | None]:
    """Step along T (0) or Z (1) from the times or positions of planes, where none is written."""
    values: dict[int, float] = {}
    for plane in _planes(pixels):
        place = _place(plane)
        if any(index for axis, index in enumerate(place) if axis != along):
            continue
        try:
            values[place[along]] = float(plane.get(name, "nan"))
        except ValueError:
            continue
        unit = plane.get(f"{name}Unit", unit)
    return even_step(np.array([values[index] for index in sorted(values)])), unit


def _inverse(tag: tifffile.TiffTag | None) -> float | None:
    """Pixel size from a resolution tag, which holds a fraction (numerator, denominator)."""
    if tag is None or not isinstance(tag.value, tuple) or len(tag.value) != 2:
        return None
    pixels, units = tag.value
    return positive(units / pixels) if pixels else None
