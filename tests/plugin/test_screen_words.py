"""Words on screen: an object is a cell there, and an accepted frame is reviewed."""

import ast
import re
from pathlib import Path

import pytest

import napari_sam2.plugin
from napari_sam2.errors import ObjectError
from napari_sam2.plugin.inference.thread import _explain

PLUGIN = Path(napari_sam2.plugin.__file__).parent
SOURCES = [
    PLUGIN / "panel.py",
    *sorted((PLUGIN / "widgets").glob("*.py")),
    *sorted((PLUGIN / "window").glob("*.py")),
]
WORDS_OF_THE_CODE = re.compile(r"\b(objects?|accept(s|ed)?|adopt(s|ed)?)\b", re.IGNORECASE)


def texts(source: Path) -> list[str]:
    """String literals of a file with more than one word, without its docstrings."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings and " " in node.value
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_texts_on_screen_use_no_words_of_the_code(source):
    assert [text for text in texts(source) if WORDS_OF_THE_CODE.search(text)] == []


def test_an_object_of_an_error_is_a_cell_on_screen():
    error = ObjectError("neither {0} nor {1} has a mask from frame {t} on", 2, 3, t=4)
    assert str(error) == "neither object 2 nor object 3 has a mask from frame 4 on"
    assert _explain(error) == "neither cell 2 nor cell 3 has a mask from frame 4 on"
