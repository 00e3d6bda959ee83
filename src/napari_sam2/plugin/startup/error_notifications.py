"""Notifications of the plugin; those of errors copy the details for a bug report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from napari.utils.notifications import Notification, notification_manager
from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.startup.log_file import log_path

REPORTED = ("napari-sam2", "napari", "torch", "numpy", "PyQt6", "PySide6")


class PanelNotification(Notification):
    """A notification of the plugin, which the panel shows whole; napari cuts long ones.

    Parameters
    ----------
    message : str
        A sentence.
    severity : str
        As napari names it: "error", "warning" or "info".
    details : str, optional
        Traceback for a bug report.
    actions : sequence of tuple
        Buttons of napari's notification.
    """

    def __init__(
        self, message: str, severity: str, details: str | None = None, actions: Any = ()
    ) -> None:
        super().__init__(message, severity, actions=actions)
        self.details = details


def show_error(message: str, details: str | None = None) -> None:
    """Show an error notification.

    Parameters
    ----------
    message : str
        Sentence that describes the error and its remedy.
    details : str, optional
        Traceback for a bug report.
    """
    copy = ("Copy details", lambda notice: copy_report(message, details))
    notification_manager.dispatch(PanelNotification(message, "error", details, (copy,)))


def show_warning(message: str) -> None:
    """Show why something was not done."""
    notification_manager.dispatch(PanelNotification(message, "warning"))


def show_info(message: str) -> None:
    """Show what was done."""
    notification_manager.dispatch(PanelNotification(message, "info"))


def copy_report(message: str, details: str | None) -> None:
    """Copy the text of a bug report to the clipboard."""
    QApplication.clipboard().setText(report_of(message, details))


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
