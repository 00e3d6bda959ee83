"""A crosshair that the keyboard moves over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points

from napari_sam2.plugin.layers.image_axes import axes_of
from napari_sam2.plugin.layers.image_layers import append_unselected

if TYPE_CHECKING:
    from napari.components import LayerList
    from napari.layers import Image

NAME = "SAM 2 crosshair"
SHARE = 20  # sides of an image for one crosshair


class Crosshair:
    """Shows one place of an image as a cross, in a layer that is never selected.

    Parameters
    ----------
    layers : LayerList
        The layers of the viewer.

    Attributes
    ----------
    place : tuple of float or None
        (y, x) in pixels of the image; None while there is no crosshair.
    """

    def __init__(self, layers: LayerList) -> None:
        self._layers = layers
        self._layer: Points | None = None
        self._image: Image | None = None
        self.place: tuple[float, float] | None = None

    def show(self, image: Image, t: int, place: tuple[float, float]) -> None:
        """Show the cross at a place (y, x) of a frame of an image."""
        if self._image is not image:
            self.hide()
        self._image, self.place = image, place
        axes = axes_of(image)
        data = np.array([axes.coordinates(t, *place)], dtype=np.float64)
        if self._layer is not None and self._layer in self._layers:
            self._layer.data = data
            return
        self._layer = Points(
            data,
            name=NAME,
            symbol="cross",
            size=max(image.data.shape[axis] for axis in axes.plane) / SHARE,
            face_color="yellow",
            border_width=0,
            **axes.geometry(image),
        )
        append_unselected(self._layers, self._layer)

    def hide(self, *_: Any) -> None:
        """Remove the crosshair."""
        layer, self._layer = self._layer, None
        self.place = self._image = None
        if layer is not None and layer in self._layers:
            self._layers.remove(layer)
