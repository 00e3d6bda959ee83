"""The offer to link labels that are numbered on each frame by itself, before they are imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_sam2.plugin.protocol.messages import ImportLabels, LinksProposed

if TYPE_CHECKING:
    from napari_sam2.annotation.label_linking import LabelLinks
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.reports import Handlers


class LabelLinkOffer:
    """Holds the links that were proposed for an import until the user decides.

    Parameters
    ----------
    chosen : callable
        Gives the state of the chosen image; None if none is chosen.
    ask : callable
        Sends the import of labels to the inference thread.
    on_change : callable
        Called when the widgets must be rendered again.
    """

    def __init__(
        self,
        chosen: Callable[[], ImageState | None],
        ask: Callable[[ImportLabels], None],
        on_change: Callable[[], None],
    ) -> None:
        self._chosen = chosen
        self._ask = ask
        self._on_change = on_change
        self._proposed: LinksProposed | None = None
        self.handlers: Handlers = {LinksProposed: self._take}

    @property
    def text(self) -> str | None:
        """What the labels become for the chosen image; None if nothing is offered."""
        proposed, image_state = self._proposed, self._chosen()
        if proposed is None or image_state is None or image_state.number != proposed.image:
            return None
        return proposed.links.text

    def link(self) -> None:
        """Import the labels with their links."""
        if self._proposed is not None:
            self._import(self._proposed.links)

    def keep(self) -> None:
        """Import the labels with the numbers that they have."""
        self._import(None)

    def leave(self) -> None:
        """Import nothing."""
        self._proposed = None
        self._on_change()

    def _import(self, links: LabelLinks | None) -> None:
        proposed = self._proposed
        if proposed is not None and self.text is not None:
            self._proposed = None
            self._ask(
                ImportLabels(proposed.image, proposed.source, None, links=links, may_ask=False)
            )

    def _take(self, proposed: LinksProposed) -> None:
        self._proposed = proposed
        self._on_change()
