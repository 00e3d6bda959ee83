"""Objects in volumes over time, (T, Z, Y, X): prompts on any plane of any time in, labels out."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, get_args

import numpy as np
from numpy.typing import ArrayLike as AnyArray
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.model import Sam2
from napari_sam2.tracking.frames import Frames
from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.plan import Sweep
from napari_sam2.tracking.prompts import Prompt, check_inside, check_integer, check_prompt
from napari_sam2.tracking.volume_growth import Grown, Volume, VolumeGrowth, as_prompts
from napari_sam2.tracking.volume_planes import Planes, merge_weaker

_LAST_ROUND = np.iinfo(np.int32).max


class WritableLabels(Protocol):
    """An array of labels that takes one volume at a time, such as numpy or zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, Z, Y, X)."""
        ...

    @property
    def dtype(self) -> Any:
        """Type of the ids."""
        ...

    def __getitem__(self, t: int, /) -> Any:
        """(Z, Y, X) labels of a volume."""
        ...

    def __setitem__(self, t: int, labels: Any, /) -> None:
        """Write the labels of a volume."""
        ...


@dataclass(frozen=True, eq=False)
class VolumeStep:
    """How far the work on some volumes is.

    Attributes
    ----------
    t : int
        Volume that is computed.
    done, total : int
        Planes that are done, and all of them.
    is_written : bool
        Whether the labels of volume `t` were just written.
    predicted_iou : mapping of int to float
        With `is_written`: mean quality of the masks of each object in the volume, as the network
        predicts it, 0 to 1.
    problem : str or None
        Reason why the volume was skipped; None if it was read.
    """

    t: int
    done: int
    total: int
    is_written: bool = False
    predicted_iou: Mapping[int, float] = field(default_factory=dict)
    problem: str | None = None


class VolumeTracker:
    """Tracks objects through volumes over time, from prompts on any plane of any time.

    Parameters
    ----------
    model : Sam2
        From `load_model`.
    volumes : array_like
        (T, Z, Y, X) grey images, such as numpy, dask or zarr. One volume is read at a time.
    contrast_limits : tuple of float, optional
        Values that the network sees as black and white. Default: `shown_limits`, or else robust
        percentiles of some planes.
    shown_limits : tuple of float, optional
        Values that the file shows as black and white; see `Frames`.

    Raises
    ------
    ValueError, TypeError
        If the volumes have other axes, one plane only, or pixels that are no numbers.

    Notes
    -----
    The two volumes that follow each other in time are in memory, and nothing else of the images
    and labels. The tracker is not thread safe.
    """

    def __init__(
        self,
        model: Sam2,
        volumes: ArrayLike,
        *,
        contrast_limits: tuple[float, float] | None = None,
        shown_limits: tuple[float, float] | None = None,
    ) -> None:
        self._volumes = volumes
        self._planes = Frames(
            Planes(volumes), contrast_limits=contrast_limits, shown_limits=shown_limits
        )
        self._model = model
        self._prompts: dict[tuple[int, int, int], Prompt] = {}  # by object, volume and plane

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(T, Z, Y, X)."""
        t, z, y, x = (int(length) for length in self._volumes.shape)
        return t, z, y, x

    @property
    def object_ids(self) -> tuple[int, ...]:
        """All objects that have prompts, in the order in which they were added."""
        return tuple(dict.fromkeys(object_id for object_id, _, _ in self._prompts))

    def add_points(
        self, t: int, z: int, object_id: int, points: AnyArray, labels: AnyArray
    ) -> None:
        """Add clicks on an object; an unknown object is created.

        Parameters
        ----------
        t, z : int
            Volume and plane, counted from 0.
        object_id : int
            1 or larger.
        points : array_like
            (P, 2) (y, x) in pixels.
        labels : array_like
            (P,) 1 includes, 0 excludes.

        Raises
        ------
        ValueError
            If the volume, the plane or a point is outside of the images, or shapes do not match.
        """
        self.set_prompt(t, self._prompt_or_new(t, z, object_id).with_points(points, labels))

    def add_box(self, t: int, z: int, object_id: int, box: Sequence[float]) -> None:
        """Set the box (y0, x0, y1, x1) of an object on a plane; see `add_points`."""
        self.set_prompt(t, self._prompt_or_new(t, z, object_id).with_box(box))

    def add_mask(self, t: int, z: int, object_id: int, mask: AnyArray | PixelMask) -> None:
        """Set the (Y, X) mask of an object on a plane; see `add_points`.

        An empty mask means that the object is not on the plane: it ends there.
        """
        self.set_prompt(t, self._prompt_or_new(t, z, object_id).with_mask(mask))

    def set_prompt(self, t: int, prompt: Prompt) -> None:
        """Replace the prompt of an object on a plane of volume `t`; its frame is the plane."""
        checked = check_prompt(prompt)
        count, *shape = self.shape
        if not 0 <= check_integer(t, "volume") < count:
            raise ValueError(f"there are {count} volumes, 0 to {count - 1}; got {t}")
        if not 0 <= checked.t < shape[0]:
            raise ValueError(f"there are {shape[0]} planes, 0 to {shape[0] - 1}; got {checked.t}")
        check_inside(checked, (shape[0], shape[1], shape[2]))
        self._prompts[checked.object_id, t, checked.t] = checked

    def track(self, out: WritableLabels, direction: Sweep = "both") -> Iterator[VolumeStep]:
        """Track all objects, and write the labels of one volume after the other.

        The work is done while the caller iterates. The iterator may be closed at any time; the
        volumes that were written stay.

        Parameters
        ----------
        out : array-like
            (T, Z, Y, X) integers that take one volume at a time, such as numpy or zarr. Volumes
            without objects are set to 0.
        direction : str
            ``"forward"`` from the first prompt of each object, ``"backward"`` from the last one, or
            ``"both"`` from the first one. Volumes that follow and have prompts of an object begin
            again from these.

        Yields
        ------
        VolumeStep
            After each plane, and after each volume.

        Raises
        ------
        ValueError
            If there are no prompts, an object has no prompt that shows it on its first volume, the
            shape of `out` is another one, or its type cannot hold the ids.
        FrameOutOfReach
            While iterating, if the file of a volume cannot be reached.
        """
        if direction not in get_args(Sweep):
            raise ValueError(f"direction must be forward, backward or both; got {direction!r}")
        if not self._prompts:
            raise ValueError("there are no prompts: add points, a box or a mask of an object first")
        _check_out(out, self.shape, max(self.object_ids))
        self._check_prompts()
        return self._track(out, direction)

    def fill(self, labels: ArrayLike, z: int, out: WritableLabels) -> Iterator[VolumeStep]:
        """Grow the masks of one plane through each volume, and write the labels of the volumes.

        Parameters
        ----------
        labels : array_like
            (T, Y, X) ids on plane `z` over time, 0 is background; read one frame at a time. The
            objects keep their ids.
        z : int
            The plane of these labels.
        out : array-like
            (T, Z, Y, X) integers; see `track`.

        Yields
        ------
        VolumeStep
            After each plane, and after each volume.

        Raises
        ------
        ValueError
            If the plane is not in the volumes, or a shape is another one.
        """
        count, depth, *plane = self.shape
        if not 0 <= check_integer(z, "plane") < depth:
            raise ValueError(f"there are {depth} planes, 0 to {depth - 1}; got {z}")
        if tuple(labels.shape) != (count, *plane):
            raise ValueError(f"labels must be {(count, *plane)}; got {tuple(labels.shape)}")
        _check_out(out, self.shape, 0)
        return self._fill(labels, z, out)

    # -- steps ---------------------------------------------------------------------------------

    def _fill(self, labels: ArrayLike, z: int, out: WritableLabels) -> Generator[VolumeStep]:
        growth = self._growth()
        depth, total = self.shape[1], self.shape[0] * self.shape[1]
        for t in range(self.shape[0]):
            progress = (t * depth, total)
            yield VolumeStep(t, *progress)
            images = self._read(t)
            if isinstance(images, str):
                yield self._skipped(out, t, images, progress, is_empty=True)
                continue
            prompts = as_prompts({z: masks_of(np.asarray(labels[t]))})
            grown = yield from _grow(growth, t, images, prompts, progress)
            yield _written(out, t, grown, progress)

    def _track(self, out: WritableLabels, direction: Sweep) -> Generator[VolumeStep]:
        count, depth = self.shape[:2]
        is_backward = direction == "backward"
        starts = {k: (max if is_backward else min)(self._times(k)) for k in self.object_ids}
        first, last = min(starts.values()), max(starts.values())
        ahead = range(last, -1, -1) if is_backward else range(first, count)
        behind = range(last, -1, -1) if direction == "both" and last > 0 else range(0)
        total = depth * (len(ahead) + len(behind))
        for t in set(range(count)) - set(ahead):
            out[t] = np.zeros(self.shape[1:], out.dtype)
        yield from self._sweep(out, ahead, starts, (0, total))
        yield from self._sweep(out, behind, starts, (depth * len(ahead), total), precedes=True)

    def _sweep(
        self,
        out: WritableLabels,
        times: range,
        starts: Mapping[int, int],
        progress: tuple[int, int],
        *,
        precedes: bool = False,
    ) -> Generator[VolumeStep]:
        """Track from volume to volume; objects join at their start.

        With `precedes`, the labels from the start on are there already. Objects are tracked to the
        volumes before their start, and take no pixels of others there.
        """
        done, total = progress
        growth = self._growth()
        before: Volume | None = None
        for t in times:
            yield VolumeStep(t, done, total)
            joined = [k for k, start in starts.items() if times.step * (t - start) >= 0]
            given = [] if precedes else [p for k in joined for p in self._prompts_at(t, k)]
            images = self._read(t)
            if isinstance(images, str):
                yield self._skipped(out, t, images, (done, total), is_empty=not precedes)
            else:
                asked = {prompt.object_id for prompt in given}
                led = {} if before is None else growth.to_next(before, images, asked)
                prompts = [*given, *as_prompts(led)]
                grown = yield from _grow(growth, t, images, prompts, (done, total))
                if precedes:
                    grown = Grown(merge_weaker(_read_labels(out, t), grown.labels), {})
                yield _written(out, t, grown, (done, total))
                kept = [k for k, start in starts.items() if not precedes or start >= t]
                before = Volume(images, np.where(np.isin(grown.labels, kept), grown.labels, 0))
            done += self.shape[1]

    def _read(self, t: int) -> NDArray[Any] | str:
        """(Z, Y, X) images of a volume, or why they cannot be decoded."""
        try:
            images = np.asarray(self._volumes[t])
        except (OSError, MemoryError):
            raise
        except Exception as error:  # libraries raise different errors for damaged data
            return f"volume {t} cannot be read: {error}"
        if images.shape != self.shape[1:]:
            return f"volume {t} has the shape {images.shape}; expected {self.shape[1:]}"
        return images

    def _skipped(
        self,
        out: WritableLabels,
        t: int,
        problem: str,
        progress: tuple[int, int],
        *,
        is_empty: bool,
    ) -> VolumeStep:
        """Leave a volume out that cannot be read."""
        if is_empty:
            out[t] = np.zeros(self.shape[1:], out.dtype)
        done, total = progress
        return VolumeStep(t, done + self.shape[1], total, True, problem=problem)

    def _growth(self) -> VolumeGrowth:
        return VolumeGrowth(self._model, self._planes.contrast_limits)

    # -- prompts -------------------------------------------------------------------------------

    def _prompt_or_new(self, t: int, z: int, object_id: int) -> Prompt:
        place = check_integer(z, "plane"), check_integer(object_id, "object id")
        return self._prompts.get((place[1], t, place[0])) or Prompt(*place)

    def _prompts_at(self, t: int, object_id: int) -> list[Prompt]:
        return [p for (k, time, _), p in self._prompts.items() if (k, time) == (object_id, t)]

    def _times(self, object_id: int) -> list[int]:
        """Volumes with prompts of an object."""
        return [t for k, t, _ in self._prompts if k == object_id]

    def _check_prompts(self) -> None:
        """Raise a ValueError where the prompts of a volume do not show their object."""
        for object_id, t in {(k, time): None for k, time, _ in self._prompts}:
            found = self._prompts_at(t, object_id)
            if not any(prompt.shows_object(_LAST_ROUND) for prompt in found):
                raise ValueError(
                    f"the prompts on volume {t} do not show object {object_id}: add a point that "
                    "includes, a box or a mask"
                )


