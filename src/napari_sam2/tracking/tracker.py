"""Tracker: promptable visual segmentation of one stack (paper §3 and §4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_sam2 import arrays
from napari_sam2.model import Sam2
from napari_sam2.model.config import WindowMode
from napari_sam2.tracking.disk_cache import DiskCache
from napari_sam2.tracking.frame_encoder import FrameEncoder
from napari_sam2.tracking.frames import Frames, Stack, as_frames
from napari_sam2.tracking.label_composer import LabelComposer
from napari_sam2.tracking.mask_store import MaskStore
from napari_sam2.tracking.masks import Renderer
from napari_sam2.tracking.network_runner import NetworkRunner
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.plan import Sweep
from napari_sam2.tracking.prompter import Prompter
from napari_sam2.tracking.prompts import Prompt
from napari_sam2.tracking.propagation import Propagation
from napari_sam2.tracking.propagator import Propagator
from napari_sam2.tracking.results import Correction, FrameResult, ObjectState, Signs
from napari_sam2.tracking.volume_propagator import VolumePropagator
from napari_sam2.tracking.windows import Window, WindowGrid


class Tracker:
    """Tracks objects through one stack: turns prompts into masks on every frame.

    Every object is independent: it may be added, corrected or removed at any time. Objects are
    nevertheless computed in batches. A prompted frame always conditions the others and keeps its
    mask (§4 "Memory bank"; corrections included, as in the training of §D.2).

    The work is done by four parts: a mask store, a prompter, a propagator and a label composer.

    The frames may be the planes of volumes over time, as of `open_movie` with ``z="3d"``: plane z
    of time t is frame t * Z + z. Objects are then tracked through volumes as by `VolumeTracker`.

    Parameters
    ----------
    model : Sam2
        From `load_model`.
    frames : array_like, path, Movie or Frames
        (T, Y, X), (T, Y, X, 3 or 4) or (Y, X), read one frame at a time. A path is opened by
        `open_movie`.
    max_prompted_frames : int
        M of the paper: largest number of prompted frames, the nearest ones, that condition a frame.
    clean : bool
        Fill small holes and remove specks.
    cache_bytes : int
        Budget of the features kept in memory, in bytes. On a CPU, the masks take their part of it,
        but features always keep one half.
    disk_bytes : int
        Budget of the features on disk that do not fit into memory, in bytes; 0 disables them.
    cache_folder : Path, optional
        Folder of these files, which are deleted with the tracker. Default: the user's cache folder.
    memory_bytes : int
        Budget of encoded memories, in bytes; dropped memories are computed again.
    object_batch : int
        Most objects in one run of the network.
    windows : str, optional
        `whole`: the network always sees the whole frame. `auto`: it sees a square around each
        object that fits its size, with small objects enlarged up to twice. `small`: such squares
        around objects that would be narrower than a token in the whole frame, the whole frame for
        all others. Default: the setting of the model.
    area_guard : bool
        Whether an object whose mask suddenly covers several times its usual area counts as lost on
        that frame, and gets an empty mask.

    Raises
    ------
    ValueError, TypeError
        If the stack or a setting does not fit.
    FileNotFoundError
        If the path does not exist.

    Notes
    -----
    A tracker is not thread safe: only one thread may use it.
    """

    def __init__(
        self,
        model: Sam2,
        frames: Stack,
        *,
        max_prompted_frames: int = 8,
        clean: bool = True,
        cache_bytes: int = 1024**3,
        disk_bytes: int = 8 * 1024**3,
        cache_folder: Path | None = None,
        memory_bytes: int = 512 * 1024**2,
        object_batch: int = 16,
        windows: WindowMode | None = None,
        area_guard: bool = True,
    ) -> None:
        if max_prompted_frames < 1 or object_batch < 1:
            raise ValueError("max_prompted_frames and object_batch must be at least 1")
        stack = as_frames(frames)
        self._frames = stack if model.config.sees_colour else stack.without_colour()
        self._windows: WindowMode = windows or model.config.windows
        length, *size = self._frames.shape
        image_shape = (size[0], size[1])
        grid = WindowGrid(
            image_shape,
            model.config.image_size,
            self._windows,
            lambda: model.config.enlarge_tiny_cells and self._frames.has_stain,
        )
        disk = DiskCache(disk_bytes, cache_folder)
        self._runner = NetworkRunner(
            model,
            FrameEncoder(model, self._frames, cache_bytes, disk),
            grid,
            length=length,
            memory_bytes=memory_bytes,
            object_batch=object_batch,
            max_prompted_frames=max_prompted_frames,
        )
        renderer = Renderer(model.config.low_res_size, image_shape, clean=clean)
        self._area_guard = area_guard
        self._begin(renderer, self._frames.planes)
        self._runner.encoder.features.share_budget(self._store.masks_bytes)

    def _begin(self, renderer: Renderer, planes: int) -> None:
        """Make the parts that hold or change objects, without any object."""
        self._store = MaskStore(len(self._frames), renderer, planes)
        self._composer = LabelComposer(self._store)
        self._prompter = Prompter(self._store, self._runner)
        movie = Propagator(self._store, self._runner, area_guard=self._area_guard)
        self._propagator: Propagator | VolumePropagator = movie
        self._leaps = movie
        if planes > 1:
            whole = self._runner.grid.whole
            self._propagator = VolumePropagator(
                self._store, self._composer, self._frames, self._as_movie, whole
            )

    def without_objects(self) -> Tracker:
        """Another tracker of the same stack, with the same settings and no objects.

        It shares the features of the frames, so that no frame is encoded twice. Both must be used
        in one thread.
        """
        other = copy(self)
        other._begin(self._store.renderer, self.planes)
        return other

    def _as_movie(self) -> Tracker:
        """Like `without_objects`, and it tracks the planes of all volumes as frames of a movie."""
        other = copy(self)
        other._begin(self._store.renderer, 1)
        return other

    def leap(self, source: int, target: int) -> None:
        """Track all objects from one frame to another, as if it were the next one.

        Parameters
        ----------
        source : int
            Frame whose masks are tracked.
        target : int
            Frame whose masks are computed.

        Raises
        ------
        DamagedFrame, FrameOutOfReach
            If a frame cannot be read.
        """
        self._leaps.leap(source, target)

    def grow(self, data: arrays.ArrayLike) -> None:
        """Add the new frames of a longer stack; what was tracked stays as it is.

        Parameters
        ----------
        data : array_like
            The stack from its first frame on; see `Frames.grow`.

        Raises
        ------
        ValueError
            If it is not the same stack with more frames.
        """
        self._frames.grow(data)
        self._store.length = len(self._frames)
        self._runner.grow(len(self._frames))

    # -- state ---------------------------------------------------------------------------------

    @property
    def model(self) -> Sam2:
        """The network."""
        return self._runner.model

    @property
    def settings(self) -> dict[str, Any]:
        """The keyword arguments of this tracker that affect its masks."""
        return {
            "max_prompted_frames": self._runner.max_prompted_frames,
            "clean": self._store.renderer.clean,
            "windows": self._windows,
            "area_guard": self._area_guard,
        }

    @property
    def frames(self) -> Frames:
        """The stack."""
        return self._frames

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the stack, (T, Y, X)."""
        return self._frames.shape

    @property
    def planes(self) -> int:
        """Planes of each volume, where the frames are planes; 1 for a movie of images."""
        return self._store.planes

    @property
    def object_ids(self) -> tuple[int, ...]:
        """All objects, in the order in which they were added."""
        return tuple(self._store.masklets)

    def prompt(self, t: int, object_id: int) -> Prompt | None:
        """The prompt of an object on a frame; None if it has no prompt."""
        return self._store.prompt(t, object_id)

    def prompts(self) -> tuple[Prompt, ...]:
        """All prompts, by object and then by frame."""
        return self._store.prompts()

    def result(self, t: int, object_id: int) -> FrameResult | None:
        """The stored mask of an object on a frame; None if it has no mask."""
        return self._store.result(t, object_id)

    def scores(self, t: int, object_id: int) -> tuple[float, float] | None:
        """Predicted IoU and occlusion score of a stored mask, without drawing it."""
        return self._store.scores(t, object_id)

    def signs(self, t: int, object_id: int) -> Signs | None:
        """What tracking knows about the quality of a stored mask; None if there is no mask."""
        return self._store.signs(t, object_id)

    def pointer(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """(C,) object pointer of a stored mask: how the object looks to the network.

        Returns
        -------
        ndarray or None
            None if there is no visible mask, or the network has not processed it.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        return self._store.pointer(t, object_id)

    def corrections(self, object_id: int) -> tuple[Correction, ...]:
        """Tracked masks of an object that were prompted later, by frame.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        return self._store.corrections(object_id)

    def note_backward_iou(self, object_id: int, values: Mapping[int, float | None]) -> None:
        """Note the result of a backward check with the stored masks of an object.

        Parameters
        ----------
        object_id : int
            The object.
        values : mapping of int to float or None
            IoU with the mask of the check by frame; None forgets it. Frames without a mask are
            ignored. A mask that is tracked again loses the note.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        self._store.note_backward_iou(object_id, values)

    def low_res_logits(self, t: int, object_id: int) -> NDArray[np.float32] | None:
        """(S / 4, S / 4) logits of the stored mask; they are constant far from the mask."""
        return self._store.low_res_logits(t, object_id)

    def labels(self, t: int, winners: Collection[int] = ()) -> NDArray[np.int32]:
        """Labels of a frame, composed from the stored masks of all objects.

        Parameters
        ----------
        t : int
            Frame.
        winners : collection of int
            Objects with priority wherever masks overlap, like objects that are locked on the frame.
            Next in priority are masks painted on the frame, clicked masks, tracked masks with the
            nearest prompt in time, and the highest logit. A tracked mask that loses more than half
            of its pixels to stronger masks is hidden.

        Returns
        -------
        ndarray
            (Y, X) int32, 0 is background.
        """
        return self._composer.labels(t, winners)

    def relabel(
        self, t: int, labels: NDArray[np.integer], object_ids: Collection[int]
    ) -> tuple[tuple[slice, slice], NDArray[np.int32]]:
        """Labels of the part of a frame that a change of some objects affects.

        Parameters
        ----------
        t : int
            Frame.
        labels : ndarray
            (Y, X) labels of the frame before the change.
        object_ids : collection of int
            The objects whose masks changed; they may have been removed.

        Returns
        -------
        tuple of slice
            Rows and columns of the part.
        ndarray
            (h, w) int32, equal to the result of `labels` in this part.
        """
        return self._composer.relabel(t, labels, object_ids)

    # -- prompts -------------------------------------------------------------------------------

    def add_points(
        self, t: int, object_id: int, points: ArrayLike, labels: ArrayLike
    ) -> FrameResult:
        """Add clicks on an object; an unknown object is created.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            1 or larger.
        points : array_like
            (P, 2) (y, x) in pixels.
        labels : array_like
            (P,) 1 includes, 0 excludes.

        Returns
        -------
        FrameResult
            The mask of this object on this frame.

        Raises
        ------
        ValueError
            If a point is outside the image, the frame is outside the stack, or shapes do not match;
            or if all points exclude and the object has no mask on any frame.
        """
        return self._prompter.add_points(t, object_id, points, labels)

    def add_box(self, t: int, object_id: int, box: Sequence[float]) -> FrameResult:
        """Set the box (y0, x0, y1, x1) of an object; otherwise like `add_points`."""
        return self._prompter.add_box(t, object_id, box)

    def add_mask(self, t: int, object_id: int, mask: ArrayLike) -> FrameResult:
        """Set the (Y, X) mask of an object; otherwise like `add_points`.

        The mask replaces clicks and boxes on the frame. An empty mask means that the object is not
        visible on the frame; it requires a prompt of the object on another frame.
        """
        return self._prompter.add_mask(t, object_id, mask)

    def import_masks(
        self,
        t: int,
        masks: Mapping[int, ArrayLike | PixelMask],
        clicks: Mapping[int, tuple[float, float]] | None = None,
    ) -> None:
        """Set the (Y, X) masks of many objects on a frame, like `add_mask` for one object.

        This is fast, because the network processes a mask only when another frame needs it.
        Unknown objects are created.

        Parameters
        ----------
        t : int
            Frame.
        masks : mapping of int to array_like
            (Y, X) masks, none of them empty, by object.
        clicks : mapping of int to (float, float), optional
            A click (y, x) by object that is known to give its mask. The prompt holds it beside the
            mask, and further clicks correct the mask.

        Raises
        ------
        ValueError
            As for `add_mask`, or if a mask is empty. No mask is then imported.
        """
        self._prompter.import_masks(t, masks, clicks or {})

    def carry_over(
        self, object_id: int, state: ObjectState, kept: Collection[int] = frozenset()
    ) -> None:
        """Add an object with its state from another tracker of the same image.

        Masks are kept until they are tracked again. Painted, locked and `kept` masks keep every
        pixel. The masks of clicks and boxes on other frames are computed again.

        Parameters
        ----------
        object_id : int
            The object, unknown to this tracker.
        state : ObjectState
            From `snapshot` of the other tracker, which may have another network or contrast.
        kept : collection of int
            Frames whose masks the user has accepted.

        Raises
        ------
        ValueError
            If a prompt does not fit this stack, or the object exists already. The tracker is then
            unchanged.
        """
        self._prompter.carry_over(object_id, state, kept)

    def set_prompt(self, prompt: Prompt) -> FrameResult | None:
        """Replace the prompt of an object on a frame.

        Parameters
        ----------
        prompt : Prompt
            The new prompt; an empty prompt clears the frame.

        Returns
        -------
        FrameResult or None
            None if the frame has no mask afterwards.

        Raises
        ------
        ValueError
            As for `add_points`.
        """
        return self._prompter.set_prompt(prompt)

    def next_guess(self, t: int, object_id: int) -> FrameResult:
        """Use the next of the three masks that the network has for a single click.

        The first mask, which `add_points` returns, is the one that the network likes best. The
        third is followed by the first again. `prompt` tells which one is used, and later clicks
        correct it.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            The object, whose prompt on the frame is a single click.

        Returns
        -------
        FrameResult
            The mask of this object on this frame.

        Raises
        ------
        ValueError
            If the object is unknown, or its prompt on the frame is anything but a single click.
        """
        return self._prompter.next_guess(t, object_id)

    def clear_prompts(self, t: int, object_id: int) -> FrameResult | None:
        """Remove all prompts of an object on a frame.

        Returns
        -------
        FrameResult or None
            The mask on the frame before it had a prompt; None if it had no mask.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        return self._prompter.clear(t, object_id)

    def remove_object(self, object_id: int) -> None:
        """Remove an object without changing others; a ValueError if it is unknown."""
        self._store.remove(object_id)

    # -- propagation ---------------------------------------------------------------------------

    def propagate(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "both",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> Iterator[FrameResult]:
        """Track objects through other frames, one frame at a time.

        Each frame is tracked when its result is requested, so the caller must iterate over the
        results. A propagation that is deleted before its first result warns.

        Each object is tracked outward from its prompts: forward from its first prompt, or backward
        from its last prompt; `both` tracks forward and then backward from the first prompt.
        Prompted and locked frames keep their masks, which are included in the results. A locked
        mask conditions other frames and starts a pass like a prompted mask. The iterator may be
        closed at any time; all results are kept, and a later call with `start` (or `stop`)
        continues from there. Prompts that are added meanwhile are used from the next frame on.

        Of volumes, a result comes for each plane when its volume is complete, and before that empty
        results that show how far the work is. A volume is tracked as a whole if `start` and `stop`
        include any of its planes.

        Parameters
        ----------
        start, stop : int, optional
            Only frames ``start <= t < stop`` are changed. Default: the whole stack.
        direction : str
            `forward`, `backward` or `both` (the default, as in the plugin and on the command line).
        object_ids : iterable of int, optional
            Objects to track. Default: all objects.
        until_locked : bool
            Whether each object stops before the first locked frame that it reaches.
        only_changed : bool
            Whether to skip frames that were tracked after the last change of the object's prompts
            and locks. This propagates corrections, and continues a run that was stopped.

        Yields
        ------
        FrameResult
            Masks of all objects that are tracked on the frame. A damaged frame is skipped: its
            result has a `problem`, and contains only masks that are prompted or locked there.

        Raises
        ------
        ValueError
            If the range or the direction is invalid, or an object is unknown (raised by the call,
            before the first frame).

        Warns
        -----
        RuntimeWarning
            If the propagation is deleted before the first result and was not closed.
        """
        steps = self._propagator.plan(
            start,
            stop,
            direction,
            object_ids,
            until_locked=until_locked,
            only_changed=only_changed,
        )
        return Propagation(self._propagator.run(steps))

    def total_steps(
        self,
        start: int | None = None,
        stop: int | None = None,
        direction: Sweep = "both",
        object_ids: Iterable[int] | None = None,
        *,
        until_locked: bool = False,
        only_changed: bool = False,
    ) -> int:
        """Largest number of results that `propagate` yields with these arguments."""
        steps = self._propagator.plan(
            start,
            stop,
            direction,
            object_ids,
            until_locked=until_locked,
            only_changed=only_changed,
        )
        return self._propagator.total(steps)

    # -- limits --------------------------------------------------------------------------------

    def lock(
        self,
        object_id: int,
        frames: Iterable[int],
        labels: Callable[[int], NDArray[np.integer]] | None = None,
    ) -> None:
        """Lock an object on some frames, so that propagation does not change its masks there.

        On these frames the object keeps exactly its pixels in the labels, with priority over all
        other objects. A locked mask conditions other frames like a prompted mask.

        Parameters
        ----------
        object_id : int
            The object.
        frames : iterable of int
            The frames, which may also be frames without a mask.
        labels : callable, optional
            Returns the (Y, X) labels of a frame. Default: labels composed from the masks.

        Raises
        ------
        ValueError
            If the object or a frame is unknown.
        """
        self._store.lock(object_id, frames, labels or self.labels)

    def unlock(self, object_id: int, frames: Iterable[int]) -> None:
        """Unlock frames of an object, and restore their masks from before the lock.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        self._store.unlock(object_id, frames)

    def locked_frames(self, object_id: int) -> frozenset[int]:
        """Frames on which an object is locked."""
        return self._store.locked_frames(object_id)

    def set_span(self, object_id: int, span: range | None) -> None:
        """Limit the frames of an object that propagation may change.

        Parameters
        ----------
        object_id : int
            The object, which need not exist yet.
        span : range or None
            The frames; None removes the limit.
        """
        self._store.set_span(object_id, span)

    # -- undo ----------------------------------------------------------------------------------

    def snapshot(self, object_id: int, frames: Iterable[int] | None = None) -> ObjectState:
        """The state of an object, or of some of its frames, for a later `restore`.

        Raises
        ------
        ValueError
            If the object is unknown.
        """
        return self._store.snapshot(object_id, frames)

    def restore(self, object_id: int, state: ObjectState | None) -> None:
        """Restore an object from a snapshot, without running the model.

        Parameters
        ----------
        object_id : int
            The object; an unknown object is created.
        state : ObjectState or None
            The snapshot; None removes the object if it exists.
        """
        self._store.restore(object_id, state)

    # -- caches --------------------------------------------------------------------------------

    def encode(self, t: int) -> None:
        """Compute the features of a frame, and load what else a click on it needs."""
        self._store.check_frame(t)
        self._runner.prompts.prepare()
        self._runner.encoder.features.load(self._prompter.likely_views(t))

    def input_of(self, t: int, object_id: int, frames: Frames | None = None) -> NDArray[np.float32]:
        """The network's input for an object on a frame.

        Parameters
        ----------
        t : int
            Frame.
        object_id : int
            The object, which selects the window; the whole frame if it has no mask there.
        frames : Frames, optional
            The same stack with another contrast.

        Returns
        -------
        ndarray
            (S, S, 3) float32 in 0..1, S the side of the network's input.
        """
        window = self.window_of(t, object_id)
        return self._runner.encoder.input_of((frames or self._frames).read(t), window)

    def window_of(self, t: int, object_id: int) -> Window:
        """The part of a frame that the network sees for an object, and how much brighter."""
        self._store.check_frame(t)
        masklet = self._store.masklets.get(object_id)
        record = masklet.records.get(t) if masklet else None
        return record.window if record else self._runner.grid.whole

    def forget_features(self) -> None:
        """Free the memory and the files of all features; they are computed again on demand."""
        self._runner.encoder.features.clear()

    @property
    def mask_size(self) -> int:
        """Side of the low-resolution masks in pixels, which depends on the model."""
        return self._store.renderer.size

    def features_cached(self, t: int) -> bool:
        """Whether the features of a frame are cached."""
        views = self._prompter.likely_views(t)
        return all(view in self._runner.encoder.features for view in views)
