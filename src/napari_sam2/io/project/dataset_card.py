"""Data card: the page that describes a data set to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from napari_sam2.annotation.undo_texts import counted

_CARD = """# Outlines of cells: {masklets} in {movies_text}

Made and checked with {program} on {day}. Each cell was followed through its
movie, and a person found its masks right on every frame.

| part | movies | frames | cells | masks | disappear and come back |
| --- | ---: | ---: | ---: | ---: | ---: |
{rows}

- **Sizes** (mean area of a cell): {small} below 32 x 32 pixels, {medium} below 96 x 96,
  {large} larger; the median is {median:.0f} pixels.
- **Corrections**: a person changed {edited} of the masks ({edited_share}); a model made the others.
- **Models**: {models}.
- **Judged by**: {judges}.
- **Not complete**: cells that were not judged as satisfactory are not labelled ({left_out} in
  these movies). A pixel without a label is not known to be background.

## Files

| file | content |
| --- | --- |
| `train/`, `validation/` | the two parts; a movie is in one of them only |
| `images/NAME.tif` | the movie, (T, Y, X), as it was recorded |
| `labels/NAME.tif` | labels of the same size, 0 where no cell is labelled |
| `masklets/NAME.json` | masks of each cell as run lengths, with the keys of SA-V |
| `statistics.json` | figures of each movie and each part |

Run lengths are those of pycocotools: `pycocotools.mask.decode(content["masklet"][frame][cell])`.

## Use

    napari-sam2 teach DATASET -o mine.safetensors

In a recipe for `napari-sam2 train`:

```toml
[data]
"DATASET/train" = 1.0
{validation}```

## Before you share it

Add here: who recorded the movies, the kind of cells and microscope, and a licence.
"""

_VALIDATION = """
[validation]
folders = ["DATASET/validation"]
"""


def data_card(content: Mapping[str, Any]) -> str:
    """Text of ``README.md``.

    Parameters
    ----------
    content : mapping
        Content of ``statistics.json``.
    """
    total = content["total"]
    median = total["area_percentiles"]["50"]
    return _CARD.format(
        masklets=total["masklets"],
        movies_text=counted(total["movies"], "movie"),
        program=content["program"],
        day=content["created"][:10],
        rows="\n".join(_row(name, content[name]) for name in ("train", "validation", "total")),
        **total["sizes"],
        median=median,
        edited=total["edited_frames"],
        edited_share=_percent(total["edited_share"]),
        models=", ".join(sorted({movie["model"] for movie in content["movies"]})),
        judges=", ".join(content["judged_by"]) or "not recorded",
        left_out=sum(movie["left_out"] for movie in content["movies"]),
        validation=_VALIDATION if content["validation"]["movies"] else "",
    )


def _row(name: str, figures: Mapping[str, Any]) -> str:
    counts = [figures[key] for key in ("movies", "frames", "masklets", "masks")]
    rate = _percent(figures["disappearance_rate"])
    return f"| {name} | {' | '.join(map(str, counts))} | {rate} |"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"
