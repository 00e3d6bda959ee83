"""Errors for the user: in words, and with the whole story on the clipboard for a report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.startup.log_file import log_path

REPORTED = ("napari-sam2", "napari", "torch", "numpy", "PyQt6", "PySide6")


def show_error(message: str, details: str | None = None) -> None:
    """Tell of an error.

    Parameters
    ----------
    message : str
        What happened and what to do, in a sentence.
    details : str, optional
        Traceback, for a report.
    """

    def copy(notice: Any) -> None:
        QApplication.clipboard().setText(report_of(message, details))

    notice = Notification(message, "error", actions=(("Copy details", copy),))
    notification_manager.dispatch(notice)


def report_of(message: str, details: str | None) -> str:
    """All that whoever mends it has to know."""
    versions = ", ".join(f"{name} {number}" for name in REPORTED if (number := _version(name)))
    where = f"Python {platform.python_version()} on {platform.platform()}"
    return "\n".join([message, versions, where, f"log: {log_path()}", "", details or ""]).strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
