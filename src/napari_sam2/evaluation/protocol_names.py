"""Names of the evaluation protocols and of the kinds of prompts."""

from __future__ import annotations

from enum import StrEnum


class ProtocolName(StrEnum):
    """Evaluation protocol; see `protocols`."""

    image = "image"
    vos = "vos"
    offline = "offline"
    online = "online"
    auto = "auto"


class Convention(StrEnum):
    """Which frames count; `davis` follows the toolkit of DAVIS 2017."""

    ours = "ours"
    davis = "davis"


class PromptKind(StrEnum):
    """Kind of the first prompt of an object."""

    mask = "mask"
    box = "box"
    one_click = "1-click"
    three_clicks = "3-click"
    five_clicks = "5-click"

    @property
    def clicks(self) -> int:
        """Number of clicks; 0 for boxes and masks."""
        return int(self.value[0]) if self.value[0].isdigit() else 0
