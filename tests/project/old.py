"""Projects that older versions have saved, what they opened to, and what their files say."""

from __future__ import annotations

import json
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.io.project.journal_file import read_journal
from napari_sam2.tracking import Prompt
from tests.worlds import World

FIXTURES = Path(__file__).parent / "fixtures"
PROJECTS = sorted(path.parent for path in FIXTURES.glob("v*/*/project.sam2"))
NAMES = [f"{path.parent.name}/{path.name}" for path in PROJECTS]


def copied(project: Path, to: Path) -> Path:
    """A copy of a project, which may be opened and changed."""
    return Path(shutil.copytree(project / "project.sam2", to / "project.sam2"))


def movie_of(project: Path) -> World:
    """The image of a project."""
    images = np.load(project / "movie.npz")["movie"]
    return World(images, np.zeros(images.shape, np.uint16), {})


def expected(project: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What the version that saved a project opened it to, and the labels of each step."""
    told = json.loads((project / "expected.json").read_text("utf-8"))
    return told, dict(np.load(project / "labels.npz"))


# What a person sees, as `expected` has it


def shown(prompt: Prompt) -> list[Any]:
    """A prompt; of its mask the area and a checksum."""
    mask = None if prompt.mask is None else np.asarray(prompt.mask)
    return [
        prompt.t,
        prompt.object_id,
        prompt.points.tolist(),
        prompt.labels.tolist(),
        prompt.rounds.tolist(),
        None if prompt.box is None else list(prompt.box),
        None if mask is None else [int(mask.sum()), zlib.crc32(np.packbits(mask).tobytes())],
    ]


def seen(annotation: Annotation) -> dict[str, Any]:
    """Everything beside the labels."""
    objects = annotation.objects
    return {
        "objects": {
            str(key): [one.name, str(one.status), one.parent, one.birth, one.end]
            for key, one in objects.items()
        },
        "next id": annotation.new_object_id(),
        "prompts": [shown(prompt) for prompt in annotation.prompts()],
        "locked": {str(key): sorted(annotation.locked_frames(key)) for key in objects},
        "reviewed": {str(key): sorted(annotation.reviewed_frames(key)) for key in objects},
    }


def scores(annotation: Annotation) -> list[list[float]]:
    """Frame, object and both scores of each mask."""
    return [
        [t, key, score.predicted_iou, score.occlusion_score]
        for key in annotation.objects
        for t in range(annotation.shape[0])
        if (score := annotation.score(t, key)) is not None
    ]


# What the files say, read without the program's own reader


def stored_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Everything that has a tag in the files of a project, as it is there."""
    for path in folder.rglob("*.bin"):
        yield from rows(path.read_bytes())
    for path in folder.glob("*.log"):
        for piece in read_journal(path).pieces:
            yield from rows(piece)


def rows(data: bytes) -> Iterator[dict[str, Any]]:
    """Everything that has a tag in a packed value, and its mask records."""
    raw = zlib.decompress(data)
    (length,) = struct.unpack_from("<I", raw)
    tree = json.loads(raw[8 : 8 + length])
    yield from _tagged(tree["value"])
    for _, fields in tree["records"]:
        yield from _tagged({"is": "MaskRecord", **fields})


def _tagged(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield from [tree] if "is" in tree else []
        for part in tree.values():
            yield from _tagged(part)
    elif isinstance(tree, list):
        for part in tree:
            yield from _tagged(part)
