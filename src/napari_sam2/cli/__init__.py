"""The engine from a shell: demo, track, open, models."""

from napari_sam2.cli.app import main

__all__ = ["main"]
