"""Error notifications, with a button that copies the details for a bug report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.startup.log_file import log_path

REPORTED = ("napari-sam2", "napari", "torch", "numpy", "PyQt6", "PySide6")


def show_error(message: str, details: str | None = None) -> None:
    """Show an error notification.

    Parameters
    ----------
    message : str
        Sentence that describes the error and its remedy.
    details : str, optional
        Traceback for a bug report.
    """

    def copy(notice: Any) -> None:
        QApplication.clipboard().setText(report_of(message, details))

    notice = Notification(message, "error", actions=(("Copy details", copy),))
    notification_manager.dispatch(notice)


def report_of(message: str, details: str | None) -> str:
    """Text of a bug report: the message, versions, platform, log file and details."""
    versions = ", ".join(f"{name} {number}" for name in REPORTED if (number := _version(name)))
    where = f"Python {platform.python_version()} on {platform.platform()}"
    return "\n".join([message, versions, where, f"log: {log_path()}", "", details or ""]).strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
