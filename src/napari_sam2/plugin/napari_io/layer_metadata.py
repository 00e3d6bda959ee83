"""Keys in the metadata of a labels layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


PARENTS, NAMES = "parents", "names"  # keys in the metadata of a labels layer
