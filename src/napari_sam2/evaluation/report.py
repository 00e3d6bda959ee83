"""Reports of evaluations as JSON, CSV and text."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from napari_sam2.evaluation.ctc import CtcScores
from napari_sam2.evaluation.detection import DetectionScores
from napari_sam2.evaluation.results import (
    CurvePoint,
    Evaluation,
    Figures,
    Stability,
    area_under_curve,
    quality_at,
)
from napari_sam2.evaluation.vos import j_and_f
from napari_sam2.io.atomic import atomic_path

CSV_COLUMNS = ("method", "object", "frame", "J", "F", "J&F", "clicks")


@dataclass(frozen=True, eq=False)
class Report:
    """An evaluation, its settings, and the evaluation that it is compared with.

    Attributes
    ----------
    evaluation : Evaluation
    provenance : mapping of str to object
        Model, weights, versions, device, files: whatever JSON can hold.
    baseline : Evaluation, optional
        The same work done by another tracker.
    """

    evaluation: Evaluation
    provenance: Mapping[str, Any]
    baseline: Evaluation | None = None

    @property
    def methods(self) -> dict[str, Evaluation]:
        """Evaluations by the name of the model or tool."""
        name = str(self.provenance.get("model", "labels"))
        others = {} if self.baseline is None else {"baseline": self.baseline}
        return {name: self.evaluation, **others}


def write_json(path: str | os.PathLike[str], report: Report) -> None:
    """Write every figure and where it comes from; undefined figures are null.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    write_figures(path, as_dict(report))


def write_figures(path: str | os.PathLike[str], figures: Mapping[str, Any]) -> None:
    """Write figures as JSON; none of them is NaN.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    text = json.dumps(figures, indent=2, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def write_csv(path: str | os.PathLike[str], report: Report) -> None:
    """Write one line for each object and frame; undefined figures are left blank.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(CSV_COLUMNS)
        for name, evaluation in report.methods.items():
            table.writerows((name, *row) for row in _csv_rows(evaluation))


def _csv_rows(evaluation: Evaluation) -> Iterator[tuple[object, ...]]:
    scores = {(score.t, score.object_id): score for score in evaluation.scores}
    for t, object_id in sorted({*scores, *evaluation.clicks}, key=lambda key: (key[1], key[0])):
        score = scores.get((t, object_id))
        region, boundary = (score.region, score.boundary) if score else (math.nan, math.nan)
        cells = ["" if math.isnan(x) else f"{x:.6f}" for x in _three(region, boundary)]
        yield (object_id, t, *cells, evaluation.clicks.get((t, object_id), 0))


def as_dict(report: Report) -> dict[str, Any]:
    """All figures as numbers, None, lists and dicts.

    Returns
    -------
    dict
        ``summary``, ``objects`` and ``frames`` with ``J``, ``F``, ``J&F`` (0 to 1), ``clicks`` and
        ``seconds_per_frame``; where one is None, ``reason`` says why. ``curve`` of the interactive
        protocols, ``mIoU`` of images, the same of the ``baseline``, and the ``provenance``.
    """
    document = {
        "protocol": report.evaluation.protocol,
        "prompt": report.evaluation.prompt or None,
        **_evaluation_dict(report.evaluation),
    }
    if report.baseline is not None:
        document["baseline"] = _evaluation_dict(report.baseline)
    return {**document, "provenance": dict(report.provenance)}


def _evaluation_dict(evaluation: Evaluation) -> dict[str, Any]:
    found = {
        "summary": {
            **_figures_dict(evaluation.summary()),
            **_ctc_dict(evaluation.ctc),
            **_detection_dict(evaluation.detection),
        },
        "objects": [
            {"object": object_id, **_figures_dict(figures)}
            for object_id, figures in evaluation.by_object().items()
        ],
        "frames": [
            {"frame": t, **_figures_dict(figures)} for t, figures in evaluation.by_frame().items()
        ],
    }
    if evaluation.curve:
        found["curve"] = [_point_dict(point) for point in evaluation.curve]
        found["interactive"] = {
            "AUC": number(area_under_curve(evaluation.curve)),
            "J&F@60s": number(quality_at(evaluation.curve, 60)),
        }
    if evaluation.mean_iou:
        found["mIoU"] = {name: number(value) for name, value in evaluation.mean_iou.items()}
    return found


def _figures_dict(figures: Figures) -> dict[str, Any]:
    found = {
        **named_three(figures.region, figures.boundary),
        "clicks": figures.clicks,
        "seconds_per_frame": number(figures.seconds_per_frame),
        **stability_dict(figures.stability),
    }
    return {**found, "reason": figures.reason} if figures.reason else found