def grow_volume(
    model: Sam2,
    volume: ArrayLike,
    masks: Mapping[int, AnyArray],
    *,
    contrast_limits: tuple[float, float] | None = None,
) -> NDArray[np.int32]:
    """Grow the masks of some planes through a volume.

    Parameters
    ----------
    model : Sam2
        From `load_model`.
    volume : array_like
        (Z, Y, X) grey images.
    masks : mapping of int to array_like
        (Y, X) ids by plane, 0 is background. An object may be on several planes.
    contrast_limits : tuple of float, optional
        Values that the network sees as black and white. Default: robust percentiles.

    Returns
    -------
    ndarray
        (Z, Y, X) int32; objects keep their ids, and no two of them share a pixel.

    Raises
    ------
    ValueError
        If there are no masks, a plane is not in the volume, or a shape is another one.
    """
    images = np.asarray(volume)
    tracker = VolumeTracker(model, images[np.newaxis], contrast_limits=contrast_limits)
    for z, labels in masks.items():
        for object_id, mask in masks_of(np.asarray(labels)).items():
            tracker.add_mask(0, z, object_id, mask)
    out = np.zeros((1, *images.shape), np.int32)
    for _ in tracker.track(out):
        pass
    grown: NDArray[np.int32] = out[0]
    return grown


