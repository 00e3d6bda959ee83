"""Shards: folders of clips that a training run reads through memory maps.

A shard folder holds shards, each of three files: ``00000.images.npy`` (N, T, Y, X[, 3]) uint8,
``00000.labels.npy`` (N, T, Y, X) uint8 or uint16, and ``00000.json`` with the source of each clip
and its ``parents``. The JSON file is written last: a shard without it is not finished and is not
read.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .synthetic import Clip, generate_clip

CLIPS_PER_SHARD = 50


@dataclass(frozen=True, eq=False)
class Shard:
    """Some clips of a shard folder, mapped from disk.

    Attributes
    ----------
    images : (N, T, Y, X) or (N, T, Y, X, 3) uint8
    labels : (N, T, Y, X) uint8 or uint16
    sources : list of str
        Where each clip comes from, such as the kind of a synthetic one.
    parents : list of dict of int to int
        Daughter to mother, for each clip.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.integer]
    sources: list[str]
    parents: list[dict[int, int]]


def write_synthetic_shards(
    folder: str | Path,
    count: int,
    kinds: Mapping[str, float],
    shape: tuple[int, int] = (256, 256),
    frames: int = 8,
    seed: int = 0,
    processes: int = 1,
) -> None:
    """Write synthetic clips into a folder.

    Parameters
    ----------
    folder : str or Path
        Made if missing.
    count : int
        Number of clips.
    kinds : mapping of str to float
        Weight of each kind.
    shape : (int, int)
        Size (Y, X) in pixels.
    frames : int
        Frames of a clip.
    seed : int
        The same arguments write the same clips, whatever `processes` is.
    processes : int
        Number of processes; 1 works in this one.

    Raises
    ------
    ValueError
        If `count` or a weight is out of range.
    FileExistsError
        If the folder already has shards.
    """
    if count < 1:
        raise ValueError(f"count must be at least 1; got {count}")
    names = draw_sources(kinds, count, seed)
    make = partial(_make_synthetic, shape=shape, frames=frames, seed=seed)
    if processes == 1:
        write_shards(folder, map(make, names, range(count)))
        return
    with ProcessPoolExecutor(processes) as pool:
        write_shards(folder, pool.map(make, names, range(count), chunksize=8))


def write_shards(folder: str | Path, clips: Iterable[tuple[str, Clip]]) -> None:
    """Write clips of equal shape as shards, each complete before it can be read.

    Parameters
    ----------
    folder : str or Path
        Made if missing.
    clips : iterable of (str, Clip)
        Source and clip; taken one shard at a time.

    Raises
    ------
    FileExistsError
        If the folder already has shards.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("*.images.npy")):
        raise FileExistsError(
            f"{folder} already has a shard folder: name a new folder or remove it first"
        )
    for number, batch in enumerate(_batches(clips, CLIPS_PER_SHARD)):
        _write_shard(folder / f"{number:05d}", batch)


def read_shards(folder: str | Path) -> list[Shard]:
    """Open the finished shards of a shard folder.

    Parameters
    ----------
    folder : str or Path
        Written by `write_synthetic_shards` or `write_shards`.

    Returns
    -------
    list of Shard
        Pixels are read when they are used.

    Raises
    ------
    FileNotFoundError
        If the folder has no finished shard.
    """
    notes = sorted(Path(folder).glob("*.json"))
    if not notes:
        raise FileNotFoundError(f"no finished shards (*.json) in {folder}: is it a shard folder?")
    return [_read_shard(note.with_suffix("")) for note in notes]


def draw_sources(weights: Mapping[str, float], count: int, seed: int) -> list[str]:
    """Draw `count` names by weight.

    Raises
    ------
    ValueError
        If there are no names, or the weights are negative or all zero.
    """
    values = np.array(list(weights.values()), float)
    if not len(values) or values.min() < 0 or values.sum() == 0:
        raise ValueError(f"weights must be positive numbers, at least one; got {dict(weights)}")
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(values), count, p=values / values.sum())
    names = list(weights)
    return [names[i] for i in chosen]


def _make_synthetic(
    kind: str, index: int, shape: tuple[int, int], frames: int, seed: int
) -> tuple[str, Clip]:
    return kind, generate_clip(kind, shape, frames, seed * 1_000_003 + index)


def _batches(clips: Iterable[tuple[str, Clip]], size: int) -> Iterator[list[tuple[str, Clip]]]:
    rest = iter(clips)
    while batch := list(islice(rest, size)):
        yield batch


def _write_shard(stem: Path, batch: list[tuple[str, Clip]]) -> None:
    sources, clips = zip(*batch, strict=True)
    labels = np.stack([clip.labels for clip in clips])
    if labels.max() < 256:
        labels = labels.astype(np.uint8)
    np.save(f"{stem}.images.npy", np.stack([clip.images for clip in clips]))
    np.save(f"{stem}.labels.npy", labels)
    note = {"sources": sources, "parents": [clip.parents for clip in clips]}
    unfinished = stem.with_suffix(".tmp")
    unfinished.write_text(json.dumps(note))
    unfinished.replace(stem.with_suffix(".json"))


def _read_shard(stem: Path) -> Shard:
    note = json.loads(stem.with_suffix(".json").read_text())
    return Shard(
        images=np.load(f"{stem}.images.npy", mmap_mode="r"),
        labels=np.load(f"{stem}.labels.npy", mmap_mode="r"),
        sources=note["sources"],
        parents=[dict(_int_items(parents)) for parents in note["parents"]],
    )


def _int_items(parents: Mapping[str, int]) -> Iterator[tuple[int, int]]:
    return ((int(daughter), mother) for daughter, mother in parents.items())
