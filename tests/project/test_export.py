"""A project goes straight into the format of another tool."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_sam2 import Annotation
from napari_sam2.annotation.objects import Status
from napari_sam2.cli import main
from napari_sam2.io.exports import open_tracked
from napari_sam2.io.project.images import find_image
from napari_sam2.io.project.manifest import MANIFEST, read_manifest
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import read_labels, write_images
from napari_sam2.model import Sam2
from napari_sam2.training.examples import Example
from tests.worlds import World

from .desk import begin, save


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def saved(path: Path, model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Labels of an annotation that is saved; the tiny model is found by its name."""
    monkeypatch.setattr("napari_sam2.cli.project.load", lambda *_: model)
    write_images(path.parent / "movie.tif", world.images)
    annotation = begin(model, world)
    list(annotation.propagate())
    annotation.rename_object(2, "mother")
    folder = save(path, annotation, world, path=str(path.parent / "movie.tif"))
    folder.save()
    folder.close()
    return annotation.labels


def test_project_is_exported_with_its_names(path: Path, saved: np.ndarray) -> None:
    assert shell("export", path, "-o", path.parent / "cells.geff.zarr") == 0
    back = open_tracked(path.parent / "cells.geff.zarr")
    np.testing.assert_array_equal(np.asarray(back.labels), saved)
    assert back.names == {2: "mother"}


def test_its_image_is_measured(path: Path, saved: np.ndarray) -> None:
    assert shell("export", path, "-o", path.parent / "cells.csv") == 0
    with (path.parent / "cells.csv").open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    assert all(float(row["movie_mean"]) >= 0 for row in rows)
    chances = [float(row["error_probability"]) for row in rows]
    assert min(chances) == 0 < max(chances) < 1  # masks that were prompted and tracked


@pytest.mark.parametrize(
    ("scale", "tags"),
    [
        (ImageScale((0.5, 0.25), "um", 120.0), {"unit": "um", "finterval": 120.0}),
        (ImageScale((50, 25), "nm", z_spacing=300.0), {"unit": "nm", "spacing": 300.0}),
    ],
)
@pytest.mark.parametrize("has_file", [True, False])
def test_project_keeps_the_scale_of_its_layer(
    path: Path,
    saved: np.ndarray,
    model: Sam2,
    world: World,
    scale: ImageScale,
    tags: dict[str, Any],
    has_file: bool,
) -> None:
    movie = path.parent / "movie.tif"  # tells no scale, as the image of the layer came without one
    other = path.with_name("other.sam2")
    origin = {"path": str(movie)} if has_file else {}
    folder = save(other, begin(model, world), world, scale=scale, **origin)
    folder.save()
    folder.close()
    output = path.parent / "cells.tif"
    assert shell("export", other, "-o", output, "--image", movie) == 0
    with tifffile.TiffFile(output) as tif:
        assert tif.imagej_metadata is not None
        assert tags.items() <= tif.imagej_metadata.items()
        assert tif.series[0].axes == ("TYX" if scale.interval_s else "ZYX")
        pixels, units = tif.pages.first.tags["YResolution"].value
    assert scale.pixel_size is not None
    assert units / pixels == pytest.approx(scale.pixel_size[0])


def test_an_older_annotation_takes_the_spacing_from_its_image(
    path: Path, model: Sam2, world: World
) -> None:
    movie = path.parent / "stack.tif"
    write_images(movie, world.images, ImageScale((0.5, 0.25), "um", z_spacing=2.0))
    folder = save(path, begin(model, world), world, path=str(movie))
    folder.save()
    folder.close()
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    for name in ("frame_axis", "z_spacing"):
        del manifest["image"][name]
    (path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    found = find_image(path, read_manifest(path))
    assert found.scale == ImageScale((0.5, 0.25), "um", z_spacing=2.0)


def test_an_image_that_was_moved_is_asked_for(
    path: Path, saved: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    (path.parent / "movie.tif").rename(path.parent / "moved.tif")
    given = ("export", path, "-o", path.parent / "cells.tif")
    assert shell(*given) == 2
    assert "--image" in capsys.readouterr().err
    assert shell(*given, "--image", path.parent / "moved.tif") == 0


def test_a_model_is_taught_from_a_project_whose_image_was_moved(
    path: Path,
    saved: np.ndarray,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def teach(network: Sam2, examples: list[Example], *_: Any, **__: Any) -> None:
        raise ValueError(f"learnt {[example.name for example in examples]}")

    monkeypatch.setattr("napari_sam2.training.teach.teach", teach)
    monkeypatch.setattr("napari_sam2.cli.teach.load", lambda *_: None)
    moved = (path.parent / "movie.tif").rename(path.parent / "moved.tif")
    given = ("teach", path, "-o", path.parent / "mine.safetensors")
    assert shell(*given) == 2
    assert "--image" in capsys.readouterr().err
    assert shell(*given, "--image", moved) == 2
    assert f"learnt ['{path.name}']" in capsys.readouterr().err
    assert shell(*given, "--image", moved, "--image", moved) == 2
    assert "1 projects and 2 times --image" in capsys.readouterr().err


@pytest.fixture
def rejected(path: Path, saved: np.ndarray, model: Sam2) -> np.ndarray:
    """Labels of the saved annotation, after a person rejected object 2."""
    with Annotation.load(path, model) as annotation:
        annotation.set_status(2, Status.REJECTED)
        annotation.save()
        return annotation.labels.copy()


def test_a_rejected_object_of_a_project_is_not_exported(
    path: Path, rejected: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell("export", path, "-o", path.parent / "cells.tif") == 0
    assert capsys.readouterr().out.startswith("1 rejected cell was left out\n")
    labels, _ = read_labels(path.parent / "cells.tif")
    np.testing.assert_array_equal(labels, np.where(rejected == 2, 0, rejected))


def test_a_rejected_object_is_not_measured(path: Path, rejected: np.ndarray) -> None:
    assert shell("export", path, "-o", path.parent / "cells.csv") == 0
    with (path.parent / "cells.csv").open(encoding="utf-8") as lines:
        assert {row["object"] for row in csv.DictReader(lines)} == {"1"}


def test_a_rejected_object_is_not_replayed_into_a_file(
    path: Path,
    model: Sam2,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("napari_sam2.cli.replay.load", lambda *_, **__: model)
    write_images(path.parent / "movie.tif", world.images)
    with Annotation(model, path.parent / "movie.tif") as annotation:
        for object_id in (1, 2):
            annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
        annotation.set_status(2, Status.REJECTED)
        annotation.save(path)
    assert shell("replay", path, "-o", path.parent / "cells.tif") == 0
    assert "1 rejected cell was left out" in capsys.readouterr().out
    assert set(np.unique(read_labels(path.parent / "cells.tif")[0])) == {0, 1}
