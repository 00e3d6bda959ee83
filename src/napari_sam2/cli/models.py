"""``napari-sam2 models``: list, download and verify checkpoints."""

from __future__ import annotations

from typing import Annotated

import typer

from napari_sam2.cli.errors import UsageError

models = typer.Typer(
    help="List, download or verify checkpoints.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@models.callback()
def _list_by_default(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models()


@models.command("list")
def list_models() -> None:
    """List all models with their licence, and say which ones are downloaded."""
    from napari_sam2.model.registry import EMBEDDED, REGISTRY, cache_dir, checkpoint_state

    rows = [("model", "state", "size", "licence")]
    rows.append((EMBEDDED, checkpoint_state(EMBEDDED), "", "BSD-3-Clause"))
    for name, info in REGISTRY.items():
        size = f"{info.size_bytes / 1e6:.0f} MB" if info.size_bytes else ""
        rows.append((name, checkpoint_state(name), size, info.licence))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())
    typer.echo(f"\ndownloads are kept in {cache_dir()}")


@models.command("download")
def download_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A name from the list.")],
) -> None:
    """Download a checkpoint, check it and keep it."""
    from napari_sam2.cli.tracking_run import progress_bar
    from napari_sam2.model.registry import download

    _check_name(name)
    with progress_bar() as bar:
        task = bar.add_task(name, total=None, rate="bytes")
        path = download(
            name, lambda done, total: bar.update(task, completed=done, total=total or None)
        )
    typer.echo(f"{name}: {path}")


@models.command("verify")
def verify_models(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A name from the list; default: all.")
    ] = None,
) -> None:
    """Compare downloaded checkpoints with their SHA-256."""
    from napari_sam2.model.registry import REGISTRY, checkpoint_state, verify

    if name is not None:
        _check_name(name)
    here = [known for known in REGISTRY if checkpoint_state(known) == "cached"]
    wanted = [name] if name is not None else here
    if not wanted:
        typer.echo("nothing has been downloaded")
    broken = [known for known in wanted if not verify(known)]
    for known in wanted:
        typer.echo(f"{known}: {_verdict(known, here, broken)}")
    if broken:
        raise RuntimeError(f"not as published: {', '.join(broken)}; delete and download again")


def _verdict(name: str, here: list[str], broken: list[str]) -> str:
    if name not in here:
        return "not downloaded"
    return "damaged" if name in broken else "as published"


def _check_name(name: str) -> None:
    from napari_sam2.model.registry import EMBEDDED, REGISTRY

    if name == EMBEDDED:
        raise UsageError(f"{EMBEDDED} is in the package; there is nothing to download or verify")
    if name not in REGISTRY:
        raise UsageError(f"there is no model {name!r} to download; expected {', '.join(REGISTRY)}")
