"""Examples to teach a model from: images, and masks that a person vouches for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.undo_texts import counted
from napari_sam2.annotation.vouched import FEWEST_MASKS
from napari_sam2.evaluation.ground_truth import LabelledMovie, label_movie
from napari_sam2.training.data import ArrayClip, ClipDataset, stretch_to_bytes

KEPT_ASIDE = 0.2  # share of cells that a model is judged on
EVERY = 5  # one of so many labelled frames is kept aside
MOST_JUDGED = 16  # masks that a model is judged on
FEWEST_JUDGED = 2  # with fewer, frames are not kept aside beside the cells
FEW_JUDGED = 4  # with fewer masks to judge by, the person is told so
FULL = 20  # labelled cells on a frame from which cells are learnt without prompts
STILL_SHARE = 0.5  # of draws are single frames, moved as pseudo-videos; the others are real frames

Labels = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Example:
    """An image or a movie, and masks on some of its frames.

    Attributes
    ----------
    image : ndarray
        (Y, X), (T, Y, X), or the same with 3 colours last; any integer or float type.
    labels : ndarray
        (Y, X) or (T, Y, X) integers, one id for each cell, 0 elsewhere. A frame without labels
        counts as not labelled.
    name : str
        How messages call it.
    complete : frozenset of int, optional
        Ids of the cells whose masks are whole; None if all are. Other masks are neither learnt nor
        judged: what is missing of them would count as background.
    overlapping : int
        Frames on which masks of two cells overlapped before each pixel got the label of one.

    Raises
    ------
    ValueError
        If image and labels differ in size.
    """

    image: NDArray
    labels: Labels
    name: str = "the example"
    complete: frozenset[int] | None = None
    overlapping: int = 0

    def __post_init__(self) -> None:
        if self.image.shape[: self.labels.ndim] != self.labels.shape or self.labels.ndim > 3:
            raise ValueError(
                f"image {self.image.shape} and labels {self.labels.shape} of {self.name} differ: "
                "expected (Y, X) or (T, Y, X) of the same size, and colours last"
            )

    def whole_labels(self) -> Labels:
        """(T, Y, X) labels of the cells whose masks are whole, 0 elsewhere."""
        labels = self.labels[None] if self.labels.ndim == 2 else self.labels
        if self.complete is None:
            return labels
        return np.where(np.isin(labels, list(self.complete)), labels, 0)


@dataclass(frozen=True, eq=False)
class JudgedFrame:
    """A frame with the masks that were kept aside.

    Attributes
    ----------
    image : ndarray
        (1, Y, X) or (1, Y, X, 3) uint8.
    truth : LabelledMovie
        Masks of one frame.
    """

    image: NDArray[np.uint8]
    truth: LabelledMovie


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a model is taught with, and what it is judged on.

    Attributes
    ----------
    clips : ClipDataset
        To learn from; holds no mask that was kept aside.
    full_frames : ClipDataset or None
        Frames with `FULL` labelled cells or more, with all their masks, for the U-Net, which is not
        judged by masks that were kept aside. None if there are none.
    judged : tuple of JudgedFrame
        Masks that were kept aside, by frame.
    learnt_masks, judged_masks : int
        How many masks there are of both kinds.
    notes : tuple of str
        Sentences about the examples that a person should read beside the figures.
    """

    clips: ClipDataset
    full_frames: ClipDataset | None
    judged: tuple[JudgedFrame, ...]
    learnt_masks: int
    judged_masks: int
    notes: tuple[str, ...] = ()


