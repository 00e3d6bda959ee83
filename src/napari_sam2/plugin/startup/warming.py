"""Warm up napari's Points and Shapes layers in another thread before they are needed.

The first layer of either type imports pandas, and the first Shapes layer loads code that numba
compiles. This takes about a second, or many seconds if numba has to compile the code first, during
which the window would freeze.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable

import numpy as np
from napari.layers import Points, Shapes
from qtpy.QtCore import QObject, QTimer, Signal

from napari_sam2.plugin.startup.preload import uncollected

logger = logging.getLogger(__name__)

LOOK_INTERVAL_MS = 15


def is_warm() -> bool:
    """Whether pandas is imported, so that a new layer with features is fast."""
    return "pandas" in sys.modules


def warm_points() -> None:
    """Create a Points layer that is not displayed; may run in any thread."""
    _make(Points)


def warm_shapes() -> None:
    """Create a Shapes layer that is not displayed; may run in any thread."""
    _make(Shapes)


def _make(kind: type[Points] | type[Shapes]) -> None:
    try:
        with uncollected():
            kind(ndim=2, features={"object": np.empty(0, dtype=np.int64)})
    except Exception:  # creating the real layer reports the error
        logger.warning("a layer could not be created ahead", exc_info=True)


class Warming(QObject):
    """Runs a warm-up function once, in a new thread.

    Parameters
    ----------
    work : callable
        The function.
    parent : QObject
        The widget that owns this object.

    Signals
    -------
    finished()
        The function returned.
    """

    finished = Signal()

    def __init__(self, work: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._thread = threading.Thread(target=work, name="napari-sam2 warming")
        self._timer = QTimer(self, interval=LOOK_INTERVAL_MS)
        self._timer.timeout.connect(self._look)
        self._is_due = True  # until it is started or stopped
        self.is_over = False

    def start(self) -> None:
        """Start the thread, unless it was started or stopped before."""
        if self._is_due:
            self._is_due = False
            self._thread.start()
            self._timer.start()

    def stop(self) -> None:
        """Do not start the thread any more, and do not emit `finished`."""
        self._is_due = False
        self._timer.stop()

    def _look(self) -> None:
        if not self._thread.is_alive():
            self._timer.stop()
            self.is_over = True
            self.finished.emit()
