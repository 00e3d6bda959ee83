"""Training data: clips of shards and of folders of TIFF files, mixed and augmented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from .pseudo_video import Still, find_stills, held_out, warp_clip
from .shards import Shard, read_shards, write_synthetic_shards
from .synthetic import KINDS, generate_clip
from .views import choose_view, resize_images, resize_labels

__all__ = [
    "ArrayClip",
    "ClipDataset",
    "LabelledClip",
    "augment",
    "held_out",
    "sample_objects",
    "warp_clip",
    "write_synthetic_shards",
]

Images = NDArray[np.uint8]
Labels = NDArray[np.uint16]

DRAWN = "synthetic:"  # a kind of synthetic clip follows
STEPS, STEP_CHANCES = (1, 2, 3), (0.6, 0.28, 0.12)  # frames from one to the next of a clip


class LabelledClip(NamedTuple):
    """A clip to learn from.

    Attributes
    ----------
    images : ndarray
        (T, Y, X) uint8.
    labels : ndarray
        (T, Y, X) uint16 instance ids, 0 for background.
    labelled : ndarray
        (T,) bool, the frames that were labelled. What is on the others is not known; an object that
        has no pixels on a labelled frame is absent from it.
    """

    images: Images
    labels: Labels
    labelled: NDArray[np.bool_]


class ClipDataset:
    """Clips of several folders, by index or drawn at random.

    Parameters
    ----------
    folders : mapping of path to float
        Weight of each folder in `draw` and `sampler`: how often its clips come, whatever their
        number. A folder is a shard folder (see `shards`), or holds ``images/*.tif`` and
        ``labels/*.tif`` of the same names, each a still (Y, X) or a movie (T, Y, X), in colour or
        not, or ``raw.tif`` and ``labels.tif``, which are stacks of unrelated stills. ``synthetic:``
        and a kind of `training.synthetic` stand for clips that are drawn anew each time.
    shape : (int, int)
        Size (Y, X) of the clips that `draw` returns. Of a clip of another size a part is taken
        and resized, so that a random object is 12 to 120 pixels across.
    in_colour : bool
        Whether `draw` returns clips in colour, for a network that sees colour; grey clips then have
        three equal channels.

    Raises
    ------
    ValueError
        If there is no folder, or a weight is not positive.
    FileNotFoundError
        If a folder has no clips.
    """

    in_colour = False

    def __init__(
        self,
        folders: Mapping[str | Path, float],
        shape: tuple[int, int] = (256, 256),
        *,
        in_colour: bool = False,
    ) -> None:
        weights = np.array(list(folders.values()), float)
        if not len(weights) or weights.min() <= 0:
            raise ValueError(f"every folder needs a positive weight; got {dict(folders)}")
        self._fill([(weight, _open_source(folder)) for folder, weight in folders.items()])
        self.shape, self.in_colour = shape, in_colour

    @classmethod
    def from_arrays(
        cls, groups: Sequence[tuple[float, Sequence[ArrayClip]]], shape: tuple[int, int]
    ) -> ClipDataset:
        """Clips that are in memory.

        Parameters
        ----------
        groups : sequence of (float, sequence of ArrayClip)
            Weight and clips of each group; clips of one group come equally often.
        shape : (int, int)
            Size (Y, X) of what `draw` returns.
        """
        dataset = cls.__new__(cls)
        dataset._fill(groups)
        dataset.shape = shape
        return dataset

    def _fill(self, groups: Sequence[tuple[float, Sequence[_Item]]]) -> None:
        self._items: list[_Item] = []
        self._groups: list[range] = []
        for _, items in groups:
            self._groups.append(range(len(self._items), len(self._items) + len(items)))
            self._items += items
        weights = np.array([weight for weight, _ in groups], float)
        self._chances = weights / weights.sum()

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, index: int) -> tuple[Images, Labels]:
        """A whole clip as it is stored, a still as a clip of one frame.

        Returns
        -------
        images : (T, Y, X) or (T, Y, X, 3) uint8
        labels : (T, Y, X) uint16
        """
        images, labels = self._items[index].open()
        return self._items[index].to_bytes(images), labels.astype(np.uint16)

    def sampler(self, seed: int) -> Iterator[int]:
        """Indices without end, folders by weight; the same seed gives the same indices."""
        rng = np.random.default_rng(seed)
        while True:
            yield self._choose(rng)

    def draw(self, rng: np.random.Generator, frames: int) -> LabelledClip:
        """A random clip, cropped in time and space and augmented.

        Frames of a movie without any label count as not labelled; all frames of shards and of
        pseudo-videos are labelled.

        Parameters
        ----------
        rng : numpy.random.Generator
            The same state gives the same clip.
        frames : int
            Frames wanted. A shorter clip is played to and fro; a still becomes a pseudo-video.

        Returns
        -------
        LabelledClip
            In grey unless `in_colour`. The first frame is a labelled one, if the movie has any.
        """
        if frames < 1:
            raise ValueError(f"frames must be at least 1; got {frames}")
        item = self._items[self._choose(rng)]
        if isinstance(item, DrawnClips):
            item = item.draw(rng, self.shape, frames)
        stored, truth = item.open()
        if len(stored) == 1 and truth.any():
            image, still = item.to_bytes(stored)[0], truth[0].astype(np.uint16)
            clip = warp_clip(image, still, frames, self.shape, rng, in_colour=self.in_colour)
            return augment(LabelledClip(clip.images, clip.labels, np.ones(frames, bool)), rng)
        labelled = item.labelled_frames()
        times = _choose_times(labelled, frames, rng)
        view = (slice(None), slice(None))
        if stored.shape[1:3] != self.shape:
            view = choose_view(np.asarray(truth[times[0]]), self.shape, rng)
        images = item.to_bytes(stored[times][:, *view])
        labels = truth[times][:, *view].astype(np.uint16)
        if images.ndim == 4 and not self.in_colour:
            images = _mix_colours(images, rng)
        elif images.ndim == 3 and self.in_colour:
            images = np.stack([images] * 3, axis=-1)
        if labels.shape[1:] != self.shape:
            images, labels = resize_images(images, self.shape), resize_labels(labels, self.shape)
        return augment(LabelledClip(images, labels, labelled[times]), rng)

    def _choose(self, rng: np.random.Generator) -> int:
        group = self._groups[rng.choice(len(self._groups), p=self._chances)]
        return group[int(rng.integers(len(group)))]


@dataclass(frozen=True)
class ImagesAndClips:
    """Single images from one data set and clips from another one.

    Attributes
    ----------
    images, clips : ClipDataset
        Where they come from.
    """

    images: ClipDataset
    clips: ClipDataset

    def __len__(self) -> int:
        return len(self.images) + len(self.clips)

    def draw(self, rng: np.random.Generator, frames: int) -> LabelledClip:
        """A random clip of so many frames, an image if that is one; see `ClipDataset.draw`."""
        return (self.images if frames == 1 else self.clips).draw(rng, frames)


def sample_objects(
    labels: NDArray[np.integer],
    count: int,
    rng: np.random.Generator,
    min_area: int = 24,
    max_share: float = 0.9,
) -> list[int]:
    """Random objects that are visible on the first frame.

    Parameters
    ----------
    labels : (T, Y, X) integers
        0 for background.
    count : int
        Most objects wanted.
    rng : numpy.random.Generator
        Source of chance.
    min_area : int
        Least area on the first frame, in pixels.
    max_share : float
        Largest area on the first frame, as a share of the frame (§D.2.1: 0.9).

    Returns
    -------
    list of int
        Different ids; fewer than `count` if there are not as many.
    """
    ids, areas = np.unique(labels[0], return_counts=True)
    fit = ids[(areas >= min_area) & (areas <= max_share * labels[0].size) & (ids > 0)]
    return [int(i) for i in rng.permutation(fit)[:count]]


def augment(clip: LabelledClip, rng: np.random.Generator) -> LabelledClip:
    """The same clip seen another way: flipped, turned, played backwards, in other light.

    Parameters
    ----------
    clip : LabelledClip
        Played backwards only if its last frame is labelled.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    LabelledClip
        Of the same shape and dtype: quarter turns only if the clip is square.
    """
    images, labels, labelled = clip
    square = images.shape[1] == images.shape[2]
    turns = int(rng.integers(4)) if square else 2 * int(rng.integers(2))
    is_backwards = rng.uniform() < 0.5 and labelled[-1]
    order = slice(None, None, -1 if is_backwards else 1)
    mirror = slice(None, None, -1 if rng.uniform() < 0.5 else 1)
    seen = np.rot90(images[order, :, mirror], turns, (1, 2))
    truth = np.rot90(labels[order, :, mirror], turns, (1, 2))
    return LabelledClip(_change_light(seen, rng), np.ascontiguousarray(truth), labelled[order])


def stretch_to_bytes(images: NDArray, low: float, high: float) -> Images:
    """Images in 8 bits, black at `low` and white at `high`."""
    scaled = (images.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    return np.clip(scaled, 0, 255).astype(np.uint8)


class _Item(Protocol):
    def open(self) -> tuple[NDArray, NDArray]:
        """Images (T, Y, X[, 3]) and labels (T, Y, X) as they are stored, lazily where possible."""
        ...

    def to_bytes(self, images: NDArray) -> Images:
        """Some of the images in 8 bits."""
        ...

    def labelled_frames(self) -> NDArray[np.bool_]:
        """(T,) whether each frame was labelled."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayClip:
    """A movie or a still with its labels, in memory.

    Attributes
    ----------
    images : ndarray
        (T, Y, X) or (T, Y, X, 3) uint8; T is 1 for a still.
    labels : ndarray
        (T, Y, X) integers, 0 for background. Frames without any label are not labelled.
    """

    images: Images
    labels: NDArray[np.integer]

    def open(self) -> tuple[NDArray, NDArray]:
        """Images and labels."""
        return self.images, self.labels

    def to_bytes(self, images: NDArray) -> Images:
        """The images themselves, which are in 8 bits already."""
        return np.asarray(images)

    def labelled_frames(self) -> NDArray[np.bool_]:
        """(T,) whether each frame was labelled."""
        return np.asarray(self.labels.any((1, 2)))


@dataclass(frozen=True)
class DrawnClips:
    """Synthetic clips that are drawn when they are needed, so that none comes twice.

    Attributes
    ----------
    kind : str
        One of the kinds of `training.synthetic`.
    """

    kind: str

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], frames: int) -> ArrayClip:
        """A new clip; the same state of the generator draws the same one."""
        clip = generate_clip(self.kind, shape, frames, int(rng.integers(2**31)))
        return ArrayClip(clip.images, clip.labels)

    def open(self) -> tuple[NDArray, NDArray]:
        """An example, which is always the same."""
        return self.draw(np.random.default_rng(0), (256, 256), 8).open()

    def to_bytes(self, images: NDArray) -> Images:
        """The images themselves, which are in 8 bits already."""
        return np.asarray(images)

    def labelled_frames(self) -> NDArray[np.bool_]:
        """(T,) all frames of the example."""
        return np.ones(8, bool)


@dataclass(frozen=True)
class _PackedClip:
    shard: Shard
    number: int

    def open(self) -> tuple[NDArray, NDArray]:
        return self.shard.images[self.number], self.shard.labels[self.number]

    def to_bytes(self, images: NDArray) -> Images:
        return np.asarray(images)

    def labelled_frames(self) -> NDArray[np.bool_]:
        return np.ones(self.shard.labels.shape[1], bool)


@dataclass(frozen=True)
class _TiffPair:
    still: Still

    def open(self) -> tuple[NDArray, NDArray]:
        image = _open_tiff(self.still.image, self.still.page)
        labels = _open_tiff(self.still.labels, self.still.page)
        if image.shape[: labels.ndim] != labels.shape or labels.ndim not in (2, 3):
            raise ValueError(
                f"{self.still.image} {image.shape} and its labels {labels.shape} do not fit: "
                "expected (Y, X) or (T, Y, X), and colour last"
            )
        return (image[None], labels[None]) if labels.ndim == 2 else (image, labels)

    def to_bytes(self, images: NDArray) -> Images:
        if images.dtype == np.uint8:
            return np.asarray(images, np.uint8)
        return stretch_to_bytes(images, *_limits(self.still))

    def labelled_frames(self) -> NDArray[np.bool_]:
        return _labelled_frames(self.still)


@lru_cache(maxsize=4096)
def _labelled_frames(still: Still) -> NDArray[np.bool_]:
    """(T,) whether a frame of the labels holds any; reads all of them once."""
    labels = _open_tiff(still.labels, still.page)
    frames = labels[None] if labels.ndim == 2 else labels
    return np.array([bool(frame.any()) for frame in frames])


@lru_cache(maxsize=4096)
def _limits(still: Still) -> tuple[float, float]:
    """Darkest and brightest value of a picture or movie, but for a few pixels of a thousand."""
    image = _open_tiff(still.image, still.page)
    if image.ndim > 2:
        image = image[:: max(len(image) // 8, 1)]
    low, high = np.percentile(image.astype(np.float32), (0.1, 99.9))
    return float(low), float(high)


def is_drawn(source: str | Path) -> bool:
    """Whether a source of clips is a kind of synthetic clip, "synthetic:nuclei", and no folder."""
    return str(source).startswith(DRAWN)


def _open_source(source: str | Path) -> Sequence[_Item]:
    if not is_drawn(source):
        return _open_folder(Path(source))
    kind = str(source).removeprefix(DRAWN)
    if kind not in KINDS:
        raise ValueError(f"{source}: expected {DRAWN} and one of {', '.join(KINDS)}")
    return [DrawnClips(kind)]


def _open_folder(folder: Path) -> list[_Item]:
    if any(folder.glob("*.images.npy")):
        return [
            _PackedClip(shard, number)
            for shard in read_shards(folder)
            for number in range(len(shard.images))
        ]
    return [_TiffPair(still) for still in find_stills(folder)]


def _open_tiff(path: Path, page: int | None) -> NDArray[np.generic]:
    if page is not None:
        return np.asarray(tifffile.imread(path, key=page))
    try:
        return np.asarray(tifffile.memmap(path, mode="r"))
    except ValueError:  # compressed: only whole pages can be read
        return np.asarray(tifffile.imread(path))


def _choose_times(
    labelled: NDArray[np.bool_], frames: int, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Frame numbers, the first one of a labelled frame; to and fro if the clip is too short.

    Some clips skip every other frame or two of three: cells then jump by more than their size, as
    they do at a low frame rate.
    """
    length = len(labelled)
    step = min(int(rng.choice(STEPS, p=STEP_CHANCES)), max(length - 1, 1))
    room = length - step * (frames - 1)
    known = np.flatnonzero(labelled)
    if 0 < len(known) < length:
        start = int(rng.choice(known))
        step *= int(rng.choice((-1, 1)))
    else:
        start = int(rng.integers(room if room > 0 else length))
    period = max(2 * (length - 1), 1)
    places = (start + step * np.arange(frames)) % period
    return np.asarray(np.where(places < length, places, period - places))


def _mix_colours(images: Images, rng: np.random.Generator) -> Images:
    return (images @ rng.dirichlet((1.0, 1.0, 1.0))).astype(np.uint8)


def _change_light(images: Images, rng: np.random.Generator) -> Images:
    """Gamma, inversion, contrast and brightness through a table; then blur and noise.

    Nearly all pixels stay within the range, so that no cell is lost in black or white.
    """
    tones = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(np.exp(rng.normal(0, 0.25)))
    tones = 1 - tones if rng.uniform() < 0.1 else tones
    low, high = np.percentile(tones[images[:, ::4, ::4]], (0.2, 99.8))
    dark, bright = rng.uniform(0, 80), rng.uniform(150, 255)
    tones = dark + (tones - low) * (bright - dark) / max(high - low, 1 / 16)
    light = tones.astype(np.float32)[images]
    if rng.uniform() < 0.15:
        sigma = rng.uniform(0.3, 1.2)
        light = gaussian_filter(light, (0, sigma, sigma, 0)[: light.ndim])
    if rng.uniform() < 0.25:
        light += rng.uniform(1, 12) * rng.standard_normal(light.shape, dtype=np.float32)
    return np.clip(light, 0, 255).astype(np.uint8)
