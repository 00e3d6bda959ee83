"""The program `napari-sam2`: its commands and exit codes.

0 done, 1 failed, 2 wrong use, 3 a model that did not become better, 4 done but for some frames.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from napari_sam2.cli.batch import batch
from napari_sam2.cli.benchmark import benchmark
from napari_sam2.cli.collect import collect
from napari_sam2.cli.demo import demo
from napari_sam2.cli.effort import effort
from napari_sam2.cli.errors import UsageError, no_empty_folders
from napari_sam2.cli.evaluate import evaluate
from napari_sam2.cli.export import export
from napari_sam2.cli.find import find
from napari_sam2.cli.models import models
from napari_sam2.cli.replay import replay
from napari_sam2.cli.score import score
from napari_sam2.cli.teach import teach
from napari_sam2.cli.track import track
from napari_sam2.cli.train import train
from napari_sam2.cli.window import open_window
from napari_sam2.errors import shortage_of
from napari_sam2.version import __version__

_INTERRUPTED = 130  # exit code of the parser after Ctrl+C

app = typer.Typer(
    name="napari-sam2",
    help="Click a cell once and get it outlined in every frame of a movie.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo)
app.command()(track)
app.command()(find)
app.command()(batch)
app.command()(replay)
app.command()(evaluate)
app.command()(benchmark)
app.command()(score)
app.command()(export)
app.command()(effort)
app.command()(collect)
app.command()(teach)
app.command()(train)
app.command("open")(open_window)
app.add_typer(models, name="models")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command; `main` looks for --debug itself, wherever it stands."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the name of the program; default: those of this process.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    without = [argument for argument in given if argument != "--debug"]
    sys.exit(_run(without or ["--help"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    try:
        with _warnings_in_one_line(), no_empty_folders():
            code = app(arguments, standalone_mode=False)
    except UsageError as error:
        return _complain(str(error), 2)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):  # of the parser
            return _complain(str(error.format_message()), int(error.exit_code))
        if debug:
            traceback.print_exc()
        return _complain(shortage_of(error) or str(error) or type(error).__name__, 1)
    if code == _INTERRUPTED:
        return _complain("stopped; incomplete files were not written", 1)
    return code if isinstance(code, int) else 0


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Show a warning as one line on stderr, without the line of code that it came from."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        _complain(f"warning: {message}", 0)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _complain(message: str, code: int) -> int:
    one_line = " ".join(message.split())
    if one_line:
        print(f"napari-sam2: {one_line}", file=sys.stderr)  # noqa: T201  # the shell is the screen
    return code
