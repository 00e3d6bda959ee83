"""Map the axes of a file to the axes of a movie: (T, Y, X), or (T, Y, X, C) in colour."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.io.scale import FrameAxis
from napari_sam2.io.selection import EVERYTHING, IN_3D, Projection, Selection

_LARGEST_FRAME = 2**31  # pixels; a file that names more is damaged
_UNNAMED = "QI?"  # tifffile: unknown and image sequence; zarr: a name that is no axis
_GREY_AND_ALPHA = 2
_SAY_AXES = "Say what each axis is, as with --axes TCYX (in Python: axes='TCYX')"
_COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class MovieAxes:
    """How the axes of a file make up a movie; axes are given by their position in the file.

    Parameters
    ----------
    rows, columns : int
        Axes Y and X.
    height, width : int
        Lengths of these axes.
    frames : range
        Frames of the file that the movie has.
    frame_place : int, optional
        Axis of the frames; None for a single image.
    channels : tuple of int
        Chosen indices along the axis of channels.
    channel_place : int, optional
        Axis of the channels, where one or several are chosen.
    z : int or {"max", "mean", "focus"}, optional
        Plane or projection along the axis of depth.
    z_place : int, optional
        Axis of depth, where a plane or a projection is chosen.
    depth : int
        Length of that axis.
    colour_place : int, optional
        Axis of red, green and blue.
    colours : int
        3 or 4 for RGB and RGBA, 0 for grey.
    frame_axis : {"t", "z"}, optional
        Whether frames follow each other in time or in depth; None where the file does not tell.
    note : str
        What was chosen or guessed, in words; empty where there was nothing to choose.
    """

    rows: int
    columns: int
    height: int
    width: int
    frames: range
    frame_place: int | None = None
    channels: tuple[int, ...] = ()
    channel_place: int | None = None
    z: int | Projection | None = None
    z_place: int | None = None
    depth: int = 1
    colour_place: int | None = None
    colours: int = 0
    frame_axis: FrameAxis | None = None
    note: str = ""

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, Y, X) or (T, Y, X, C)."""
        plane = (len(self.frames), self.height, self.width)
        return (*plane, self.colours) if self.colours else plane


def resolve_axes(
    axes: str, shape: tuple[int, ...], source: str, selection: Selection = EVERYTHING
) -> MovieAxes:
    """Find the frames, the plane and the colours among the axes of a file.

    Axes of length 1 are left out. Frames are stacked on time, on one axis without a name, or on
    depth. Three or four samples per pixel are colours.

    Parameters
    ----------
    axes : str
        One letter per axis as in tifffile: T time, Z depth, C channel, Y, X, S samples, I or Q
        others.
    shape : tuple of int
        Length of each axis.
    source : str
        Name of the file or array, for messages.
    selection : Selection
        What of it is the movie.

    Raises
    ------
    ValueError
        If a channel, a plane or the meaning of an axis has to be chosen and is not; if what is
        chosen is not there; or if there is no plane, or one that is too large.
    """
    if len(axes) != len(shape):
        raise ValueError(f"{source} names axes {axes!r} for the shape {shape}")
    if 0 in shape:
        raise ValueError(f"{source} is empty: axes {axes!r} have lengths {shape}")
    named = axes if selection.axes is None else _renamed(selection.axes, axes, shape, source)
    return _Resolver(named, shape, source, selection).resolve()


def lengths_text(axes: str, shape: tuple[int, ...]) -> str:
    """Axes and their lengths in words, "T 5, C 2, Y 64, X 64", without those of length 1."""
    pairs = [(a, n) for a, n in zip(axes, shape, strict=True) if n != 1 or a in "YX"]
    return ", ".join(f"{'unnamed' if a in _UNNAMED else a} {n}" for a, n in pairs)


def plane_text(z: int, count: int) -> str:
    """Words for a chosen plane of several."""
    return f"plane {z} of 0 to {count - 1}"


def count_channels(axes: str, shape: tuple[int, ...], source: str, wanted: str | None) -> int:
    """Number of channels of a file, with the axes that a user gave or those of the file."""
    named = axes if wanted is None else _renamed(wanted, axes, shape, source)
    return next((n for letter, n in zip(named, shape, strict=False) if letter == "C" and n > 1), 1)


