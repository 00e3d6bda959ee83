"""Guesses: the other masks that the network has for a single click (paper §D.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari_sam2.tracking.masks import MaskRecord, Region
from napari_sam2.tracking.multi_scale_click import overlap

Draw = Callable[[MaskRecord], Region]


def other_guesses(shown: MaskRecord, guesses: Sequence[MaskRecord], draw: Draw) -> list[MaskRecord]:
    """The guesses beside the mask that is shown, the best predicted one first.

    The shown mask is often one of the guesses, or a refinement of it. The guess that is most like
    it is therefore left out.

    Parameters
    ----------
    shown : MaskRecord
        The mask that the network likes best.
    guesses : sequence of MaskRecord
        The three guesses.
    draw : callable
        Draws a mask at full size.
    """
    nearest = most_alike(shown, guesses, draw)
    others = [guess for guess in guesses if guess is not nearest]
    return sorted(others, key=lambda guess: -guess.predicted_iou)


def most_alike(mask: MaskRecord, guesses: Sequence[MaskRecord], draw: Draw) -> MaskRecord:
    """The guess with the largest overlap with a mask."""
    region = draw(mask)
    return max(guesses, key=lambda guess: overlap(region, draw(guess)))
