"""Load what napari's layers of points and shapes need before they are made.

The first such layer of a program brings pandas in, and the first one of shapes code of napari that
numba has compiled: a second or so in which a window would stand still, and many where numba has to
compile it first. In another thread it does not.
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
    """Whether a layer with features was made before."""
    return "pandas" in sys.modules


def warm_points() -> None:
    """Make a Points layer that nobody sees, in any thread."""
    _make(Points)


def warm_shapes() -> None:
    """Make a Shapes layer that nobody sees, in any thread."""
    _make(Shapes)


def _make(kind: type[Points] | type[Shapes]) -> None:
    try:
        with uncollected():
            kind(ndim=2, features={"object": np.empty(0, dtype=np.int64)})
    except Exception:  # whoever needs the layer will tell
        logger.warning("no layer could be made ahead", exc_info=True)


class Warming(QObject):
    """Warms up in a thread of its own, once.

    Parameters
    ----------
    work : callable
        What to do there.
    parent : QObject
        The widget.

    Signals
    -------
    finished()
        All is loaded.
    """

    finished = Signal()

    def __init__(self, work: Callable[[], None], parent: QObject) -> None:
        super().__init__(parent)
        self._thread = threading.Thread(target=work, name="napari-sam2 warming")
        self._timer = QTimer(self, interval=LOOK_INTERVAL_MS)
        self._timer.timeout.connect(self._look)
        self._is_due = True  # until it has begun or is not wanted any more
        self.is_over = False

    def start(self) -> None:
        """Begin, unless it was begun or stopped before."""
        if self._is_due:
            self._is_due = False
            self._thread.start()
            self._timer.start()

    def stop(self) -> None:
        """Tell nobody of the end."""
        self._is_due = False
        self._timer.stop()

    def _look(self) -> None:
        if not self._thread.is_alive():
            self._timer.stop()
            self.is_over = True
            self.finished.emit()