def stability_dict(stability: Stability | None) -> dict[str, float | None]:
    """Recall and decay of J and F as numbers or None; nothing for a frame, which has none."""
    if stability is None:
        return {}
    return {
        "J_recall": number(stability.region_recall),
        "J_decay": number(stability.region_decay),
        "F_recall": number(stability.boundary_recall),
        "F_decay": number(stability.boundary_decay),
    }


def _ctc_dict(scores: CtcScores | None) -> dict[str, Any]:
    if scores is None:
        return {}
    found = {"DET": scores.det, "SEG": scores.seg, "TRA": scores.tra}
    undefined = {"undefined": dict(scores.reasons)} if scores.reasons else {}
    return {**{name: number(value) for name, value in found.items()}, **undefined}


def _detection_dict(scores: DetectionScores | None) -> dict[str, Any]:
    if scores is None:
        return {}
    counts = {"found": scores.found, "missed": scores.missed, "wrong": scores.wrong}
    return {"F1": number(scores.f1), "AP": number(scores.average_precision), **counts}


def _point_dict(point: CurvePoint) -> dict[str, Any]:
    return {
        "prompted_frames": point.prompted_frames,
        "clicks": point.clicks,
        "annotation_seconds": number(point.annotation_seconds),
        **named_three(point.region, point.boundary),
    }


def named_three(region: float, boundary: float) -> dict[str, float | None]:
    """J, F and J&F by their names; None where they are not defined."""
    values = map(number, _three(region, boundary))
    return dict(zip(("J", "F", "J&F"), values, strict=True))


def _three(region: float, boundary: float) -> tuple[float, float, float]:
    return region, boundary, j_and_f(region, boundary)


def number(value: float) -> float | None:
    """A figure for JSON: None where it is not defined."""
    return None if math.isnan(value) else float(value)


def as_text(report: Report) -> str:
    """A table for the screen: a line for each object, then the means."""
    parts = [_object_table(report)]
    for name, evaluation in report.methods.items():
        parts += _extra_lines(name, evaluation)
    return "\n".join(parts)


def _object_table(report: Report) -> str:
    header = ["object", "J", "F", "J&F", "clicks", "s/frame"]
    others = {name: e.by_object() for name, e in report.methods.items() if e is report.baseline}
    header += [f"{name} J&F" for name in others]
    rows = [header]
    reasons = {}
    for object_id, figures in report.evaluation.by_object().items():
        rest = [_shown(other[object_id].j_and_f) for other in others.values()]
        rows.append([str(object_id), *_cells(figures), *rest])
        if figures.reason:
            reasons[object_id] = figures.reason
    for name, evaluation in report.methods.items():
        rows.append([name, *_cells(evaluation.summary())])
    widths = [max(len(row[i]) for row in rows if i < len(row)) for i in range(len(header))]
    lines = ["  ".join(c.rjust(w) for c, w in zip(row, widths, strict=False)) for row in rows]
    return "\n".join([*lines, *(f"object {k}: {reason}" for k, reason in reasons.items())])


def _cells(figures: Figures) -> list[str]:
    three = [_shown(value) for value in _three(figures.region, figures.boundary)]
    return [*three, str(figures.clicks), _shown(figures.seconds_per_frame)]


def _extra_lines(name: str, evaluation: Evaluation) -> Iterator[str]:
    if evaluation.mean_iou:
        values = (f"{kind} {_shown(value)}" for kind, value in evaluation.mean_iou.items())
        yield f"{name}: mIoU {', '.join(values)}"
    stability = evaluation.summary().stability
    if stability is not None and evaluation.scores:
        recalls = f"J {_shown(stability.region_recall)}, F {_shown(stability.boundary_recall)}"
        decays = f"J {_shown(stability.region_decay)}, F {_shown(stability.boundary_decay)}"
        yield f"{name}: recall of {recalls}; decay of {decays}"
    if evaluation.ctc is not None:
        ctc = evaluation.ctc
        yield f"{name}: DET {_shown(ctc.det)}, SEG {_shown(ctc.seg)}, TRA {_shown(ctc.tra)}"
        yield from (f"{name}: no {key}, {reason}" for key, reason in ctc.reasons.items())
    if evaluation.detection is not None:
        seen = evaluation.detection
        yield (
            f"{name}: F1 {_shown(seen.f1)}, AP {_shown(seen.average_precision)} at IoU 0.5: "
            f"{seen.found} found, {seen.missed} missed, {seen.wrong} wrong"
        )
    if evaluation.curve:
        area, minute = area_under_curve(evaluation.curve), quality_at(evaluation.curve, 60)
        yield f"{name}: area under the curve {_shown(area)}, J&F after 60 s {_shown(minute)}"
    for point in evaluation.curve:
        frames = "1 frame" if point.prompted_frames == 1 else f"{point.prompted_frames} frames"
        yield (
            f"{name}: {frames}, {point.clicks} clicks, "
            f"{point.annotation_seconds:.1f} s per object: J&F {_shown(point.j_and_f)}"
        )


def _shown(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
