from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_sam2

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "napari_sam2"
FLOORS = ["model", "tracking", "finding", "annotation", "io"]
FLOORS += ["batch", "evaluation", "training", "plugin", "cli"]
ENGINE = FLOORS[:8]
ONLY_IN_NAPARI = {"napari", "qtpy", "magicgui", "superqt", "vispy", "npe2"}


def modules_of(floor: str) -> list[Path]:
    return sorted((SOURCE / floor).rglob("*.py"))


@cache
def imported(path: Path, *, with_types: bool = False) -> frozenset[str]:
    """Full names of all that a module imports, anywhere in it.

    What only type checkers import counts if `with_types` is set.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        is_for_types = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if is_for_types and not with_types:
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            folders = path.relative_to(SOURCE.parent).parts[: -node.level or None]
            home = [*(folders if node.level else ()), *filter(None, [node.module])]
            names |= {".".join([*home, alias.name]) for alias in node.names}
    return frozenset(names)


@pytest.mark.parametrize("floor", FLOORS)
def test_floor_imports_only_floors_below(floor: str) -> None:
    above = FLOORS[FLOORS.index(floor) + 1 :]
    assert modules_of(floor), f"no modules in {floor}"
    for path in modules_of(floor):
        floors = {name.split(".")[1] for name in imported(path) if name.startswith("napari_sam2.")}
        assert not floors & set(above), f"{path.relative_to(ROOT)} imports from a floor above"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports that only type checkers see count as well."""
    modules = {
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts): path
        for path in SOURCE.rglob("*.py")
    }
    modules = {name.removesuffix(".__init__"): path for name, path in modules.items()}
    graph = {
        module: {
            name if name in modules else name.rpartition(".")[0]
            for name in imported(path, with_types=True)
            if name.startswith("napari_sam2.")
        }
        for module, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # raises a CycleError that names the circle


@pytest.mark.parametrize("floor", ENGINE)
def test_engine_names_neither_napari_nor_qt(floor: str) -> None:
    for path in modules_of(floor):
        tops = {name.split(".")[0] for name in imported(path)}
        assert not tops & ONLY_IN_NAPARI, path


def in_fresh_interpreter(code: str) -> str:
    """What code prints in a process of its own, where every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    assert done.stderr == ""
    return done.stdout


def test_engine_loads_neither_napari_nor_qt() -> None:
    """Nor does any of it give a warning when it is imported."""
    names = [
        ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts)
        for floor in ENGINE
        for path in modules_of(floor)
    ]
    loaded = in_fresh_interpreter(
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        "print(*{name.split('.')[0] for name in sys.modules})"
    )
    assert not set(loaded.split()) & (ONLY_IN_NAPARI | {"PyQt6", "PyQt5", "PySide6"})


def test_import_loads_neither_torch_nor_numpy() -> None:
    loaded = in_fresh_interpreter("import sys, napari_sam2\nprint(*sys.modules)")
    assert not set(loaded.split()) & {"torch", "numpy", "napari", "qtpy"}


@pytest.mark.flaky(reruns=2)
def test_import_takes_less_than_a_fifth_of_a_second() -> None:
    clock = "time.process_time()"
    code = f"import time\nstart = {clock}\nimport napari_sam2\nprint({clock} - start)"
    assert min(float(in_fresh_interpreter(code)) for _ in range(3)) < 0.2


@pytest.mark.parametrize("name", [name for name in napari_sam2.__all__ if name != "__version__"])
def test_public_name_is_there(name: str) -> None:
    assert getattr(napari_sam2, name).__name__ == name
    assert name in dir(napari_sam2)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        napari_sam2.nothing  # noqa: B018  # the access is the test


@pytest.mark.napari
def test_manifest_is_valid_and_its_commands_are_there() -> None:
    manifest = PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()
    for command in manifest.contributions.commands or []:
        assert command.python_name is not None
        module, name = command.python_name.split(":")
        assert hasattr(importlib.import_module(module), name)


def test_manifest_leaves_foreign_tiff_files_alone() -> None:
    manifest = PluginManifest.from_file(SOURCE / "napari.yaml")
    patterns = [
        p for reader in manifest.contributions.readers or [] for p in reader.filename_patterns
    ]
    assert patterns
    assert not any(fnmatch("movie.tif", pattern) for pattern in patterns)


def declared() -> set[str]:
    """Distributions that are installed always, and those of evaluations and batches."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    lines = [*project["dependencies"], *extras["evaluation"], *extras["batch"], *extras["cluster"]]
    lines += extras["parquet"]
    return {re.split(r"[\[<>=; ]", line)[0].lower() for line in lines} - {"napari-sam2"}


@cache
def distributions_used() -> dict[str, str]:
    """Distribution and module that uses it, of all third-party imports of the package."""
    known = packages_distributions()
    used: dict[str, str] = {}
    for path in SOURCE.rglob("*.py"):
        for top in {name.split(".")[0] for name in imported(path)}:
            if top in sys.stdlib_module_names or top in {"napari_sam2", *ONLY_IN_NAPARI}:
                continue
            for distribution in known[top]:
                used[distribution.lower().replace("_", "-")] = str(path.relative_to(ROOT))
    return used


def test_what_is_imported_is_declared() -> None:
    missing = {name: path for name, path in distributions_used().items() if name not in declared()}
    assert not missing


def test_what_is_declared_is_imported() -> None:
    # codecs that tifffile looks up by itself
    assert declared() - set(distributions_used()) <= {"imagecodecs"}


def tracked_files() -> list[Path]:
    command = ["git", "-C", str(ROOT), "ls-files", "-z"]
    try:
        names = subprocess.run(command, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a checkout")
    return [ROOT / name for name in names.split("\0") if name]


def test_no_large_file_is_tracked() -> None:
    sizes = {path: path.stat().st_size for path in tracked_files() if path.is_file()}
    assert max(sizes.values()) <= 16 * 2**20
    assert sum(sizes.values()) < 40 * 2**20


def test_wheel_holds_what_is_read_at_run_time() -> None:
    package = Path(napari_sam2.__file__).parent
    for name in ("napari.yaml", "py.typed", "io/data/c2c12.tif", "io/data/c2c12.txt"):
        assert (package / name).is_file(), name


def test_a_scale_source_is_made_without_the_readers_of_files() -> None:
    """The window makes one before the first click."""
    loaded = in_fresh_interpreter(
        "import sys\nfrom napari_sam2.io.file_scale import ScaleSource\nprint(*sys.modules)"
    )
    assert not set(loaded.split()) & {"dask", "zarr", "imageio_ffmpeg", "scipy"}


def test_the_version_has_its_section_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+)", changelog, flags=re.M)
    assert newest is not None
    assert newest[1] == napari_sam2.__version__


def test_the_citation_names_the_version() -> None:
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {napari_sam2.__version__}\n" in citation