def _renamed(wanted: str, axes: str, shape: tuple[int, ...], source: str) -> str:
    """The letters that a user gave, one per axis of the file; "1" for others of length 1."""
    if len(wanted) == len(shape):
        return wanted
    long = [place for place, size in enumerate(shape) if size != 1]
    if len(wanted) != len(long):
        raise ValueError(
            f"{source} has {len(long)} axes ({lengths_text(axes, shape)}); "
            f"{wanted!r} names {len(wanted)}"
        )
    letters = dict(zip(long, wanted, strict=True))
    return "".join(letters.get(place, "1") for place in range(len(shape)))


class _Resolver:
    """Finds the part of each axis in a movie; see `resolve_axes`."""

    def __init__(
        self, axes: str, shape: tuple[int, ...], source: str, selection: Selection
    ) -> None:
        self.axes, self.shape, self.source, self.selection = axes, shape, source, selection
        self.text = lengths_text(axes, shape)
        self.notes: list[str] = []
        if selection.axes is not None:
            self.notes.append(f"axes as given: {selection.axes}")

    def resolve(self) -> MovieAxes:
        rows, columns = self._plane()
        channel_place, colour_place, colours = self._channels()
        frame_place, z_place = self._stacking()
        count = 1 if frame_place is None else self.shape[frame_place]
        frames = self._range(count)
        letter = "" if frame_place is None else self.axes[frame_place]
        frame_axis: FrameAxis | None = {"T": "t", "Z": "z"}.get(letter)  # type: ignore[assignment]
        return MovieAxes(
            rows,
            columns,
            self.shape[rows],
            self.shape[columns],
            frames,
            frame_place,
            self.selection.channels or (0,),
            channel_place,
            None if self.selection.z == IN_3D else self.selection.z,
            z_place,
            1 if z_place is None else self.shape[z_place],
            colour_place,
            colours,
            frame_axis,
            f"{self.source} ({self.text}): {'; '.join(self.notes)}" if self.notes else "",
        )

    def _place(self, letter: str) -> int | None:
        """Position of an axis that is longer than 1."""
        places = [p for p, a in enumerate(self.axes) if a == letter and self.shape[p] > 1]
        if len(places) > 1:
            raise ValueError(f"{self.source} names the axis {letter} twice: {self.text}")
        return places[0] if places else None

    def _plane(self) -> tuple[int, int]:
        if self.axes.count("Y") != 1 or self.axes.count("X") != 1:
            raise ValueError(
                f"{self.source} has axes {self.axes!r} ({self.text}); expected a movie of "
                "2D images, (T, Y, X)"
            )
        rows, columns = self.axes.index("Y"), self.axes.index("X")
        if self.shape[rows] * self.shape[columns] > _LARGEST_FRAME:
            raise ValueError(
                f"{self.source} is said to have frames of {self.shape[rows]} x "
                f"{self.shape[columns]} pixels"
            )
        return rows, columns

    def _channels(self) -> tuple[int | None, int | None, int]:
        """Axis of channels to choose from, axis of colours, and number of colours."""
        chosen, place, colours = self.selection.channels, self._place("C"), self._place("S")
        if place is None and colours is not None and chosen:
            place, colours = colours, None
        if place is None:
            if chosen not in ((), (0,)):
                raise ValueError(f"{self.source} has one channel ({self.text})")
        elif not chosen:
            raise ValueError(self._which_channel(self.shape[place]))
        else:
            self._check_channels(self.shape[place])
        if colours is None:
            return place, None, 0
        samples = self.shape[colours]
        if samples == _GREY_AND_ALPHA and place is None:
            return colours, None, 0  # the first sample is grey
        if samples not in (3, 4) or place is not None:
            raise ValueError(
                f"{self.source} has {samples} samples per pixel ({self.text}); expected grey, RGB "
                "or RGBA. Choose one with --channel (in Python: channel=0)"
            )
        return None, colours, samples

    def _which_channel(self, count: int) -> str:
        mix = "0,1" if count == 2 else "0,1,2"
        return (
            f"{self.source} has {count} channels ({self.text}): choose one with --channel 0 to "
            f"{count - 1}, or mix two or three with --channel {mix} (in Python: channel=0 or "
            f"channel=({mix.replace(',', ', ')}))"
        )

    def _check_channels(self, count: int) -> None:
        chosen = self.selection.channels
        if max(chosen) >= count:
            raise ValueError(
                f"{self.source} has {count} channels, 0 to {count - 1}; got {max(chosen)}"
            )
        if self.selection.is_mix:
            rows = zip(chosen, _COLOURS, self.selection.weights, strict=False)
            mix = ", ".join(f"{n} as {c}{'' if w == 1 else f' x {w:g}'}" for n, c, w in rows)
            self.notes.append(f"channels {mix}, of {count}")
        else:
            self.notes.append(f"channel {chosen[0]} of 0 to {count - 1}")

    def _stacking(self) -> tuple[int | None, int | None]:
        """Axis of frames, and axis of planes of which one or a projection is taken."""
        long = {p: a for p, a in enumerate(self.axes) if self.shape[p] > 1 and a not in "YXCS1"}
        unnamed = [place for place, letter in long.items() if letter in _UNNAMED]
        others = sorted({a for a in long.values() if a not in f"TZ{_UNNAMED}"})
        if others:
            raise ValueError(
                f"{self.source} has an axis {others[0]!r} that is neither time nor depth "
                f"({self.text}). {_SAY_AXES}"
            )
        time, depth = self._place("T"), self._place("Z")
        if len(unnamed) > 1 or (unnamed and (time is not None or depth is not None)):
            raise ValueError(
                f"{self.source} has axes whose meaning is unknown ({self.text}). {_SAY_AXES}"
            )
        if unnamed:
            time = unnamed[0]
            self.notes.append(f"the {self.shape[time]} images are taken as frames in time")
        return self._with_depth(time, depth)

    def _with_depth(self, time: int | None, depth: int | None) -> tuple[int | None, int | None]:
        z = self.selection.z
        if z == IN_3D:
            raise ValueError(f"{self.source} is opened as images here, not in 3D")
        if depth is None:
            if z not in (None, 0) and "Z" not in self.axes:
                raise ValueError(
                    f"{self.source} has no axis of depth ({self.text}); say which one it is, as "
                    "with --axes TZYX (in Python: axes='TZYX')"
                )
            if isinstance(z, int) and z != 0:
                raise ValueError(f"{self.source} has one plane, 0; got {z}")
            return time, None
        count = self.shape[depth]
        if z is None:
            if time is not None:
                raise ValueError(
                    f"{self.source} has {count} planes on each frame ({self.text}): choose one "
                    f"with --z 0 to {count - 1}, or --z max, mean or focus (in Python: z='max')"
                )
            self.notes.append(f"the {count} slices of the Z stack are taken as frames")
            return depth, None
        if isinstance(z, int) and not 0 <= z < count:
            raise ValueError(f"{self.source} has {count} planes, 0 to {count - 1}; got {z}")
        words = {"max": "brightest value", "mean": "mean", "focus": "sharpest plane"}
        is_plane = isinstance(z, int)
        self.notes.append(
            plane_text(int(z), count) if is_plane else f"{words[str(z)]} of {count} planes"
        )
        return time, depth

    def _range(self, count: int) -> range:
        wanted = self.selection.frames
        if wanted is None:
            return range(count)
        frames = range(*wanted.indices(count))
        if not frames or (wanted.stop is not None and wanted.stop > count):
            raise ValueError(
                f"{self.source} has {count} frames, 0 to {count - 1} ({self.text}); the range "
                f"{wanted.start or 0}:{count if wanted.stop is None else wanted.stop} is not in it"
            )
        step = "" if frames.step == 1 else f", every {frames.step}"
        self.notes.append(
            f"frames {frames[0]} to {frames[-1]} of 0 to {count - 1}{step} (frame 0 of the labels "
            f"is frame {frames[0]})"
        )
        return frames
