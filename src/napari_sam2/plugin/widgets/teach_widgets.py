"""The widgets of teaching, and the actions of their buttons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_sam2.annotation.vouched import FEWEST_MASKS
from napari_sam2.plugin.widgets.teach_box import TeachBox
from napari_sam2.plugin.widgets.teach_card import TeachCard
from napari_sam2.plugin.widgets.teach_dialogs import TaughtModelsDialog, TeachSettings

if TYPE_CHECKING:
    from napari_sam2.plugin.window.controller import Controller
    from napari_sam2.plugin.window.teaching import Outcome


class TeachWidgets(QObject):
    """Shows the state of teaching and passes the user's actions to the controller.

    Parameters
    ----------
    controller : Controller
        State of the window.
    panel : QWidget
        The panel that holds `box`.
    """

    def __init__(self, controller: Controller, panel: QWidget) -> None:
        super().__init__(panel)
        self._controller = controller
        self._panel = panel
        self.box = TeachBox()
        self.card: TeachCard | None = None
        self.models: TaughtModelsDialog | None = None
        self._shown: Outcome | None = None
        self.box.pressed.connect(self.start_or_stop)
        self.box.settings_asked.connect(self.show_settings)
        self.box.models_asked.connect(self.show_models)

    @property
    def is_worth_offering(self) -> bool:
        """Whether one frame holds enough masks, and the user has not taught yet."""
        teaching, image_state = self._controller.teaching, self._controller.image_state
        is_enough = image_state is not None and image_state.vouched.most_on_a_frame >= FEWEST_MASKS
        return is_enough and not teaching.has_taught

    @property
    def is_shown(self) -> bool:
        """Whether a lesson runs, or there are enough masks for one."""
        image_state = self._controller.image_state
        is_enough = image_state is not None and image_state.vouched.masks >= FEWEST_MASKS
        return self._controller.teaching.is_on or is_enough

    def start_or_stop(self) -> None:
        """Start a lesson, or stop the one that runs."""
        teaching = self._controller.teaching
        if teaching.is_on:
            teaching.stop()
        else:
            teaching.start()

    def show_settings(self) -> None:
        """Open the settings."""
        teaching = self._controller.teaching
        dialog = TeachSettings(teaching.budget_s, teaching.sources, self._panel)
        dialog.budget_chosen.connect(teaching.set_budget)
        dialog.sources_chosen.connect(teaching.set_sources)
        dialog.show()

    def show_models(self) -> None:
        """Open the list of taught models."""
        teaching = self._controller.teaching
        self.models = TaughtModelsDialog(self._panel)
        self.models.rename_asked.connect(teaching.rename)
        self.models.delete_asked.connect(teaching.delete)
        self.models.export_asked.connect(teaching.export)
        self.models.destroyed.connect(self._forget_models)
        self.models.show_models(teaching.taught)
        self.models.show()

    def _forget_models(self) -> None:
        self.models = None

    def render(self) -> None:
        """Show the state of the controller."""
        teaching = self._controller.teaching
        can_press = teaching.phase != "stopping" if teaching.is_on else teaching.obstacle is None
        self.box.show_state(teaching.text, is_on=teaching.is_on, can_press=can_press)
        self.box.show_progress(teaching.progress if teaching.is_on else None)
        if self.models is not None:
            self.models.show_models(teaching.taught)
        if teaching.outcome is not self._shown:
            self._shown = teaching.outcome
            self._show_card(teaching.outcome)

    def _show_card(self, outcome: Outcome | None) -> None:
        card, self.card = self.card, None
        if card is not None:
            card.blockSignals(True)  # a decision was made already
            card.close()
            card.deleteLater()
        if outcome is None:
            return
        teaching = self._controller.teaching
        self.card = TeachCard(outcome, self._panel)
        self.card.use_asked.connect(teaching.use)
        self.card.keep_asked.connect(teaching.keep_old)
        self.card.show()
