"""Layer data for napari: tuples of data, options and layer type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.io.scale import Origin

if TYPE_CHECKING:
    from pathlib import Path

    from napari_sam2.io.movie import Movie
    from napari_sam2.io.scale import ImageScale
    from napari_sam2.io.volume_scale import VolumeScale


LARGE_BYTES = 64 * 1024**2
LayerData = tuple[Any, dict[str, Any], str]
_UNIT_NAMES = {"um": "micrometer", "nm": "nanometer", "mm": "millimeter", "cm": "centimeter"}
_UNIT_NAMES |= {"m": "meter", "inch": "inch"}


def layer_scale(scale: ImageScale, ndim: int) -> dict[str, Any]:
    """Scale, units and axis labels of a layer of (Y, X), (T, Y, X) or (Z, Y, X)."""
    return _layer_scale(scale, tuple(scale.axes(ndim).lower()))


def volume_layer_scale(scale: VolumeScale) -> dict[str, Any]:
    """Scale, units and axis labels of a layer of (T, Z, Y, X)."""
    return _layer_scale(scale, ("t", "z", "y", "x"))


def _layer_scale(scale: ImageScale | VolumeScale, axes: tuple[str, ...]) -> dict[str, Any]:
    length = _UNIT_NAMES.get(scale.unit, "pixel")
    y, x = scale.pixel_size or (1.0, 1.0)
    plane_unit = "pixel" if scale.pixel_size is None else length
    steps = {"y": (y, plane_unit), "x": (x, plane_unit)}
    steps["t"] = (scale.interval_s or 1.0, "second" if scale.interval_s else "pixel")
    steps["z"] = (scale.z_spacing or 1.0, length if scale.z_spacing else "pixel")
    place = {} if scale.origin is None else {"translate": _translate(scale, steps, axes)}
    return place | {
        "scale": tuple(steps[axis][0] for axis in axes),
        "units": tuple(steps[axis][1] for axis in axes),
        "axis_labels": axes,
    }


def _translate(
    scale: ImageScale | VolumeScale, steps: dict[str, tuple[float, str]], axes: tuple[str, ...]
) -> tuple[float, ...]:
    """Position of the first pixel; 0 along axes in pixels, unless the position is in pixels too."""
    origin = scale.origin or Origin()
    is_in_pixels = scale.unit == "pixel"
    is_placed = {
        k: unit != "pixel" or (is_in_pixels and k != "t") for k, (_, unit) in steps.items()
    }
    return tuple(origin.along(axis)[0] if is_placed[axis] else 0.0 for axis in axes)


def keeps_frames(path: Path) -> bool:
    """Whether napari shall keep the frames of a file in memory once it has shown them.

    The frames of a video take long to decode. Those of other files are read again, since napari
    would keep as many as fit into a quarter of the computer's memory.
    """
    from napari_sam2.io.video import VIDEO_SUFFIXES

    return path.suffix.lower() in VIDEO_SUFFIXES


def large_movie_layer(path: Path) -> LayerData | None:
    """The layer of a large file, whose frames are read when they are needed; None for other files.

    napari's own reader takes a whole TIFF into memory. It still reads what is not a plain movie for
    us, such as a file with channels.
    """
    from napari_sam2.io.movies import open_movie

    try:
        if not path.is_file() or path.stat().st_size < LARGE_BYTES:
            return None
        data, options, kind = movie_layer(open_movie(path))
    except (OSError, ValueError, TypeError):
        return None
    return data, options | {"name": path.stem}, kind  # as napari names layers


def movie_layer(movie: Movie) -> LayerData:
    """A movie as an image layer; a movie of one frame becomes a two-dimensional image.

    The layer has the contrast limits of the file, which the model then sees too.
    """
    from napari_sam2.plugin.layers.source_image import FILE_PART, IMAGE_PATH

    path = None if movie.path is None else str(movie.path)
    metadata = {} if path is None else {IMAGE_PATH: path, FILE_PART: movie.selection}
    data: Any = movie.data[0] if movie.shape[0] == 1 else movie.data
    spatial = data.ndim - 1 if movie.rgb else data.ndim
    return (
        data,
        {
            "name": movie.name,
            "rgb": movie.rgb,
            "metadata": metadata,
            "cache": movie.path is not None and keeps_frames(movie.path),
            **({} if movie.shown_limits is None else {"contrast_limits": movie.shown_limits}),
            **layer_scale(movie.scale, spatial),
        },
        "image",
    )
