"""The table of report types and the parts of the window that handle them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from napari_sam2.plugin.protocol.messages import Answered, Command, Report

Handlers = Mapping[type[Report] | type[Command], Callable[[Any], None]]


class ReportTable:
    """Passes each report to the handlers of its type, an answer to those of its command."""

    def __init__(self) -> None:
        self._handlers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def add(self, handlers: Handlers) -> None:
        """Add the handlers of a part of the window; they are called after earlier ones."""
        for kind, handler in handlers.items():
            self._handlers[kind].append(handler)

    def take(self, report: Report) -> None:
        """Call the handlers of a report; a report without handlers is ignored."""
        kind = type(report.command if isinstance(report, Answered) else report)
        for handler in self._handlers.get(kind, ()):
            handler(report)
