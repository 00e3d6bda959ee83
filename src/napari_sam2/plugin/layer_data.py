"""Layers as readers, writers and samples hand them to napari: data, options and kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_sam2.io.scale import ImageScale

LayerData = tuple[Any, dict[str, Any], str]
_UNIT_NAMES = {"um": "micrometer", "nm": "nanometer", "mm": "millimeter", "cm": "centimeter"}
_UNIT_NAMES |= {"m": "meter"}


def layer_scale(scale: ImageScale, ndim: int) -> dict[str, Any]:
    """Scale, units and axis labels of a layer of (Y, X) or (T, Y, X)."""
    known = scale.pixel_size is not None and scale.unit in _UNIT_NAMES
    sizes = scale.pixel_size or (1.0, 1.0)
    space_unit = _UNIT_NAMES[scale.unit] if known else "pixel"
    if ndim == 2:
        return {"scale": sizes, "units": (space_unit,) * 2, "axis_labels": ("y", "x")}
    time_unit = "second" if scale.interval_s else "pixel"
    return {
        "scale": (scale.interval_s or 1.0, *sizes),
        "units": (time_unit, space_unit, space_unit),
        "axis_labels": ("t", "y", "x"),
    }
