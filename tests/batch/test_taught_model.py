"""A batch with a model that a person has taught."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from napari_sam2.batch import Plan, run_batch
from napari_sam2.io.project.fingerprint import model_fingerprint
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.samples import Sample
from napari_sam2.io.tiff import write_images
from napari_sam2.model.checkpoint import load_model
from napari_sam2.model.registry import checkpoint_path


def write_taught(path: Path, factor: float) -> None:
    """Weights of the built-in model, one of them changed."""
    weights = load_file(checkpoint_path("cells"))
    name = next(iter(weights))
    weights[name] = weights[name] * factor
    save_file(weights, path, metadata={"preset": "cells", "base": "cells"})


def test_taught_model_tracks_the_batch_and_is_named_in_the_projects(
    wells: Path, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_sam2.batch.movie_task.load_model", load_model)
    write_images(wells / "wells/a.tif", sample.images[:1])
    write_taught(wells / "mine.safetensors", 1.5)
    plan = Plan(
        movies=("wells/a.tif",),
        prompts="prompts/{name}.tif",
        output=Path("out"),
        model="mine.safetensors",
        home=wells,
    )
    assert run_batch(plan).count("done") == 1
    model = read_manifest(wells / "out/a/a.sam2").model
    assert model.name == str(wells / "mine.safetensors")
    assert model.fingerprint == model_fingerprint(load_model(wells / "mine.safetensors"))
    assert run_batch(plan).count("unchanged") == 1
    write_taught(wells / "mine.safetensors", 1.6)
    assert run_batch(plan).count("done") == 1
