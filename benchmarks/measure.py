"""Timing two implementations in turn, and writing down what came out."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import torch


@dataclass(frozen=True)
class Row:
    """One line of a comparison.

    Attributes
    ----------
    name : str
        What was timed.
    ours_s, reference_s : float
        Medians, in seconds.
    bar : float
        The ratio asked for.
    ratio : float
        Ours as a share of the reference.
    """

    name: str
    ours_s: float
    reference_s: float
    bar: float
    ratio: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio", self.ours_s / self.reference_s)


Clock = Callable[[], float]
CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "processor": time.process_time}
"""By name; the processor's own is the fair one, with one thread, where others use the machine."""


def seconds(work: Callable[[], object], clock: Clock = time.perf_counter) -> float:
    """How long one call takes."""
    _wait()
    start = clock()
    work()
    _wait()
    return clock() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def take_turns(
    works: Mapping[str, Callable[[], object]],
    *,
    repeats: int,
    warm: bool = True,
    clock: Clock = time.perf_counter,
) -> dict[str, float]:
    """Some works in turn, so that what else the machine does falls on all of them.

    Parameters
    ----------
    works : mapping of str to callable
        What to time.
    repeats : int
        Timed calls of each.
    warm : bool
        Whether each is called once before.
    clock : callable
        One of `CLOCKS`.

    Returns
    -------
    dict of str to float
        Median seconds of each.
    """
    if warm:
        for work in works.values():
            work()
    times = [{name: seconds(work, clock) for name, work in works.items()} for _ in range(repeats)]
    return {name: median(round[name] for round in times) for name in works}


def print_row(row: Row) -> Row:
    """Show a row, and hand it on."""
    verdict = "" if row.ratio <= row.bar else "  over the bar"
    print(
        f"{row.name:44} {row.ours_s:9.3f} {row.reference_s:11.3f} {row.ratio:6.2f} {row.bar:5.2f}"
        f"{verdict}",
        flush=True,
    )
    return row


def print_head(title: str) -> None:
    """The line above the rows of `print_row`."""
    print(f"\n{title}\n{'':44} {'ours s':>9} {'reference s':>11} {'ratio':>6} {'bar':>5}")


def machine() -> dict[str, Any]:
    """What the numbers were taken on."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "torch": torch.__version__,
        "python": platform.python_version(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def write_json(path: Path | None, rows: Iterable[Any], **more: Any) -> None:
    """Rows (dataclasses or dicts), the machine and settings as a JSON file, if one is wanted."""
    if path is None:
        return
    plain = [row if isinstance(row, dict) else asdict(row) for row in rows]
    path.write_text(json.dumps({"rows": plain, "machine": machine(), **more}, indent=1))


def markdown(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A table as the docs have it."""
    table = [heads, ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in table)
