"""Mask records of the output of the network."""

from __future__ import annotations

from collections.abc import Sequence

from napari_sam2.model import Decoded
from napari_sam2.tracking.masks import Direction, MaskRecord, pack_logits
from napari_sam2.tracking.pixels import PixelMask
from napari_sam2.tracking.windows import Window


def records_of(
    decoded: Decoded,
    direction: Direction | None,
    windows: Sequence[Window],
    painted: PixelMask | None = None,
) -> list[MaskRecord]:
    """The masks of a batch of objects, ready to be stored.

    Parameters
    ----------
    decoded : Decoded
        Of B objects.
    direction : str or None
        Direction in which the objects were tracked; None on a prompted frame.
    windows : sequence of Window
        The windows of the B masks.
    painted : PixelMask, optional
        The mask as a user gave it.
    """
    masks = decoded.mask_logits[:, 0].float().cpu().numpy()
    ious = decoded.predicted_iou.float().cpu().tolist()
    scores = decoded.occlusion_score[:, 0].float().cpu().tolist()
    pointers = decoded.pointer.float().cpu().numpy()
    records = []
    for index, logits in enumerate(masks):
        corner, crop, floor = pack_logits(logits, exact=direction is None)
        records.append(
            MaskRecord(
                corner=corner,
                crop=crop,
                floor=floor,
                size=logits.shape[0],
                predicted_iou=ious[index],
                occlusion_score=scores[index],
                pointer=pointers[index].copy(),
                direction=direction,
                window=windows[index],
                painted=painted,
            )
        )
    return records
