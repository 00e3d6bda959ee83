"""Tracks in the Graph Exchange File Format (https://liveimagetrackingtools.org/geff).

A folder holds the graph, ``tracks.geff``, and beside it the labels, ``segmentation``, as the
specification recommends and napari-track-edit lays it out. Both are zarr (format 2).
"""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import zarr
from zarr.errors import BaseZarrError

from napari_sam2.io.atomic import atomic_folder
from napari_sam2.io.scale import SPELT_OUT_UNITS, ImageScale, scale_of_steps
from napari_sam2.io.spots import find_spots
from napari_sam2.io.tracked import TrackedLabels

if TYPE_CHECKING:
    from geff._typing import InMemoryGeff
    from geff_spec import Axis, GeffMetadata

GRAPH, SEGMENTATION = "tracks.geff", "segmentation"
_LABEL, _TRACKLET = "label", "tracklet_id"
_TILE = 1024  # pixels along a side of a chunk


def write_geff(folder: str | os.PathLike[str], tracked: TrackedLabels) -> None:
    """Write labels and their tracks as GEFF.

    Every object on a frame is a node with ``t``, ``y``, ``x`` (in frames and pixels, with the scale
    in the axes), ``area`` in pixels, ``label`` (its value in the segmentation) and ``tracklet_id``;
    edges go from each object to the same one on the next frame on which it is there, and from a
    mother to her daughters. Nodes of a Z stack have ``z``, the index of the slice, in place of
    ``t``.

    Parameters
    ----------
    folder : path
        Folder to write; an earlier one of the same kind is replaced when the new one is complete.
    tracked : TrackedLabels
        Read one frame at a time, three times.

    Raises
    ------
    FileExistsError
        If the folder holds anything else.
    OSError
        If it cannot be written; an old one is left as it was.
    """
    from geff.core_io import write_arrays

    spots = find_spots(tracked)
    values = {
        "z" if tracked.scale.is_depth else "t": spots.t,
        "y": spots.y,
        "x": spots.x,
        "area": spots.area_px,
        _LABEL: spots.object_id,
        _TRACKLET: spots.tracklet,
    }
    with atomic_folder(folder, is_geff_folder) as temporary:
        zarr.open_group(temporary, mode="w", zarr_format=2)
        _write_segmentation(temporary / SEGMENTATION, tracked)
        write_arrays(
            temporary / GRAPH,
            node_ids=np.arange(len(spots), dtype=np.uint64),
            node_props={name: {"values": v, "missing": None} for name, v in values.items()},
            edge_ids=spots.links.astype(np.uint64),
            edge_props=None,
            metadata=_metadata(tracked),
        )


def _write_segmentation(path: Path, tracked: TrackedLabels) -> None:
    length, height, width = tracked.shape
    largest = max((object_id for _, object_id in tracked.lineage.names), default=0)
    dtype = np.uint16 if largest < 2**16 else np.uint32
    array = zarr.create_array(
        path,
        shape=tracked.shape,
        chunks=(1, min(height, _TILE), min(width, _TILE)),
        dtype=dtype,
        zarr_format=2,
    )
    for t in range(length):
        array[t] = tracked.frame(t).astype(dtype)


def _metadata(tracked: TrackedLabels) -> GeffMetadata:
    from geff_spec import GeffMetadata, RelatedObject

    return GeffMetadata(
        directed=True,
        axes=_axes(tracked.scale),
        node_props_metadata={},
        edge_props_metadata={},
        track_node_props={"tracklet": _TRACKLET},
        related_objects=[
            RelatedObject(type="labels", path=f"../{SEGMENTATION}", label_prop=_LABEL)
        ],
        extra={"napari-sam2": {"names": {str(k): name for k, name in tracked.names.items()}}},
    )


def _axes(scale: ImageScale) -> list[Axis]:
    """Indices and pixels as axes, with the steps that are known."""
    from geff_spec import Axis

    def offset(name: str, step: float | None) -> float | None:
        if scale.origin is None or step is None:
            return None
        return scale.origin.along(name)[0]

    def space(name: str, step: float | None) -> Axis:
        unit = None if step is None else SPELT_OUT_UNITS[scale.unit]
        return Axis(
            name=name,
            type="space",
            unit="pixel",
            scale=step,
            scaled_unit=unit,
            offset=offset(name, step),
        )

    y, x = scale.pixel_size or (None, None)
    if scale.is_depth:
        return [space("z", scale.z_spacing), space("y", y), space("x", x)]
    unit = None if scale.interval_s is None else "second"
    time = Axis(
        name="t",
        type="time",
        unit="frame",
        scale=scale.interval_s,
        scaled_unit=unit,
        offset=offset("t", scale.interval_s),
    )
    return [time, space("y", y), space("x", x)]


