"""Messages about volumes that are filled from the masks of one plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from napari_sam2.plugin.protocol.messages import ImageCommand, ImageReport

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FillVolumes(ImageCommand):
    """Grow the masks of the tracked plane through the volume of each time point."""


@dataclass(frozen=True, eq=False)
class VolumesAdvanced(ImageReport):
    """The filling progressed: `done` of `total` planes."""

    done: int
    total: int


@dataclass(frozen=True, eq=False)
class VolumesEnded(ImageReport):
    """The filling is over.

    `labels` are the (T, Z, Y, X) labels if it was not stopped, and `unreadable` the volumes that
    could not be read.
    """

    reason: Literal["done", "cancelled", "failed"]
    labels: NDArray[Any] | None = None
    unreadable: tuple[int, ...] = ()
