"""Links of labels: masks that were numbered on each frame by itself become cells over time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.annotation.measures import ranked
from napari_sam2.annotation.undo_texts import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.annotation.label_import import StackOfLabels

LEAST_IOU = 0.1  # of masks of one cell on two frames
GAP = 1  # frames on which a cell may be missing in between
KEPT = 0.9  # of the linked masks keep their number in labels that are linked already


@dataclass(frozen=True, eq=False)
class LabelLinks:
    """Which cell each mask of unlinked labels belongs to.

    Attributes
    ----------
    cells_of : tuple of (mapping of int to int)
        For each frame, the cell of each label; cells are numbered from 1.
    pairs : int
        Masks that were linked to a mask of an earlier frame.
    kept : int
        Pairs whose two masks have the same label.
    """

    cells_of: tuple[Mapping[int, int], ...]
    pairs: int = 0
    kept: int = 0

    @property
    def masks(self) -> int:
        """Number of masks on all frames."""
        return sum(map(len, self.cells_of))

    @property
    def cells(self) -> int:
        """Number of cells that the masks become."""
        return max((cell for cells in self.cells_of for cell in cells.values()), default=0)

    @property
    def is_needed(self) -> bool:
        """Whether the labels seem to be numbered on each frame by itself."""
        return self.kept < KEPT * self.pairs

    @property
    def text(self) -> str:
        """What the links do, such as "340 masks on 30 frames become 24 cells"."""
        frames = counted(len(self.cells_of), "frame")
        verb = "becomes" if self.masks == 1 else "become"
        return f"{counted(self.masks, 'mask')} on {frames} {verb} {counted(self.cells, 'cell')}"

    def renumbered(self, labels: NDArray[Any], t: int) -> NDArray[np.int32]:
        """The (Y, X) labels of frame `t` with the numbers of the cells.

        Raises
        ------
        ValueError
            If the frame has a label that it had not when it was linked.
        """
        numbers, index = ranked(labels.ravel())
        known = {0: 0, **self.cells_of[t]}
        if new := set(numbers.tolist()) - known.keys():
            raise ValueError(
                f"label {min(new)} on frame {t} is new since the links were made: link them again"
            )
        cells = [known[label] for label in numbers.tolist()]
        return np.array(cells, np.int32)[index].reshape(labels.shape)


class LinkedLabels:
    """Array-like (T, Y, X) of labels with the numbers of their cells, read one frame at a time.

    Parameters
    ----------
    labels : (T, Y, X) array-like of integers
        Labels that are numbered on each frame by itself.
    links : LabelLinks
        The links of these labels.
    """

    def __init__(self, labels: StackOfLabels, links: LabelLinks) -> None:
        self._labels = labels
        self.links = links

    @property
    def shape(self) -> tuple[int, ...]:
        """(T, Y, X)."""
        return self._labels.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of the numbers of the cells."""
        return np.dtype(np.int32)

    def __getitem__(self, t: int, /) -> NDArray[np.int32]:
        """Read the (Y, X) labels of frame `t`."""
        return self.links.renumbered(np.asarray(self._labels[t]), t)


def link_labels(
    labels: StackOfLabels, on_progress: Callable[[int, int], None] | None = None
) -> LabelLinks:
    """Link the masks of labels that are numbered on each frame by itself, by their overlap.

    Each mask is linked to at most one mask of the frame before, such that the sum of all overlaps
    (intersections over union) is the largest. A cell that is missing on one frame is found again on
    the next. Where a cell divides, it goes on in one of its daughters, and the other one is a new
    cell.

    Parameters
    ----------
    labels : (T, Y, X) array-like of integers
        Read one frame at a time; 0 is background.
    on_progress : callable, optional
        Gets the number of linked frames and the number of all frames. It may raise, to cancel.

    Returns
    -------
    LabelLinks

    Raises
    ------
    ValueError, TypeError
        If the labels are not (T, Y, X) integers.
    """
    shape, dtype = tuple(labels.shape), np.dtype(labels.dtype)
    if len(shape) != 3:
        raise ValueError(f"labels to link must be (T, Y, X); got an array of shape {shape}")
    if dtype.kind not in "iu":
        raise TypeError(f"labels must be integers; got {dtype}")
    linking = _Linking()
    for t in range(shape[0]):
        linking.add(np.asarray(labels[t]))
        if on_progress is not None:
            on_progress(t + 1, shape[0])
    return LabelLinks(tuple(linking.cells_of), linking.pairs, linking.kept)


