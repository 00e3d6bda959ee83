"""Export of labels, tracks, measurements and films in a background thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.io.tracked import left_out_text, rejected_ids
from napari_sam2.plugin.layers.source_image import (
    channels_of,
    images_like,
    limits_of,
    scale_source,
)
from napari_sam2.plugin.protocol.foreign_messages import CheckLabels
from napari_sam2.plugin.protocol.messages import ExportEnded, Report
from napari_sam2.plugin.startup.error_notifications import show_error, show_info

if TYPE_CHECKING:
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_sam2.annotation import AnnotatedObject
    from napari_sam2.annotation.packed_labels import LabelArray
    from napari_sam2.plugin.protocol.messages import Answered, Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View


class Exporting:
    """Exports the labels of the chosen image, one file at a time.

    Parameters
    ----------
    view : View
        Gives the chosen image and the layers beside it.
    send : callable
        Takes commands to the inference thread.
    post : callable
        Delivers reports to the window; it may be called in any thread.
    on_change : callable
        Called when the widgets must be rendered again.
    """

    def __init__(
        self,
        view: View,
        send: Callable[[Command], None],
        post: Callable[[Report], None],
        on_change: Callable[[], None],
    ) -> None:
        self._view = view
        self._send = send
        self._post = post
        self._on_change = on_change
        self.is_on = False
        self._waiting: tuple[ImageState, Path] | None = None  # for the check of its labels
        self.handlers: Handlers = {ExportEnded: self._end, CheckLabels: self._begin}

    def start(self, path: Path) -> None:
        """Start an export; the end of the file name decides the format.

        What other code wrote into the labels becomes part of the document before.
        """
        image_state, _ = self._view.place()
        if image_state is None or image_state.labels is None or self.is_on:
            return
        self.is_on = True
        self._waiting = image_state, path
        self._send(CheckLabels(image_state.number))
        self._on_change()

    def _begin(self, answer: Answered) -> None:
        """Write the labels, which were checked."""
        assert isinstance(answer.command, CheckLabels)
        if self._waiting is None or answer.command.t is not None:
            return
        (image_state, path), self._waiting = self._waiting, None
        assert image_state.labels is not None
        images = images_like(image_state.image, self._view.layers)
        chances = {k: one.error_probability for k, one in image_state.timelines.items()}
        if image_state.in_3d:
            export_volumes(image_state, path, self._post)
            return
        start_export(images, image_state.labels, image_state.objects, path, self._post, chances)

    def _end(self, report: ExportEnded) -> None:
        self.is_on = False
        if report.error is not None:
            show_error(f"The export was not written to {report.path}: {report.error}")
        else:
            rest = f"; {left_out_text(report.left_out)}" if report.left_out else ""
            show_info(f"Exported {report.path.name} to {report.path.parent}{rest}")


def start_export(
    images: list[Image],
    labels: LabelArray,
    objects: Mapping[int, AnnotatedObject],
    path: Path,
    post: Callable[[Report], None],
    error_probability: Mapping[int, NDArray[Any]] | None = None,
) -> None:
    """Export the current labels with the scale of their image; returns at once.

    Parameters
    ----------
    images : list of Image
        The image, whose layer or file gives axes and scale, and other images of the same shape;
        all are measured.
    labels : (T, Y, X) or (Y, X) array of integers, or PackedLabels
    objects : mapping of int to AnnotatedObject
        Objects with their names and mothers; rejected ones are not written.
    path : Path
        File or folder to write; the end of the name decides the format. An existing one is
        replaced when the new one is complete.
    post : callable
        Called with an `ExportEnded` in the background thread.
    error_probability : mapping of int to (T,) array, optional
        Chance that each mask is wrong, for the measurements.
    """
    scale = scale_source(images[0])
    channels = {name: data for image in images for name, data in channels_of(image).items()}
    shown = {image.name: limits_of(image) for image in images if not image.rgb}

    def export() -> None:
        from napari_sam2.annotation.packed_labels import snapshot
        from napari_sam2.io.exports import write_export
        from napari_sam2.io.tracked import TrackedLabels

        try:
            tracked = TrackedLabels.of_objects(
                snapshot(labels), objects, scale.read(), channels, error_probability
            )
            write_export(path, replace(tracked, shown_limits=shown))
        except Exception as error:  # an exception must not end the thread without a report
            post(ExportEnded(path, str(error) or type(error).__name__))
        else:
            post(ExportEnded(path, left_out=len(rejected_ids(objects))))

    _run(export)


def export_volumes(image_state: ImageState, path: Path, post: Callable[[Report], None]) -> None:
    """Export the labels of an image in 3D, with all four axes; returns at once.

    Parameters
    ----------
    image_state : ImageState
        The image.
    path : Path
        As for `start_export`.
    post : callable
        As for `start_export`.
    """
    scale, planes = scale_source(image_state.image), image_state.planes
    labels, objects, timelines = image_state.labels, image_state.objects, image_state.timelines
    assert labels is not None, "an image that is open has labels"
    known = dict(timelines)

    def export() -> None:
        from napari_sam2.io.volume_exports import TrackedVolumes, write_volume_export
        from napari_sam2.io.volume_scale import VolumeScale

        try:
            found = VolumeScale.of_planes(scale.read())
            tracked = TrackedVolumes.of_objects(labels.copy(), planes, objects, found, known)
            write_volume_export(path, tracked)
        except Exception as error:  # an exception must not end the thread without a report
            post(ExportEnded(path, str(error) or type(error).__name__))
        else:
            post(ExportEnded(path, left_out=len(rejected_ids(objects))))

    _run(export)


def _run(export: Callable[[], None]) -> None:
    # not a daemon thread: the export is completed even if the window is closed
    threading.Thread(target=export, name="napari-sam2 export").start()
