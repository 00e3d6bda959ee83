"""What the axes of an image layer are: time, depth, channels, rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.io.scale import is_time_unit
from napari_sam2.io.selection import EVERYTHING, Selection

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from napari.layers import Image
    from numpy.typing import NDArray

PART = "napari-sam2 part"  # key in a layer's metadata: the chosen `Selection`
GEOMETRY = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
MOST_GUESSED_CHANNELS = 4  # a longer axis without a name is time or depth
_NAMES = {"t": "T", "time": "T", "frame": "T"}
_NAMES |= {"z": "Z", "depth": "Z", "slice": "Z", "plane": "Z"}
_NAMES |= {"c": "C", "ch": "C", "channel": "C", "wavelength": "C"}
_NAMES |= {"y": "Y", "x": "X"}


@dataclass(frozen=True)
class ImageAxes:
    """The axes of an image layer, and the places on the layers that lie on it.

    Parameters
    ----------
    letters : str
        One letter per axis without colours: T, Z, C, Y and X, and "1" for others of length 1.
    lengths : tuple of int
        Length of each axis.
    in_3d : bool
        Whether all planes are tracked in 3D: the frames are then the planes of all volumes, and
        plane z of time t is frame t * planes + z.
    """

    letters: str
    lengths: tuple[int, ...]
    in_3d: bool = False

    @property
    def planes(self) -> int:
        """Planes of each volume in 3D; 1 where images are tracked."""
        return self.lengths[self.letters.index("Z")] if self.in_3d else 1

    @property
    def frames(self) -> int | None:
        """Axis of the frames: time, or depth where there is no time; None for a single image.

        In 3D it is the axis of the volumes.
        """
        return next((self.letters.index(one) for one in "TZ" if one in self.letters), None)

    @property
    def channels(self) -> int | None:
        """Axis of the channels."""
        return self._place("C")

    @property
    def depth(self) -> int | None:
        """Axis of depth, where frames follow each other in time."""
        return self._place("Z") if "T" in self.letters else None

    @property
    def plane(self) -> tuple[int, int]:
        """Axes of rows and of columns."""
        return self.letters.index("Y"), self.letters.index("X")

    @property
    def kept(self) -> tuple[int, ...]:
        """Axes of (T, Y, X), of (Y, X) of a single image, or of (T, Z, Y, X) in 3D."""
        if self.in_3d:
            return tuple(self.letters.index(letter) for letter in "TZYX")
        return self.plane if self.frames is None else (self.frames, *self.plane)

    @property
    def named(self) -> str:
        """Letters of the axes without those of length 1."""
        return self.letters.replace("1", "")

    @property
    def is_plain(self) -> bool:
        """Whether the data are (T, Y, X) or (Y, X) already."""
        return not self.in_3d and self.kept == tuple(range(len(self.letters)))

    @property
    def takes_tracks(self) -> bool:
        """Whether napari's Tracks layer can lie on the image: time comes first, then one axis."""
        after = len(self.letters) - (self.frames or 0)
        return (
            not self.in_3d
            and self.frames is not None
            and self.frames < min(self.plane)
            and after <= 4
        )

    @property
    def has_choice(self) -> bool:
        """Whether there is a channel, a plane or a projection to choose."""
        return self.channels is not None or self.depth is not None

    @property
    def default(self) -> Selection:
        """The part that is taken before a user chooses: the first channel, the brightest values."""
        if not self.has_choice:
            is_in_order = self.kept == tuple(sorted(self.kept))
            return EVERYTHING if is_in_order else Selection(self.named)
        channel = None if self.channels is None else 0
        return Selection(self.named, channel, None if self.depth is None else "max")

    @property
    def stack_shape(self) -> tuple[int, int, int]:
        """Frames, height and width."""
        rows, columns = self.plane
        count = 1 if self.frames is None else self.lengths[self.frames] * self.planes
        return count, self.lengths[rows], self.lengths[columns]

    def coordinates(self, t: float, y: float, x: float) -> tuple[float, ...]:
        """Coordinates on the layers of a frame and a place; 0 along all other axes."""
        found = [0.0] * len(self.letters)
        time, plane = divmod(t, self.planes)
        places = (x, y, plane, time) if self.in_3d else (x, y, t)
        for axis, place in zip(reversed(self.kept), places, strict=False):
            found[axis] = place
        return tuple(found)

    def frame(self, coordinates: Sequence[float]) -> int:
        """Frame of coordinates on the layers; along depth, the nearest plane of the volume."""
        if self.frames is None:
            return 0
        t = round(float(coordinates[self.frames]))
        if not self.in_3d:
            return t
        z = round(float(coordinates[self.letters.index("Z")]))
        return t * self.planes + min(max(z, 0), self.planes - 1)

    def frames_at(self, indices: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
        """Frame of each pixel, which are given by their indices along each axis."""
        if self.frames is None:
            return np.zeros_like(indices[0])
        if not self.in_3d:
            return indices[self.frames]
        return indices[self.frames] * self.planes + indices[self.letters.index("Z")]

    def place(self, coordinates: Sequence[float]) -> tuple[int, float, float]:
        """Frame, y and x of coordinates on the layers."""
        rows, columns = self.plane
        return self.frame(coordinates), float(coordinates[rows]), float(coordinates[columns])

    def spread(self, labels: NDArray[Any]) -> NDArray[Any]:
        """The (T, Y, X) labels as a view with an axis of length 1 for each other axis.

        In 3D these are the planes of one volume after the other, or a single plane.
        """
        if self.in_3d:
            planes = self.planes if len(labels) % self.planes == 0 else 1
            return self.spread_volumes(labels.reshape(-1, planes, *labels.shape[1:]))
        found = labels[0] if self.frames is None else labels
        found = found.transpose(np.argsort(self.kept))
        others = [axis for axis in range(len(self.letters)) if axis not in self.kept]
        return np.expand_dims(found, tuple(others))

    def spread_volumes(self, labels: NDArray[Any]) -> NDArray[Any]:
        """The (T, Z, Y, X) labels as a view with an axis of length 1 for each other axis."""
        kept = [self.letters.index(letter) for letter in "TZYX"]
        others = [axis for axis in range(len(self.letters)) if axis not in kept]
        return np.expand_dims(labels.transpose(np.argsort(kept)), tuple(others))

    def volume_geometry(self, layer: Image) -> dict[str, Any]:
        """Place in the world of a layer of volumes that lies on the image, on each channel."""
        return self._placed(layer, (self.channels,))

    def geometry(self, layer: Image) -> dict[str, Any]:
        """Place in the world of a layer that lies on the image, on each channel and plane of it.

        Along channels and depth, the layer has one step, which is wide enough that every position
        of the slider rounds to it.
        """
        return self._placed(layer, (self.channels, None if self.in_3d else self.depth))

    def _placed(self, layer: Image, widened: tuple[int | None, ...]) -> dict[str, Any]:
        """The place of a layer with one wide step along some axes."""
        found = {name: getattr(layer, name) for name in GEOMETRY}
        scale, translate = np.array(layer.scale, float), np.array(layer.translate, float)
        for axis in widened:
            if axis is not None:
                translate[axis] += scale[axis] * (self.lengths[axis] - 1) / 2
                scale[axis] *= 2 * self.lengths[axis]
        return found | {"scale": scale, "translate": translate}

    def _place(self, letter: str) -> int | None:
        return self.letters.index(letter) if letter in self.letters else None


def axes_of(layer: Image) -> ImageAxes:
    """The axes of a layer: as chosen, or by its metadata, labels and units, or by their lengths.

    Raises
    ------
    ValueError
        If there are more axes than time, depth, channels, rows and columns.
    """
    data = layer.data[0] if layer.multiscale else layer.data
    shape = tuple(int(length) for length in data.shape)[: layer.ndim]
    chosen = layer.metadata.get(PART)
    for letters in (None if chosen is None else chosen.axes, layer.metadata.get("axes")):
        if isinstance(letters, str) and (found := _completed(letters.upper(), shape)):
            return _in_3d(ImageAxes(found, shape), chosen)
    return ImageAxes(_guessed(_named(layer), shape, layer.name), shape)


def take_file_axes(layer: Image, letters: str) -> bool:
    """Let a layer have the axes that its file names; returns whether they are other ones.

    They count only where neither the user nor the layer itself names its axes.

    Parameters
    ----------
    layer : Image
        The layer.
    letters : str
        One for each of its axes, "1" for those of length 1.
    """
    if PART in layer.metadata or "axes" in layer.metadata or any(_named(layer)[:-2]):
        return False
    before = axes_of(layer)
    layer.metadata["axes"] = letters.replace("1", "")
    return axes_of(layer) != before


def _in_3d(axes: ImageAxes, chosen: Selection | None) -> ImageAxes:
    """The axes of an image of which all planes are tracked, where that was chosen."""
    is_3d = chosen is not None and chosen.is_3d and chosen.axes == axes.named
    return replace(axes, in_3d=is_3d and axes.depth is not None)


def part_of(layer: Image) -> Selection:
    """The part of a layer that is tracked: the chosen one, or else the default."""
    axes, chosen = axes_of(layer), layer.metadata.get(PART)
    is_usable = chosen is not None and chosen.axes == axes.named and axes.has_choice
    return chosen if is_usable and _is_choice(chosen, axes) else axes.default


def part_in_view(layer: Image, displayed: Sequence[int]) -> Selection:
    """The part of a layer whose rows and columns are the displayed axes.

    Parameters
    ----------
    layer : Image
        The layer.
    displayed : (int, int)
        Its vertical and its horizontal axis on the screen.

    Raises
    ------
    ValueError
        If there are more other axes than time, depth and channels.
    """
    lengths = axes_of(layer).lengths
    named = [""] * len(lengths)
    rows, columns = displayed
    named[rows], named[columns] = "Y", "X"
    axes = ImageAxes(_guessed(named, lengths, layer.name), lengths)
    return axes.default if axes.has_choice else Selection(axes.named)


def letters_to_choose(axes: ImageAxes) -> list[str]:
    """What the long axes of an image could be, the present letters first."""
    places = [place for place, letter in enumerate(axes.letters) if letter in "TZC"]
    found = [axes.letters]
    for letters in permutations("TZC", len(places)):
        other = list(axes.letters)
        for place, letter in zip(places, letters, strict=True):
            other[place] = letter
        found.append("".join(other))
    return list(dict.fromkeys(found))


def _is_choice(part: Selection, axes: ImageAxes) -> bool:
    """Whether the image has the chosen channels and plane, and nothing else is to be chosen."""
    if bool(part.channels) != (axes.channels is not None):
        return False
    if (part.z is None) != (axes.depth is None):
        return False
    if axes.channels is not None and max(part.channels) >= axes.lengths[axes.channels]:
        return False
    is_plane = axes.depth is not None and isinstance(part.z, int)
    return not is_plane or part.z in range(axes.lengths[axes.depth or 0])


def _completed(letters: str, shape: tuple[int, ...]) -> str | None:
    """Letters of all axes, where those of length 1 may be left out; None if they do not fit."""
    if len(set(letters)) < len(letters) or not {"Y", "X"} <= set(letters) <= set("TZCYX"):
        return None
    if len(letters) == len(shape):
        return _without_single(letters, shape)
    long = [place for place, length in enumerate(shape) if length > 1]
    if len(long) != len(letters):
        return None
    found = dict(zip(long, letters, strict=True))
    return "".join(found.get(place, "1") for place in range(len(shape)))


def _named(layer: Image) -> list[str]:
    """Letters of the axes by their labels, or else by their units; empty where neither tells."""
    found: list[str] = []
    for label, unit in zip(layer.axis_labels, layer.units, strict=True):
        letter = _letter_of(label, unit)
        found.append("" if letter in found else letter)
    if not ("Y" in found and "X" in found):
        found[-2:] = "Y", "X"
    return found


@lru_cache(maxsize=100, typed=True)  # typed, since units of two registries cannot be compared
def _letter_of(label: str, unit: Hashable) -> str:
    """Letter of an axis by its label, or else by its unit; empty where neither tells.

    It is asked with every change of the viewer, and writing a unit out takes long.
    """
    name = label.strip().lower()
    letter = _NAMES.get(name, _NAMES.get(name.removesuffix("s"), ""))
    return "T" if not letter and is_time_unit(str(unit)) else letter


def _guessed(named: list[str], shape: tuple[int, ...], name: str) -> str:
    """Letters of all axes; those without a name are told apart by their lengths."""
    letters = list(_without_single("".join(letter or "?" for letter in named), shape))
    unknown = [place for place, letter in enumerate(letters) if letter == "?"]
    free = [letter for letter in "TZC" if letter not in letters]
    if len(unknown) > len(free):
        raise ValueError(
            f"“{name}” has {len(shape)} axes {shape}; expected time, depth, channels, rows and "
            "columns at most. Show one position only"
        )
    if "C" in free and unknown:
        fewest = min(unknown, key=lambda place: (shape[place], -place))
        is_short = shape[fewest] <= MOST_GUESSED_CHANNELS and not (
            free[0] == "T" and len(unknown) == 1
        )
        free.remove("C")
        if is_short or len(unknown) > len(free):
            letters[fewest] = "C"
            unknown.remove(fewest)
    for place, letter in zip(unknown, free, strict=False):
        letters[place] = letter
    return "".join(letters)


def _without_single(letters: str, shape: tuple[int, ...]) -> str:
    """The letters, with "1" for axes of length 1 beside rows, columns and the only other one."""
    if len(shape) == 3:
        return letters
    pairs = zip(letters, shape, strict=True)
    return "".join("1" if length == 1 and a not in "YX" else a for a, length in pairs)
