from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.manifest import read_manifest
from napari_sam2.io.project.reading import is_same_model
from napari_sam2.model import PRESETS, build_model
from napari_sam2.tracking import Tracker
from tests.tracking.tiny import tiny_config

from .desk import reopen, same_seen, save


def as_version_0(folder: Path) -> None:
    """Write session.json as version 0 did."""
    content = json.loads((folder / "session.json").read_text("utf-8"))
    image, model = content["image"], content.pop("model")
    image["contrast"] = image.pop("contrast_limits")
    image["source"] = image.pop("path") or ""
    for name in ("has_user_contrast", "pixel_size", "unit", "interval_s"):
        del image[name]
    content |= {"schema_version": 0, "model": model["name"], "weights": model["fingerprint"]}
    content["time"] = content.pop("saved")
    del content["settings"], content["created"]
    (folder / "session.json").write_text(json.dumps(content), "utf-8")


def test_version_0_is_opened_and_saved_as_version_1(saved, annotation, model, world) -> None:
    saved.close()
    as_version_0(saved.path)
    folder = reopen(saved.path, model, world)
    assert same_seen(folder.annotation, annotation)
    folder.save()
    folder.close()
    assert json.loads((saved.path / "session.json").read_text("utf-8"))["schema_version"] == 1


def test_a_damaged_old_version_is_told(saved) -> None:
    saved.close()
    as_version_0(saved.path)
    content = json.loads((saved.path / "session.json").read_text("utf-8"))
    del content["image"]["contrast"]
    (saved.path / "session.json").write_text(json.dumps(content), "utf-8")
    with pytest.raises(ProjectError, match="damaged"):
        read_manifest(saved.path)


def test_models_of_two_input_sizes_are_two(path, model, world, monkeypatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny_test", tiny_config())
    small = build_model(tiny_config(image_size=32), model.state_dict())
    save(path, Annotation(Tracker(small, world.images)), world).close()
    manifest = read_manifest(path)
    assert (manifest.model.image_size, str(manifest.model)) == (32, "tiny at 32 px")
    assert is_same_model(manifest, small)
    assert not is_same_model(manifest, model)


def test_a_file_without_input_size_is_of_the_size_of_the_preset(saved, model, monkeypatch) -> None:
    monkeypatch.setitem(PRESETS, "tiny_test", tiny_config())
    saved.close()
    content = json.loads((saved.path / "session.json").read_text("utf-8"))
    assert content["model"].pop("image_size") is None
    (saved.path / "session.json").write_text(json.dumps(content), "utf-8")
    manifest = read_manifest(saved.path)
    assert is_same_model(manifest, model)
    small = build_model(tiny_config(image_size=32), model.state_dict())
    assert not is_same_model(manifest, small)
