"""Scores of the labels of any tool against the ground truth."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_sam2.evaluation.ctc import CtcCounter
from napari_sam2.evaluation.ground_truth import LabelledMovie, check_pair, count_frame
from napari_sam2.evaluation.overlap import overlap
from napari_sam2.evaluation.protocol_names import Convention
from napari_sam2.evaluation.results import NO_SHAPE, Evaluation, MaskScore, counted
from napari_sam2.evaluation.simulated_user import Progress, scored


def score(
    labels: LabelledMovie,
    truth: LabelledMovie,
    on_progress: Progress | None = None,
    convention: Convention = Convention.ours,
) -> Evaluation:
    """Compare labels with the truth: J and F of each object, DET, SEG and TRA of the movie.

    Ids need not agree: each object of the truth is compared with the object that it has most in
    common with over the whole movie, one to one. An object whose id changes halfway is right on one
    half only. All frames count that the truth labels.

    Parameters
    ----------
    labels, truth : LabelledMovie
        Of one length and shape.
    on_progress : callable, optional
        Called with the number of frames done and of all frames.
    convention : Convention
        Which frames count.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        If labels and truth do not belong together, or the truth has no object.
    """
    check_pair(labels.shape, truth, "labels")
    partners = {} if truth.is_markers else matched_ids(truth, labels)
    counter = CtcCounter(parents=labels.parents, truth_parents=truth.parents)
    scores: list[MaskScore] = []
    length = truth.shape[0]
    for t in range(length):
        found = labels.frame(t)
        count_frame(counter, truth, t, found)
        if t in truth.annotated and not truth.is_markers:
            found = truth.judged(t, found)
            scores += [
                scored(t, object_id, mask, found == partners.get(object_id, -1))
                for object_id, mask in truth.masks(t, truth.frames_of)
            ]
        if on_progress is not None:
            on_progress(t + 1, length)
    object_ids = tuple(truth.frames_of)
    reasons = dict.fromkeys(object_ids, NO_SHAPE) if truth.is_markers else {}
    kept = counted(scores, convention, truth.annotated)
    return Evaluation("score", "", object_ids, kept, ctc=counter.scores(), reasons=reasons)


def matched_ids(truth: LabelledMovie, labels: LabelledMovie) -> dict[int, int]:
    """Which object of the labels each object of the truth is.

    Returns
    -------
    dict of int to int
        One to one, so that the sum of the IoU over all frames is largest; objects that have nothing
        in common are left out.
    """
    shared: dict[tuple[int, int], float] = defaultdict(float)
    for t in sorted(truth.annotated):
        table = overlap(truth.frame(t), labels.frame(t))
        for row, column in np.argwhere(table.common):
            pair = int(table.truth_ids[row]), int(table.label_ids[column])
            shared[pair] += float(table.ious[row, column])
    truth_ids, rows = np.unique([pair[0] for pair in shared], return_inverse=True)
    label_ids, columns = np.unique([pair[1] for pair in shared], return_inverse=True)
    gain = np.zeros((len(truth_ids), len(label_ids)))
    gain[rows, columns] = list(shared.values())
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return {int(truth_ids[i]): int(label_ids[j]) for i, j in pairs if gain[i, j] > 0}
