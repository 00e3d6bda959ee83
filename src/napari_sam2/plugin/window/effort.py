"""The effort of the chosen image: asked for by the user, counted in the inference thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_sam2.plugin.protocol.review_messages import AskEffort, EffortCounted

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers


class EffortRequests(QObject):
    """Asks for the effort of the chosen image and passes it on.

    Parameters
    ----------
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    send : callable
        Takes commands to the inference thread.
    parent : QObject
        Owner.

    Signals
    -------
    counted(Effort)
        The effort was counted.
    """

    counted = Signal(object)

    def __init__(
        self,
        chosen: Callable[[], ImageState | None],
        send: Callable[[Command], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._chosen = chosen
        self._send = send
        self.handlers: Handlers = {EffortCounted: lambda report: self.counted.emit(report.effort)}

    def ask(self) -> None:
        """Ask for the effort of the chosen image."""
        image_state = self._chosen()
        if image_state is not None:
            self._send(AskEffort(image_state.number))
