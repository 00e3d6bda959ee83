"""Image layers as sources: accepted shapes, frames, scale, and data for the engine."""

from __future__ import annotations

from itertools import dropwhile, islice
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sam2.plugin.protocol.sources import ImageSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari.layers import Layer

    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.scale import FrameAxis

PROJECT = "napari-sam2 annotation"  # key in a layer's metadata: project folder to open
IMAGE_PATH = "napari-sam2 image"  # key in the metadata of image and labels: file of the image
COVERING = ("translucent", "translucent_no_depth", "opaque")  # blending modes
_LABELS: dict[str, FrameAxis] = {"t": "t", "time": "t", "frame": "t"}
_LABELS |= {"z": "z", "depth": "z", "slice": "z", "plane": "z"}
_NO_STEP = (1.0, "pixel")  # scale and unit of a layer for which none were set


def data_of(layer: Image) -> Any:
    """Data of a layer at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


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
    space = shape[:-1] if layer.rgb else shape
    if len(space) not in (2, 3):
        raise ValueError(
            f"“{layer.name}” has {len(space)} axes {space}, expected (Y, X) or (T, Y, X): "
            "one channel and plane can be tracked. Open the file from a terminal, as with "
            "napari-sam2 open FILE --channel 0, or --z max"
        )
    if 0 in shape:
        raise ValueError(f"“{layer.name}” has no pixels {space}: open another image")
    frames, height, width = (1, *space) if len(space) == 2 else space
    return frames, height, width


def has_user_contrast(layer: Image) -> bool:
    """Whether the user changed the contrast limits; by default they span their whole range."""
    return tuple(layer.contrast_limits) != tuple(layer.contrast_limits_range)


def image_source(layer: Image) -> ImageSource:
    """Source of a layer for the engine; no pixels are read."""
    limits = None
    if not layer.rgb and has_user_contrast(layer):
        low, high = layer.contrast_limits
        limits = (float(low), float(high))
    return ImageSource(
        data_of(layer),
        bool(layer.rgb),
        limits,
        layer.name,
        image_path(layer),
        scale_source(layer),
        layer.metadata.get(PROJECT),
    )


def scale_source(layer: Image) -> ScaleSource:
    """Scale of a layer, and the file that may complete it; the file is not read."""
    data = data_of(layer)
    shape = tuple(int(length) for length in data.shape[: layer.ndim])
    return _scale_source(layer.scale, layer.units, layer.axis_labels, shape, image_path(layer))


def scale_source_of_state(data: Any, state: Mapping[str, Any]) -> ScaleSource:
    """Like `scale_source`, for the data and state of a layer that napari passes to a writer."""
    shape = tuple(int(length) for length in data.shape)
    ndim = len(shape)
    return _scale_source(
        state.get("scale", (1.0,) * ndim),
        state.get("units") or ("pixel",) * ndim,
        state.get("axis_labels") or ("",) * ndim,
        shape,
        state.get("metadata", {}).get(IMAGE_PATH),
    )


def _scale_source(
    scale: Sequence[float],
    units: Sequence[object],
    labels: Sequence[str],
    shape: tuple[int, ...],
    path: str | None,
) -> ScaleSource:
    from napari_sam2.io.file_scale import ScaleSource
    from napari_sam2.io.scale import scale_of_steps

    names = [str(unit) for unit in units]
    sizes = [abs(float(size)) for size in scale]
    axis = _frame_axis(labels[0], names[0]) if len(sizes) == 3 else None
    last_first = zip(reversed(sizes), reversed(names), strict=True)
    steps = dict(zip(("x", "y", axis or "t"), last_first, strict=False))
    if steps["y"] == steps["x"] == _NO_STEP:
        del steps["y"], steps["x"]
    if steps.get("z") == _NO_STEP:
        del steps["z"]
    return ScaleSource(scale_of_steps(steps, axis), shape, path)


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
    return min(max(_slider_frame(layer, world_point), 0), stack_shape(layer)[0] - 1)


def outside_told(layer: Image, world_point: tuple[float, ...]) -> str | None:
    """Reason why the image has no frame at a position of the sliders; None if it has one."""
    t, last = _slider_frame(layer, world_point), stack_shape(layer)[0] - 1
    if t > last:
        return f"This movie ends at frame {last}."
    return "This movie begins at a later time." if t < 0 else None


def _slider_frame(layer: Image, world_point: tuple[float, ...]) -> int:
    if layer.ndim == 2:
        return 0
    return round(float(layer.world_to_data(world_point[-layer.ndim :])[0]))


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
    """The image, followed by all other image layers with the same shape."""
    shape = data_of(image).shape[: image.ndim]
    others = [
        layer
        for layer in layers
        if isinstance(layer, Image)
        and layer is not image
        and layer.ndim == image.ndim
        and data_of(layer).shape[: image.ndim] == shape
    ]
    return [image, *others]
