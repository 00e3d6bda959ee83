"""Questions about the review that change nothing: each command has one report as its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from napari_sam2.plugin.protocol.review_messages import (
    CountSample,
    DrawSample,
    FindDoubtful,
    FindSwaps,
    FindTracks,
    NothingDoubtful,
    PlaceFound,
    SampleCounted,
    SampleDrawn,
    SwapsFound,
    TracksFound,
)

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport


def answer(command: ImageCommand, annotation: Annotation) -> ImageReport:
    """The answer to a question about a document.

    Raises
    ------
    TypeError
        If the command is no such question.
    """
    find = _ANSWERS.get(type(command))
    if find is None:
        raise TypeError(f"unknown command {type(command).__name__}")
    return find(command, annotation)


def _doubtful(command: FindDoubtful, annotation: Annotation) -> ImageReport:
    found = annotation.next_doubtful(command.after, command.is_backward)
    if found is None:
        return NothingDoubtful(command.image)
    return PlaceFound(command.image, *found, is_far=True)


def _count(command: CountSample, annotation: Annotation) -> ImageReport:
    from napari_sam2.annotation.wrong_share import sampled_share  # imports scipy

    share = sampled_share(command.wrong, command.judged, command.sample)
    return SampleCounted(command.image, command.wrong, command.judged, str(share))


_ANSWERS: Final[Mapping[type, Callable[[Any, Annotation], ImageReport]]] = {
    CountSample: _count,
    DrawSample: lambda asked, annotation: SampleDrawn(asked.image, annotation.draw_sample()),
    FindDoubtful: _doubtful,
    FindSwaps: lambda asked, annotation: SwapsFound(asked.image, annotation.propose_swaps()),
    FindTracks: lambda asked, annotation: TracksFound(asked.image, *annotation.tracks()),
}