def open_geff(folder: str | os.PathLike[str]) -> TrackedLabels:
    """Open labels and mothers of a GEFF; frames of the labels are read when they are needed.

    Parameters
    ----------
    folder : path
        The graph itself, or a folder that holds one graph ``*.geff``.

    Raises
    ------
    FileNotFoundError
        If there is no graph.
    ValueError
        If it is no valid GEFF, or there are no labels with it.
    """
    from geff.core_io import read_to_memory

    graph = graph_of(Path(folder))
    if graph is None:
        raise FileNotFoundError(f"there is no GEFF in {folder}")
    try:
        memory = read_to_memory(graph)
        labels = _open_labels(graph, memory["metadata"])
        parents = _parents(memory)
    except Exception as error:  # damage comes up as any kind of error
        raise ValueError(f"{graph} cannot be read as GEFF: {error}") from error
    extra = memory["metadata"].extra.get("napari-sam2")
    names = extra.get("names") if isinstance(extra, dict) else None
    known = names.items() if isinstance(names, dict) else ()
    return TrackedLabels(
        labels,
        parents,
        {int(k): str(name) for k, name in known if str(k).isdecimal()},
        _scale(memory["metadata"].axes or []),
    )


def graph_of(folder: Path) -> Path | None:
    """The group of a GEFF in or at a folder; None where there is none, or several."""
    if _is_graph(folder):
        return folder
    if not folder.is_dir():
        return None
    graphs = [inner for inner in folder.iterdir() if inner.suffix == ".geff" and _is_graph(inner)]
    return graphs[0] if len(graphs) == 1 else None


def is_geff_folder(folder: Path) -> bool:
    """Whether a folder holds a graph and its labels as we write them, and nothing else."""
    names = {file.name for file in folder.iterdir()}
    return _is_graph(folder / GRAPH) and names <= {GRAPH, SEGMENTATION, ".zgroup", ".zattrs"}


def _is_graph(folder: Path) -> bool:
    if not any((folder / name).is_file() for name in (".zgroup", "zarr.json")):
        return False
    try:
        return "geff" in zarr.open_group(folder, mode="r").attrs
    except (OSError, ValueError, KeyError, TypeError, BaseZarrError):
        return False


def _open_labels(graph: Path, metadata: GeffMetadata) -> da.Array:
    related = [item for item in metadata.related_objects or [] if item.type == "labels"]
    if not related:
        raise ValueError("it has no labels with it")
    path = PurePosixPath(related[0].path)
    place = Path(os.path.normpath(graph / path))
    if path.is_absolute() or not place.is_relative_to(graph.parent) or not place.is_dir():
        raise ValueError(f"its labels are not beside it: {path}")
    array = zarr.open_array(place, mode="r")
    labels: da.Array = da.from_array(array, chunks=array.chunks)
    return labels


def _parents(memory: InMemoryGeff) -> dict[int, int]:
    """Daughter -> mother: edges between objects of different labels."""
    metadata, props = memory["metadata"], memory["node_props"]
    labels = next(item for item in metadata.related_objects or [] if item.type == "labels")
    ids = props[labels.label_prop or _LABEL]["values"]
    nodes = np.asarray(memory["node_ids"])
    order = np.argsort(nodes)
    edges = np.asarray(memory["edge_ids"]).reshape(-1, 2)
    rows = order[np.searchsorted(nodes, edges, sorter=order)]
    mothers, daughters = ids[rows[:, 0]], ids[rows[:, 1]]
    differ = mothers != daughters
    pairs = zip(daughters[differ].tolist(), mothers[differ].tolist(), strict=True)
    return {int(daughter): int(mother) for daughter, mother in pairs}


def _scale(axes: list[Axis]) -> ImageScale:
    steps = {axis.name: (axis.scale, axis.scaled_unit) for axis in axes}
    if not {"y", "x"} <= steps.keys():
        return ImageScale()
    origins = {axis.name: (axis.offset, axis.scaled_unit) for axis in axes}
    return scale_of_steps(steps, "z" if "z" in steps and "t" not in steps else "t", origins)