def make_lesson(examples: Sequence[Example], side: int, seed: int = 0) -> Lesson:
    """Split examples into masks to learn from and masks to judge by.

    One cell of five is kept aside with all its masks. Where a movie has at least five labelled
    frames, the last of every five is kept aside too, and the model is judged on kept-aside cells
    on kept-aside frames: other cells and other frames than it has learnt from. If that leaves a
    single mask, as where each frame has one or two corrected cells, all masks of kept-aside cells
    judge. With fewer than five cells only frames are kept aside.

    Parameters
    ----------
    examples : sequence of Example
        Images with masks.
    side : int
        Size of the input of the network in pixels.
    seed : int
        Another number keeps other cells aside.

    Returns
    -------
    Lesson

    Raises
    ------
    ValueError
        If there are fewer than five masks.
    """
    movies = [(images_in_bytes(e.image, e.labels.ndim), e.whole_labels()) for e in examples]
    count = sum(len(np.unique(frame[frame > 0])) for _, labels in movies for frame in labels)
    if count < FEWEST_MASKS:
        raise ValueError(f"a model is taught from {FEWEST_MASKS} masks or more; there are {count}")
    aside = _cells_kept_aside([labels for _, labels in movies], np.random.default_rng(seed))
    parts = [
        (images, *_split(labels, kept))
        for (images, labels), kept in zip(movies, aside, strict=True)
    ]
    groups = [group for images, learnt, _ in parts for group in _groups(images, learnt)]
    judged = _thinned([frame for images, _, kept in parts for frame in _judged(images, kept)])
    learnt = sum(_count(learnt) for _, learnt, _ in parts)
    kept_count = sum(len(frame.truth.ids_by_frame[0]) for frame in judged)
    notes = (*notes_on(examples), *_note_on_judging(kept_count))
    clips = ClipDataset.from_arrays(groups, (side, side))
    full = [(float(len(frames)), frames) for frames in map(_full_frames, movies) if frames]
    full_frames = ClipDataset.from_arrays(full, (side, side)) if full else None
    return Lesson(clips, full_frames, tuple(judged), learnt, kept_count, notes)


def notes_on(examples: Sequence[Example]) -> tuple[str, ...]:
    """Sentences about masks of examples that contradict each other.

    Masks of two cells may overlap; and two examples may label the same frame, pixel for pixel, with
    masks that overlap and differ. Masks of other cells on the same frame are no contradiction.

    Parameters
    ----------
    examples : sequence of Example
        What a lesson learns.
    """
    notes = [
        f"On {counted(one.overlapping, 'frame')} of {one.name}, masks of two cells overlap. "
        "Each pixel was learnt as part of the cell that the labels show there."
        for one in examples
        if one.overlapping
    ]
    known: dict[bytes, list[tuple[int, Labels]]] = {}
    differing: Counter[tuple[int, int]] = Counter()
    for number, example in enumerate(examples):
        images = example.image[None] if example.labels.ndim == 2 else example.image
        for image, labels in zip(images, example.whole_labels(), strict=True):
            same = known.setdefault(_digest(image), [])
            for earlier, other in same:
                differing[earlier, number] += _differ(other, labels)
            same.append((number, labels))
    for (first, second), frames in differing.items():
        if frames:
            notes.append(
                f"{examples[first].name} and {examples[second].name} label "
                f"{counted(frames, 'frame')} of the same images differently. Both were learnt."
            )
    return tuple(notes)


def _digest(image: NDArray) -> bytes:
    about = repr((image.shape, image.dtype.str)).encode()
    return blake2b(about + np.ascontiguousarray(image).tobytes(), digest_size=16).digest()


def _differ(one: Labels, other: Labels) -> bool:
    """Whether two labellings of a frame hold masks that share pixels and are not the same."""
    for key in np.unique(one[(one > 0) & (other > 0)]):
        there = np.unique(other[one == key])
        if len(there) > 1 or (one == key).sum() != (other == there[0]).sum():
            return True
    return False


def _note_on_judging(masks: int) -> tuple[str, ...]:
    if masks >= FEW_JUDGED:
        return ()
    return (f"It was tested on {counted(masks, 'mask')} only, so the figure is rough.",)


