"""Measure a model on all movies of a folder and write the figures into docs/lab/evaluation.md.

python docs/scripts/evaluate_all.py DATA [--only u373_02] [--objects 5] [--frames 40] [--page PAGE]

DATA holds a folder for each movie with raw.tif and labels.tif; tracks.txt beside them tells
mothers. Reports are kept in --reports: work whose report is there is not done again, as long as
the weights are the same.
"""

import argparse
import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_sam2.cli.app import app
from napari_sam2.cli.evaluate import hash_of_weights
from napari_sam2.io.movies import open_movie

PAGE = Path(__file__).parents[1] / "lab" / "evaluation.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->"
PROMPTS = ("mask", "box", "1-click", "3-click", "5-click")
CURVE_FRAMES = (1, 2, 3, 5, 8)
STILLS = ("usiigaci_stills",)  # images of different fields: nothing to track
PROTOCOLS = ("image", "vos", "offline", "online")

Report = dict[str, Any]
Key = tuple[str, str, str]  # movie, protocol, prompt


def works(movies: list[str], protocols: list[str]) -> Iterator[Key]:
    """What there is to do."""
    for movie in movies:
        for protocol in protocols:
            if protocol != "image" and movie in STILLS:
                continue
            prompts = PROMPTS if protocol == "vos" else ("",)
            yield from ((movie, protocol, prompt) for prompt in prompts)


def command(key: Key, options: argparse.Namespace) -> list[str]:
    """The command for one work, with the movie relative to DATA."""
    movie, protocol, prompt = key
    words = ["napari-sam2", "evaluate", f"{movie}/raw.tif", f"{movie}/labels.tif"]
    words += ["--protocol", protocol, *(["--prompt", prompt] if prompt else []), "--baseline"]
    if (options.data / movie / "tracks.txt").is_file():
        words += ["--truth-tracks", f"{movie}/tracks.txt"]
    for name in ("model", "objects", "frames"):
        value = getattr(options, name)
        words += [f"--{name}", str(value)] if value is not None else []
    return words


def shortest(movie: Path, frames: int | None) -> int | None:
    """As many frames as are wanted, or as the movie has."""
    length = open_movie(movie).shape[0]
    return None if frames is None or frames >= length else frames


def measure(key: Key, options: argparse.Namespace) -> Report:
    """The report of one work, from before or made now."""
    parts = [*key, f"{options.objects or 'all'}x{options.frames or 'all'}", options.weights[:8]]
    target = (options.reports / ("-".join(filter(None, parts)) + ".json")).absolute()
    if not target.is_file():
        words = command(key, options)
        print(*words, flush=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.chdir(options.data), contextlib.redirect_stdout(io.StringIO()):
            app([*words[1:], "--json", str(target)], standalone_mode=False)
    return dict(json.loads(target.read_text(encoding="utf-8")))


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def pair(report: Report, *path: str) -> str:
    """A figure of the model and of the baseline."""
    found = []
    for value in (report, report["baseline"]):
        for name in path:
            value = value[name]
        found.append("-" if value is None else f"{value:.2f}")
    return " / ".join(found)


def size(report: Report) -> list[str]:
    """Frames and objects of a work."""
    provenance = report["provenance"]
    return [str(provenance["shape"][0]), str(len(provenance["objects"]))]


def image_table(reports: dict[Key, Report]) -> str:
    """MIoU by prompt."""
    kinds = ("1-click", "3-click", "5-click", "box")
    rows = [
        [key[0], *size(report), *(pair(report, "mIoU", kind) for kind in kinds)]
        for key, report in reports.items()
    ]
    return table(["movie", "frames", "objects", *kinds], rows)


def vos_table(reports: dict[Key, Report]) -> str:
    """J&F by prompt; the other measures after one click."""
    rows = []
    for movie in dict.fromkeys(key[0] for key in reports):
        found = {key[2]: report for key, report in reports.items() if key[0] == movie}
        click = found["1-click"]
        rows.append(
            [movie, *size(click), *(pair(found[kind], "summary", "J&F") for kind in PROMPTS)]
            + [pair(click, "summary", name) for name in ("DET", "SEG", "TRA")]
            + [f"{click['summary']['seconds_per_frame']:.2f}"]
        )
    measures = [f"{name}, 1-click" for name in ("DET", "SEG", "TRA", "s/frame")]
    return table(["movie", "frames", "objects", *PROMPTS, *measures], rows)


def curve_table(reports: dict[Key, Report]) -> str:
    """J&F over annotated frames, and the seconds of a person in the end."""
    rows = []
    for key, report in reports.items():
        curves = report["curve"], report["baseline"]["curve"]
        cells = [
            " / ".join(f"{curve[number - 1]['J&F']:.2f}" for curve in curves)
            for number in CURVE_FRAMES
        ]
        seconds = " / ".join(f"{curve[-1]['annotation_seconds']:.0f}" for curve in curves)
        rows.append([key[0], *size(report), *cells, seconds])
    frames = [f"{number} frames" if number > 1 else "1 frame" for number in CURVE_FRAMES]
    return table(["movie", "frames", "objects", *frames, "seconds"], rows)


TABLES = {
    "image": ("mIoU of single images", image_table),
    "vos": ("J&F of tracked objects", vos_table),
    "offline": ("J&F after offline rounds", curve_table),
    "online": ("J&F after online corrections", curve_table),
}


def page_part(reports: dict[Key, Report], commands: list[str]) -> str:
    """Tables of all protocols, what was measured, and how."""
    provenance = next(iter(reports.values()))["provenance"]
    versions = ", ".join(f"{name} {number}" for name, number in provenance["versions"].items())
    parts = [
        f"Model `{provenance['model']}` (SHA-256 of the weights {provenance['weights_sha256']}) / "
        f"baseline. On {provenance['device']}; {versions}.\n"
    ]
    for protocol, (title, draw) in TABLES.items():
        found = {key: report for key, report in reports.items() if key[1] == protocol}
        if found:
            parts += [f"### {title}\n", draw(found)]
    parts += ["### Commands\n", "\n".join(f"    {line}" for line in commands) + "\n"]
    return "\n" + "\n".join(parts) + "\n"


def main() -> None:
    """Measure what is not measured yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", help="movies; default: all")
    parser.add_argument("--protocols", nargs="+", choices=PROTOCOLS, default=PROTOCOLS)
    parser.add_argument("--model", default="cells")
    parser.add_argument("--objects", type=int, help="objects of each movie, drawn by lot")
    parser.add_argument("--frames", type=int, help="most frames of each movie")
    parser.add_argument("--reports", type=Path, default=Path("evaluation-reports"))
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    movies = options.only or sorted(path.parent.name for path in options.data.glob("*/raw.tif"))
    wanted = options.frames
    options.weights = hash_of_weights(options.model)
    reports: dict[Key, Report] = {}
    commands = []
    for key in works(movies, list(options.protocols)):
        options.frames = shortest(options.data / key[0] / "raw.tif", wanted)
        commands.append(" ".join(command(key, options)))
        reports[key] = measure(key, options)
    text = options.page.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    part = page_part(reports, commands)
    options.page.write_text(before + BEGIN + part + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
