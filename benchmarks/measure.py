"""Timing two implementations in turn, and writing down what came out."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterable, Sequence
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


def seconds(work: Callable[[], object]) -> float:
    """How long one call takes, on the clock."""
    _wait()
    start = time.perf_counter()
    work()
    _wait()
    return time.perf_counter() - start


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def compare(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    repeats: int,
    bar: float = 1.0,
    warm: bool = True,
) -> Row:
    """Both in turn, so that what else the machine does falls on both.

    Parameters
    ----------
    name : str
        Of the row.
    ours, reference : callable
        What to time.
    repeats : int
        Timed calls of each.
    bar : float
        The ratio asked for.
    warm : bool
        Whether each is called once before.

    Returns
    -------
    Row
    """
    if warm:
        ours(), reference()
    times = [(seconds(ours), seconds(reference)) for _ in range(repeats)]
    row = Row(name, median(t[0] for t in times), median(t[1] for t in times), bar)
    verdict = "" if row.ratio <= bar else "  over the bar"
    print(
        f"{name:44} {row.ours_s:9.3f} {row.reference_s:11.3f} {row.ratio:6.2f} {bar:5.2f}{verdict}",
        flush=True,
    )
    return row


def print_head(title: str) -> None:
    """The line above the rows of `compare`."""
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
