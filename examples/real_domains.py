"""Make the folders of real cells that a further round of training of `cells` learns from.

    python examples/real_domains.py DATA examples/packs
    napari-sam2 train examples/cells_round.toml --output ROUND

DATA holds the annotated movies and stills, each in a folder with raw.tif and labels.tif, or with
images/*.tif and labels/*.tif. Images are sorted by how they look, so that a recipe can mix kinds.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import tifffile
import typer
from numpy.typing import NDArray

from napari_sam2.training.pseudo_video import Still, find_stills, held_out
from napari_sam2.training.shards import write_synthetic_shards

sys.path.insert(0, str(Path(__file__).parent))

from train_cells import KINDS

MOVIES = ("t98g", "yeast_long")
LARGE_CELLS = {*range(11), 16, 17, *range(20, 29)}  # stills of usiigaci; small ones on the others
SHOWN = 5  # stills of usiigaci that docs/scripts/gallery.py shows
COLOURED = 4.0  # mean difference of red and blue
BRIGHT = 110.0  # mean grey value of a bright field


def domains(
    data: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    folder: Path,
    clips: Annotated[int, typer.Option(help="Drawn clips to write; 0 for none.")] = 300,
    keep_out: Annotated[int, typer.Option(help="Stills of dsb2018 that no folder holds.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the drawn clips.")] = 11,
) -> None:
    """Write a folder for each kind of real cells, and one of drawn clips."""
    counts: Counter[str] = Counter()

    def put(group: str, name: str, image: NDArray, labels: NDArray) -> None:
        for part, pixels in (("images", image), ("labels", labels)):
            (folder / group / part).mkdir(parents=True, exist_ok=True)
            is_rgb = pixels.ndim == 3 and pixels.shape[-1] == 3
            photometric = "rgb" if is_rgb else "minisblack"
            path = folder / group / part / f"{name}.tif"
            tifffile.imwrite(path, pixels, photometric=photometric)
        counts[group] += 1

    for movie in MOVIES:
        if (data / movie).is_dir():
            files = (data / movie / f"{part}.tif" for part in ("raw", "labels"))
            put(movie, movie, *map(tifffile.imread, files))
    if (data / "usiigaci_stills").is_dir():
        for index, still in taught(data / "usiigaci_stills", SHOWN):
            group = "usiigaci_large" if index in LARGE_CELLS else "usiigaci_small"
            put(group, f"{index:02d}", *still.read())
    if (data / "dsb2018").is_dir():
        for _, still in taught(data / "dsb2018", keep_out):
            image, labels = still.read()
            put(look_of(image), Path(still.name).stem, image, labels)
    if clips:
        write_synthetic_shards(folder / "synthetic", clips, KINDS, seed=seed)
        counts["synthetic"] = clips
    for group, count in counts.items():
        print(f"{group}: {count}")


def taught(folder: Path, keep_out: int) -> Iterator[tuple[int, Still]]:
    """Places and stills of a folder, without those that are kept out of training."""
    stills = find_stills(folder)
    kept_out = set(held_out([still.name for still in stills], keep_out))
    return ((i, still) for i, still in enumerate(stills) if still.name not in kept_out)


def look_of(image: NDArray) -> str:
    """The group of a still of dsb2018: in colour, bright, or dark with bright cells."""
    if image.ndim == 3:
        red, blue = image[..., 0].astype(float), image[..., 2].astype(float)
        if np.abs(red - blue).mean() > COLOURED:
            return "dsb_colour"
    return "dsb_bright" if image.mean() > BRIGHT else "dsb_fluorescence"


if __name__ == "__main__":
    typer.run(domains)
