"""Synthetic microscopy with exact truth, for training and for tests."""

from .cell_kinds import KINDS
from .clips import Clip, generate_clip

__all__ = ["KINDS", "Clip", "generate_clip"]
