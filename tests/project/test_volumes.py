"""Projects in 3D: all of it comes back, and is exported with all four axes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from typer.testing import CliRunner

from napari_sam2 import Annotation, write_labels
from napari_sam2.cli import project
from napari_sam2.cli.app import app
from napari_sam2.io.movies import open_movie
from napari_sam2.io.project import migration
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.history import repeat
from napari_sam2.io.project.manifest import MANIFEST, read_manifest
from napari_sam2.io.project.reading import read_deeds
from napari_sam2.io.scale import ImageScale
from napari_sam2.io.tiff import write_images
from napari_sam2.io.volume_exports import TrackedVolumes, write_volume_export
from napari_sam2.io.volume_prompts import read_volume_prompts
from napari_sam2.io.volume_samples import VolumeSample, synthetic_volumes
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker, volume_recipe

from . import desk

SHAPE = (3, 5, 40, 56)
DEPTH = SHAPE[1]


@pytest.fixture(scope="module")
def sample() -> VolumeSample:
    return synthetic_volumes(SHAPE[0], SHAPE[1], SHAPE[2:], cells=2, seed=3)


@pytest.fixture
def movie(tmp_path: Path, sample: VolumeSample) -> Path:
    path = tmp_path / "volumes.tif"
    tifffile.imwrite(
        path,
        sample.images,
        imagej=True,
        resolution=(2.0, 2.0),
        metadata={"axes": "TZYX", "spacing": 1.5, "unit": "um", "finterval": 300.0},
    )
    return path


@pytest.fixture
def annotation(
    model: Sam2, movie: Path, sample: VolumeSample, monkeypatch: pytest.MonkeyPatch
) -> Annotation:
    """The true middle plane of cell 1, tracked through two volumes; not saved."""
    monkeypatch.setattr(volume_recipe, "LEAST_CONTRAST", -np.inf)
    made = Annotation(Tracker(model, open_movie(movie, z="3d"), area_guard=False))
    z = int((sample.labels[0] == 1).sum((1, 2)).argmax())
    made.add_mask(z, 1, sample.labels[0, z] == 1)
    list(made.propagate(0, 2 * DEPTH))
    made.lock(1, [DEPTH + z])
    return made


def test_movie_in_3d_has_the_planes_of_all_volumes(movie: Path, sample: VolumeSample) -> None:
    opened = open_movie(movie, z="3d", frames=slice(1, 3))
    assert opened.shape == (2 * DEPTH, *SHAPE[2:])
    assert np.array_equal(opened.frame(DEPTH + 2), sample.images[2, 2])
    assert opened.note.endswith(
        "all 5 planes, in 3D; frames 1 to 2 of 0 to 2 (frame 0 of the labels is frame 1)"
    )
    assert opened.scale.z_spacing == 1.5
    assert opened.scale.interval_s == 300.0


def test_all_of_it_comes_back(annotation: Annotation, model: Sam2, path: Path) -> None:
    with annotation:
        annotation.save(path)
    with Annotation.load(path, model) as loaded:
        assert loaded.planes == DEPTH
        assert desk.same_seen(loaded, annotation)
        assert loaded.objects_to_track() == (1,)  # the third volume


def test_changes_after_a_save_come_back_and_can_be_undone(
    annotation: Annotation, model: Sam2, path: Path
) -> None:
    with annotation:
        annotation.save(path)
        before = annotation.labels.copy()
        list(annotation.propagate(only_changed=True))
        tracked = annotation.labels.copy()
    assert not np.array_equal(before, tracked)
    with Annotation.load(path, model) as loaded:
        assert np.array_equal(loaded.labels, tracked)
        loaded.undo()
        assert np.array_equal(loaded.labels, before)


def test_images_from_memory_are_given_as_volumes(
    annotation: Annotation, model: Sam2, path: Path, sample: VolumeSample
) -> None:
    with annotation:
        annotation.save(path)
    with Annotation.load(path, model, movie=sample.images) as loaded:
        assert np.array_equal(loaded.labels, annotation.labels)


def test_planes_of_other_volumes_are_another_image(
    annotation: Annotation, model: Sam2, path: Path, sample: VolumeSample
) -> None:
    with annotation:
        annotation.save(path)
    other = sample.images.reshape(5, 3, *SHAPE[2:])
    with pytest.raises(ProjectError, match="volumes of 5 planes; this image has 3"):
        Annotation.load(path, model, movie=other)
    with pytest.raises(ProjectError, match="volumes of 5 planes; this image has 1"):
        Annotation.load(path, model, movie=sample.images.reshape(-1, *SHAPE[2:]))


def test_a_program_that_knows_no_volumes_refuses_the_project_in_words(
    annotation: Annotation, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with annotation:
        annotation.save(path)
    assert json.loads((path / MANIFEST).read_text())["schema_version"] == 2
    monkeypatch.setattr(migration, "IN_3D_VERSION", 1)  # as in a program before 3D
    with pytest.raises(ProjectError, match="saved by a newer napari-sam2"):
        read_manifest(path)


def test_a_project_of_images_stays_one_that_older_programs_read(
    model: Sam2, tmp_path: Path, sample: VolumeSample, path: Path
) -> None:
    write_images(tmp_path / "movie.tif", sample.images[:, 2], ImageScale((1.0, 1.0)))
    with Annotation(model, open_movie(tmp_path / "movie.tif", frames=slice(0, 2))) as made:
        made.add_points(0, 1, [(20, 20)], [1])
        made.save(path)
    content = json.loads((path / MANIFEST).read_text())
    assert content["schema_version"] == 1
    assert "planes" not in content["image"]["part"]


def test_history_is_repeated_volume_by_volume(
    model: Sam2, movie: Path, path: Path, sample: VolumeSample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_recipe, "LEAST_CONTRAST", -np.inf)
    z = int((sample.labels[1] == 1).sum((1, 2)).argmax())

    def begin() -> Annotation:
        return Annotation(Tracker(model, open_movie(movie, z="3d"), area_guard=False))

    with begin() as made:
        made.save(path)
        made.add_mask(DEPTH + z, 1, sample.labels[1, z] == 1)
        list(made.propagate())
        made.lock(1, [DEPTH + z])
        labels = made.labels.copy()
    assert labels[2 * DEPTH :].any()
    assert labels[:DEPTH].any()
    deeds = read_deeds(path, read_manifest(path))
    other = begin()
    steps = list(repeat(deeds, other))
    assert np.array_equal(other.labels, labels)
    assert len(steps) < 12  # a step for each volume, not for each plane


def test_prompts_beside_the_project_are_those_of_the_shell(
    annotation: Annotation, path: Path
) -> None:
    with annotation:
        annotation.save(path)
        ((t, prompt),) = read_volume_prompts(path / "prompts.json", SHAPE)
        assert (t, prompt.t) == divmod(annotation.prompts()[0].t, DEPTH)


@pytest.mark.parametrize("name", ["labels.tif", "labels.ome.tif"])
def test_labels_are_written_with_all_axes(
    annotation: Annotation, tmp_path: Path, name: str
) -> None:
    write_labels(tmp_path / name, annotation)
    with tifffile.TiffFile(tmp_path / name) as tif:
        assert tif.series[0].axes == "TZYX"
        assert np.array_equal(tif.asarray().reshape(-1, *SHAPE[2:]), annotation.labels)
    from napari_sam2 import open_volumes

    scale = open_volumes(tmp_path / name).scale
    assert scale.voxel_size == pytest.approx((1.5, 0.5, 0.5))
    assert scale.interval_s == 300.0


def test_shell_exports_volumes_of_a_project(
    annotation: Annotation,
    path: Path,
    tmp_path: Path,
    model: Sam2,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(project, "load", lambda *_: model)
    with annotation:
        annotation.save(path)
        voxels = (annotation.labels.reshape(SHAPE) == 1).sum((1, 2, 3))
        exported(path, tmp_path / "cells.csv")
        exported(path, tmp_path / "cells.ome.zarr")
    with (tmp_path / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["volume_voxels"]) for row in rows] == voxels[voxels > 0].tolist()
    assert all(0 < float(row["predicted_iou"]) <= 1 for row in rows)
    assert {"centroid_z_um", "volume_um3", "first_plane", "time_s"} <= rows[0].keys()
    labels = zarr.open_group(tmp_path / "cells.ome.zarr", mode="r")["labels/cells/0"]
    assert np.array_equal(labels[...].reshape(-1, *SHAPE[2:]), annotation.labels)


def exported(saved: Path, output: Path) -> None:
    result = CliRunner().invoke(app, ["export", str(saved), "-o", str(output)])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("name", ["cells.ctc", "cells.geff.zarr", "cells.coco.json", "cells.mp4"])
def test_format_for_images_is_refused_in_words(
    annotation: Annotation, tmp_path: Path, name: str
) -> None:
    tracked = TrackedVolumes(annotation.labels.reshape(SHAPE))
    with pytest.raises(ValueError, match="holds images, not volumes"):
        write_volume_export(tmp_path / name, tracked)
    assert not (tmp_path / name).exists()


def test_rejected_cells_are_left_out(annotation: Annotation, tmp_path: Path) -> None:
    annotation.set_status(1, "rejected")
    write_labels(tmp_path / "labels.tif", annotation)
    assert not tifffile.imread(tmp_path / "labels.tif").any()
