"""Hooks of MkDocs: the navigation, and pages of the site that are not in this folder.

The pages are written for the repository, where every link leads to a file. On the site, the
changelog and other files of the repository are pages too, and links to them lead there.
"""

from __future__ import annotations

import ast
import posixpath
import re
import sys
from enum import Enum
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
OPTIONS = "options.md"
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
    files.append(File.generated(config, OPTIONS, content=options()))
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
            if page == "commands.md":
                pages.append({"All options of the commands": OPTIONS})
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


def options() -> str:
    """Page with every command of the shell and its options, taken from the program."""
    sys.path.insert(0, str(ROOT / "src"))
    try:
        from typer.main import get_command

        from napari_sam2.cli.app import app
    finally:
        sys.path.pop(0)
    program = get_command(app)
    parts = [
        text
        for name, command in sorted(program.commands.items())
        for text in sections_of(command, f"napari-sam2 {name}")
    ]
    whole = "\n\n".join(parts)
    return (
        "# All options of the commands\n\nTaken from the program, as `napari-sam2 COMMAND --help` "
        "shows them. [Commands of the shell](commands.md) says what the commands are for.\n\n"
        f"{whole}\n"
    )


def sections_of(command: Any, name: str) -> list[str]:
    """The section of a command, or those of its subcommands."""
    below = getattr(command, "commands", None)
    if below:
        return [text for one in sorted(below) for text in sections_of(below[one], f"{name} {one}")]
    rows = [row_of(one) for one in command.params if one.name != "help"]
    table = "\n".join(["| argument or option | default | meaning |", "| --- | --- | --- |", *rows])
    return [f"## {name}\n\n{' '.join(command.help.split())}\n\n{table}"]


def row_of(parameter: Any) -> str:
    """Row of a table for an argument or an option."""
    is_option = parameter.param_type_name == "option"
    names = ", ".join(f"`{one}`" for one in [*parameter.opts, *parameter.secondary_opts])
    if not is_option:
        names = f"`{(parameter.metavar or parameter.name.upper()).replace('|', ' or ')}`"
    choices = [f"`{one}`" for one in values_of(parameter)]
    said = f" One of {', '.join(choices)}." if choices else ""
    value = getattr(parameter.default, "value", parameter.default)
    is_told = value not in (None, False, ()) and not callable(value)
    default = "required" if parameter.required else f"`{value}`" if is_told else ""
    text = " ".join((parameter.help or "").split()) + said
    return f"| {names} | {default} | {text.strip().replace('|', chr(92) + '|')} |"


def values_of(parameter: Any) -> list[str]:
    """The only values that an option takes; empty if it takes others too."""
    described = getattr(parameter, "type_descriptor", None)  # of newer versions of typer
    kind = getattr(described, "annotation", None)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(one.value) for one in kind]
    choices = getattr(getattr(parameter, "type", None), "choices", ())
    return [str(getattr(one, "value", one)) for one in choices]
