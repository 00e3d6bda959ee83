"""Obey the program that has started this process: it may stop the work, and end."""

from __future__ import annotations

import _thread
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from napari_sam2.io.worker_process import STOP

PATIENCE_S = 10.0  # until the process is ended in the middle of its work


@contextmanager
def listening(patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Raise KeyboardInterrupt in the main thread when the work has to end.

    That is so after a line ``stop`` on the standard input, and at the end of the input, which comes
    when the other program has ended, however that was. In the second case the process is ended if
    the work has not ended in time.

    Parameters
    ----------
    patience_s : float
        Time for the work to end, in seconds.
    """
    is_over = threading.Event()

    def listen() -> None:
        with os.fdopen(0, "rb", buffering=0, closefd=False) as pipe:
            for line in pipe:
                if line.strip() == STOP.encode():
                    _interrupt()
        if not is_over.is_set():
            _interrupt()
        if not is_over.wait(patience_s):
            os._exit(1)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have switched it off
    threading.Thread(target=listen, daemon=True).start()
    try:
        yield
    finally:
        is_over.set()


def _interrupt() -> None:
    """Ctrl+C for the main thread."""
    main = threading.main_thread().ident
    if main is not None and hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main, signal.SIGINT)  # also wakes it where it waits
    else:
        _thread.interrupt_main()
