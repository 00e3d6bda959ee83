"""Synthetic microscopy with exact truth, for training and for tests."""

from .clips import Clip, generate_clip
from .kinds import KINDS

__all__ = ["KINDS", "Clip", "generate_clip"]
