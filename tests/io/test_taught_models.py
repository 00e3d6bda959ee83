import errno
from pathlib import Path

import numpy as np
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from napari_sam2.io import taught_models
from napari_sam2.io.taught_models import (
    delete_model,
    export_model,
    find_model,
    keep_model,
    rename_model,
)


@pytest.fixture(autouse=True)
def _own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAPARI_SAM2_DATA", str(tmp_path / "data"))


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    path = tmp_path / "taught.safetensors"
    about = {"base": "cells", "before": "0.61", "after": "0.82"}
    save_file({"w": np.arange(3, dtype=np.float16)}, path, metadata=about)
    return path


def test_a_kept_model_is_listed_with_its_figures(checkpoint: Path) -> None:
    keep_model(checkpoint, "Fibroblasts", ["a.tif", "b.sam2"])
    (found,) = taught_models.taught_models()
    assert (found.name, found.movies, found.base) == ("Fibroblasts", ("a.tif", "b.sam2"), "cells")
    assert (found.before, found.after) == (0.61, 0.82)
    assert found.date.startswith("2")


def test_what_the_disk_refuses_is_an_error_of_the_system(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    monkeypatch.setattr(taught_models, "save_file", full)
    with pytest.raises(OSError, match="No space left on device") as told:
        keep_model(checkpoint, "Fibroblasts", [])
    assert told.value.errno == errno.ENOSPC
    assert taught_models.taught_models() == ()


def test_a_kept_model_has_the_same_weights(checkpoint: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", [])
    assert (load_file(kept.path)["w"] == [0, 1, 2]).all()


def test_a_rename_keeps_file_and_figures(checkpoint: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", ["a.tif"])
    rename_model(kept.path, " Skin ")
    (found,) = taught_models.taught_models()
    assert found == type(kept)(**{**vars(kept), "name": "Skin"})


def test_an_empty_name_is_refused(checkpoint: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", [])
    with pytest.raises(ValueError, match="needs a name"):
        rename_model(kept.path, "  ")


def test_a_deleted_model_is_gone(checkpoint: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", [])
    delete_model(kept.path)
    assert taught_models.taught_models() == ()


def test_no_other_file_is_deleted(checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="not among your models"):
        delete_model(checkpoint)
    assert checkpoint.exists()


def test_two_models_of_one_name_do_not_replace_each_other(checkpoint: Path) -> None:
    keep_model(checkpoint, "Cells", [])
    keep_model(checkpoint, "Cells", [])
    assert len(taught_models.taught_models()) == 2


def test_an_exported_model_is_one_complete_file(checkpoint: Path, tmp_path: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", [])
    export_model(kept.path, tmp_path / "out.safetensors")
    assert taught_models.read_model(tmp_path / "out.safetensors").name == "Fibroblasts"


def test_a_damaged_model_is_left_out(checkpoint: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", [])
    kept.path.with_name("broken.safetensors").write_bytes(b"no weights")
    assert taught_models.taught_models() == (kept,)


def test_a_model_of_another_computer_is_found_by_its_file_name(checkpoint: Path) -> None:
    kept = keep_model(checkpoint, "Fibroblasts", [])
    assert find_model(f"C:\\Users\\other\\models\\{kept.path.name}") == kept.path
    assert find_model("/gone/other.safetensors") is None
