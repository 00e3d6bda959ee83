from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_sam2.io.session.errors import SessionError
from napari_sam2.io.session.manifest import read_manifest

from .desk import reopen, same_seen


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
    with pytest.raises(SessionError, match="damaged"):
        read_manifest(saved.path)
