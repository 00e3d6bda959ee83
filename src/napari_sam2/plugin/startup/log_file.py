"""Log file of the plugin."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

PACKAGE = "napari_sam2"
FILE_BYTES = 1_000_000
OLD_FILES = 3


class LogFile(RotatingFileHandler):
    """Log handler of the package; `users` counts the open widgets."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self.users = 0


def log_path() -> Path:
    """Path of the log file, in the log folder of the user's account."""
    return Path(platformdirs.user_log_dir("napari-sam2", appauthor=False)) / "napari-sam2.log"


def open_log() -> None:
    """Start to log into the file; if its folder cannot be created, only log a warning."""
    package = logging.getLogger(PACKAGE)
    handler = _handler()
    if handler is None:
        try:
            log_path().parent.mkdir(parents=True, exist_ok=True)
            handler = LogFile(log_path())
        except OSError as error:
            package.warning("the log file cannot be created: %s", error)
            return
        package.addHandler(handler)
    handler.users += 1


def close_log() -> None:
    """Stop to log for one widget, and close the file with the last widget."""
    handler = _handler()
    if handler is not None:
        handler.users -= 1
        if handler.users <= 0:
            logging.getLogger(PACKAGE).removeHandler(handler)
            handler.close()


def _handler() -> LogFile | None:
    handlers = logging.getLogger(PACKAGE).handlers
    return next((handler for handler in handlers if isinstance(handler, LogFile)), None)
