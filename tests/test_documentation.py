"""Documentation: examples run, links lead somewhere, tests and files that are named exist."""

from __future__ import annotations

import ast
import re
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.main import get_command

import napari_sam2
from napari_sam2.cli.app import app
from napari_sam2.io.tiff import write_images, write_volume_labels
from napari_sam2.io.volume_samples import synthetic_volumes
from napari_sam2.model import Sam2
from tests.tracking.tiny import build_tiny_model
from tests.worlds import two_discs

ROOT = Path(__file__).parents[1]
API = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        ROOT / "src" / "napari_sam2" / "weights" / "MODEL_CARD.md",
    ]
)
OLD_NAMES = {"docs/lab/renames.md"}  # names files that are gone
PACKAGE = ROOT / "src" / "napari_sam2"
LINK = re.compile(r"\]\(([^)\s]+)\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
FILE = re.compile(r"`((?:[\w-]+/)+[\w.-]+\.(?:py|toml|md|txt))`")
KEY = re.compile(r"((Ctrl|Shift)\+)*(\S|Esc|Enter|Backspace)")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, str]:
    """Text below each heading of a page."""
    parts = re.split(r"^##+ (.+)\n", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def examples() -> dict[str, str]:
    """Python blocks, by the page and the heading that they stand under."""
    pages = {
        "api": sections(API),
        "README": {"In Python": sections(README)["In Python"]},
    }
    return {
        f"{page}: {heading}": code
        for page, found in pages.items()
        for heading, text in found.items()
        for code in BLOCK.findall(text)
    }


@pytest.fixture(scope="module")
def model() -> Sam2:
    return build_tiny_model()


@pytest.fixture
def _folder(tmp_path: Path, model: Sam2, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a small movie, in which every model is a tiny one."""
    discs = two_discs().images[:3]
    margins = [(0, 0), (0, 128 - discs.shape[1]), (0, 128 - discs.shape[2])]
    write_images(tmp_path / "movie.tif", np.pad(discs, margins))
    (tmp_path / "acquisition").mkdir()
    for t, image in enumerate(np.pad(discs, margins)):
        tifffile.imwrite(tmp_path / f"acquisition/t{t}.tif", image)
    volumes = synthetic_volumes(2, 4, (40, 56), cells=2, seed=1)
    write_volume_labels(tmp_path / "volumes.tif", volumes.images, volumes.scale)
    monkeypatch.chdir(tmp_path)
    for place in ("napari_sam2", "napari_sam2.io.project.saving"):
        monkeypatch.setattr(f"{place}.load_model", lambda *_, **__: model, raising=False)


@pytest.mark.usefixtures("_folder")
@pytest.mark.parametrize("name", examples())
def test_example_runs(name: str) -> None:
    exec(compile(examples()[name], name, "exec"), {})


def test_every_public_name_is_on_the_page() -> None:
    with_example = {name.partition(": ")[2] for name in examples()}
    assert {name for name in napari_sam2.__all__ if name != "__version__"} <= with_example


def by_name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that a code host gives the headings of a page."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    titles = re.findall(r"^#+ (.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def functions(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in LINK.findall(page.read_text(encoding="utf-8")):
        if link.startswith("http"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_test_that_a_page_names_exists(page: Path) -> None:
    for file, name in TEST.findall(page.read_text(encoding="utf-8")):
        if by_name(page) not in OLD_NAMES:
            assert (ROOT / file).is_file(), file
            assert not name or name in functions(ROOT / file), f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=by_name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    for file in FILE.findall(page.read_text(encoding="utf-8")):
        is_there = (ROOT / file).is_file() or (PACKAGE / file).is_file()
        assert is_there or by_name(page) in OLD_NAMES, file


@pytest.mark.parametrize("page", ["reliability.md", "promises.md"])
def test_every_promise_names_a_test(page: str) -> None:
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\| (?!---)", line) and "| test |" not in line]
    assert rows
    for row in rows:
        assert TEST.search(row), row


def test_every_page_is_in_the_list_of_pages() -> None:
    index = ROOT / "docs" / "index.md"
    lab = ROOT / "docs" / "lab" / "README.md"
    listed = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in (index, lab)
        for link in LINK.findall(page.read_text(encoding="utf-8"))
    }
    assert {page for page in (ROOT / "docs").rglob("*.md") if page != index} <= listed


def test_the_page_about_keys_has_the_keys_of_the_window() -> None:
    sheet = PACKAGE / "plugin" / "widgets" / "cheat_sheet.py"
    tree = ast.parse(sheet.read_text(encoding="utf-8"))
    (value,) = (node.value for node in tree.body if isinstance(node, ast.AnnAssign))
    names = {key for rows in ast.literal_eval(value).values() for key, _ in rows}
    page = (ROOT / "docs" / "keys.md").read_text(encoding="utf-8")
    on_page = set(re.findall(r"^\| `([^`]+)` \|", page, flags=re.M))
    assert on_page == {name for name in names if KEY.fullmatch(name)}


def test_the_page_about_commands_has_every_command() -> None:
    import typer

    from napari_sam2.cli.app import app

    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    on_page = re.findall(r"^\| `(\w+)` \|", page, flags=re.M)
    assert set(on_page) == set(typer.main.get_group(app).commands)


def test_every_part_of_the_package_is_on_the_architecture_page() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors = [path for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    rooms = [path for path in (PACKAGE / "plugin").iterdir() if (path / "__init__.py").is_file()]
    for folder in (*floors, *rooms):
        assert f"{folder.name}/" in page, folder.name


@pytest.mark.parametrize("script", ["evaluate_all.py", "evaluate_stills.py", "volumes.py"])
def test_scripts_find_their_marks_on_their_page(script: str) -> None:
    found = runpy.run_path(str(ROOT / "docs" / "scripts" / script))
    text = found["PAGE"].read_text(encoding="utf-8")
    assert text.count(found["BEGIN"]) == text.count(found["END"]) == 1


@pytest.mark.parametrize(
    ("page", "link", "on_site"),
    [
        ("index.md", "../CONTRIBUTING.md", "contributing.md"),
        ("how-to/find.md", "../../src/napari_sam2/weights/MODEL_CARD.md", "../model-card.md"),
        ("contributing.md", "docs/how-to/find.md", "how-to/find.md"),
        ("model-card.md", "../../../docs/images/story.png", "images/story.png"),
        ("how-to/find.md", "correct.md#a", "correct.md#a"),
        ("index.md", "https://napari.org/a#b", "https://napari.org/a#b"),
    ],
)
def test_links_lead_to_pages_of_the_site(page: str, link: str, on_site: str) -> None:
    hooks = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
    assert hooks["with_links_of_site"](f"[a]({link})", page) == f"[a]({on_site})"


def test_page_of_options_has_every_command_and_option() -> None:
    hooks = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
    page = hooks["options"]()
    commands = get_command(app).commands
    groups = {"models": commands.pop("models").commands}
    names = {*commands, *(f"{group} {one}" for group in groups for one in groups[group])}
    assert set(re.findall(r"^## napari-sam2 (.+)$", page, re.M)) == names
    assert "| `--windows` |  | auto: an official model sees a square" in page
    assert "| `--output`, `-o` | required | Labels to write" in page
    assert page.count("| `--model`, `-m` | `cells` |") >= 3


def test_every_page_has_a_place_in_the_navigation_of_the_site() -> None:
    hooks = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
    placed = re.findall(r"'([\w/-]+\.md)'", str(hooks["navigation"]()))
    pages = {page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")}
    assert pages <= set(placed)
    assert len(placed) == len(set(placed))