def _grow(
    growth: VolumeGrowth,
    t: int,
    images: NDArray[Any],
    prompts: Sequence[Prompt],
    progress: tuple[int, int],
) -> Generator[VolumeStep, None, Grown]:
    """Grow objects through a volume, with a step after each plane."""
    done, total = progress
    work = growth.through_planes(images, prompts)
    while True:
        try:
            share = next(work)
        except StopIteration as end:
            grown: Grown = end.value
            return grown
        yield VolumeStep(t, done + int(share * len(images)), total)


def _read_labels(out: WritableLabels, t: int) -> NDArray[np.int32]:
    return np.asarray(out[t]).astype(np.int32)


def _written(out: WritableLabels, t: int, grown: Grown, progress: tuple[int, int]) -> VolumeStep:
    """Write the labels of a volume."""
    out[t] = grown.labels.astype(out.dtype)
    done, total = progress
    return VolumeStep(t, done + len(grown.labels), total, True, grown.predicted_iou)


def _check_out(out: WritableLabels, shape: tuple[int, ...], largest: int) -> None:
    if tuple(out.shape) != shape:
        raise ValueError(f"the array for the labels must be {shape}; got {tuple(out.shape)}")
    dtype = np.dtype(out.dtype)
    if dtype.kind not in "ui" or np.iinfo(dtype).max < largest:
        raise ValueError(f"the array for the labels must hold ids up to {largest}; got {dtype}")
