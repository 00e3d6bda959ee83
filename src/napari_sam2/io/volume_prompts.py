"""Prompts on planes of volumes over time, in files: JSON with z, or labels of volumes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.io.movies import TIFF_SUFFIXES, open_stack
from napari_sam2.io.object_ids import as_object_ids
from napari_sam2.io.prompt_files import entries_of, prompt_of_entry
from napari_sam2.io.selection import Selection
from napari_sam2.io.stack import movie_of
from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.prompts import Prompt

VolumePrompt = tuple[int, Prompt]  # time, and a prompt whose frame is the plane


def read_volume_prompts(
    path: str | os.PathLike[str], shape: tuple[int, int, int, int]
) -> list[VolumePrompt]:
    """Read prompts for volumes over time and check that they lie in them.

    A JSON file is as `read_prompts` takes it, and each entry also has the plane, ``z``. In a labels
    TIFF, (Z, Y, X) for the first volume or (T, Z, Y, X), every label other than 0 is a mask on
    each plane that has it. A label on two or more planes is taken as complete: its object ends
    where it ends. A label on one plane grows.

    Parameters
    ----------
    path : path
        .json, .tif or .tiff file.
    shape : (T, Z, Y, X)
        Shape of the volumes.

    Returns
    -------
    list of (int, Prompt)
        Time, and the prompt, whose frame is the plane.

    Raises
    ------
    FileNotFoundError
        If the file or the image of a mask is not there.
    ValueError
        If the file is not as described, or a prompt lies outside of the volumes; the message names
        the entry.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no prompt file {file}")
    if file.suffix.lower() in TIFF_SUFFIXES:
        return labels_as_volume_prompts(_read_labels(file, shape), file.name)
    if file.suffix.lower() != ".json":
        raise ValueError(f"prompts are read from .json or .tif files; got {file.name}")
    prompts: list[VolumePrompt] = []
    taken: set[tuple[int, int, int]] = set()
    for index, entry in enumerate(entries_of(file)):
        try:
            prompt = _prompt_with_z(entry, shape, file.parent)
        except ValueError as error:
            raise ValueError(f"prompts[{index}] of {file.name}: {error}") from error
        t, on_plane = prompt
        if (t, on_plane.t, on_plane.object_id) in taken:
            raise ValueError(
                f"prompts[{index}] of {file.name}: object {on_plane.object_id} has another entry "
                f"for plane {on_plane.t} of frame {t}; put both into one"
            )
        taken.add((t, on_plane.t, on_plane.object_id))
        prompts.append(prompt)
    return prompts


def labels_as_volume_prompts(
    labels: NDArray[np.integer[Any]], source: str = "labels"
) -> list[VolumePrompt]:
    """A mask for every label of every plane, and empty masks where a label ends.

    Parameters
    ----------
    labels : (T, Z, Y, X) integers
        0 is background; volumes without labels have no prompts.
    source : str
        Name of the labels, for messages.

    Raises
    ------
    ValueError
        If there are no labels.
    """
    prompts: list[VolumePrompt] = []
    for t, volume in enumerate(labels):
        planes: dict[int, list[int]] = {}
        for z, plane in enumerate(volume):
            for object_id, mask in masks_of(plane).items():
                prompts.append((t, Prompt(z, object_id, mask=mask)))
                planes.setdefault(object_id, []).append(z)
        nothing = PixelMask.of(np.zeros(volume.shape[1:], bool))
        prompts += [
            (t, Prompt(z, object_id, mask=nothing))
            for object_id, found in planes.items()
            if len(found) > 1
            for z in range(max(found[0] - 1, 0), min(found[-1] + 2, len(volume)))
            if z not in found
        ]
    if not prompts:
        raise ValueError(f"{source} has no labels other than 0: there is nothing to track")
    return prompts


def _prompt_with_z(entry: Any, shape: tuple[int, int, int, int], folder: Path) -> VolumePrompt:
    count, depth, *plane = shape
    z = entry.get("z") if isinstance(entry, dict) else None
    if isinstance(z, bool) or not isinstance(z, int) or not 0 <= z < depth:
        raise ValueError(f"z must be a plane from 0 to {depth - 1}; got {z!r}")
    others = {key: value for key, value in entry.items() if key != "z"}
    prompt = prompt_of_entry(others, (count, plane[0], plane[1]), folder)
    return prompt.t, replace(prompt, t=z)


def _read_labels(file: Path, shape: tuple[int, int, int, int]) -> NDArray[np.integer[Any]]:
    """(T, Z, Y, X) or (1, Z, Y, X) labels of a file, whatever it calls its axes."""
    stack = open_stack(file, as_labels=True)
    long = tuple(length for length in stack.shape if length != 1)
    wanted = {shape: "TZYX", shape[1:]: "ZYX"}.get(long)
    if shape[0] == 1 and long == shape[1:]:
        wanted = "ZYX"
    if wanted is None:
        raise ValueError(
            f"{file.name} has the shape {long}; expected labels of the first volume, {shape[1:]}, "
            f"or of all, {shape}"
        )
    planes = [
        np.asarray(as_object_ids(movie_of(stack, Selection(wanted, z=z))).data)
        for z in range(shape[1])
    ]
    return np.stack(planes, axis=1)
