"""The movie itself as an OME-Zarr image, beside its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.movie import lazy_stack
from napari_sam2.io.ngff_writing import (
    Version,
    attributes,
    make_levels,
    multiscales,
    number_of_levels,
    write_plane,
)
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.stack import Limits
from napari_sam2.io.volume_scale import VolumeScale

_WHITE, _RGB = "FFFFFF", ("FF0000", "00FF00", "0000FF")


@dataclass(frozen=True, eq=False)
class ShownImage:
    """Channels of an image, and how they are shown.

    Parameters
    ----------
    channels : mapping of str to array-like
        (T, Y, X), (Z, Y, X), (Y, X) or (T, Z, Y, X) by the name of the channel; three or four
        colours may come last. Read one plane at a time.
    limits : mapping of str to (float, float)
        Values of channels that a person chose to show as black and white; others are measured.
    """

    channels: Mapping[str, ArrayLike]
    limits: Mapping[str, Limits] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Channel:
    """One grey channel, of which a plane is read at a time."""

    name: str
    data: ArrayLike
    colour: str = _WHITE
    sample: int | None = None  # of an image in colour
    limits: Limits | None = None

    def plane(self, place: tuple[int, ...]) -> NDArray[Any]:
        data: Any = self.data
        for index in place:  # not all arrays take several indices at once
            data = data[index]
        plane = np.asarray(data)
        return plane if self.sample is None else plane[..., self.sample]


def write_image(
    root: zarr.Group,
    image: ShownImage,
    shape: tuple[int, ...],
    scale: ImageScale | VolumeScale,
    version: Version,
) -> None:
    """Write an image into the group of an OME-Zarr folder, one plane after the other.

    Channels are an axis after time where there are several. Each resolution has every second row
    and column of the one before, like the labels.

    Parameters
    ----------
    root : zarr.Group
        Empty group of the image.
    image : ShownImage
        The image.
    shape : tuple of int
        Shape of the labels, which is that of each channel.
    scale : ImageScale or VolumeScale
        Axes, sizes and origin.
    version : {"0.4", "0.5"}
        Version of the format.

    Raises
    ------
    ValueError
        If a channel has another shape than the labels.
    """
    channels = _channels(image, shape)
    axes = scale.axes(len(shape)).lower()
    place = axes.index("t") + 1 if "t" in axes else 0
    full = shape
    if len(channels) > 1:
        axes, full = (
            f"{axes[:place]}c{axes[place:]}",
            (*shape[:place], len(channels), *shape[place:]),
        )
    levels = number_of_levels(shape)
    name = next(iter(image.channels))
    content = {
        "multiscales": [multiscales(axes, scale, levels, name)],
        "omero": {"channels": [_shown(channel, shape) for channel in channels]},
    }
    root.attrs.update(attributes(content, version))
    dtype = np.result_type(*(np.dtype(one.data.dtype) for one in channels))
    arrays = make_levels(root, full, dtype, axes, levels)
    for index in np.ndindex(shape[:-2]):
        for number, channel in enumerate(channels):
            inserted = (number,) if len(channels) > 1 else ()
            write_plane(arrays, (*index[:place], *inserted, *index[place:]), channel.plane(index))


def _channels(image: ShownImage, shape: tuple[int, ...]) -> list[_Channel]:
    channels: list[_Channel] = []
    for name, data in image.channels.items():
        found = tuple(int(length) for length in data.shape)
        limits = image.limits.get(name)
        if found == shape:
            channels.append(_Channel(name, data, limits=limits))
        elif found[:-1] == shape and found[-1] in (3, 4):
            channels += [_Channel(f"{name} {'RGB'[k]}", data, _RGB[k], k, limits) for k in range(3)]
        else:
            raise ValueError(f"the image {name} has the shape {found}, the labels {shape}")
    return channels


def _shown(channel: _Channel, shape: tuple[int, ...]) -> dict[str, Any]:
    """A channel of the block ``omero``; a measured window is as wide as its slider."""
    kind, chosen = np.dtype(channel.data.dtype), channel.limits
    low, high = chosen or _measured(channel, shape)
    least, most = low, high
    if chosen is not None and kind.kind in "iu":
        least, most = min(float(np.iinfo(kind).min), low), max(float(np.iinfo(kind).max), high)
    elif chosen is not None:
        least, most = low - (high - low), high + (high - low)
    return {
        "label": channel.name,
        "color": channel.colour,
        "active": True,
        "window": {"min": least, "max": most, "start": low, "end": high},
    }


def _measured(channel: _Channel, shape: tuple[int, ...]) -> Limits:
    """Contrast of a channel as the model measures it; the full range of a colour."""
    from napari_sam2.tracking.frames import Frames  # loads the network, only where it is needed

    kind = np.dtype(channel.data.dtype)
    if channel.sample is not None:
        return 0.0, float(np.iinfo(kind).max) if kind.kind in "iu" else 1.0
    lead = shape[:-2] or (1,)
    is_single = len(shape) == 2
    planes = lazy_stack(
        lambda n: channel.plane(() if is_single else tuple(map(int, np.unravel_index(n, lead)))),
        (int(np.prod(lead)), *shape[-2:]),
        kind,
    )
    return Frames(planes).contrast_limits
