"""Flush files to the disk in a separate thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Syncer:
    """Calls a function soon after it was asked to, however often it is asked meanwhile.

    Parameters
    ----------
    sync : callable
        Waits until the disk has everything.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._wake = threading.Event()
        self._is_closing = False
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Ask for it; returns at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="napari-sam2 journal")
            self._thread.daemon = True
            self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """End the thread after all requested flushes."""
        self._is_closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._is_closing:
            self._wake.wait()
            self._wake.clear()
            try:
                self._sync()
            except OSError:  # the next piece that is written tells the user
                logger.warning("the journal could not be brought to the disk", exc_info=True)
