"""The page about the interaction names tests that are there."""

import ast
import re
import tomllib
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "interaction.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_nothing_has_to_be_compiled() -> None:
    """Not here, and not where it is installed: the wheel is made for every system."""
    compiled = {".c", ".cpp", ".cu", ".pyx", ".rs", ".so", ".pyd", ".dylib"}
    package = TESTS.parent / "src" / "napari_sam2"
    assert not [path for path in package.rglob("*") if path.suffix in compiled]
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["build-system"]["requires"] == ["hatchling"]


def test_every_promise_is_held_by_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "::test_" in line]
    assert rows
    for file, name in NAMED.findall("\n".join(rows)):
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
