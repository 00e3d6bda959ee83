"""Messages about the axes of an image."""

from __future__ import annotations

from dataclasses import dataclass

from napari_sam2.plugin.protocol.messages import ImageReport


@dataclass(frozen=True, eq=False)
class AxesFound(ImageReport):
    """The file of an image names the axes of its layer; `letters` has one letter for each."""

    letters: str
