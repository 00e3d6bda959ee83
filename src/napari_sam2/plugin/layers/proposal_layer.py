"""The layer with the outlines of proposals, which are not in the annotation yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_sam2.plugin.layers.image_axes import axes_of
from napari_sam2.plugin.layers.image_layers import append_unselected

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.components import LayerList
    from napari.layers import Image
    from numpy.typing import NDArray

    from napari_sam2.finding import Proposal

YELLOW = (1.0, 1.0, 0.0, 1.0)
CONTOUR_SHARE = 600  # pixels of the image for one pixel of the outline
DASH = 4  # length of a dash and of the gap after it, in widths of the outline
FEWEST = 3  # dashes of an outline, however small


class ProposalLayer:
    """Shows proposals of one frame as thin dashed outlines of one colour.

    The layer is never selected, so that clicks and keys go where they went before.

    Parameters
    ----------
    layers : LayerList
        The layers of the viewer.
    image : Image
        The image.
    t : int
        Frame of the proposals.
    """

    def __init__(self, layers: LayerList, image: Image, t: int) -> None:
        self._layers = layers
        self._image = image
        self._t = t
        self.layer: Labels | None = None

    def show(self, drawn: NDArray[np.int32]) -> None:
        """Show the outlines of a (Y, X) array of labels."""
        width = max(1, round(max(drawn.shape) / CONTOUR_SHARE))
        shown = axes_of(self._image).spread(dashed(drawn, width)[None])
        if self.layer is not None:
            self.layer.data = shown
            return
        self.layer = Labels(
            shown,
            name="SAM 2 found cells",
            colormap=DirectLabelColormap(color_dict={None: YELLOW, 0: (0.0, 0.0, 0.0, 0.0)}),
            **self._geometry(),
        )
        self.layer.editable = False
        append_unselected(self._layers, self.layer)

    def remove(self) -> None:
        """Remove the layer."""
        layer, self.layer = self.layer, None
        if layer is not None and layer in self._layers:
            self._layers.remove(layer)

    def _geometry(self) -> dict[str, Any]:
        """Place of the image in the world, from frame `t` on."""
        axes = axes_of(self._image)
        geometry = axes.geometry(self._image)
        if axes.frames is not None:
            places = axes.coordinates(self._t, 0, 0)
            for axis in axes.kept[:-2]:
                geometry["translate"][axis] += places[axis] * self._image.scale[axis]
        return geometry


def dashed(drawn: NDArray[np.int32], width: int) -> NDArray[np.int32]:
    """The dashed outlines of labels, in contrast to the closed ones of objects.

    Parameters
    ----------
    drawn : (Y, X) int32
        Labels; 0 is background.
    width : int
        Width of the outlines in pixels; they lie inside of the labels.

    Returns
    -------
    (Y, X) int32
        The labels on the dashes of their outlines; 0 elsewhere.
    """
    from scipy import ndimage  # slow to import, and the panel must open

    outlines = np.zeros_like(drawn)
    for number, window in enumerate(ndimage.find_objects(drawn), start=1):
        if window is None:
            continue
        mask = np.pad(drawn[window] == number, 1)
        edge = mask & ~ndimage.binary_erosion(mask, iterations=width)
        places = np.argwhere(edge)
        y, x = (places - places.mean(axis=0)).T
        along = np.empty(len(places))  # the outline, 0 to 1
        along[np.argsort(np.arctan2(y, x), kind="stable")] = np.arange(len(places)) / len(places)
        dashes = max(FEWEST, round(len(places) / (2 * DASH * width**2)))
        rows, columns = places[along * dashes % 1 < 0.5].T - 1
        outlines[window][rows, columns] = number
    return outlines


def draw_proposals(
    proposals: Mapping[int, Proposal], labels: NDArray[np.integer[Any]]
) -> NDArray[np.int32]:
    """Draw proposals beside the objects of a frame.

    A proposal that covers more than half of an object, or of which more than half lies on objects
    or on proposals that were drawn before, is left out. Pixels of objects are never drawn, nor are
    small parts of a proposal beside its largest one.

    Parameters
    ----------
    proposals : mapping of int to Proposal
        Proposals by the number that is drawn, from 1; the best first.
    labels : (Y, X) integers
        The objects.

    Returns
    -------
    (Y, X) int32
        Numbers of the proposals; 0 elsewhere.
    """
    drawn = np.zeros(labels.shape, np.int32)
    for number, proposal in proposals.items():
        crop, window = proposal.mask.crop, proposal.mask.window
        free = _largest_part(crop & (labels[window] == 0) & (drawn[window] == 0))
        if 2 * free.sum() >= crop.sum() and not _covers_an_object(proposal, labels):
            drawn[window][free] = number
    return drawn


def _largest_part(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask without its smaller disconnected parts."""
    from scipy import ndimage  # slow to import, and the panel must open

    parts, count = ndimage.label(mask)
    if count < 2:
        return mask
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    return np.asarray(parts == largest)


def _covers_an_object(proposal: Proposal, labels: NDArray[np.integer[Any]]) -> bool:
    """Whether more than half of an object lies on a proposal."""
    rows, columns = proposal.mask.window
    inside = labels[rows, columns][proposal.mask.crop]
    margin = max(proposal.mask.crop.shape)
    near = labels[
        max(0, rows.start - margin) : rows.stop + margin,
        max(0, columns.start - margin) : columns.stop + margin,
    ]
    return any(
        2 * np.count_nonzero(inside == object_id) > np.count_nonzero(near == object_id)
        for object_id in np.unique(inside[inside > 0])
    )
