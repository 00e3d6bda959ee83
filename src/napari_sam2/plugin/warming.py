"""Load what napari's layers of points and shapes need before they are made.

The first such layer of a program brings pandas in, and code of napari that numba has compiled: a
second or so in which a window would stand still. In another thread it does not.
"""

from __future__ import annotations

import logging
import sys
import threading

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, QTimer, Signal

logger = logging.getLogger(__name__)

LOOK_INTERVAL_MS = 15


def is_warm() -> bool:
    """Whether a layer with features was made before."""
    return "pandas" in sys.modules


def warm_up() -> None:
    """Make a layer that nobody sees, in any thread."""
    try:
        Shapes(ndim=2, features={"object": np.empty(0, dtype=np.int64)})
    except Exception:  # whoever needs the layer will tell
        logger.warning("no layer could be made ahead", exc_info=True)


class Warming(QObject):
    """Warms up in a thread of its own.

    Signals
    -------
    finished()
        All is loaded.
    """

    finished = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._thread = threading.Thread(target=warm_up, name="napari-sam2 warming")
        self._timer = QTimer(self, interval=LOOK_INTERVAL_MS)
        self._timer.timeout.connect(self._look)

    @property
    def is_on(self) -> bool:
        """Whether it has begun and not ended."""
        return bool(self._timer.isActive())

    def start(self) -> None:
        """Begin."""
        self._thread.start()
        self._timer.start()

    def stop(self) -> None:
        """Tell nobody of the end."""
        self._timer.stop()

    def _look(self) -> None:
        if not self._thread.is_alive():
            self._timer.stop()
            self.finished.emit()
