"""Convert drawn shapes to masks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.draw import polygon2mask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_sam2.plugin.protocol.messages import Outline

ELLIPSE_STEPS = 90


def rasterise(outline: Outline, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Mask of the pixels whose centres lie inside an outline.

    Parameters
    ----------
    outline : Outline
        A path is closed by a line from its end to its start.
    shape : (int, int)
        (Y, X) of the frame.

    Returns
    -------
    (Y, X) bool array

    Raises
    ------
    ValueError
        If no pixel of the frame lies inside.
    """
    corners = np.asarray(outline.vertices, dtype=np.float64)
    if outline.kind == "ellipse":
        corners = _ellipse(corners)
    mask = np.asarray(polygon2mask(shape, corners), dtype=bool)
    if not mask.any():
        raise ValueError(
            f"the drawn {outline.kind} covers no pixel: draw it larger, inside the image"
        )
    return mask


def _ellipse(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along the ellipse inscribed in a rectangle that is given by its four corners."""
    centre = corners.mean(axis=0)
    half_axes = (corners[1] - corners[0]) / 2, (corners[3] - corners[0]) / 2
    angle = np.linspace(0, 2 * np.pi, ELLIPSE_STEPS, endpoint=False)[:, None]
    points: NDArray[Any] = centre + half_axes[0] * np.cos(angle) + half_axes[1] * np.sin(angle)
    return points
