"""Fits the view to the canvas again after docks have taken room from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_sam2.plugin.window.view import Place, View

DELAY_MS = 100  # after a dock was opened or widened: the canvas has its new size then


class Refit(QObject):
    """Keeps the whole image in view while docks open or widen, if it was in view before.

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
        self._place: Place | None = None
        self._timer = QTimer(self, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(self._fit)

    def note(self) -> None:
        """Note whether the view is fitted, before a dock opens."""
        self._was_fitted = self._view.is_fitted
        self._place = self._view.camera_place

    def after_dock(self) -> None:
        """Fit the view again once the canvas has its new size, if it was fitted before."""
        if self._was_fitted:
            self._timer.start()

    def after_image(self, event: Any) -> None:
        """Fit the view again after the first layer was added, for which napari widens a dock."""
        if isinstance(event.value, Image) and self._view.has_one_layer:
            self.note()
            self.after_dock()

    def _fit(self) -> None:
        if self._view.camera_place == self._place:  # the user has not moved the view
            self._view.fit()

    def stop(self) -> None:
        """Leave the view as it is."""
        self._timer.stop()
