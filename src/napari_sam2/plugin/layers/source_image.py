"""Image layers as sources: accepted shapes, frames, scale, and data for the engine."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.layers.utils.layer_utils import calc_data_range

from napari_sam2.io.selection import EVERYTHING
from napari_sam2.plugin.layers.image_axes import axes_of, part_of
from napari_sam2.plugin.protocol.sources import FirstLimits, ImagePart, ImageSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.layers import Layer

    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.scale import FrameAxis
    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.layers.image_axes import ImageAxes

PROJECT = "napari-sam2 annotation"  # key in a layer's metadata: project folder to open
IMAGE_PATH = "napari-sam2 image"  # key in the metadata of image and labels: file of the image
FILE_PATHS = "napari-sam2 files"  # key in a layer's metadata: files of which each is a frame
FILE_PART = "napari-sam2 file part"  # key in a layer's metadata: part of its file that it holds
COVERING = ("translucent", "translucent_no_depth", "opaque")  # blending modes
_LABELS: dict[str, FrameAxis] = {"t": "t", "time": "t", "frame": "t"}
_LABELS |= {"z": "z", "depth": "z", "slice": "z", "plane": "z"}
_NO_STEP = (1.0, "pixel")  # scale and unit of a layer for which none were set


def data_of(layer: Image) -> Any:
    """Data of a layer at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def layer_data(layer: Image, data: Any) -> Any:
    """Other data for a layer, in as many resolutions as it has; nothing is read.

    The coarse ones, which are only shown, are every second pixel of the full one, and so on.

    Parameters
    ----------
    layer : Image
        The layer, of (T, Y, X) or (T, Y, X, 3 or 4).
    data : dask array
        Its other data at full resolution, with the same rows and columns.
    """
    if not layer.multiscale:
        return data
    rows, columns = data.shape[1:3]
    sizes = [tuple(level.shape[1:3]) for level in layer.data]
    return [
        data[:, :: max(1, rows // height), :: max(1, columns // width)][:, :height, :width]
        if (height, width) != (rows, columns)
        else data
        for height, width in sizes
    ]


def image_path(layer: Image) -> str | None:
    """File or folder from which an image was opened; None if it has none."""
    path = layer.metadata.get(IMAGE_PATH) or layer.source.path
    return None if path is None else str(path)


def stack_shape(layer: Image) -> tuple[int, int, int]:
    """Frames, height and width of an image; a single image is a stack of one frame.

    Raises
    ------
    ValueError
        If the layer is not an image or a stack of images; the message gives advice.
    """
    shape = tuple(int(length) for length in data_of(layer).shape)
    if 0 in shape:
        raise ValueError(f"“{layer.name}” has no pixels {shape}: open another image")
    return axes_of(layer).stack_shape


def is_movie(layer: Image) -> bool:
    """Whether an image has an axis of frames."""
    return axes_of(layer).frames is not None


def has_user_contrast(layer: Image, first: FirstLimits | None = None) -> bool:
    """Whether the user changed the contrast limits, which first were `first` or the whole range."""
    limits = limits_of(layer)
    is_first = first is not None and limits == first.limits
    return not is_first and limits != tuple(map(float, layer.contrast_limits_range))


def first_limits(layer: Image) -> FirstLimits | None:
    """Limits with which a layer came; to be called when it is opened.

    napari computes limits of arrays in memory over all frames, and those of other arrays over the
    frame that it shows first. The limits of a reader are the whole range of the slider, too.
    """
    if layer.rgb:
        return None
    limits, is_whole = limits_of(layer), not has_user_contrast(layer)
    if isinstance(layer.data, np.ndarray):
        return FirstLimits(limits, partial(calc_data_range, layer.data)) if is_whole else None
    kind = np.dtype(layer.dtype)
    if kind.kind not in "iu":
        shown = layer._calc_data_range("slice")  # napari has no public method for this
        return FirstLimits(limits, lambda: shown) if is_whole else None
    every = (float(np.iinfo(kind).min), float(np.iinfo(kind).max))
    if tuple(map(float, layer.contrast_limits_range)) == every:
        return FirstLimits(limits, lambda: limits)  # napari computed them
    return FirstLimits(limits, lambda: every) if is_whole else None


def limits_of(layer: Image) -> tuple[float, float]:
    """Values that a layer shows as black and white."""
    low, high = layer.contrast_limits
    return float(low), float(high)


def image_source(layer: Image, first: FirstLimits | None = None) -> ImageSource:
    """Source of a layer for the engine; no pixels are read."""
    part = part_of(layer)
    return ImageSource(
        pixels_of(layer, part),
        bool(layer.rgb) or part.is_mix,
        source_contrast(layer, first),
        layer.name,
        image_path(layer),
        scale_source(layer),
        layer.metadata.get(PROJECT),
        _part_of_file(layer, part),
        None if part.is_mix else first,
        tuple(layer.metadata.get(FILE_PATHS, ())),
    )


def _part_of_file(layer: Image, part: Selection) -> Selection | None:
    """The part of the file of a layer that is tracked; None where it is the whole file."""
    in_file: Selection | None = layer.metadata.get(FILE_PART)
    if part == EVERYTHING or (in_file is not None and in_file.is_3d and part.is_3d):
        return in_file
    return part


def source_contrast(layer: Image, first: FirstLimits | None = None) -> tuple[float, float] | None:
    """Contrast limits of the source of a layer; None where the engine finds its own."""
    if layer.rgb or not has_user_contrast(layer, first) or part_of(layer).is_mix:
        return None
    return limits_of(layer)


def pixels_of(layer: Image, part: Selection) -> Any:
    """Data of a part of a layer as (T, Y, X) or (Y, X), or the same in colour; nothing is read."""
    axes, data = axes_of(layer), data_of(layer)
    if axes.is_plain:
        return data
    letters, colours = axes.letters, tuple[int, ...]()
    if layer.rgb:
        letters, colours = f"{letters}S", (int(data.shape[-1]),)
    elif part.is_mix:
        colours = (3,)
    return ImagePart(data, letters, part, (*axes.stack_shape, *colours), layer.name)


def channels_of(layer: Image) -> dict[str, Any]:
    """Pixels to measure by the name of their channel; all channels of a layer, as it is shown."""
    axes, part = axes_of(layer), part_of(layer)
    if axes.channels is None:
        return {layer.name: pixels_of(layer, part)}
    return {
        f"{layer.name} channel {channel}": pixels_of(layer, replace(part, channel=channel))
        for channel in range(axes.lengths[axes.channels])
    }


def scale_source(layer: Image) -> ScaleSource:
    """Scale of a layer, and the file that may complete it; the file is not read."""
    axes = axes_of(layer)
    scale = [float(layer.scale[axis]) for axis in axes.kept]
    units = [layer.units[axis] for axis in axes.kept]
    labels = [str(layer.axis_labels[axis]) for axis in axes.kept]
    shape = tuple(axes.lengths[axis] for axis in axes.kept)
    translate = [float(layer.translate[axis]) for axis in axes.kept]
    return _scale_source(scale, units, labels, translate, shape, image_path(layer), axes.in_3d)


def scale_source_of_state(data: Any, state: Mapping[str, Any]) -> ScaleSource:
    """Like `scale_source`, for the data and state of a layer that napari passes to a writer."""
    shape = tuple(int(length) for length in data.shape)
    ndim = len(shape)
    return _scale_source(
        state.get("scale", (1.0,) * ndim),
        state.get("units") or ("pixel",) * ndim,
        state.get("axis_labels") or ("",) * ndim,
        state.get("translate", (0.0,) * ndim),
        shape,
        state.get("metadata", {}).get(IMAGE_PATH),
    )


def _scale_source(
    scale: Sequence[float],
    units: Sequence[object],
    labels: Sequence[str],
    translate: Sequence[float],
    shape: tuple[int, ...],
    path: str | None,
    in_3d: bool = False,
) -> ScaleSource:
    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.scale import scale_of_steps

    names = [str(unit) for unit in units]
    sizes = [abs(float(size)) for size in scale]
    axis = _frame_axis(labels[0], names[0]) if len(sizes) == 3 else None
    letters: tuple[str, ...] = ("x", "y", axis or "t")
    if in_3d:
        axis, letters = "tz", ("x", "y", "z", "t")
    steps = dict(zip(letters, zip(reversed(sizes), reversed(names), strict=True), strict=False))
    placed = zip(reversed([float(value) for value in translate]), reversed(names), strict=True)
    origins = dict(zip(letters, placed, strict=False))
    if steps["y"] == steps["x"] == _NO_STEP:
        del steps["y"], steps["x"]
    if steps.get("z") == _NO_STEP:
        del steps["z"]
    return ScaleSource(scale_of_steps(steps, axis, origins), shape, path)


def _frame_axis(label: str, unit: str) -> FrameAxis | None:
    """Meaning of the first axis of a stack by its label, or else by its unit."""
    from napari_sam2.io.scale import is_time_unit, known_length_unit

    name = label.strip().lower().removesuffix("s")
    if name in _LABELS:
        return _LABELS[name]
    if is_time_unit(unit):
        return "t"
    return "z" if known_length_unit(unit) not in (None, "pixel") else None


def frame_at(layer: Image, world_point: tuple[float, ...]) -> int:
    """Frame of the image at a position of the viewer's sliders, clipped to the stack."""
    axes = axes_of(layer)
    return min(max(_slider_frame(layer, axes, world_point), 0), axes.stack_shape[0] - 1)


def outside_told(layer: Image, world_point: tuple[float, ...]) -> str | None:
    """Reason why the image has no frame at a position of the sliders; None if it has one."""
    axes = axes_of(layer)
    t = _slider_frame(layer, axes, world_point) // axes.planes
    last = axes.stack_shape[0] // axes.planes - 1
    if t > last:
        return f"This movie ends at {'time' if axes.in_3d else 'frame'} {last}."
    return "This movie begins at a later time." if t < 0 else None


def _slider_frame(layer: Image, axes: ImageAxes, world_point: tuple[float, ...]) -> int:
    if axes.frames is None:
        return 0
    return axes.frame(layer.world_to_data(world_point[-layer.ndim :]))


def is_hidden(image: Image, layers: Iterable[Layer]) -> bool:
    """Whether an image is invisible, or completely covered by an opaque image above it."""
    if not image.visible:
        return True
    above = dropwhile(lambda layer: layer is not image, layers)  # a slice would be a LayerList
    return any(_covers(layer, image) for layer in islice(above, 1, None))


def _covers(layer: Layer, image: Image) -> bool:
    is_opaque = isinstance(layer, Image) and layer.visible and layer.opacity == 1
    if not is_opaque or layer.blending not in COVERING:
        return False
    (low, high), (inner_low, inner_high) = (one.extent.world[:, -2:] for one in (layer, image))
    return bool((low <= inner_low).all() and (high >= inner_high).all())


def images_like(image: Image, layers: Iterable[Layer]) -> list[Image]:
    """The image, followed by all other image layers with the same axes."""
    axes = axes_of(image)
    others = [
        layer
        for layer in layers
        if isinstance(layer, Image) and layer is not image and _has_axes(layer, axes)
    ]
    return [image, *others]


def _has_axes(layer: Image, axes: ImageAxes) -> bool:
    try:
        return axes_of(layer) == axes
    except ValueError:  # more axes than an image that is tracked can have
        return False
