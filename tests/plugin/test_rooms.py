"""Which room of the plugin may import from which: a path says in which thread a file runs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[2] / "src" / "napari_sam2" / "plugin"
ROOMS = {
    "protocol",
    "inference",
    "window",
    "layers",
    "widgets",
    "napari_io",
    "startup",
}
QT = {"qtpy", "superqt", "PyQt6", "PyQt5", "PySide6"}
# Files that import what their room should not, with the reason. Empty is the aim.
ALLOWED: dict[tuple[str, str], str] = {}


def imports(path: Path, is_at_run_time: bool) -> set[str]:
    """Full names of the modules that a file imports, wherever in it.

    At run time means without what only type checkers see, and without what functions import when
    they are called.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if is_at_run_time:
        for node in ast.walk(tree):
            is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            if is_for_types or isinstance(node, ast.FunctionDef):
                node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.name}: write the whole name of the module"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def targets(path: Path, *, is_at_run_time: bool = False) -> set[str]:
    """Rooms of the plugin and packages of others that a file imports."""
    found = set()
    for name in imports(path, is_at_run_time):
        parts = name.split(".")
        is_ours = parts[:2] == ["napari_sam2", "plugin"]
        found.add(parts[2] if is_ours else parts[0])
    return found


def files(room: str) -> list[Path]:
    found = sorted((PLUGIN / room).rglob("*.py"))
    assert len(found) > 1, f"{room} is empty"
    return found


def check(room: str, forbidden: set[str], *, is_at_run_time: bool = False) -> None:
    for path in files(room):
        wrong = targets(path, is_at_run_time=is_at_run_time) & forbidden
        name = f"{room}/{path.name}"
        wrong -= {what for (file, what) in ALLOWED if file == name}
        assert not wrong, f"{name} imports {', '.join(sorted(wrong))}"


def test_every_file_is_in_a_room() -> None:
    assert {path.name for path in PLUGIN.glob("*.py")} == {"__init__.py", "commands.py", "panel.py"}
    assert {path.name for path in PLUGIN.iterdir() if (path / "__init__.py").exists()} == ROOMS


def test_inference_knows_neither_window_nor_widgets_nor_layers() -> None:
    check("inference", {"window", "widgets", "layers", "napari_io", "panel"})


def test_inference_needs_neither_qt_nor_napari() -> None:
    check("inference", {*QT, "napari"})


def test_protocol_knows_none_of_its_neighbours() -> None:
    check("protocol", (ROOMS - {"protocol"}) | {"panel"})


def test_protocol_needs_neither_qt_nor_napari_nor_torch() -> None:
    check("protocol", {*QT, "napari", "torch"})


def test_protocol_loads_nothing_heavy() -> None:
    check("protocol", {"napari_sam2"}, is_at_run_time=True)


def test_edits_are_written_down_without_torch() -> None:
    """The first button is pressed before torch is there, and the window must not wait for it."""
    code = "import sys, napari_sam2.plugin.window.review_actions\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert "napari_sam2.annotation.journal_entries" in ran.stdout.split()
    assert "torch" not in ran.stdout.split()


def test_panel_opens_without_torch_scipy_and_readers() -> None:
    """They are slow to import, and the window would stand still meanwhile."""
    code = "import sys, napari_sam2.plugin.panel\nprint(*sys.modules)"
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    loaded = set(ran.stdout.split())
    assert "napari_sam2.plugin.widgets.saving_widgets" in loaded
    late = {"torch", "zarr", "scipy.ndimage", "scipy.optimize", "scipy.sparse"}
    late |= {"napari_sam2.io.movies", "napari_sam2.io.project.reading"}
    late |= {"PIL.Image", "napari_sam2.annotation.journal"}
    assert not loaded & late


def test_an_image_opens_without_readers_of_files_and_spatial_search() -> None:
    """They are loaded once the image is open, and take longer than all else that opens it."""
    code = (
        "import sys, napari_sam2.plugin.inference.autosave, napari_sam2.annotation.annotation\n"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    heavy = {"imageio", "tifffile", "scipy.spatial", "napari_sam2.io.image_folder"}
    assert not heavy & set(ran.stdout.split())


def test_layers_know_no_widgets() -> None:
    check("layers", {"widgets", "panel", "window", "inference"})


def test_window_knows_no_widgets() -> None:
    check("window", {"widgets", "panel"})


def test_widgets_know_nothing_of_the_inference_thread() -> None:
    check("widgets", {"inference"})


def test_startup_knows_no_other_room() -> None:
    check("startup", (ROOMS - {"startup"}) | {"panel"})


def test_an_allowance_that_is_not_needed_is_gone() -> None:
    for file, what in ALLOWED:
        assert what in targets(PLUGIN / file), f"{file} does not import {what} any more"


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_a_room_says_what_is_in_it(room: str) -> None:
    tree = ast.parse((PLUGIN / room / "__init__.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
