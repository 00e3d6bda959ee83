"""Steps and positions that the programs of microscopes write into TIFF files.

These are Zeiss LSM files, stacks (STK) and single planes of MetaMorph, and the planes of
Micro-Manager, as far as tifffile reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.io.scale import Step, positive

_MICROMANAGER_TAG = 51123
# No stage moves further. tifffile reads the numerators of MetaMorph's positions as unsigned, so
# that negative positions come out larger than this, and are not known.
_FARTHEST_UM = 200_000.0


def microscope_steps(tif: tifffile.TiffFile) -> dict[str, Step]:
    """Steps along "t", "z", "y" and "x" that a microscope wrote; empty if there are none."""
    if tif.is_lsm and tif.lsm_metadata:
        return lsm_steps(tif.lsm_metadata)
    if tif.is_stk and tif.stk_metadata:
        return stk_steps(tif.stk_metadata)
    return metaseries_steps(_metaseries_plane(tif))


def microscope_origins(tif: tifffile.TiffFile) -> dict[str, Step]:
    """Position of the first pixel along "z", "y" and "x" that a microscope wrote, or empty.

    A position of the stage counts as that of the first pixel, as in OME files.
    """
    if tif.is_lsm and tif.lsm_metadata:
        return lsm_origins(tif.lsm_metadata)
    if tif.is_stk and tif.stk_metadata:
        return stk_origins(tif.stk_metadata)
    return metaseries_origins(_metaseries_plane(tif)) or micromanager_origins(
        tif.pages.first.tags.valueof(_MICROMANAGER_TAG)
    )


def lsm_steps(metadata: Mapping[str, Any]) -> dict[str, Step]:
    """Steps in the metadata of a Zeiss LSM file, whose voxels are in metres."""
    steps: dict[str, Step] = {
        axis.lower(): (_scaled(metadata.get(f"VoxelSize{axis}"), 1e6), "um") for axis in "ZYX"
    }
    return steps | {"t": (metadata.get("TimeIntervall"), "s")}  # spelt as in the file


def lsm_origins(metadata: Mapping[str, Any]) -> dict[str, Step]:
    """Origin in the metadata of a Zeiss LSM file, in metres there."""
    found = {axis: _number(metadata.get(f"Origin{axis.upper()}")) for axis in "zyx"}
    return {axis: (value * 1e6, "um") for axis, value in found.items() if value is not None}


def stk_steps(metadata: Mapping[str, Any]) -> dict[str, Step]:
    """Steps in the metadata of a MetaMorph stack: calibration, distance and time of the planes."""
    unit = metadata.get("CalibrationUnits")
    is_calibrated = bool(metadata.get("SpatialCalibration", True))
    sizes = [metadata.get(f"{axis}Calibration") if is_calibrated else None for axis in "YX"]
    distances = np.atleast_1d(metadata.get("ZDistance", ()))
    times = np.atleast_1d(metadata.get("DatetimeCreated", ())).astype("datetime64[ms]")
    return {
        "y": (sizes[0], unit),
        "x": (sizes[1], unit),
        "z": (distances[0] if len(distances) else None, unit),
        "t": (even_step((times - times[0]).astype(float)) if len(times) > 1 else None, "ms"),
    }


def stk_origins(metadata: Mapping[str, Any]) -> dict[str, Step]:
    """Position of the stage and of the focus at the first plane of a MetaMorph stack, in µm."""
    stage, depth = metadata.get("StagePosition"), metadata.get("AbsoluteZ")
    places: dict[str, Any] = {}
    if isinstance(stage, np.ndarray) and stage.ndim == 2 and len(stage):
        places |= {"x": stage[0, 0], "y": stage[0, 1]}
    is_valid = np.atleast_1d(metadata.get("AbsoluteZValid", 1))
    if isinstance(depth, np.ndarray) and len(depth) and is_valid.size and is_valid[0]:
        places["z"] = depth[0]
    return _stage_um({axis: _number(value) for axis, value in places.items()})


def metaseries_steps(plane: Mapping[str, Any]) -> dict[str, Step]:
    """Calibration of a single plane of MetaMorph; empty if it has none."""
    unit = plane.get("spatial-calibration-units")
    if not plane.get("spatial-calibration-state", True):
        return {}
    sizes = {axis: plane.get(f"spatial-calibration-{axis}") for axis in "yx"}
    return {axis: (size, unit) for axis, size in sizes.items() if positive(size)}


def metaseries_origins(plane: Mapping[str, Any]) -> dict[str, Step]:
    """Position of the stage and of the focus of a single plane of MetaMorph, in µm."""
    names = {"z": "z-position", "y": "stage-position-y", "x": "stage-position-x"}
    return _stage_um({axis: _number(plane.get(name)) for axis, name in names.items()})


def micromanager_origins(metadata: Any) -> dict[str, Step]:
    """Position of the stage and of the focus of a plane of Micro-Manager, in µm."""
    if not isinstance(metadata, Mapping):
        return {}
    return _stage_um({axis: _number(metadata.get(f"{axis.upper()}PositionUm")) for axis in "zyx"})


def even_step(times: NDArray[np.float64]) -> float | None:
    """Typical step between times; None where a step differs from it by more than half of it."""
    steps = np.diff(times)
    if not len(steps) or not np.isfinite(steps).all():
        return None
    typical = float(np.median(steps))
    return typical if np.abs(steps - typical).max() <= abs(typical) / 2 else None


def _metaseries_plane(tif: tifffile.TiffFile) -> Mapping[str, Any]:
    metadata = tif.metaseries_metadata if tif.is_metaseries else None
    plane = metadata.get("PlaneInfo") if metadata else None
    return plane if isinstance(plane, Mapping) else {}


def _stage_um(places: Mapping[str, float | None]) -> dict[str, Step]:
    """Positions of a stage in µm, as far as it can be there."""
    return {
        axis: (value, "um")
        for axis, value in places.items()
        if value is not None and abs(value) <= _FARTHEST_UM
    }


def _number(value: object) -> float | None:
    """A value of a file as a finite number; None if it is anything else."""
    try:
        number = float(value)  # type: ignore[arg-type]  # anything may be in a file
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _scaled(value: object, factor: float) -> float | None:
    number = positive(value)
    return None if number is None else number * factor
