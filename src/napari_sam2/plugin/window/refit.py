"""Fits the view to the canvas again after docks have taken room from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_sam2.plugin.window.view import View

DELAY_MS = 100  # after a dock was opened: the canvas has its new size then


class Refit(QObject):
    """Keeps the whole image in view while docks open, if it was in view before.

    Parameters
    ----------
    view : View
        The view of the viewer.
    parent : QObject
        Owns the timer.
    """

    def __init__(self, view: View, parent: QObject) -> None:
        super().__init__(parent)
        self._view = view
        self._was_fitted = False
        self._timer = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(view.fit)

    def note(self) -> None:
        """Note whether the view is fitted, before a dock opens."""
        self._was_fitted = self._view.is_fitted

    def after_dock(self) -> None:
        """Fit the view again once the canvas has its new size, if it was fitted before."""
        if self._was_fitted:
            self._timer.start()

    def stop(self) -> None:
        """Leave the view as it is."""
        self._timer.stop()
