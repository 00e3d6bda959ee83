"""The view: which frame and which layers of an image the viewer shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_sam2.plugin.startup.error_notifications import show_warning

if TYPE_CHECKING:
    import napari

    from napari_sam2.plugin.window.image_state import ImageState

Place = tuple[float, ...]
"""Centre and zoom of a camera."""


class View:
    """Translates the position of the viewer into frames of the images.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    """

    def __init__(self, viewer: napari.Viewer, chosen: Callable[[], ImageState | None]) -> None:
        self._viewer = viewer
        self._chosen = chosen

    @property
    def layers(self) -> Any:
        """The layer list itself; napari's proxy for plugins would return proxies of the layers."""
        layers = self._viewer.layers
        return getattr(layers, "__wrapped__", layers)

    @property
    def has_one_layer(self) -> bool:
        """Whether the viewer has a single layer."""
        return len(self.layers) == 1

    @property
    def active_layer(self) -> Any:
        """The selected layer."""
        return self.layers.selection.active

    def screen_pixel(self) -> float:
        """Size of a screen pixel in world units."""
        return 1.0 / float(self._camera.zoom)

    @property
    def _camera(self) -> Any:
        # napari 0.9 moved the camera to `scene`
        return getattr(self._viewer, "scene", self._viewer).camera

    @property
    def camera_place(self) -> Place:
        """Centre and zoom of the camera."""
        return (*map(float, self._camera.center), float(self._camera.zoom))

    @property
    def is_fitted(self) -> bool:
        """Whether a 2D view of layers is fitted to the canvas, as napari's "Home" does."""
        if self._viewer.dims.ndisplay != 2 or not self.layers:
            return False
        camera, (*center, zoom) = self._camera, self.camera_place
        self._viewer.reset_view()
        is_same = np.allclose((*center, zoom), self.camera_place, rtol=1e-3)
        camera.center, camera.zoom = tuple(center), zoom
        return bool(is_same)

    def fit(self) -> None:
        """Fit a 2D view to the canvas."""
        if self._viewer.dims.ndisplay == 2:
            self._viewer.reset_view()

    @property
    def frame(self) -> int:
        """The frame of the chosen image that the viewer shows."""
        image_state = self._chosen()
        return 0 if image_state is None else image_state.frame(self._viewer.dims.point)

    @property
    def outside_told(self) -> str | None:
        """Reason why the chosen image has no frame at the viewer's position; None if it has one."""
        image_state = self._chosen()
        return None if image_state is None else self.outside_of(image_state)

    def outside_of(self, image_state: ImageState) -> str | None:
        """Reason why an image has no frame at the viewer's position; None if it has one."""
        return image_state.outside_told(self._viewer.dims.point)

    def place(self) -> tuple[ImageState | None, int]:
        """State of the chosen image, None if none is chosen, and the frame that is shown."""
        return self._chosen(), self.frame

    def acting_place(self) -> tuple[ImageState | None, int]:
        """State and frame for an edit of the shown frame; no state outside of the movie.

        Outside of the movie, the user gets a warning that says why nothing happens.
        """
        if (why := self.outside_told) is not None:
            show_warning(why)
            return None, 0
        return self.place()

    def takes_clicks(self, image_state: ImageState) -> bool:
        """Whether a click on the canvas is a prompt on the shown frame of an image."""
        tool = image_state.layers.tool(self.active_layer)
        return tool == "click" and self.shows_one(image_state)

    @property
    def other_plane(self) -> tuple[int, int] | None:
        """Axes of the chosen image that a 2D view shows in place of its rows and columns.

        None if it shows rows and columns, all dimensions, or no image.
        """
        image_state, dims = self._chosen(), self._viewer.dims
        if image_state is None or dims.ndisplay != 2 or self.shows_one(image_state):
            return None
        first = dims.ndim - image_state.image.ndim
        rows, columns = (axis - first for axis in dims.displayed)
        return None if min(rows, columns) < 0 else (rows, columns)

    def go_to(self, image_state: ImageState, t: int) -> None:
        """Show a frame of an image."""
        image, axes = image_state.image, image_state.layers.axes
        if axes.frames is not None:
            places = image.data_to_world(axes.coordinates(t, 0, 0))
            sliders = [self._viewer.dims.ndim - image.ndim + axis for axis in axes.kept[:-2]]
            self._viewer.dims.set_point(sliders, [places[axis] for axis in axes.kept[:-2]])

    def centre(self, image_state: ImageState, t: int, y: float, x: float) -> None:
        """Move a 2D view so that a place of a frame is in the middle; the zoom stays.

        A view that shows the whole image stays as it is.
        """
        image, axes, dims = image_state.image, image_state.layers.axes, self._viewer.dims
        if not self.shows_one(image_state) or self._is_whole(image_state):
            return
        place = image.data_to_world(axes.coordinates(t, y, x))
        first = dims.ndim - image.ndim
        middle = (float(place[axis - first]) for axis in dims.displayed)
        self._camera.center = (*self._camera.center[:-2], *middle)

    def _is_whole(self, image_state: ImageState) -> bool:
        """Whether the canvas, as last drawn, showed all rows and columns of an image."""
        plane = list(image_state.layers.axes.plane)
        lengths = [image_state.layers.axes.lengths[axis] for axis in plane]
        low, high = image_state.image.corner_pixels[:, plane]
        return bool((low <= 0).all() and (high >= np.array(lengths) - 1).all())

    def shown_frame(self, image_state: ImageState) -> int | None:
        """The frame of an image that is on the screen; None if more than one is shown."""
        is_one = self.shows_one(image_state)
        return image_state.frame(self._viewer.dims.point) if is_one else None

    def shows_one(self, image_state: ImageState) -> bool:
        """Whether the viewer shows one whole frame of an image."""
        dims = self._viewer.dims
        first = dims.ndim - image_state.image.ndim
        plane = {first + axis for axis in image_state.layers.axes.plane}
        return dims.ndisplay == 2 and plane == set(dims.displayed)