def images_in_bytes(image: NDArray, label_axes: int) -> NDArray[np.uint8]:
    """(T, Y, X[, 3]) in 8 bits, by percentiles of the whole stack as for a tracker."""
    images = image[None] if label_axes == 2 else image
    if images.dtype == np.uint8:
        return np.asarray(images)
    low, high = np.nanpercentile(images.astype(np.float32), (0.1, 99.9))
    return stretch_to_bytes(np.nan_to_num(images.astype(np.float32)), low, high)


def _cells_kept_aside(stacks: Sequence[Labels], rng: np.random.Generator) -> list[Labels]:
    """For each movie the ids that are kept aside; none at all where there are too few cells."""
    cells = [(i, k) for i, labels in enumerate(stacks) for k in np.unique(labels[labels > 0])]
    count = round(len(cells) * KEPT_ASIDE) if len(cells) >= FEWEST_MASKS else 0
    chosen = [cells[place] for place in rng.permutation(len(cells))[:count]]
    return [np.array([k for i, k in chosen if i == n], int) for n in range(len(stacks))]


def _split(labels: Labels, aside: Labels) -> tuple[Labels, Labels]:
    """Labels of a movie to learn from, and labels to judge by.

    Without cells that are kept aside, the model is judged on all cells on frames kept aside.
    """
    frames = np.flatnonzero(labels.any((1, 2)))
    later = frames[EVERY - 1 :: EVERY]
    if not len(aside) and 1 < len(frames) < EVERY:
        later = frames[-1:]
    is_aside = np.isin(labels, aside) if len(aside) else labels > 0
    learnt = np.where(is_aside, 0, labels) if len(aside) else labels.copy()
    kept = np.where(is_aside, labels, 0)
    if _count(kept[later]) >= (FEWEST_JUDGED if len(aside) else 1):
        learnt[later] = 0
        kept[np.setdiff1d(np.arange(len(kept)), later)] = 0
    elif not len(aside):
        kept[:] = 0
    return learnt, kept


def _count(labels: Labels) -> int:
    return sum(len(np.unique(frame[frame > 0])) for frame in labels)


def _groups(images: NDArray[np.uint8], labels: Labels) -> list[tuple[float, list[ArrayClip]]]:
    """Single frames, and the movie where at least two frames are labelled."""
    frames = np.flatnonzero(labels.any((1, 2)))
    weight = float(_count(labels)) ** 0.5
    stills = [ArrayClip(images[t : t + 1], labels[t : t + 1]) for t in frames]
    if not stills:
        return []
    if len(stills) == 1:
        return [(weight, stills)]
    movie = ArrayClip(images, labels)
    return [(weight * STILL_SHARE, stills), (weight * (1 - STILL_SHARE), [movie])]


def _full_frames(movie: tuple[NDArray[np.uint8], Labels]) -> list[ArrayClip]:
    """Single frames on which many cells are labelled."""
    images, labels = movie
    counts = [len(np.unique(frame[frame > 0])) for frame in labels]
    full = [t for t, count in enumerate(counts) if count >= FULL]
    return [ArrayClip(images[t : t + 1], labels[t : t + 1]) for t in full]


def _judged(images: NDArray[np.uint8], kept: Labels) -> list[JudgedFrame]:
    frames = np.flatnonzero(kept.any((1, 2)))
    return [JudgedFrame(images[t : t + 1], label_movie(kept[t : t + 1])) for t in frames]


def _thinned(frames: list[JudgedFrame]) -> list[JudgedFrame]:
    """Frames spread evenly that hold no more masks than are judged."""
    masks = sum(len(frame.truth.ids_by_frame[0]) for frame in frames)
    if masks <= MOST_JUDGED:
        return frames
    step = -(-masks // MOST_JUDGED)
    chosen = frames[::step] or frames[:1]
    each = max(MOST_JUDGED // len(chosen), 1)
    return [JudgedFrame(frame.image, frame.truth.thinned(each)) for frame in chosen]
