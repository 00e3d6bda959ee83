"""Pseudo-videos of real images: a crop that drifts and bends, and whose cells move."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import find_objects, gaussian_filter, map_coordinates

from .shards import draw_sources, write_shards
from .synthetic import Clip

FloatArray = NDArray[np.float32]

CELL_SIZES = (12.0, 120.0)
"""Diameters of the chosen cell in the crop, in pixels."""

_MOST_ZOOM = 3.0  # a still magnified more is too blurred to learn from
_SPARE = 1.1  # room in the still for the view to move


@dataclass(frozen=True)
class Still:
    """A picture with labels, read when it is needed.

    Attributes
    ----------
    name : str
        Name of the source of a clip in the shard folder.
    image, labels : Path
        TIFF files.
    page : int or None
        Number of the picture if the files are stacks of stills.
    """

    name: str
    image: Path
    labels: Path
    page: int | None = None

    def read(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Image (Y, X) or (Y, X, 3), and labels (Y, X)."""
        image = tifffile.imread(self.image, key=self.page)
        return image, tifffile.imread(self.labels, key=self.page)


def held_out(names: Iterable[str], count: int = 200) -> list[str]:
    """Names that are kept out of training, for ever the same ones.

    Parameters
    ----------
    names : iterable of str
        File names with their ending; folders in front are ignored.
    count : int
        How many to keep out.

    Returns
    -------
    list of str
        The `count` names whose SHA-256 is smallest, in that order. Adding or removing files changes
        the list only where it must.
    """
    return sorted(names, key=_digest)[:count]


def find_stills(folder: str | Path) -> list[Still]:
    """Stills of a folder with ``images/*.tif`` and ``labels/*.tif`` of the same names.

    Parameters
    ----------
    folder : str or Path
        Holds the two folders, or two stacks ``raw.tif`` and ``labels.tif`` of unrelated stills. Of
        a data set of ``napari-sam2 collect``, the part ``train`` is read.

    Returns
    -------
    list of Still
        By name, or by number in the stack.

    Raises
    ------
    FileNotFoundError
        If there are no pairs, or a picture has no labels.
    """
    folder = Path(folder)
    if (folder / "train" / "images").is_dir():
        folder = folder / "train"
    if (folder / "raw.tif").exists() and (folder / "labels.tif").exists():
        with tifffile.TiffFile(folder / "labels.tif") as file:
            pages = len(file.pages)
        files = folder / "raw.tif", folder / "labels.tif"
        return [Still(f"{folder.name}/{i:03d}", *files, i) for i in range(pages)]
    images = sorted((folder / "images").glob("*.tif"))
    pairs = [(image, folder / "labels" / image.name) for image in images]
    missing = [label.name for _, label in pairs if not label.exists()]
    if missing or not pairs:
        raise FileNotFoundError(
            f"expected images/*.tif and labels/*.tif of the same names, or raw.tif and labels.tif, "
            f"in {folder}; found {len(images)} images, without labels: {missing[:3]}"
        )
    return [Still(f"{folder.name}/{image.name}", image, labels) for image, labels in pairs]


