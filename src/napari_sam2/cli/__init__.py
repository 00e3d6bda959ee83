"""Command line: `napari-sam2` with its commands."""

from napari_sam2.cli.app import main

__all__ = ["main"]
