"""Hooks of MkDocs: the navigation, and pages of the site that are not in this folder.

The pages are written for the repository, where every link leads to a file. On the site, the
changelog and other files of the repository are pages too, and links to them lead there.
"""

from __future__ import annotations

import ast
import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
# Files of the repository that are pages or files of the site.
PAGES = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "src/napari_sam2/weights/MODEL_CARD.md": "model-card.md",
    "examples/finetune.toml": "finetune.toml",
}
REFERENCE = "reference.md"
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(?=[#)])")
DELEGATED = re.compile(r"^    (\w+) = _delegate\((\w+),", re.M)
HEADING_OR_LINK = re.compile(r"^## (.+)$|\[([^\]]+)\]\(([^)\s#]+\.md)\)", re.M)


def on_config(config: Any) -> Any:
    """Make the navigation."""
    config.nav = navigation()
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in this folder."""
    from mkdocs.structure.files import File

    for place, name in PAGES.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / place)))
    files.append(File.generated(config, REFERENCE, content=reference()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links to files of the repository into links to pages of the site."""
    return with_links_of_site(markdown, page.file.src_uri)


def with_links_of_site(markdown: str, page: str) -> str:
    """Links of a page as they are on the site.

    Parameters
    ----------
    markdown : str
        Text of the page.
    page : str
        Name of the page on the site, such as ``how-to/find.md``.
    """
    sources = {name: place for place, name in PAGES.items()}
    source = sources.get(page, f"docs/{page}")

    def on_site(match: re.Match[str]) -> str:
        link = match[1]
        if "://" in link:
            return link
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link))
        name = PAGES.get(target, target.removeprefix("docs/"))
        return posixpath.relpath(name, posixpath.dirname(page) or ".")

    return LINK.sub(on_site, markdown)


def navigation() -> list[dict[str, Any]]:
    """The sections and pages of docs/index.md, each page once; its notes follow the lab."""
    sections: list[dict[str, Any]] = [{"Home": "index.md"}]
    pages: list[dict[str, str]] = []
    index = with_links_of_site((ROOT / "docs/index.md").read_text(encoding="utf-8"), "index.md")
    notes = laboratory()
    seen = {notes[0]}
    for heading, title, page in HEADING_OR_LINK.findall(index):
        if heading:
            pages = []
            sections.append({heading: pages})
        elif page not in seen:
            seen.add(page)
            pages.append({title[0].upper() + title[1:]: page})
            if page == "api.md":
                pages.append({"Python reference": REFERENCE})
    sections.append({"Lab": notes})
    return sections


def laboratory() -> list[Any]:
    """The lab notes in the order of their table of contents."""
    text = (ROOT / "docs/lab/README.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| \[(\w+)\.md\]\((\w+\.md)\)", text, flags=re.M)
    notes = [{title.capitalize(): f"lab/{page}"} for title, page in names]
    return ["lab/README.md", *notes]


def reference() -> str:
    """Page with the docstring of every public name, in the order of the alphabet."""
    tree = ast.parse((ROOT / "src/napari_sam2/__init__.py").read_text(encoding="utf-8"))
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    parts = [f"::: napari_sam2.{name}" for name in names if name != "__version__"]
    place = parts.index("::: napari_sam2.Annotation") + 1
    public = "\n\n".join([*parts[:place], *methods_of_annotation(), *parts[place:]])
    return (
        "# Python reference\n\nEvery public name with its arguments, taken from the code. "
        f"[The Python API on one page](api.md) shows how they are used.\n\n{public}\n"
    )


def methods_of_annotation() -> list[str]:
    """The methods that an annotation takes from its parts, which no tool finds by itself."""
    text = (ROOT / "src/napari_sam2/annotation/annotation.py").read_text(encoding="utf-8")
    return [
        f"::: napari_sam2.annotation.annotation.{part}.{name}\n    options:\n      heading_level: 3"
        for name, part in DELEGATED.findall(text)
    ]
