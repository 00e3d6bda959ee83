"""Weights in, network out; whatever is no weights is refused and never run."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from napari_sam2.model import (
    PRESETS,
    Sam2,
    build_model,
    load_model,
    read_state,
    recognise,
    registry,
)
from napari_sam2.model.checkpoint import resolve_device

SUFFIXES = (".pt", ".safetensors")


@pytest.fixture(scope="module")
def cells() -> Sam2:
    torch.manual_seed(0)
    return build_model(PRESETS["cells"])


def save(state: dict[str, Tensor], path: Path) -> Path:
    """Write weights as our own or as official files have them."""
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"model": state}, path)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_weights_come_back(cells: Sam2, tmp_path: Path, suffix: str) -> None:
    path = save(cells.state_dict(), tmp_path / f"mine{suffix}")
    model = load_model(path, "cpu")
    assert model.config == PRESETS["cells"]
    loaded = model.state_dict()
    assert loaded.keys() == cells.state_dict().keys()
    assert all(torch.equal(loaded[key], value) for key, value in cells.state_dict().items())


def test_bare_state_dict_is_taken_too(cells: Sam2, tmp_path: Path) -> None:
    torch.save(cells.state_dict(), tmp_path / "bare.pt")
    assert read_state(tmp_path / "bare.pt").keys() == cells.state_dict().keys()


def test_loaded_network_is_for_inference(cells: Sam2, tmp_path: Path) -> None:
    model = load_model(save(cells.state_dict(), tmp_path / "mine.pt"), "cpu")
    assert not model.training
    assert not any(weight.requires_grad for weight in model.parameters())
    assert model.device == torch.device("cpu")


def test_half_precision_file_gives_a_float32_network(cells: Sam2, tmp_path: Path) -> None:
    half = {key: value.half() for key, value in cells.state_dict().items()}
    model = load_model(save(half, tmp_path / "half.safetensors"), "cpu")
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_embedded_model_is_loaded_by_its_name(
    cells: Sam2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = {key: value.half() for key, value in cells.state_dict().items()}
    path = save(half, tmp_path / "cells.safetensors")
    monkeypatch.setattr(registry, "embedded_path", lambda: path)
    model = load_model(device="cpu")
    assert model.config.name == "cells"
    torch.testing.assert_close(model.no_mem_embed, cells.no_mem_embed, rtol=1e-3, atol=1e-4)


def test_missing_file_is_told_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*nowhere\.pt"):
        load_model(tmp_path / "nowhere.pt")


def test_official_model_that_is_not_downloaded_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "cache_dir", lambda: tmp_path / "cache")
    with pytest.raises(FileNotFoundError, match=r"models download sam2\.1_tiny") as error:
        load_model("sam2.1_tiny")
    assert str(tmp_path / "cache") in str(error.value)
    assert registry.REGISTRY["sam2.1_tiny"].url in str(error.value)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_truncated_file_is_refused(cells: Sam2, tmp_path: Path, suffix: str, share: float) -> None:
    path = save({"weight": torch.ones(5000)}, tmp_path / f"cut{suffix}")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=rf"cut\{suffix} is no readable checkpoint"):
        load_model(path)


def _text(path: Path) -> None:
    path.write_text("these are no weights\n" * 50)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "these are no weights")


def _list(path: Path) -> None:
    torch.save([1, 2, 3], path)


def _numbers(path: Path) -> None:
    torch.save({"model": {"epoch": 3}}, path)


def _array(path: Path) -> None:
    with path.open("wb") as file:
        pickle.dump([[1, 2], [3, 4]], file)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("write", [_text, _zip, _list, _numbers, _array])
def test_foreign_file_is_refused(
    tmp_path: Path, write: Callable[[Path], None], suffix: str
) -> None:
    path = tmp_path / f"foreign{suffix}"
    write(path)
    with pytest.raises(ValueError, match=r"foreign\.\w+ (is no readable|holds no SAM 2)"):
        load_model(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(content=st.binary(max_size=300), suffix=st.sampled_from(SUFFIXES), is_zip=st.booleans())
def test_any_bytes_are_refused_alike(
    tmp_path: Path, content: bytes, suffix: str, is_zip: bool
) -> None:
    path = tmp_path / f"noise{suffix}"
    path.write_bytes(b"PK\x03\x04" * is_zip + content)
    with pytest.raises(ValueError, match=r"noise\.\w+ (is no readable|holds no SAM 2)"):
        read_state(path)


class Runs:
    """Something that makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.folder),)


@pytest.mark.parametrize("is_zip", [True, False])
def test_code_in_a_checkpoint_never_runs(tmp_path: Path, is_zip: bool) -> None:
    path, folder = tmp_path / "evil.pt", tmp_path / "made"
    if is_zip:
        torch.save({"model": Runs(folder)}, path)
    else:
        path.write_bytes(pickle.dumps({"model": Runs(folder)}))
    with pytest.raises(ValueError, match=r"evil\.pt is no readable checkpoint"):
        load_model(path)
    assert not folder.exists()


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    path = save(torch.nn.Linear(3, 3).state_dict(), tmp_path / "linear.pt")
    with pytest.raises(ValueError, match="no SAM 2 weights: image encoder or mask decoder"):
        load_model(path)


def test_unknown_size_is_told_with_the_known_ones(cells: Sam2, tmp_path: Path) -> None:
    state = {k: v for k, v in cells.state_dict().items() if ".blocks.8." not in k}
    with pytest.raises(ValueError, match=r"width 32 with 8 blocks is none of the known .*cells"):
        recognise(state)


def test_encoder_without_blocks_is_refused(cells: Sam2) -> None:
    state = {k: v for k, v in cells.state_dict().items() if ".blocks." not in k}
    with pytest.raises(ValueError, match="width 32 with 0 blocks"):
        recognise(state)


@pytest.mark.parametrize("change", ["missing", "unexpected", "another shape"])
def test_weights_that_do_not_fit_are_refused(cells: Sam2, tmp_path: Path, change: str) -> None:
    state = dict(cells.state_dict())
    if change == "missing":
        del state["no_mem_embed"]
    elif change == "unexpected":
        state["no_mem_embedding"] = torch.zeros(1)
    else:
        state["no_mem_embed"] = torch.zeros(1, 1, 64)
    with pytest.raises(ValueError, match=r"do not fit cells: [\s\S]*no_mem_embed"):
        load_model(save(state, tmp_path / "other.safetensors"))


@pytest.mark.parametrize("device", ["gpu", "cuda:x", ""])
def test_unknown_device_is_refused_before_anything_is_read(device: str) -> None:
    with pytest.raises(ValueError, match=r"unknown device .*use auto, cpu, cuda or mps"):
        load_model("nowhere.pt", device)


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_device_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(ValueError, match=f"no {kind} device on this machine: use cpu or auto"):
        resolve_device(kind)


@pytest.mark.parametrize(
    ("has_cuda", "has_mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_the_fastest_device(
    monkeypatch: pytest.MonkeyPatch, has_cuda: bool, has_mps: bool, expected: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_cuda)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: has_mps)
    assert resolve_device("auto").type == expected