@dataclass(frozen=True, eq=False)
class _Frame:
    """The pixels of a linked frame that belong to cells."""

    places: NDArray[np.intp]  # indices into the flat frame
    cells: NDArray[np.int64]  # the cell of each of them


class _Linking:
    """The frames that are linked so far."""

    def __init__(self) -> None:
        self.cells_of: list[dict[int, int]] = []
        self.pairs = self.kept = 0
        self._count = 0
        self._label_of: dict[int, int] = {}  # the last one of each cell
        self._area_of: dict[int, int] = {}  # in pixels, on the last frame of each cell
        self._seen: list[_Frame] = []  # the last frames, the latest first

    def add(self, labels: NDArray[Any]) -> None:
        """Link the (Y, X) labels of the next frame."""
        places = np.flatnonzero(labels)
        if labels.size and labels.min() < 0:
            raise ValueError(f"labels must not be negative; got {labels.min()}")
        numbers, index = ranked(labels.ravel()[places])
        areas = np.bincount(index, minlength=len(numbers))
        linked = self._linked(labels.size, places, index, areas)
        self.pairs += len(linked)
        self.kept += sum(self._label_of[cell] == numbers[row] for row, cell in linked.items())
        for row in range(len(numbers)):
            if row not in linked:
                self._count += 1
                linked[row] = self._count
        cells = np.array([linked[row] for row in range(len(numbers))], np.int64)
        self.cells_of.append(dict(zip(numbers.tolist(), cells.tolist(), strict=True)))
        self._label_of |= dict(zip(cells.tolist(), numbers.tolist(), strict=True))
        self._area_of |= dict(zip(cells.tolist(), areas.tolist(), strict=True))
        self._seen = [_Frame(places, cells[index]), *self._seen[:GAP]]

    def _linked(
        self,
        size: int,
        places: NDArray[np.intp],
        index: NDArray[np.intp],
        areas: NDArray[np.intp],
    ) -> dict[int, int]:
        """The cell of each mask that overlaps one, by the rank of the mask among the labels."""
        before = self._last_seen(size)[places]
        common = before > 0
        pairs, shared = np.unique(before[common] * len(areas) + index[common], return_counts=True)
        if not pairs.size:
            return {}
        cells, masks = np.divmod(pairs, len(areas))
        cell_areas = np.array([self._area_of[cell] for cell in cells.tolist()])
        ious = shared / (cell_areas + areas[masks] - shared)
        is_near = ious >= LEAST_IOU
        return _best_pairs(cells[is_near], masks[is_near], ious[is_near])

    def _last_seen(self, size: int) -> NDArray[np.int64]:
        """Cells of the last frame, and beside them those that it lacks, as a flat frame."""
        drawn = np.zeros(size, np.int64)
        is_there = np.zeros(self._count + 1, bool)
        for frame in self._seen:
            is_new = ~is_there[frame.cells] & (drawn[frame.places] == 0)
            drawn[frame.places[is_new]] = frame.cells[is_new]
            is_there[frame.cells] = True
        return drawn


def _best_pairs(
    cells: NDArray[np.int64], masks: NDArray[np.int64], ious: NDArray[np.float64]
) -> dict[int, int]:
    """The cell of each mask, such that the sum of the overlaps is the largest.

    Cells and masks that overlap, directly or by others, are assigned together; the groups are
    small, so many cells take little time.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import, and the panel must open

    known, rows = np.unique(cells, return_inverse=True)
    present, columns = np.unique(masks, return_inverse=True)
    side = len(known) + len(present)
    from scipy.sparse import coo_array  # slow to import, and seldom needed
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((ious, (rows, columns + len(known))), shape=(side, side))
    _, groups = connected_components(graph, directed=False)
    best: dict[int, int] = {}
    order = np.argsort(groups[rows], kind="stable")
    for chosen in np.split(order, np.flatnonzero(np.diff(groups[rows][order])) + 1):
        group_cells, y = np.unique(cells[chosen], return_inverse=True)
        group_masks, x = np.unique(masks[chosen], return_inverse=True)
        table = np.zeros((len(group_cells), len(group_masks)))
        table[y, x] = ious[chosen]
        for row, column in zip(*linear_sum_assignment(table, maximize=True), strict=True):
            if table[row, column]:
                best[int(group_masks[column])] = int(group_cells[row])
    return best
