"""Pictures of a result: outlines of the objects, in colour, on the movie."""

from __future__ import annotations

import colorsys
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.video import is_complete_video

_GOLDEN_RATIO = (
    5**0.5 - 1
) / 2  # steps of it around the colour circle never come close to an earlier one
_PERCENTILES = (0.5, 99.8)  # of the frames sampled for the contrast
_SAMPLED_FRAMES = 8


@dataclass(frozen=True)
class OverlayStyle:
    """Style of overlays.

    Parameters
    ----------
    shortest_side : int
        Frames smaller than this are magnified by a whole number to at least this many pixels.
    frames_per_second : float
        Speed of GIF and MP4.
    columns : int
        Frames in a row of the contact sheet.
    sheet_frames : int
        Largest number of frames on the contact sheet.
    """

    shortest_side: int = 384
    frames_per_second: float = 6.0
    columns: int = 4
    sheet_frames: int = 12


def label_colour(object_id: int) -> tuple[int, int, int]:
    """Bright RGB colour of an object, 0 to 255; always the same for the same id."""
    hue = (0.08 + object_id * _GOLDEN_RATIO) % 1.0
    saturation = (0.95, 0.7, 0.85)[object_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def overlay_frames(
    movie: ArrayLike, labels: ArrayLike, style: OverlayStyle | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Frames of a movie with the outlines of the objects.

    Parameters
    ----------
    movie : (T, Y, X) or (T, Y, X, 3|4) array-like
        Read one frame at a time; grey levels are stretched alike on all frames.
    labels : (T, Y, X) array-like of integers
    style : OverlayStyle, optional

    Yields
    ------
    (Y * k, X * k, 3) uint8
        Magnified by `k`, see `OverlayStyle`.

    Raises
    ------
    ValueError
        If labels and movie differ in shape.
    """
    if tuple(labels.shape) != tuple(movie.shape[:3]):
        raise ValueError(
            f"labels have the shape {labels.shape}, the movie {movie.shape[:3]}: "
            "they must have the same frames"
        )
    style = style or OverlayStyle()
    limits = _contrast(movie)
    for t in range(labels.shape[0]):
        yield _draw(np.asarray(movie[t]), np.asarray(labels[t]), limits, style)


def write_contact_sheet(
    path: str | os.PathLike[str],
    movie: ArrayLike,
    labels: ArrayLike,
    style: OverlayStyle | None = None,
) -> None:
    """Write a PNG with frames from the first to the last side by side, each with its index."""
    style = style or OverlayStyle()
    wanted = np.unique(np.linspace(0, labels.shape[0] - 1, style.sheet_frames).round().astype(int))
    tiles = [
        _numbered(frame, t)
        for t, frame in enumerate(overlay_frames(movie, labels, style))
        if t in set(wanted.tolist())
    ]
    columns = min(style.columns, len(tiles))
    blank = np.zeros_like(tiles[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    with atomic_path(path) as temporary:
        iio.imwrite(temporary, np.concatenate(rows), extension=".png", plugin="pillow")


def write_animation(
    path: str | os.PathLike[str],
    movie: ArrayLike,
    labels: ArrayLike,
    style: OverlayStyle | None = None,
) -> None:
    """Write the overlay as an animated GIF or as an MP4, by the name of the file.

    Raises
    ------
    ValueError
        If the name ends with neither .gif nor .mp4, or labels and movie differ in shape.
    OSError
        If the film cannot be written; an old file is left as it was.
    """
    style = style or OverlayStyle()
    suffix = Path(path).suffix.lower()
    if suffix not in (".gif", ".mp4"):
        raise ValueError(f"an animation is written as .gif or .mp4; got {Path(path).name}")
    frames = overlay_frames(movie, labels, style)
    with atomic_path(path) as temporary:
        if suffix == ".gif":
            _write_gif(temporary, frames, style.frames_per_second)
        else:
            _write_mp4(temporary, frames, style.frames_per_second)


def _write_gif(path: Path, frames: Iterator[NDArray[np.uint8]], rate: float) -> None:
    first = Image.fromarray(next(frames))
    others = (Image.fromarray(frame) for frame in frames)
    first.save(
        path, format="GIF", save_all=True, append_images=others, duration=round(1000 / rate), loop=0
    )


def _write_mp4(path: Path, frames: Iterator[NDArray[np.uint8]], rate: float) -> None:
    # macro_block_size 2: the codec wants even sizes, which _even gives; 16 would rescale
    writer: Any = imageio.get_writer(
        path, format="FFMPEG", fps=rate, codec="libx264", macro_block_size=2
    )
    with writer:
        for frame in frames:
            writer.append_data(_even(frame))
    if not is_complete_video(path):  # imageio ignores the errors of ffmpeg
        raise OSError(errno.ENOSPC, "the film could not be written to its end: is the disk full?")


def _even(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)))


def _draw(
    image: NDArray[Any], labels: NDArray[Any], limits: tuple[float, float], style: OverlayStyle
) -> NDArray[np.uint8]:
    factor = max(1, -(-style.shortest_side // min(labels.shape)))
    picture = _magnified(_as_rgb(image, limits), factor)
    large = _magnified(labels, factor)
    border = _outline(large)
    if factor > 1:
        border |= _outline(np.where(border, 0, large))  # two pixels, to be seen on a large picture
    for object_id in np.unique(large[border]):
        picture[border & (large == object_id)] = label_colour(int(object_id))
    return picture


def _outline(labels: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels of objects that touch another value above, below, left or right, (Y, X) bool."""
    padded = np.pad(labels, 1, mode="edge")
    neighbours = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
    differs = np.zeros(labels.shape, dtype=bool)
    for neighbour in neighbours:
        differs |= neighbour != labels
    return differs & (labels > 0)


def _magnified(image: NDArray[Any], factor: int) -> NDArray[Any]:
    return image.repeat(factor, axis=0).repeat(factor, axis=1)


def _contrast(movie: ArrayLike) -> tuple[float, float]:
    sampled = (
        np.linspace(0, movie.shape[0] - 1, min(_SAMPLED_FRAMES, movie.shape[0])).round().astype(int)
    )
    values = np.concatenate([np.asarray(movie[int(t)]).ravel()[::7] for t in np.unique(sampled)])
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, _PERCENTILES) if values.size else (0.0, 1.0)
    return float(low), float(high)


def _as_rgb(image: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    if image.ndim == 3 and image.dtype == np.uint8:
        return np.ascontiguousarray(image[..., :3])
    low, high = limits
    stretched = (np.nan_to_num(image.astype(np.float32)) - low) / max(high - low, 1e-9)
    grey = (stretched.clip(0, 1) * 255).astype(np.uint8)
    return grey[..., :3] if grey.ndim == 3 else grey[..., np.newaxis].repeat(3, axis=2)


def _numbered(frame: NDArray[np.uint8], t: int) -> NDArray[np.uint8]:
    image = Image.fromarray(frame)
    ImageDraw.Draw(image).text((6, 4), str(t), fill=(255, 255, 0), font_size=22)
    return np.asarray(image)