def write_pseudo_video_shards(
    folder: str | Path,
    count: int,
    groups: dict[str, tuple[float, Sequence[Still]]],
    shape: tuple[int, int] = (256, 256),
    frames: int = 8,
    seed: int = 0,
) -> None:
    """Write pseudo-videos of stills into a folder.

    Parameters
    ----------
    folder : str or Path
        Made if missing.
    count : int
        Number of clips.
    groups : dict of str to (float, sequence of Still)
        Weight and pictures of each group; pictures of a group come equally often.
    shape : (int, int)
        Size (Y, X) in pixels.
    frames : int
        Frames of a clip.
    seed : int
        The same arguments write the same clips.

    Raises
    ------
    ValueError
        If `count` or a weight is out of range.
    FileExistsError
        If the folder already has shards.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}")
    weights = {name: weight for name, (weight, _) in groups.items()}
    names = draw_sources(weights, count, seed)
    write_shards(folder, _still_clips(names, groups, shape, frames, seed))


def warp_clip(
    image: NDArray[np.integer],
    labels: NDArray[np.integer],
    frames: int,
    shape: tuple[int, int],
    rng: np.random.Generator,
    *,
    in_colour: bool = False,
) -> Clip:
    """A pseudo-video of one still.

    A cell is drawn, and a scale at which it is 12 to 120 pixels wide; around it the view drifts,
    turns and bends, every cell also moves and turns on its own, and the light changes.

    Parameters
    ----------
    image : (Y, X) or (Y, X, 3) integers
        Any range; colour becomes grey in a random mixture, unless the clip is in colour.
    labels : (Y, X) integers
        0 for background.
    frames : int
        Number of frames.
    shape : (int, int)
        Size (Y, X) of the crop in pixels.
    rng : numpy.random.Generator
        Source of chance.
    in_colour : bool
        Whether the frames of the clip are (Y, X, 3); grey stills get three equal channels.

    Returns
    -------
    Clip
        Without parents.

    Raises
    ------
    ValueError
        If sizes differ or nothing is labelled.
    """
    if image.shape[:2] != labels.shape:
        raise ValueError(f"image {image.shape} and labels {labels.shape} differ in size")
    if not labels.any():
        raise ValueError("nothing is labelled: a movie needs at least one object")
    planes = _to_light(image, rng, in_colour=in_colour)
    centre, scale = _draw_view(labels, shape, rng)
    places = _view_places(centre, scale, labels.shape, shape, frames, rng)
    if scale < 1:
        planes = gaussian_filter(planes, (0, 0.4 / scale, 0.4 / scale))
    still_labels = _sample_labels(labels, places[0])
    moved = [
        _move_cells(place, still_labels, scale, walk)
        for place, walk in zip(places, _walk_cells(still_labels, frames, rng), strict=True)
    ]
    light = np.stack([[_sample_light(plane, place) for plane in planes] for place in moved])
    ids = np.stack([_sample_labels(labels, place) for place in moved])
    images = _relight(light, rng)
    images = np.moveaxis(images, 1, -1) if in_colour else images[:, 0]
    return Clip(np.ascontiguousarray(images), _renumber(ids), {})


def _sample_light(plane: FloatArray, place: FloatArray) -> FloatArray:
    return np.asarray(map_coordinates(plane, place, order=1, mode="nearest"))


def _digest(name: str) -> str:
    return hashlib.sha256(Path(name).name.encode()).hexdigest()


def _still_clips(
    names: Sequence[str],
    groups: dict[str, tuple[float, Sequence[Still]]],
    shape: tuple[int, int],
    frames: int,
    seed: int,
) -> Iterator[tuple[str, Clip]]:
    for index, name in enumerate(names):
        rng = np.random.default_rng([seed, index])
        stills = groups[name][1]
        while True:
            still = stills[int(rng.integers(len(stills)))]
            image, labels = still.read()
            if labels.any():
                break
        yield still.name, warp_clip(image, labels, frames, shape, rng)


def _to_light(
    image: NDArray[np.integer], rng: np.random.Generator, *, in_colour: bool
) -> FloatArray:
    """(1 or 3, Y, X) from about 0 to 1."""
    light = image.astype(np.float32)
    if light.ndim == 3 and not in_colour:
        light = light @ rng.dirichlet((1.0, 1.0, 1.0)).astype(np.float32)
    low, high = np.percentile(light[::2, ::2], (0.1, 99.9))
    light = np.clip((light - low) / max(high - low, 1e-3), -0.2, 1.5).astype(np.float32)
    planes = np.moveaxis(light, -1, 0) if light.ndim == 3 else light[None]
    return np.repeat(planes, 3, axis=0) if in_colour and len(planes) == 1 else planes


def _draw_view(
    labels: NDArray[np.integer], shape: tuple[int, int], rng: np.random.Generator
) -> tuple[NDArray[np.float64], float]:
    """Centre in the still, and pixels of the crop per pixel of the still."""
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    chosen = rng.choice(np.flatnonzero(areas))
    cell = np.argwhere(labels == chosen).mean(axis=0)
    wanted = np.exp(rng.uniform(*np.log(CELL_SIZES)))
    scale = wanted / np.sqrt(areas[chosen] * 4 / np.pi)
    fits = _SPARE * max(side / size for side, size in zip(shape, labels.shape, strict=True))
    scale = float(np.clip(scale, fits, max(fits, _MOST_ZOOM)))
    half = np.array(shape) / 2 / scale
    off = cell + rng.uniform(-0.6, 0.6, 2) * half
    return np.clip(off, half, np.array(labels.shape) - half), scale


def _view_places(
    centre: NDArray[np.float64],
    scale: float,
    still_shape: tuple[int, ...],
    shape: tuple[int, int],
    frames: int,
    rng: np.random.Generator,
) -> list[FloatArray]:
    """Places in the still that each frame shows, (2, Y, X) for each; the view stays inside."""
    half = np.array(shape) / 2 / scale
    rows, columns = np.meshgrid(*(np.arange(n) - n / 2 for n in shape), indexing="ij")
    grid = np.stack([rows, columns]).astype(np.float32)
    drift = rng.standard_normal(2) * rng.choice((0.0, 1.0, 3.0, 10.0), p=(0.3, 0.3, 0.25, 0.15))
    steps = np.cumsum(rng.normal(0, (0.01, 0.01, 0.01, 0.01), (frames, 4)), axis=0)
    steps *= rng.uniform(0, 2)
    waves = _elastic_fields(shape, rng)
    turn = rng.uniform(0, 2 * np.pi)
    places = []
    for t in range(frames):
        angle, size, shear, squeeze = steps[t]
        affine = np.array(
            [
                [np.cos(angle) + size, -np.sin(angle) + shear],
                [np.sin(angle) + shear, np.cos(angle) + size + squeeze],
            ]
        )
        phase = turn + 2 * np.pi * t / 24
        bent = grid + np.sin(phase) * waves[0] + np.cos(phase) * waves[1]
        seen = np.einsum("ij,jyx->iyx", affine.astype(np.float32), bent)
        shake = t * drift + rng.normal(0, 0.15, 2)
        offset = np.clip(centre + shake / scale, half, np.array(still_shape) - half)
        places.append((seen / scale + offset[:, None, None]).astype(np.float32))
    return places


def _elastic_fields(shape: tuple[int, int], rng: np.random.Generator) -> FloatArray:
    amplitude = rng.uniform(0, 6)
    width = rng.uniform(12, 40)
    white = rng.standard_normal((2, 2, shape[0] // 4, shape[1] // 4), dtype=np.float32)
    smooth = gaussian_filter(white, (0, 0, width / 4, width / 4), mode="wrap")
    smooth *= amplitude / (smooth.std() + 1e-6)
    up = np.repeat(np.repeat(smooth, 4, axis=2), 4, axis=3)
    edges = ((0, 0), (0, 0), (0, shape[0] - up.shape[2]), (0, shape[1] - up.shape[3]))
    return np.asarray(gaussian_filter(np.pad(up, edges, mode="edge"), (0, 0, 2, 2)))


@dataclass(frozen=True, eq=False)
class _Motion:
    """Movement of one cell on one frame relative to the still, in pixels of the crop."""

    centre: NDArray[np.float64]
    radius: float
    move: NDArray[np.float64]
    turn: float
    grow: float


def _walk_cells(
    labels: NDArray[np.uint16], frames: int, rng: np.random.Generator
) -> list[list[_Motion]]:
    """For each frame, how each cell of the first one has moved by then."""
    walks: list[list[_Motion]] = [[] for _ in range(frames)]
    liveliness = rng.choice((0.0, 0.03, 0.1), p=(0.2, 0.4, 0.4)) * rng.uniform(0.3, 1)
    for number, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        inside = np.argwhere(labels[box] == number)
        centre = inside.mean(axis=0) + np.array([box[0].start, box[1].start])
        radius = float(np.sqrt(len(inside) / np.pi))
        steady = rng.standard_normal(2) * liveliness * radius
        steps = steady + rng.standard_normal((frames, 2)) * liveliness * radius
        steps[0] = 0
        moves = np.cumsum(steps, axis=0)
        moves *= 1 / (1 + np.linalg.norm(moves, axis=1, keepdims=True) / (1.2 * radius + 1))
        turns = np.cumsum(rng.normal(0, 0.6 * liveliness, frames))
        sizes = np.cumsum(rng.normal(0, 0.3 * liveliness, frames))
        for t in range(frames):
            walks[t].append(_Motion(centre, radius, moves[t], turns[t], sizes[t]))
    return walks


def _move_cells(
    place: FloatArray, labels: NDArray[np.uint16], scale: float, walk: list[_Motion]
) -> FloatArray:
    """Places of a frame after each cell took its surroundings along."""
    shift = np.zeros_like(place)
    weight = np.zeros(labels.shape, np.float32)
    for motion in walk:
        goal = motion.centre + motion.move
        reach = 2.2 * motion.radius + 3
        top, left = np.maximum(goal - reach, 0).astype(int)
        bottom, right = np.minimum(goal + reach + 1, labels.shape).astype(int)
        if top >= bottom or left >= right:
            continue
        y = (np.arange(top, bottom, dtype=np.float32) - goal[0])[:, None]
        x = np.arange(left, right, dtype=np.float32) - goal[1]
        near = np.exp(-(((y**2 + x**2) / (1.4 * motion.radius + 1) ** 2) ** 2)).astype(np.float32)
        box = slice(top, bottom), slice(left, right)
        shift[0][box] -= near * (motion.move[0] + motion.turn * x + motion.grow * y)
        shift[1][box] -= near * (motion.move[1] - motion.turn * y + motion.grow * x)
        weight[box] += near
    return np.asarray(place + shift / np.maximum(weight, 1) / np.float32(scale))


def _sample_labels(labels: NDArray[np.integer], places: FloatArray) -> NDArray[np.uint16]:
    """Nearest labels; 0 outside of the still."""
    rows, columns = np.rint(places).astype(np.int32)
    inside = (rows >= 0) & (rows < labels.shape[0]) & (columns >= 0) & (columns < labels.shape[1])
    values = labels[rows.clip(0, labels.shape[0] - 1), columns.clip(0, labels.shape[1] - 1)]
    return np.where(inside, values, 0).astype(np.uint16)


def _relight(light: FloatArray, rng: np.random.Generator) -> NDArray[np.uint8]:
    """(T, C, Y, X) with another gamma, contrast and sign, flicker, blur and noise, in 8 bits."""
    light = np.clip(light, 0, 1) ** np.float32(np.exp(rng.normal(0, 0.3)))
    if rng.uniform() < 0.1:
        light = 1 - light
    if rng.uniform() < 0.3:
        light = gaussian_filter(light, (0, 0, *([rng.uniform(0.3, 1.2)] * 2)))
    flicker = 1 + rng.uniform(0, 0.04) * rng.standard_normal((len(light), 1, 1, 1))
    light = light * flicker.astype(np.float32)
    noise = rng.choice((0.0, 0.01, 0.04)) * rng.uniform()
    light += np.float32(noise) * rng.standard_normal(light.shape, dtype=np.float32)
    dark, bright = rng.uniform(0, 40), rng.uniform(160, 255)
    return np.clip(dark + light * (bright - dark), 0, 255).astype(np.uint8)


def _renumber(labels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    seen, numbers = np.unique(labels, return_inverse=True)
    offset = 0 if seen[0] == 0 else 1
    return (numbers.reshape(labels.shape) + offset).astype(np.uint16)
