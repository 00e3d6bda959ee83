"""Prompts in files: JSON, or a labels TIFF whose labels are the prompts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sam2.annotation.label_linking import LabelLinks, link_labels
from napari_sam2.annotation.objects import MAX_OBJECT_ID
from napari_sam2.annotation.packed_labels import LabelArray, new_labels
from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.image_folder import LABEL_SUFFIXES, read_image
from napari_sam2.io.rle import decode_rle, encode_rle
from napari_sam2.io.tiff import read_labels
from napari_sam2.tracking.pixels import PixelMask, masks_of
from napari_sam2.tracking.prompts import GUESSES, Prompt

_KEYS = {"frame", "object", "points", "labels", "rounds", "box", "mask", "guess"}


def read_prompts(path: str | os.PathLike[str], shape: tuple[int, int, int]) -> list[Prompt]:
    """Read prompts for a movie and check that they lie in it.

    A JSON file holds ``{"prompts": [...]}``. Each entry has a ``frame`` and an ``object`` and at
    least one of ``points`` [[y, x], ...], ``box`` [y0, x0, y1, x1] and ``mask``. ``labels`` tells
    for each point whether it is on the object (1, the default) or off it (0); ``rounds`` in which
    round of clicks it came (0, the default, first); ``guess`` which of the three masks that the
    network has for a single first click is used (1, the default, to 3). A mask is the path of an
    image, from the folder of the JSON file on, whose non-zero pixels are the object, or run lengths
    as `encode_rle` makes.

    In a labels TIFF every label other than 0 is a mask prompt, on every frame that has labels. One
    with a single image is for frame 0.

    Parameters
    ----------
    path : path
        .json, .tif or .tiff file.
    shape : (T, Y, X)
        Shape of the movie.

    Returns
    -------
    list of Prompt
        In the order of the file, frames of a labels TIFF in order.

    Raises
    ------
    FileNotFoundError
        If the file or the image of a mask is not there.
    ValueError
        If the file is not as described, or a prompt lies outside of the movie; the message names
        the entry.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no prompt file {file}")
    if file.suffix.lower() in (".tif", ".tiff"):
        return labels_as_prompts(read_labels(file)[0], shape, file.name)
    if file.suffix.lower() != ".json":
        raise ValueError(f"prompts are read from .json or .tif files; got {file.name}")
    prompts = []
    taken: set[tuple[int, int]] = set()
    for index, entry in enumerate(entries_of(file)):
        try:
            prompt = prompt_of_entry(entry, shape, file.parent)
            if (prompt.object_id, prompt.t) in taken:
                raise ValueError(
                    f"object {prompt.object_id} has another entry for frame {prompt.t}; "
                    "put both into one"
                )
        except ValueError as error:
            raise ValueError(f"prompts[{index}] of {file.name}: {error}") from error
        taken.add((prompt.object_id, prompt.t))
        prompts.append(prompt)
    return prompts


def read_linked_prompts(
    path: str | os.PathLike[str], shape: tuple[int, int, int]
) -> tuple[list[Prompt], LabelLinks]:
    """Read a labels TIFF whose frames are numbered by themselves, and link masks that overlap.

    Parameters
    ----------
    path : path
        .tif or .tiff file with labels of every frame.
    shape : (T, Y, X)
        Shape of the movie.

    Returns
    -------
    prompts : list of Prompt
        A mask prompt for every mask, with the number of its cell.
    links : LabelLinks
        Which mask belongs to which cell.

    Raises
    ------
    FileNotFoundError
        If the file is not there.
    ValueError
        If it holds no labels of every frame of the movie.
    """
    file = Path(path)
    if file.suffix.lower() not in (".tif", ".tiff"):
        raise ValueError(f"labels to link are read from .tif files; got {file.name}")
    if not file.is_file():
        raise FileNotFoundError(f"there is no prompt file {file}")
    labels = read_labels(file)[0]
    links = link_labels(labels)
    linked = new_labels(labels.shape, np.int32)
    for t, frame in enumerate(labels):
        linked[t] = links.renumbered(frame, t)
    return labels_as_prompts(linked, shape, file.name), links


