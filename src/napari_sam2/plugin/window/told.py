"""The last message to the user, which the panel shows until the user goes on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from napari.utils.notifications import notification_manager

from napari_sam2.plugin.startup.error_notifications import PanelNotification

LEAST_SHOWN_S = 2.0  # an edit that is answered sooner was made before the message


class Told:
    """Listens to the notifications of the plugin and keeps the last one.

    Parameters
    ----------
    on_change : callable
        Called when the widgets must be rendered again.
    clock : callable
        Gives the time in seconds.

    Attributes
    ----------
    last : PanelNotification or None
        The message to show; None if there is none.
    """

    def __init__(
        self, on_change: Callable[[], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.last: PanelNotification | None = None
        self._on_change = on_change
        self._clock = clock
        self._shown_at = clock()
        notification_manager.notification_ready.connect(self._take)

    def close(self) -> None:
        """Stop listening."""
        notification_manager.notification_ready.disconnect(self._take)

    def dismiss(self) -> None:
        """Forget the message."""
        self.last = None
        self._on_change()

    def go_on(self) -> None:
        """Forget the message after the user has done something else."""
        if self.last is not None and self._clock() - self._shown_at > LEAST_SHOWN_S:
            self.dismiss()

    def _take(self, notice: Any) -> None:
        if isinstance(notice, PanelNotification):
            self.last, self._shown_at = notice, self._clock()
            self._on_change()
