"""Map the axes of a file to the axes of a movie: (T, Y, X), or (T, Y, X, C) in colour."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.io.scale import FrameAxis

_LARGEST_FRAME = 2**31  # pixels; a file that names more is damaged
_STACKING_AXES = (
    "TZIQ"  # time, depth, image sequence, unknown: any of them may be the one frames are stacked on
)
_FRAME_AXES: dict[str, FrameAxis] = {"T": "t", "Z": "z"}


@dataclass(frozen=True)
class MovieAxes:
    """How the pages of a file make up a movie.

    Parameters
    ----------
    frames : int
        Number of frames, T.
    height, width : int
        Size of a frame, Y and X.
    channels : int
        3 or 4 for RGB and RGBA, 0 for grey.
    frame_axis : {"t", "z"}, optional
        Whether frames follow each other in time or in depth; None where the file does not tell.
    """

    frames: int
    height: int
    width: int
    channels: int
    frame_axis: FrameAxis | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, Y, X) or (T, Y, X, C)."""
        plane = (self.frames, self.height, self.width)
        return (*plane, self.channels) if self.channels else plane


def resolve_axes(axes: str, shape: tuple[int, ...], source: str) -> MovieAxes:
    """Find the frames, the plane and the colours among the axes of a file.

    Axes of length 1 are left out. Frames may be stacked on time, depth, or an axis without a name,
    but on one axis only. Three or four samples per pixel are colours.

    Parameters
    ----------
    axes : str
        One letter per axis as in tifffile: T time, Z depth, C channel, Y, X, S samples, I or Q
        others.
    shape : tuple of int
        Length of each axis.
    source : str
        Name of the file or array, for messages.

    Raises
    ------
    ValueError
        If there are several channels, both time and depth, or no plane, or one that is too large.
    """
    if len(axes) != len(shape):
        raise ValueError(f"{source} names axes {axes!r} for the shape {shape}")
    found = {
        axis: size for axis, size in zip(axes, shape, strict=True) if size != 1 or axis in "YX"
    }
    if not {"Y", "X"} <= found.keys():
        raise ValueError(f"{source} has axes {axes!r}; expected a movie of 2D images, (T, Y, X)")
    if found["Y"] * found["X"] > _LARGEST_FRAME:
        raise ValueError(f"{source} is said to have frames of {found['Y']} x {found['X']} pixels")
    if 0 in shape:
        raise ValueError(f"{source} is empty: axes {axes!r} have lengths {shape}")
    channels = found.pop("S", 0)
    if channels not in (0, 3, 4):
        raise ValueError(f"{source} has {channels} samples per pixel; expected grey, RGB or RGBA")
    if "C" in found:
        raise ValueError(
            f"{source} has {found['C']} channels; save the one to track "
            "as a separate movie (T, Y, X)"
        )
    stacking = [axis for axis in found if axis not in "YX"]
    if len(stacking) > 1:
        raise ValueError(
            f"{source} has axes {axes!r} of lengths {shape}; expected one axis of frames "
            "beside Y and X"
        )
    if stacking and stacking[0] not in _STACKING_AXES:
        raise ValueError(
            f"{source} has an axis {stacking[0]!r} that is neither time nor depth: {axes!r}"
        )
    frames = found[stacking[0]] if stacking else 1
    frame_axis = _FRAME_AXES.get(stacking[0] if stacking else "")
    return MovieAxes(frames, found["Y"], found["X"], channels, frame_axis)