def files_of_prompts(path: str | os.PathLike[str]) -> tuple[Path, ...]:
    """A prompt file, and the mask images that it names.

    Parameters
    ----------
    path : path
        .json, .tif or .tiff file; see `read_prompts`.

    Returns
    -------
    tuple of Path
        The prompt file first, then the images in the order of the file. They need not be there.

    Raises
    ------
    FileNotFoundError
        If the prompt file is not there.
    ValueError
        If a .json file holds no prompts.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no prompt file {file}")
    if file.suffix.lower() != ".json":
        return (file,)
    masks = (entry.get("mask") for entry in entries_of(file) if isinstance(entry, dict))
    return (file, *(file.parent / mask for mask in masks if isinstance(mask, str)))


def labels_as_prompts(
    labels: LabelArray, shape: tuple[int, int, int], source: str = "labels"
) -> list[Prompt]:
    """A mask prompt for every label of every frame that has any.

    Parameters
    ----------
    labels : (T, Y, X) or (Y, X) integers
        One image alone is for frame 0.
    shape : (T, Y, X)
        Shape of the movie.
    source : str
        Name of the labels, for messages.

    Raises
    ------
    ValueError
        If the labels do not fit the movie or there are none.
    """
    stack = labels[np.newaxis] if labels.ndim == 2 else labels
    if stack.shape[1:] != shape[1:] or stack.shape[0] not in (1, shape[0]):
        raise ValueError(
            f"{source} has the shape {labels.shape}; expected {shape}, or one frame of it"
        )
    prompts = [
        Prompt(t, object_id, mask=mask)
        for t, frame in enumerate(stack)
        for object_id, mask in masks_of(frame).items()
    ]
    if not prompts:
        raise ValueError(f"{source} has no labels other than 0: there is nothing to track")
    return prompts


def write_prompts(path: str | os.PathLike[str], prompts: Iterable[Prompt], planes: int = 1) -> None:
    """Write prompts as JSON, masks as run lengths; see `read_prompts`.

    Parameters
    ----------
    path : path
        File to write.
    prompts : iterable of Prompt
        The prompts.
    planes : int
        Planes of each volume, where frames are the planes of volumes: the file then has the time
        and the plane of each prompt, as `read_volume_prompts` takes them.

    Raises
    ------
    OSError
        If the file cannot be written; an old file is left as it was.
    """
    text = json.dumps({"prompts": [_entry(prompt, planes) for prompt in prompts]}, indent=1)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def entries_of(file: Path) -> list[Any]:
    """Entries of a JSON file of prompts, at least one.

    Raises
    ------
    ValueError
        If it holds none.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.name} is not JSON: {error}") from error
    entries = content.get("prompts") if isinstance(content, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ValueError(f'{file.name} must hold {{"prompts": [...]}} with at least one entry')
    return entries


def prompt_of_entry(entry: Any, shape: tuple[int, int, int], folder: Path) -> Prompt:
    """The prompt of an entry of a JSON file, checked; see `read_prompts`.

    Raises
    ------
    ValueError
        If the entry is not as described there, or lies outside of the movie.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"expected an entry with frame and object; got {entry!r}")
    if unknown := set(entry) - _KEYS:
        raise ValueError(f"{sorted(unknown)} are not known; an entry has {sorted(_KEYS)}")
    t = _integer(entry, "frame", 0, shape[0] - 1)
    object_id = _integer(entry, "object", 1, MAX_OBJECT_ID)
    points = _points(entry.get("points", []), shape)
    box = _box(entry["box"], shape) if entry.get("box") is not None else None
    mask = _mask(entry["mask"], shape, folder) if entry.get("mask") is not None else None
    if not len(points) and box is None and mask is None:
        raise ValueError("give points, a box or a mask")
    labels = _per_point(entry, "labels", len(points), default=1, largest=1)
    rounds = _per_point(entry, "rounds", len(points), default=0, largest=2**31 - 1)
    if (np.diff(rounds) < 0).any():
        raise ValueError(f"rounds must not decrease; got {entry['rounds']}")
    prompt = Prompt(
        t=t,
        object_id=object_id,
        points=points,
        labels=labels.astype(np.int8),
        rounds=rounds.astype(np.int32),
        box=box,
        mask=None if mask is None else PixelMask.of(mask),
        guess=1 if entry.get("guess") is None else _integer(entry, "guess", 1, GUESSES),
    )
    if prompt.guess > 1 and not prompt.has_guesses:
        raise ValueError("guess needs a first round of one click, without a box or mask")
    return prompt


def _integer(entry: dict[str, Any], key: str, smallest: int, largest: int) -> int:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not smallest <= value <= largest:
        raise ValueError(f"{key} must be an integer from {smallest} to {largest}; got {value!r}")
    return value


def _numbers(value: Any, shape: tuple[int, ...], wanted: str) -> NDArray[np.float64]:
    try:
        numbers = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{wanted}; got {value!r}") from error
    sizes_fit = numbers.ndim == len(shape) and all(
        want in (-1, got) for got, want in zip(numbers.shape, shape, strict=True)
    )
    if not sizes_fit or not np.isfinite(numbers).all():
        raise ValueError(f"{wanted}; got {value!r}")
    return numbers


def _points(value: Any, shape: tuple[int, int, int]) -> NDArray[np.float64]:
    if value is None or value == []:
        return np.zeros((0, 2))
    points = _numbers(value, (-1, 2), "points must be [[y, x], ...]")
    low, high = np.array([-0.5, -0.5]), np.array(shape[1:]) - 0.5
    outside = ((points < low) | (points > high)).any(axis=1)
    if outside.any():
        raise ValueError(
            f"point {points[outside][0].tolist()} is outside of the {shape[1:]} image (y, x)"
        )
    return points


def _box(value: Any, shape: tuple[int, int, int]) -> tuple[float, float, float, float]:
    wanted = "box must be [y0, x0, y1, x1] with y0 < y1 and x0 < x1"
    y0, x0, y1, x1 = _numbers(value, (4,), wanted).tolist()
    if not (y0 < y1 and x0 < x1):
        raise ValueError(f"{wanted}; got {value!r}")
    if y1 <= -0.5 or x1 <= -0.5 or y0 >= shape[1] - 0.5 or x0 >= shape[2] - 0.5:
        raise ValueError(f"box {value!r} is outside of the {shape[1:]} image (y, x)")
    return y0, x0, y1, x1


def _has_length(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length


def _mask(value: Any, shape: tuple[int, int, int], folder: Path) -> NDArray[np.bool_]:
    if isinstance(value, str):
        if Path(value).suffix.lower() not in LABEL_SUFFIXES:
            raise ValueError(f"a mask is one of {', '.join(LABEL_SUFFIXES)}; got {value!r}")
        mask: NDArray[np.bool_] = read_image(folder / value, as_labels=True) != 0
    elif isinstance(value, dict):
        if value.get("size") != list(shape[1:]):  # before there is memory for it
            raise ValueError(f"the mask has the size {value.get('size')}; expected {shape[1:]}")
        mask = decode_rle(value)
    else:
        raise ValueError(f"mask must be the path of an image or run lengths; got {value!r}")
    if mask.shape != shape[1:]:
        raise ValueError(f"the mask has the shape {mask.shape}; expected {shape[1:]}")
    if not mask.any():
        raise ValueError("the mask is empty")
    return mask


def _per_point(
    entry: dict[str, Any], key: str, count: int, *, default: int, largest: int
) -> NDArray[np.int64]:
    values = entry.get(key)
    if values is None:
        return np.full(count, default, dtype=np.int64)
    good = _has_length(values, count) and all(
        isinstance(value, int) and 0 <= value <= largest for value in values
    )
    if not good:
        raise ValueError(
            f"{key} must be one integer from 0 to {largest} for each of {count} points; "
            f"got {values!r}"
        )
    return np.array(values, dtype=np.int64)


def _entry(prompt: Prompt, planes: int) -> dict[str, Any]:
    t, z = divmod(prompt.t, planes)
    entry: dict[str, Any] = {"frame": t, "object": prompt.object_id}
    if planes > 1:
        entry["z"] = z
    if len(prompt.points):
        entry["points"] = np.asarray(prompt.points).tolist()
        entry["labels"] = np.asarray(prompt.labels).tolist()
        entry["rounds"] = np.asarray(prompt.rounds).tolist()
    if prompt.box is not None:
        entry["box"] = [float(edge) for edge in prompt.box]
    if prompt.mask is not None:
        entry["mask"] = encode_rle(prompt.mask.full())
    if prompt.guess > 1 and prompt.has_guesses:
        entry["guess"] = prompt.guess
    return entry
