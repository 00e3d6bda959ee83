"""The package needs no compiler."""

import tomllib
from pathlib import Path

TESTS = Path(__file__).parent


def test_nothing_has_to_be_compiled() -> None:
    """Not here, and not where it is installed: the wheel is made for every system."""
    compiled = {".c", ".cpp", ".cu", ".pyx", ".rs", ".so", ".pyd", ".dylib"}
    package = TESTS.parent / "src" / "napari_sam2"
    assert not [path for path in package.rglob("*") if path.suffix in compiled]
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["requires"] == ["hatchling"]
