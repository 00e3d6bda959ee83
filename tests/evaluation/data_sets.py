"""Small data sets on the disk, laid out as DAVIS, MOSE, YouTube-VOS and SA-V."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from tests.evaluation.worlds import drawn

TRUTH = drawn("1...", "1...", "1.2.", "1.2.", "1.2.", "1.2.")


def write_frames(folder: Path, count: int, shape: tuple[int, int]) -> None:
    folder.mkdir(parents=True)
    for t in range(count):
        Image.fromarray(np.zeros((*shape, 3), np.uint8)).save(folder / f"{t:05d}.jpg")


def write_palette(file: Path, labels: np.ndarray) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels.astype(np.uint8))
    image.putpalette([value for k in range(256) for value in (k * 7 % 256, k * 31 % 256, k)])
    image.save(file)


def davis(root: Path, names: Iterable[str] = ("camel",)) -> Path:
    for name in names:
        write_frames(root / "JPEGImages/480p" / name, len(TRUTH), TRUTH.shape[1:])
        for t, labels in enumerate(TRUTH):
            write_palette(root / f"Annotations/480p/{name}/{t:05d}.png", labels)
    (root / "ImageSets/2017").mkdir(parents=True)
    (root / "ImageSets/2017/val.txt").write_text("\n".join(names) + "\n")
    return root


def youtube(root: Path, frames: Iterable[int] = (0, 2, 4)) -> Path:
    """With labels on some frames, and the categories of both objects."""
    write_frames(root / "JPEGImages/a1", len(TRUTH), TRUTH.shape[1:])
    for t in frames:
        write_palette(root / f"Annotations/a1/{t:05d}.png", TRUTH[t])
    objects = {
        "1": {"category": "fibroblast", "frames": ["00000"]},
        "2": {"category": "neuron", "frames": ["00002"]},
    }
    (root / "meta.json").write_text(json.dumps({"videos": {"a1": {"objects": objects}}}))
    return root


def sa_v(root: Path) -> Path:
    """Two objects that overlap, with masks on every fourth frame; the second appears later."""
    shape = (8, 10)
    write_frames(root / "JPEGImages_24fps/s1", 9, shape)
    for t in (0, 4, 8):
        mask = np.zeros(shape, np.uint8)
        mask[2:6, 1:7] = 255
        file = root / f"Annotations_6fps/s1/000/{t:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mask).save(file)
        other = np.roll(mask, 2, axis=1) if t else np.zeros_like(mask)
        file = root / f"Annotations_6fps/s1/001/{t:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(other).save(file)
    (root / "sav_val.txt").write_text("s1\n")
    return root
