"""Names of what can be done."""

from __future__ import annotations

from enum import StrEnum


class ProtocolName(StrEnum):
    """How an evaluation goes; see `protocols`."""

    image = "image"
    vos = "vos"
    offline = "offline"
    online = "online"


class PromptKind(StrEnum):
    """What an object is pointed out with."""

    mask = "mask"
    box = "box"
    one_click = "1-click"
    three_clicks = "3-click"
    five_clicks = "5-click"

    @property
    def clicks(self) -> int:
        """How many clicks that are; none for boxes and masks."""
        return int(self.value[0]) if self.value[0].isdigit() else 0
