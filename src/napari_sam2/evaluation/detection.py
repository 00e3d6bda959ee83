"""Detection measures: how many objects were found, missed and made up on single frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.evaluation.overlap import overlap

LEAST_IOU = 0.5


@dataclass(frozen=True)
class DetectionScores:
    """Counts of some frames at one IoU.

    Attributes
    ----------
    found : int
        True objects that a label covers with at least this IoU.
    missed : int
        True objects without such a label.
    wrong : int
        Labels without such an object.
    """

    found: int = 0
    missed: int = 0
    wrong: int = 0

    @property
    def f1(self) -> float:
        """Twice the found over all objects and all labels; NaN if there are none."""
        total = 2 * self.found + self.missed + self.wrong
        return 2 * self.found / total if total else float("nan")

    @property
    def average_precision(self) -> float:
        """Found over found, missed and wrong, as StarDist counts it; NaN if there are none."""
        total = self.found + self.missed + self.wrong
        return self.found / total if total else float("nan")


class DetectionCounter:
    """Counts objects over frames.

    Notes
    -----
    Objects and labels are matched one to one. Where labels do not overlap, at most one of them has
    an IoU above 0.5 with an object, so that no choice is left.
    """

    def __init__(self) -> None:
        self._found = self._missed = self._wrong = 0

    def add(self, truth: NDArray[Any], labels: NDArray[Any]) -> None:
        """Count a frame, (Y, X) integers each; errors as for `overlap`."""
        table = overlap(truth, labels)
        found = int((table.ious > LEAST_IOU).sum()) if np.size(table.ious) else 0
        self._found += found
        self._missed += len(table.truth_ids) - found
        self._wrong += len(table.label_ids) - found

    def scores(self) -> DetectionScores:
        """Counts of all frames so far."""
        return DetectionScores(self._found, self._missed, self._wrong)
