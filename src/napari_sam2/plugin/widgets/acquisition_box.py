"""The check box that lets the open image follow its acquisition."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QWidget


class AcquisitionBox(QCheckBox):
    """Whether the open image gets the frames that the microscope writes while it is open."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Follow the acquisition", parent)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(
            "Look every second for new images in the folder, or new frames in the zarr array, "
            "from which this movie was opened, and add them to its end. Cells that are tracked up "
            "to the last frame are tracked on"
        )

    def show_state(self, is_on: bool) -> None:
        """Show whether the acquisition is followed; no `clicked` is emitted."""
        self.setChecked(is_on)
