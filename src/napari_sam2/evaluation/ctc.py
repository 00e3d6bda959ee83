"""Detection, segmentation and tracking measures of the Cell Tracking Challenge.

The measures themselves are those of py-ctcmetrics; this module converts frames to its
input, one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.evaluation.optional_packages import needs_extra
from napari_sam2.evaluation.overlap import Overlap, overlap
from napari_sam2.io.tracks import Lineage, lineage

UNDEFINED = float("nan")


@dataclass(frozen=True)
class CtcScores:
    """DET, SEG and TRA of one movie.

    Attributes
    ----------
    det, seg, tra : float
        0 to 1; NaN where they are not defined.
    reasons : mapping of str to str
        Why, by name (DET, SEG, TRA), for each that is NaN.
    """

    det: float = UNDEFINED
    seg: float = UNDEFINED
    tra: float = UNDEFINED
    reasons: Mapping[str, str] = field(default_factory=dict)


class CtcCounter:
    """Collects frames; its memory grows with the number of objects, not of pixels.

    Parameters
    ----------
    parents, truth_parents : mapping of int to int
        Daughter -> mother, in the labels and in the truth.

    Notes
    -----
    A reference object is found by the object that covers more than half of it (Matula et al. 2015).
    """

    def __init__(
        self,
        *,
        parents: Mapping[int, int] | None = None,
        truth_parents: Mapping[int, int] | None = None,
    ) -> None:
        self._parents, self._truth_parents = parents or {}, truth_parents or {}
        self._places: dict[int, _Found] = {}
        self._shapes: dict[int, _Found] = {}

    def add(
        self,
        t: int,
        truth: NDArray[Any],
        labels: NDArray[Any],
        *,
        places: bool = True,
        shapes: bool = True,
    ) -> None:
        """Count a frame of which the truth is known.

        Parameters
        ----------
        t : int
        truth, labels : (Y, X) integers
        places : bool
            Whether the truth shows all objects that there are, which DET and TRA need.
        shapes : bool
            Whether it shows their shapes, which SEG needs; markers do not.
        """
        found = _found(overlap(truth, labels))
        if places:
            self._places[t] = found
        if shapes:
            self._shapes[t] = found

    def scores(self) -> CtcScores:
        """Measures of the frames so far; undefined where py-ctcmetrics is not installed."""
        try:
            return self._scores()
        except ModuleNotFoundError as error:
            return CtcScores(reasons=dict.fromkeys(("DET", "SEG", "TRA"), str(error)))

    def _scores(self) -> CtcScores:
        places = [self._places[t] for t in sorted(self._places)]
        shapes = [self._shapes[t] for t in sorted(self._shapes)]
        reasons = {}
        det = seg = tra = UNDEFINED
        if any(len(frame.truth_ids) for frame in places):
            det, tra = self._det_and_tra(places)
        else:
            reasons = dict.fromkeys(("DET", "TRA"), "no object has a place in the truth")
        if any(len(frame.truth_ids) for frame in shapes):
            seg = _seg(shapes)
        else:
            reasons["SEG"] = "no object has a shape in the truth"
        if places and self._has_gaps():
            tra, reasons["TRA"] = UNDEFINED, "there are frames without truth in between"
        return CtcScores(det, seg, tra, reasons)

    def _has_gaps(self) -> bool:
        times = sorted(self._places)
        return times[-1] - times[0] + 1 != len(times)

    def _det_and_tra(self, frames: list[_Found]) -> tuple[float, float]:
        if not any(len(frame.label_ids) for frame in frames):
            return 0.0, 0.0  # everything must be drawn by hand
        with needs_extra("DET and TRA"):
            from ctc_metrics.metrics.technical.det import det
            from ctc_metrics.metrics.technical.tra import tra
            from ctc_metrics.utils.representations import count_acyclic_graph_correction_operations

        if len(frames) == 1:  # no links: py-ctcmetrics wants a frame that there could be some to
            frames = [*frames, _Found((), (), (), (), ())]
        truth = lineage([frame.truth_ids for frame in frames], self._truth_parents)
        labels = lineage([frame.label_ids for frame in frames], self._parents)
        operations = count_acyclic_graph_correction_operations(
            _table(truth),
            _table(labels),
            [_named(truth, t, frame.truth_ids) for t, frame in enumerate(frames)],
            [_named(labels, t, frame.label_ids) for t, frame in enumerate(frames)],
            [_named(truth, t, frame.matched_truth, False) for t, frame in enumerate(frames)],
            [_named(labels, t, frame.matched_labels, False) for t, frame in enumerate(frames)],
        )
        return det(**operations), tra(**operations)[0]


@dataclass(frozen=True)
class _Found:
    """Ids on one frame, and matches: pairs of `matched_truth` and `matched_labels`."""

    truth_ids: tuple[int, ...]
    label_ids: tuple[int, ...]
    matched_truth: tuple[int, ...]
    matched_labels: tuple[int, ...]
    ious: tuple[float, ...]


def _found(table: Overlap) -> _Found:
    rows, columns = np.nonzero(2 * table.common > table.truth_areas[:, None])
    return _Found(
        tuple(table.truth_ids.tolist()),
        tuple(table.label_ids.tolist()),
        tuple(table.truth_ids[rows].tolist()),
        tuple(table.label_ids[columns].tolist()),
        tuple(table.ious[rows, columns].tolist()),
    )


def _seg(frames: list[_Found]) -> float:
    with needs_extra("SEG"):
        from ctc_metrics.metrics.technical.seg import seg

    return float(seg([frame.truth_ids for frame in frames], [frame.ious for frame in frames]))


def _table(tracks: Lineage) -> NDArray[np.int64]:
    rows = [(track.object_id, track.first, track.last, track.parent) for track in tracks.tracks]
    return np.array(rows, np.int64).reshape(-1, 4)


def _named(
    tracks: Lineage, t: int, ids: tuple[int, ...], in_order: bool = True
) -> NDArray[np.int64]:
    """Ids of tracks; sorted where they are a list of all that is on a frame."""
    names = [tracks.names[t, object_id] for object_id in ids]
    return np.array(sorted(names) if in_order else names, np.int64)
