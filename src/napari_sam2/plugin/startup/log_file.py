"""A file in which what went wrong can be read later."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from pathlib import Path

import platformdirs

PACKAGE = "napari_sam2"
FILE_BYTES = 1_000_000
OLD_FILES = 3


class LogFile(RotatingFileHandler):
    """The handler of the package; every open widget counts as one user of it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=OLD_FILES, delay=True)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        self.users = 0


def log_path() -> Path:
    """Where the file is, in the folder for logs of the person's account."""
    return Path(platformdirs.user_log_dir("napari-sam2", appauthor=False)) / "napari-sam2.log"


def open_log() -> None:
    """Write what the package logs into the file; without it where the folder cannot be made."""
    package = logging.getLogger(PACKAGE)
    handler = _handler()
    if handler is None:
        try:
            log_path().parent.mkdir(parents=True, exist_ok=True)
            handler = LogFile(log_path())
        except OSError as error:
            package.warning("no log file: %s", error)
            return
        package.addHandler(handler)
    handler.users += 1


def close_log() -> None:
    """Close the file with the last widget."""
    handler = _handler()
    if handler is not None:
        handler.users -= 1
        if handler.users <= 0:
            logging.getLogger(PACKAGE).removeHandler(handler)
            handler.close()


def _handler() -> LogFile | None:
    handlers = logging.getLogger(PACKAGE).handlers
    return next((handler for handler in handlers if isinstance(handler, LogFile)), None)
