"""Volumes: the masks of a plane are grown into a new layer, on demand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from napari.layers import Labels
from napari.utils.notifications import show_info

from napari_sam2.plugin.layers.image_layers import append_unselected
from napari_sam2.plugin.protocol.messages import Answered, Cancel
from napari_sam2.plugin.protocol.volume_messages import (
    FillVolumes,
    VolumesAdvanced,
    VolumesEnded,
)

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers
    from napari_sam2.plugin.window.view import View

LAYER_NAME = "SAM 2 volumes"


class Volumes:
    """Asks for filled volumes, shows how far they are, and adds their layer.

    Parameters
    ----------
    view : View
        Knows the layers.
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    image_states : mapping of int to ImageState
        States of all images by their number.
    send : callable
        Takes commands to the inference thread.
    """

    def __init__(
        self,
        view: View,
        chosen: Callable[[], ImageState | None],
        image_states: Mapping[int, ImageState],
        send: Callable[[Command], None],
    ) -> None:
        self._view = view
        self._chosen = chosen
        self._image_states = image_states
        self._send = send
        self._image = 0  # number of the image whose volumes are being filled
        self._progress: tuple[int, int] | None = None
        self.handlers: Handlers = {
            FillVolumes: self._take_answer,
            VolumesAdvanced: self._advance,
            VolumesEnded: self._end,
        }

    @property
    def progress(self) -> tuple[int, int] | None:
        """Done and all planes; None if no volumes are being filled."""
        return self._progress if self._image in self._image_states else None

    @property
    def can_start(self) -> bool:
        """Whether the chosen image has masks on a plane of volumes, and nothing else is computed.

        Colours of several channels cannot be filled.
        """
        image_state = self._chosen()
        if image_state is None or not image_state.is_open or self.progress is not None:
            return False
        part, is_busy = image_state.part, image_state.is_tracking or image_state.is_importing
        is_plane = image_state.layers.axes.depth is not None and isinstance(part.z, int)
        return is_plane and not part.is_mix and bool(image_state.objects) and not is_busy

    def start(self) -> None:
        """Fill the volumes of the chosen image from the masks of its plane."""
        image_state = self._chosen()
        if image_state is not None and self.can_start:
            self._image, self._progress = image_state.number, (0, 0)  # shows that it is busy
            self._send(FillVolumes(image_state.number))

    def cancel(self) -> None:
        """Stop filling; no layer is added."""
        self._send(Cancel())

    def _take_answer(self, answer: Answered) -> None:
        if answer.error is not None:
            self._progress = None

    def _advance(self, report: VolumesAdvanced) -> None:
        self._progress = (report.done, report.total)

    def _end(self, report: VolumesEnded) -> None:
        self._progress = None
        image_state = self._image_states.get(report.image)
        if report.labels is None or image_state is None:
            return
        axes = image_state.layers.axes
        layer = Labels(
            axes.spread_volumes(report.labels),
            name=LAYER_NAME,
            metadata={"axes": axes.letters.replace("C", "1")},
            **axes.volume_geometry(image_state.image),
        )
        append_unselected(self._view.layers, layer)
        skipped = ", ".join(map(str, report.unreadable))
        rest = f" Time points that could not be read are empty: {skipped}." if skipped else ""
        show_info(
            f"The layer “{layer.name}” has the cells in all planes. Save it with File > Save "
            f"Selected Layers.{rest}"
        )
