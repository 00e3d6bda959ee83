"""The keys of the panel: those that are always bound, and those of a mode or of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.window.keys import KeyBindings

if TYPE_CHECKING:
    from napari_sam2.plugin.window.controller import Controller

Actions = Mapping[str, Callable[[], object]]


class PanelKeys:
    """Binds the keys of the panel that have an effect now, and releases the others.

    Parameters
    ----------
    controller : Controller
        State of the window.
    actions : mapping of str to callable
        Keys that are always bound.
    verdicts, sample : mapping of str to callable
        Keys that are bound while whole cells, or a sample of masks, are reviewed.
    """

    def __init__(
        self, controller: Controller, actions: Actions, verdicts: Actions, sample: Actions
    ) -> None:
        self._controller = controller
        self._keys = KeyBindings(actions)
        self._verdict_keys = KeyBindings(verdicts)
        self._sample_keys = KeyBindings(sample)
        self._escape = KeyBindings(  # bound only while a run can be cancelled
            {"Escape": controller.tracking.cancel}, takes_all=True
        )
        self._division_escape = KeyBindings(  # bound only while a division is being clicked
            {"Escape": controller.divisions.withdraw}, takes_all=True
        )
        self._finding_escape = KeyBindings(  # bound only while cells are found or looked for
            {"Escape": self._leave_finding}, takes_all=True
        )
        self._drop = KeyBindings(  # bound only while new cells of the frame are shown
            {"Backspace": controller.new_cells.drop}, takes_all=True
        )
        self._history_keys = KeyBindings(  # ours replace napari's undo of a single stroke
            {
                "Control-Z": controller.review.undo,
                "Control-Shift-Z": controller.review.redo,
            },
            takes_all=True,
        )

    def bind(self) -> None:
        """Bind the keys on the viewer and on the layers of the chosen image."""
        controller = self._controller
        owners: list[Any] = [controller.viewer]
        if controller.image_state is not None:
            owners += list(controller.image_state.layers)
        self._keys.bind(owners)
        self._history_keys.bind(owners)
        modes = (
            (self._verdict_keys, controller.verification.is_on),
            (self._sample_keys, controller.sample.is_on),
            (self._drop, controller.new_cells.is_shown),
        )
        for keys, is_on in sorted(modes, key=lambda pair: pair[1]):  # release before binding
            if is_on:
                keys.bind(owners)
            else:
                keys.release()
        self._bind_escapes()

    def _bind_escapes(self) -> None:
        controller, finding = self._controller, self._controller.finding
        is_tracking = controller.tracking.is_on
        is_dividing = controller.divisions.division is not None and not is_tracking
        is_looking = finding.is_searching or controller.new_cells.progress is not None
        is_finding = is_looking or finding.found is not None
        escapes = (
            (self._escape, is_tracking),
            (self._division_escape, is_dividing),
            (self._finding_escape, is_finding and not is_dividing and not is_tracking),
        )
        for escape, is_bound in sorted(escapes, key=lambda pair: pair[1]):  # release before binding
            if is_bound:  # the selected layer gets the key first
                escape.bind([controller.viewer, *controller.view.layers])
            else:
                escape.release()

    def _leave_finding(self) -> None:
        self._controller.new_cells.cancel()
        self._controller.finding.leave()

    def release(self) -> None:
        """Restore the bindings that were there before."""
        for keys in (
            self._escape,
            self._division_escape,
            self._finding_escape,
            self._history_keys,
            self._keys,
            self._verdict_keys,
            self._sample_keys,
            self._drop,
        ):
            keys.release()
