"""A saved annotation goes straight into the format of another tool."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_sam2.cli import main
from napari_sam2.io.exports import open_tracked
from napari_sam2.io.tiff import write_images
from napari_sam2.model import Sam2
from tests.worlds import World

from .desk import begin, save


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def saved(path: Path, model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Labels of an annotation that is saved; the tiny model is found by its name."""
    monkeypatch.setattr("napari_sam2.cli.export.load", lambda *_: model)
    write_images(path.parent / "movie.tif", world.images)
    annotation = begin(model, world)
    list(annotation.propagate())
    annotation.rename_object(2, "mother")
    folder = save(path, annotation, world, path=str(path.parent / "movie.tif"))
    folder.save()
    folder.close()
    return annotation.labels


def test_a_saved_annotation_is_exported_with_its_names(path: Path, saved: np.ndarray) -> None:
    assert shell("export", path, "-o", path.parent / "cells.geff.zarr") == 0
    back = open_tracked(path.parent / "cells.geff.zarr")
    np.testing.assert_array_equal(np.asarray(back.labels), saved)
    assert back.names == {2: "mother"}


def test_its_image_is_measured(path: Path, saved: np.ndarray) -> None:
    assert shell("export", path, "-o", path.parent / "cells.csv") == 0
    assert "movie_mean" in (path.parent / "cells.csv").read_text().splitlines()[0]


def test_an_image_that_was_moved_is_asked_for(
    path: Path, saved: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / "movie.tif").rename(path.parent / "moved.tif")
    given = ("export", path, "-o", path.parent / "cells.tif")
    assert shell(*given) == 2
    assert "--image" in capsys.readouterr().err
    assert shell(*given, "--image", path.parent / "moved.tif") == 0
