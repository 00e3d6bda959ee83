"""Import of labels in the inference thread; unlinked labels of a movie are offered to be linked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.protocol.messages import LinksProposed
from napari_sam2.plugin.protocol.sources import LabelStack

if TYPE_CHECKING:
    from napari_sam2.annotation import Annotation
    from napari_sam2.annotation.label_linking import LabelLinks
    from napari_sam2.plugin.inference.long_work import LongWork
    from napari_sam2.plugin.protocol.messages import ImportLabels


def import_frame(command: ImportLabels, annotation: Annotation) -> None:
    """Import the labels of one frame.

    Raises
    ------
    ValueError
        If there are none, or they do not fit the image; nothing is imported then.
    """
    assert command.t is not None
    labels = LabelStack(command.source, annotation.shape, command.label)
    _check(command, annotation.import_labels(labels[command.t], command.t))


def import_all(
    command: ImportLabels, annotation: Annotation, work: LongWork
) -> tuple[LinksProposed, ...]:
    """Import the labels of all frames, one frame at a time.

    Returns
    -------
    tuple of LinksProposed
        If the labels seem to be numbered on each frame by itself, and the command allows to ask:
        their links. Nothing is imported then.

    Raises
    ------
    ValueError
        If there are none, or they do not fit the image; nothing is imported then.
    WorkCancelledError
        If the user cancelled the import.
    """
    if (links := _links_needed(command, annotation, work)) is not None:
        return (LinksProposed(command.image, command.source, links),)
    labels: Any = LabelStack(command.source, annotation.shape, command.label)
    parents = command.source.parents
    if command.links is not None:
        from napari_sam2.annotation.label_linking import LinkedLabels  # imports scipy

        labels, parents = LinkedLabels(labels, command.links), {}
    with work.begun() as advance:
        annotation.on_progress = advance
        try:
            _check(command, annotation.import_labels(labels, parents=parents))
        finally:
            annotation.on_progress = None
    return ()


def _links_needed(
    command: ImportLabels, annotation: Annotation, work: LongWork
) -> LabelLinks | None:
    """Links of labels that are numbered on each frame by itself; None for other labels."""
    source = command.source
    if not command.may_ask or command.label is not None or source.frames is None or source.parents:
        return None
    with work.begun() as advance:
        from napari_sam2.annotation.label_linking import link_labels  # imports scipy

        links = link_labels(LabelStack(source, annotation.shape, None), advance)
    return links if links.is_needed else None


def _check(command: ImportLabels, imported: tuple[int, ...]) -> None:
    if not imported:
        raise ValueError(f"“{command.source.name}” has no labels to import")
