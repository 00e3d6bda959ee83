"""Words of messages on screen, where an object of the annotation is called a cell."""

from __future__ import annotations

import re


def with_cells(message: str) -> str:
    """Replace "object 3" by "cell 3" in a message of the annotation; other texts stay."""
    return re.sub(r"\bobject (?=\d)", "cell ", message)
