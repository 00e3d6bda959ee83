from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from napari_sam2.io.atomic import atomic_path


def test_target_appears_with_what_was_written(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert (tmp_path / "a.txt").read_text() == "new"


def test_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(OSError, match="disk"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_keyboard_interrupt_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_temporary_file_keeps_the_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "movie.ome.tif") as temporary:
        assert temporary.name.endswith("movie.ome.tif")
        assert temporary.parent == tmp_path


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_link_stays_and_what_it_points_to_is_replaced(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    link.symlink_to(real)
    with atomic_path(link) as temporary:
        temporary.write_text("new")
    assert link.is_symlink()
    assert real.read_text() == "new"


@pytest.mark.skipif(sys.platform == "win32", reason="no modes on Windows")
def test_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    target.chmod(0o640)
    with atomic_path(target) as temporary:
        temporary.write_text("new")
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(sys.platform == "win32", reason="no modes on Windows")
def test_new_file_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("")
    with atomic_path(tmp_path / "atomic.txt"):
        pass
    modes = {(tmp_path / name).stat().st_mode for name in ("plain.txt", "atomic.txt")}
    assert len(modes) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no modes on Windows")
def test_file_that_the_body_put_in_place_is_as_readable_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("")
    with atomic_path(tmp_path / "atomic.txt") as temporary:
        temporary.unlink()
        temporary.touch(mode=0o600)
    modes = {(tmp_path / name).stat().st_mode for name in ("plain.txt", "atomic.txt")}
    assert len(modes) == 1


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(FileNotFoundError, match="nowhere does not exist"),
        atomic_path(tmp_path / "nowhere" / "a.txt"),
    ):
        pass


def test_folder_as_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="is a folder"), atomic_path(tmp_path):
        pass


def test_read_only_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")  # root may write anywhere, so it is acted

    monkeypatch.setattr("napari_sam2.io.atomic.os.open", refuse)
    with (
        pytest.raises(PermissionError, match=r"cannot write to the folder .*choose another"),
        atomic_path(tmp_path / "a.txt"),
    ):
        pass
