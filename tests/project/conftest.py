from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.model import Sam2
from tests.tracking.tiny import build_tiny_model
from tests.worlds import World, discs_that_cross

from . import desk


@pytest.fixture(scope="session")
def model() -> Sam2:
    return build_tiny_model()


@pytest.fixture
def world() -> World:
    return discs_that_cross()


@pytest.fixture
def annotation(model: Sam2, world: World) -> Annotation:
    return desk.begin(model, world)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "Bewegte Zellen – 細胞.sam2"


@pytest.fixture
def saved(path: Path, annotation: Annotation, world: World) -> Iterator[ProjectFolder]:
    """Both discs clicked, tracked over a few frames, and saved."""
    list(annotation.propagate(0, 5))
    folder = desk.save(path, annotation, world)
    yield folder
    folder.close()


@pytest.fixture
def reopened(path: Path, model: Sam2, world: World) -> Iterator[Callable[..., ProjectFolder]]:
    """Opens the project again, as after the program was killed."""
    opened: list[ProjectFolder] = []

    def reopen(**options: Any) -> ProjectFolder:
        opened.append(desk.reopen(path, model, world, **options))
        return opened[-1]

    yield reopen
    for folder in opened:
        folder.close()


@pytest.fixture
def long_world() -> World:
    """The world walked to and fro, so that it has several ranges of frames."""
    world = discs_that_cross()
    order = [*range(8), *reversed(range(8))] * 3
    discs = {
        key: replace(disc, path=lambda t, path=disc.path: path(order[t]))
        for key, disc in world.discs.items()
    }
    return World(world.images[order], world.labels[order], discs)


@pytest.fixture
def annotation_of(model: Sam2) -> Callable[[World], Annotation]:
    return partial(desk.begin, model)
