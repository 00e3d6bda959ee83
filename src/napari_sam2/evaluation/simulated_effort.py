"""Effort of the simulated user, as in Table 1 of the paper: every frame by itself, or tracked."""

from __future__ import annotations

from napari_sam2.evaluation.effort import frame_seconds, online_seconds
from napari_sam2.evaluation.ground_truth import LabelledMovie
from napari_sam2.evaluation.protocol_names import PromptKind
from napari_sam2.evaluation.protocols import CLICKS_PER_FRAME, MOST_FRAMES, image, online
from napari_sam2.evaluation.results import Evaluation
from napari_sam2.evaluation.simulated_user import Model, MovieLike
from napari_sam2.io.project.effort import Phase, PhaseEffort


def simulated_effort(
    model: Model,
    movie: MovieLike,
    truth: LabelledMovie,
    rounds: int = MOST_FRAMES,
    clicks: int = CLICKS_PER_FRAME,
) -> tuple[PhaseEffort, PhaseEffort]:
    """Rows of Table 1 of the paper, with the seconds that a person would need.

    Parameters
    ----------
    model : Sam2 or callable
        A network, or a function that makes a tracker for `Frames`.
    movie : Frames or array_like
        (T, Y, X) or another stack that `Frames` takes.
    truth : LabelledMovie
        Its masks are the frames that are counted.
    rounds, clicks : int
        Most frames to click for a tracked object, and most clicks on one of them.

    Returns
    -------
    PhaseEffort
        Phase `clicks only`: each mask is clicked by itself, up to three times.
    PhaseEffort
        Phase `tracked`: the protocol `online`.

    Raises
    ------
    ValueError
        If movie and truth do not belong together, or nothing is to be clicked.

    Notes
    -----
    SAM 2 paper, §5.1. A mask that equals the truth is not clicked any more. Frames without a label
    have no masks here, so that tracking is compared fairly only where all frames are labelled.
    """
    alone = image(model, movie, truth, PromptKind.three_clicks)
    followed = online(model, movie, truth, rounds, clicks=clicks)
    seconds = sum(frame_seconds(count) for count in alone.clicks.values())
    length = truth.shape[0]
    tracked_seconds = sum(
        online_seconds(
            length - truth.first_frame(object_id),
            [count for (_, k), count in followed.clicks.items() if k == object_id],
        )
        for object_id in followed.object_ids
    )
    return (
        _row(Phase.CLICKS, truth, alone, seconds),
        _row(Phase.TRACKED, truth, followed, tracked_seconds),
    )


def _row(phase: Phase, truth: LabelledMovie, found: Evaluation, seconds: float) -> PhaseEffort:
    """A row of the table; the truth has at least one mask, and each object was clicked."""
    frames = sum(map(len, truth.frames_of.values()))
    clicked = len(found.clicks)
    edited = len({(t, k) for t, k in found.clicks if k in truth.ids_by_frame[t]})
    return PhaseEffort(
        phase,
        len(truth.frames_of),
        frames,
        seconds,
        seconds / frames,
        edited / frames,
        sum(found.clicks.values()) / clicked,
    )
