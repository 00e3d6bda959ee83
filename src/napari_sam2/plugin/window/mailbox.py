"""The mailbox that delivers reports from other threads to the GUI thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Qt, Signal

if TYPE_CHECKING:
    from napari_sam2.plugin.protocol.messages import Report


class Mailbox(QObject):
    """Takes reports in any thread and delivers them in the thread that made the mailbox.

    All reports since the last delivery wake the window once and arrive together, so that a fast run
    cannot flood the event loop.
    """

    delivered = Signal(list)
    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lock = threading.Lock()
        self._waiting: deque[Report] = deque()
        self._is_open = True
        self._is_delivering = False
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def post(self, report: Report) -> None:
        """Add a report; may be called in any thread."""
        with self._lock:
            if not self._is_open:
                return
            self._waiting.append(report)
            if len(self._waiting) == 1:
                self._woken.emit()

    def close(self) -> None:
        """Drop the waiting reports and all later ones."""
        with self._lock:
            self._is_open = False
            self._waiting.clear()

    def _deliver(self) -> None:
        """Deliver the waiting reports; never inside another delivery.

        A receiver may run the event loop, as napari does to draw a progress bar. Reports that
        arrive meanwhile wait for the next delivery.
        """
        if self._is_delivering:
            return
        with self._lock:
            reports = list(self._waiting)
            self._waiting.clear()
        if not reports:
            return
        self._is_delivering = True
        try:
            self.delivered.emit(reports)
        finally:
            self._is_delivering = False
            with self._lock:
                if self._waiting:
                    self._woken.emit()
