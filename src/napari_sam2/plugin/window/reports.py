"""Which part of the window handles which report of the inference thread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from napari_sam2.plugin.protocol.messages import Answered, Command, Report

Handlers = Mapping[type[Report] | type[Command], Callable[[Any], None]]


class ReportTable:
    """Hands every report to its handlers, found by its type; an answer by that of its command."""

    def __init__(self) -> None:
        self._handlers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def add(self, handlers: Handlers) -> None:
        """Let a part of the window handle some types of reports, after the parts added before."""
        for kind, handler in handlers.items():
            self._handlers[kind].append(handler)

    def take(self, report: Report) -> None:
        """Call the handlers of a report; one that no part handles is ignored."""
        kind = type(report.command if isinstance(report, Answered) else report)
        for handler in self._handlers.get(kind, ()):
            handler(report)
