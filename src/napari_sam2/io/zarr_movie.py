"""Zarr arrays and OME-Zarr images as stacks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import zarr
from zarr.errors import BaseZarrError

from napari_sam2.io.formats import is_zarr
from napari_sam2.io.kept_chunks import KeptChunks
from napari_sam2.io.ngff_metadata import Steps, axis_letter, omero_limits, steps_and_origins
from napari_sam2.io.stack import ImageStack, Limits


@dataclass(frozen=True)
class PlateField:
    """One image of a well of an OME-Zarr plate.

    Attributes
    ----------
    plate : str
        Name of the plate.
    well : str
        Row and column, such as ``"B3"``.
    field : str
        Name of the image in the well, such as ``"0"``.
    path : Path
        Folder of the image, for `open_movie`.
    """

    plate: str
    well: str
    field: str
    path: Path


def plate_fields(folder: Path) -> tuple[PlateField, ...]:
    """Images of all wells of an OME-Zarr plate, in the order of the file.

    Parameters
    ----------
    folder : Path
        A zarr group.

    Returns
    -------
    tuple of PlateField
        Empty if the group is no plate.

    Raises
    ------
    ValueError
        If the plate is incomplete.
    """
    try:
        group = zarr.open_group(folder, mode="r")
        plate = ome_attribute(group, "plate")
        if plate is None:
            return ()
        return tuple(
            PlateField(
                str(plate.get("name") or folder.stem),
                well["path"].replace("/", ""),
                str(image["path"]),
                folder / well["path"] / str(image["path"]),
            )
            for well in plate["wells"]
            for image in ome_attribute(group[well["path"]], "well")["images"]
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder.name} is no complete OME-Zarr plate: {error!r}") from error
    except (OSError, ValueError, BaseZarrError):
        return ()  # an array, or no zarr that can be read: opening it as a movie says why


def ome_attribute(node: Any, name: str) -> Any:
    """Attribute of OME-Zarr 0.4 or 0.5; None if there is none."""
    attributes: Mapping[str, Any] = dict(node.attrs)
    ome = attributes.get("ome")
    return attributes.get(name) or (ome.get(name) if isinstance(ome, Mapping) else None)


def label_image(folder: Path) -> zarr.Group | None:
    """The image in the group ``labels`` of an OME-Zarr folder; None if there is no such group.

    Raises
    ------
    ValueError
        If there are several.
    """
    try:
        group = zarr.open_group(folder / "labels", mode="r")
        names = ome_attribute(group, "labels") or []
        images = [group[str(name)] for name in names]
    except (OSError, ValueError, KeyError, TypeError, BaseZarrError):
        return None
    if len(images) > 1:
        paths = ", ".join(f"{folder.name}/labels/{name}" for name in names)
        raise ValueError(
            f"{folder.name} holds several labels; open one of them by its path: {paths}"
        )
    return images[0] if images and isinstance(images[0], zarr.Group) else None


def zarr_stack(folder: Path, *, as_labels: bool = False) -> ImageStack:
    """A zarr array, the only array or image of a group, or a resolution of an OME-Zarr image.

    Of an image that has labels with it, these are opened with `as_labels`.

    Raises
    ------
    ValueError
        If there is no array or a choice of several.
    """
    labels = label_image(folder) if as_labels else None
    found = _open(folder) if labels is None else _array_of_group(labels, folder.name)
    return ImageStack(
        KeptChunks(found.array),
        found.axes,
        found.steps,
        folder.name,
        found.origins,
        found.shown_limits,
    )


@dataclass(frozen=True, eq=False)
class _Image:
    """An array and what is known of it; see `ImageStack`."""

    array: zarr.Array[Any]
    axes: str
    steps: Steps = field(default_factory=dict)
    origins: Steps = field(default_factory=dict)
    shown_limits: tuple[Limits | None, ...] = ()


def _open(folder: Path) -> _Image:
    node = _node(folder)
    if isinstance(node, zarr.Array):
        return _level_of_image(folder) or _Image(node, _axes_of(node))
    return _array_of_group(node, folder.name)


def _node(folder: Path) -> zarr.Array[Any] | zarr.Group:
    try:
        return zarr.open(folder, mode="r")
    except (OSError, ValueError, KeyError, BaseZarrError) as error:
        raise ValueError(f"{folder.name} cannot be read as zarr: {error}") from error


def _level_of_image(folder: Path) -> _Image | None:
    """An array that is a resolution of the OME-Zarr image in the folder around it."""
    parent = folder.absolute().parent
    if not is_zarr(parent):
        return None
    group = _node(parent)
    if not isinstance(group, zarr.Group):
        return None
    for image in _multiscales(group):
        datasets = image.get("datasets", ()) if isinstance(image, Mapping) else ()
        for level, dataset in enumerate(datasets):
            if isinstance(dataset, Mapping) and dataset.get("path") == folder.name:
                return _array_of_multiscales(group, image, folder.name, level)
    return None


def _axes_of(array: zarr.Array[Any]) -> str:
    """Letters of the axes of an array without metadata of OME; "?" where nothing names them."""
    named: Any = array.metadata.to_dict().get("dimension_names")
    names: Any = named or array.attrs.get("_ARRAY_DIMENSIONS")
    letters = "".join(axis_letter({"name": str(name)}) for name in names or ())
    if len(letters) == array.ndim and "?" not in letters:
        return letters
    long = [place for place, size in enumerate(array.shape) if size > 1]
    colour = ""
    if len(long) == 4 and array.shape[-1] in (3, 4) and array.dtype.kind == "u":
        colour = "S"
    plane = f"YX{colour}"
    if array.ndim < len(plane):
        raise ValueError(f"a zarr array of shape {array.shape} is no movie; expected (T, Y, X)")
    return "?" * (array.ndim - len(plane)) + plane


def _multiscales(group: zarr.Group) -> Any:
    return ome_attribute(group, "multiscales") or []


def _array_of_group(group: zarr.Group, source: str) -> _Image:
    multiscales = _multiscales(group)
    if multiscales:
        return _array_of_multiscales(group, multiscales[0], source)
    arrays = dict(group.arrays())
    images = sorted(_images(group))
    if len(arrays) == 1 and not images:
        array = next(iter(arrays.values()))
        return _Image(array, _axes_of(array))
    if len(images) == 1 and not arrays:
        return _array_of_group(group[images[0]], f"{source}/{images[0]}")  # type: ignore[arg-type]
    names = ", ".join(f"{source}/{name}" for name in sorted([*arrays, *images])) or "none"
    kinds = f"{len(arrays)} arrays" if not images else f"{len(arrays) + len(images)} images"
    raise ValueError(f"{source} holds {kinds}; open one of them by its path: {names}")


def _images(group: zarr.Group, depth: int = 3) -> Iterator[str]:
    """Paths of the OME-Zarr images in a group: series of bioformats2raw, fields of a plate."""
    for name, inner in group.groups():
        if _multiscales(inner):
            yield name
        elif depth > 1:
            yield from (f"{name}/{path}" for path in _images(inner, depth - 1))


def _array_of_multiscales(
    group: zarr.Group, image: Mapping[str, Any], source: str, level: int = 0
) -> _Image:
    """A resolution of an OME-Zarr image, the full one by default, with its axes and their steps."""
    try:
        dataset = image["datasets"][level]
        array = group[dataset["path"]]
        named = image.get("axes", "tczyx")  # versions 0.1 and 0.2 have these axes only
        axes = [axis if isinstance(axis, dict) else {"name": axis} for axis in named]
        letters = "".join(axis_letter(axis) for axis in axes)
        steps, origins = steps_and_origins(axes, letters, dataset, image)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{source} is no complete OME-Zarr image: {error!r}") from error
    if not isinstance(array, zarr.Array):
        raise ValueError(f"{source} is no complete OME-Zarr image: {dataset['path']} is no array")
    shown = omero_limits(ome_attribute(group, "omero"))
    return _Image(array, letters, steps, origins, shown)
