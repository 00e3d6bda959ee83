"""The page about the interaction names tests that are there."""

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "interaction.md"
NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_promise_is_held_by_a_test() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if "::test_" in line]
    assert len(rows) == 25 + 10
    for file, name in NAMED.findall("\n".join(rows)):
        tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, name
