"""Make the shards that the embedded `cells` model is trained on, then train on them.

    python examples/train_cells.py examples/packs --stills FOLDER [--stills FOLDER ...]
    napari-sam2 train examples/cells.toml --output RUN --minutes 240

A folder of stills holds images/*.tif and labels/*.tif of the same names, or raw.tif and labels.tif
as stacks. Real movies need no shard folder: the recipe names their folder.
"""

from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.training.pseudo_video import find_stills, held_out, write_pseudo_video_shards
from napari_sam2.training.shards import write_synthetic_shards

KINDS = {
    "phase_spread": 0.35,
    "nuclei": 0.20,
    "cytoplasm": 0.09,
    "phase_round": 0.08,
    "yeast": 0.06,
    "rods": 0.06,
    "dic": 0.06,
    "brightfield": 0.05,
    "membrane": 0.05,
}


def packs(
    folder: Path,
    stills: Annotated[list[Path], typer.Option(help="Annotated pictures; may be repeated.")],
    clips: int = 1500,
    keep_out: Annotated[
        int, typer.Option(help="Stills of a folder that no shard folder shows.")
    ] = 200,
    checks: Annotated[int, typer.Option(help="Clips to validate on.")] = 16,
) -> None:
    """Write a synthetic shard folder, one of pseudo-videos of stills, and one for validation."""
    write_synthetic_shards(folder / "synthetic", clips, KINDS, seed=1)
    learnt, checked = {}, {}
    for source in stills:
        found = {still.name: still for still in find_stills(source)}
        kept_out = min(keep_out, len(found) // 3)
        names = held_out(found, kept_out + max(len(found) // 20, 1))
        checked[source.name] = (1.0, [found[name] for name in names[kept_out:]])
        learnt[source.name] = (1.0, [still for name, still in found.items() if name not in names])
    write_pseudo_video_shards(folder / "real", clips, learnt, seed=1)
    write_pseudo_video_shards(folder / "validation", checks, checked, seed=2)


if __name__ == "__main__":
    typer.run(packs)
