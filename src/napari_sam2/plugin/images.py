"""What an image layer is to us: which shapes we take, and what goes to the engine and to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sam2.plugin.sources import ImageSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.layers import Layer

    from napari_sam2.io.scale import ImageScale

SESSION = "napari-sam2 annotation"  # in the metadata of a layer: the saved annotation to open
IMAGE_PATH = "napari-sam2 image"  # and where the image itself is
_SECONDS = {"second": 1.0, "millisecond": 1e-3, "minute": 60.0, "hour": 3600.0}


def data_of(layer: Image) -> Any:
    """The data of a layer at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def stack_shape(layer: Image) -> tuple[int, int, int]:
    """Frames, height and width of an image; a single image is a stack of one frame.

    Raises
    ------
    ValueError
        If it is not a single image or a stack of them; the message says what to do.
    """
    shape = tuple(int(length) for length in data_of(layer).shape)
    space = shape[:-1] if layer.rgb else shape
    if len(space) not in (2, 3):
        raise ValueError(
            f"“{layer.name}” has {len(space)} axes {space}, expected (Y, X) or (T, Y, X): "
            "make a layer of one channel or plane of it (right-click the layer > Split Stack), "
            "then choose that one"
        )
    if 0 in shape:
        raise ValueError(f"“{layer.name}” is empty {space}: open an image with a frame in it")
    frames, height, width = (1, *space) if len(space) == 2 else space
    return frames, height, width


def has_user_contrast(layer: Image) -> bool:
    """Whether the user narrowed the contrast; napari starts with limits that span their range."""
    return tuple(layer.contrast_limits) != tuple(layer.contrast_limits_range)


def image_source(layer: Image) -> ImageSource:
    """What the engine gets of a layer; nothing is read."""
    limits = None
    if not layer.rgb and has_user_contrast(layer):
        low, high = layer.contrast_limits
        limits = (float(low), float(high))
    path = layer.metadata.get(IMAGE_PATH) or layer.source.path
    return ImageSource(
        data_of(layer),
        bool(layer.rgb),
        limits,
        layer.name,
        None if path is None else str(path),
        image_scale(layer.scale, [str(unit) for unit in layer.units]),
        layer.metadata.get(SESSION),
    )


def image_scale(scale: Sequence[float], units: Sequence[str]) -> ImageScale:
    """Pixel size and frame interval, as far as the scale and units of a layer tell."""
    from napari_sam2.io.scale import ImageScale, known_length_unit

    y, x = (abs(float(step)) for step in scale[-2:])
    unit = known_length_unit(units[-1]) or "pixel"
    is_known = y > 0 and x > 0 and (unit != "pixel" or (y, x) != (1.0, 1.0))
    seconds = _SECONDS.get(units[0]) if len(scale) == 3 else None
    interval = float(scale[0]) * seconds if seconds and scale[0] > 0 else None
    return ImageScale((y, x) if is_known else None, unit, interval)


def frame_at(layer: Image, world_point: tuple[float, ...]) -> int:
    """Which frame of the image a place of the viewer's sliders shows, kept inside the stack."""
    if layer.ndim == 2:
        return 0
    frames = stack_shape(layer)[0]
    position = layer.world_to_data(world_point[-layer.ndim :])[0]
    return int(min(max(round(float(position)), 0), frames - 1))


def images_like(image: Image, layers: Iterable[Layer]) -> list[Image]:
    """An image, and after it all others of its shape among some layers."""
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
