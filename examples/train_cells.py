"""Train the embedded `cells` model again: make data packs, then train on them.

    python examples/train_cells.py packs PACKS --stills FOLDER [--stills FOLDER ...]
    python examples/train_cells.py train PACKS RUN --minutes 120 [--device cuda]

A folder of stills holds images/*.tif and labels/*.tif of the same names, or raw.tif and labels.tif
as stacks. A run that was interrupted goes on where it was saved. RUN/cells.safetensors is what
`load_model` takes.
"""

from pathlib import Path
from typing import Annotated

import typer

from napari_sam2.training import loop
from napari_sam2.training.config import Stage, TrainingConfig
from napari_sam2.training.data import ClipDataset
from napari_sam2.training.packs import write_pack
from napari_sam2.training.stills import find_stills, held_out, write_still_pack

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
CELLS_RUN = TrainingConfig(
    stages=(
        Stage(1200, images_share=0.9, images=4, objects=6, clips=1, frames=3, image_clicks=1),
        Stage(4000, images_share=0.35, images=4, objects=8, clip_objects=4, frames=4),
        Stage(800, images_share=0.6, images=4, objects=6, image_clicks=4, clip_clicks=2),
    ),
    warmup=100,
    cooldown=0.3,
)
app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def packs(
    folder: Path,
    stills: Annotated[list[Path], typer.Option()],
    clips: int = 1500,
    keep_out: Annotated[int, typer.Option(help="Stills of a folder that are never shown.")] = 200,
) -> None:
    """Write a synthetic pack and one of pseudo-movies of real stills."""
    write_pack(folder / "synthetic", clips, KINDS, seed=1)
    groups = {}
    for source in stills:
        found = find_stills(source)
        count = min(keep_out, len(found) // 3)
        kept_out = set(held_out([still.name for still in found], count))
        groups[source.name] = (1.0, [still for still in found if still.name not in kept_out])
    write_still_pack(folder / "real", clips, groups, seed=1)


@app.command()
def train(folder: Path, run_folder: Path, minutes: float = 120, device: str = "cpu") -> None:
    """Train until the time is up or all steps are done."""
    source = ClipDataset({folder / "synthetic": 0.5, folder / "real": 0.5})
    is_begun = (run_folder / "run.pt").exists()
    run = loop.resume(CELLS_RUN, run_folder, device) if is_begun else loop.start(CELLS_RUN, device)
    batches = loop.batches(source, CELLS_RUN, run.step)
    loop.train(run, CELLS_RUN, batches, run_folder, minutes=minutes, report=typer.echo)
    batches.close()


if __name__ == "__main__":
    app()
