"""The open images with their layers: opened, replaced and closed."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_sam2.plugin.layers.image_layers import ImageLayers
from napari_sam2.plugin.layers.source_image import layer_data
from napari_sam2.plugin.protocol.growth_messages import GrowImage
from napari_sam2.plugin.protocol.messages import CloseImage, OpenImage
from napari_sam2.plugin.window.image_state import ImageState

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_sam2.plugin.layers.image_layers import Listener
    from napari_sam2.plugin.protocol.messages import Command
    from napari_sam2.plugin.window.view import View


class OpenImages:
    """Adds the layers of images, and opens and closes their documents in the inference thread.

    Parameters
    ----------
    view : View
        Has the layers of the viewer.
    states : mutable mapping of int to ImageState
        Filled with the states of the open images, by number.
    listener : Listener
        Receives the user's edits on their layers.
    send : callable
        Takes commands to the inference thread.
    on_contrast : callable
        Called when the contrast of an image changes.
    on_other_size : callable
        Called with the state of an image whose data now have another shape.
    """

    def __init__(
        self,
        view: View,
        states: MutableMapping[int, ImageState],
        listener: Listener,
        send: Callable[[Command], None],
        on_contrast: Callable[[], None],
        on_other_size: Callable[[ImageState], None],
    ) -> None:
        self._view = view
        self._states = states
        self._listener = listener
        self._send = send
        self._told_contrast = on_contrast
        self._told_other_size = on_other_size
        self._last_number = 0
        self._puts_off_shapes = False

    def state_of(self, image: Image) -> ImageState | None:
        """The state of an image, if it is open."""
        return next((one for one in self._states.values() if one.image is image), None)

    def add(self, image: Image) -> ImageState:
        """Add the layers of an image, and open its document."""
        self._last_number += 1
        others = [layer for layer in self._view.layers if isinstance(layer, Image)]
        suffix = f" · {image.name}" if len(others) > 1 else ""
        layers = ImageLayers(
            image, self._last_number, suffix, self._view.screen_pixel, self._listener
        )
        layers.puts_off_shapes = self._puts_off_shapes
        image_state = ImageState(self._last_number, image, layers)
        image.events.contrast_limits.connect(self._on_contrast)
        image.events.data.connect(self._on_data)
        self._states[image_state.number] = image_state
        self.restore_layers(image_state)
        self.open(image_state)  # the command waits for the model in the inference thread
        return image_state

    def open(self, image_state: ImageState) -> None:
        """Open the document of an image with its current contrast and data."""
        image_state.problem = None
        self._send(OpenImage(image_state.number, image_state.renew_source()))

    def grow(self, image_state: ImageState, data: Any) -> GrowImage:
        """Give an image the same frames and new ones after them; returns the command that was sent.

        Parameters
        ----------
        image_state : ImageState
            The image, without axes of channels or depth.
        data : (T, Y, X) or (T, Y, X, 3 or 4) dask array
            All of its frames.
        """
        with image_state.image.events.data.blocker(self._on_data):
            image_state.image.data = layer_data(image_state.image, data)
        image_state.grow()
        command = GrowImage(image_state.number, image_state.source)
        self._send(command)
        return command

    def close(self, image_state: ImageState) -> None:
        """Close an image; its layers stay in the viewer and are detached."""
        self._send(CloseImage(image_state.number))
        del self._states[image_state.number]
        self._let_go(image_state)

    def close_all(self) -> None:
        """Detach from all layers, after the inference thread has ended."""
        for image_state in self._states.values():
            self._let_go(image_state)
        self._states.clear()

    def _let_go(self, image_state: ImageState) -> None:
        image_state.image.events.contrast_limits.disconnect(self._on_contrast)
        image_state.image.events.data.disconnect(self._on_data)
        image_state.layers.detach()

    def _on_contrast(self, event: Any) -> None:
        self._told_contrast()

    def _on_data(self, event: Any) -> None:
        """Handle new data of a layer: reopen its document if the shape is the same."""
        image_state = self.state_of(event.source)
        if image_state is None or image_state.is_up_to_date():
            return
        if image_state.still_fits():
            self.open(image_state)
        else:
            self._told_other_size(image_state)

    # Layers

    def put_off_shapes(self) -> None:
        """Create no Shapes layers until `add_shapes` is called."""
        self._puts_off_shapes = True

    def add_shapes(self) -> None:
        """Add the Shapes layers that were put off; the selection does not change."""
        self._puts_off_shapes = False
        selection = self._view.layers.selection
        active, selected = selection.active, set(selection)
        for image_state in self._states.values():
            image_state.layers.puts_off_shapes = False
            image_state.layers.add_shapes(self._view.layers)
            image_state.show(None)
        selection.active = active
        selection.update(selected)

    def restore_layers(self, image_state: ImageState) -> None:
        """Add the missing layers of an image."""
        image_state.layers.add_missing(self._view.layers)
        image_state.layers.activate(self._view.layers)
        image_state.choose(image_state.current_object, image_state.sign)
        image_state.show(None)

    def prompt_layers(self) -> list[Layer]:
        """The layers to remove with the widget; Labels layers with objects are kept."""
        return [
            layer
            for image_state in self._states.values()
            for layer in image_state.layers.to_remove(keep_labels=bool(image_state.objects))
        ]

    def remove(self, layers: list[Layer]) -> None:
        """Remove layers from the viewer."""
        for layer in layers:
            if layer in self._view.layers:
                self._view.layers.remove(layer)

    def owns(self, layer: Any) -> bool:
        """Whether a layer belongs to the plugin: it shows prompts or labels of an open image."""
        return any(image_state.layers.owns(layer) for image_state in self._states.values())

    @property
    def has_prompts(self) -> bool:
        """Whether any open image has prompts."""
        return any(image_state.has_prompts() for image_state in self._states.values())
