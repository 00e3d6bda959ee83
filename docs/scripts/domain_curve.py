"""Draw the judged figures of training runs by movie, from the tables in docs/lab/training.md.

python docs/scripts/domain_curve.py docs/lab/training.md docs/images/training_domains.png

The tables are those of docs/scripts/judge.py, from the twelfth run on; each movie's line is the
mean of its figures, as the judge weighs them.
"""

import re
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

MOVIES = {
    "u373_01": "u373_01, spread cells",
    "psc_crowded": "psc_crowded, small crowded cells",
    "yeast_short": "yeast_short, budding yeast",
    "c2c12": "c2c12, dim wide cells",
}
BEGIN = "A twelfth run"  # earlier tables are of another judge
HEADER = "| weights | u373_01 |"
FIGURE = re.compile(r"\d\.\d+")
COLUMNS = (2, 2, 2, 1)  # of the movies, in their order


def read(text: str) -> tuple[list[str], NDArray[np.float64]]:
    """Names of weights in the order of the log, each once, and (weights, movies) mean figures."""
    names: list[str] = []
    rows: list[list[float]] = []
    is_table = False
    for line in text[text.index(BEGIN) :].splitlines():
        is_table = line.startswith(HEADER) or (is_table and line.startswith("|"))
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not is_table or len(cells) != 1 + sum(COLUMNS) + 2 or not FIGURE.search(cells[1]):
            continue
        parts = np.split(np.array(cells[1:-2]), np.cumsum(COLUMNS)[:-1])
        row = [np.mean([float(x) for c in part for x in FIGURE.findall(c)]) for part in parts]
        if row not in rows:  # the weights before a run stand in its table again
            names.append(cells[0])
            rows.append(row)
    return names, np.array(rows)


def main(log: str, target: str) -> None:
    """Draw the tables of the page `log` into the picture `target`."""
    weights, values = read(Path(log).read_text(encoding="utf-8"))
    chart, axes = plt.subplots(figsize=(9, 5), layout="constrained")
    places = np.arange(len(values))
    for column, label in enumerate(MOVIES.values()):
        axes.plot(places, values[:, column], marker="o", markersize=3, linewidth=1, label=label)
    axes.plot(places, values.mean(1), color="black", linewidth=2, label="mean")
    names = [name if len(name) < 34 else name[:32] + "..." for name in weights]
    axes.set_xticks(places, names, rotation=60, ha="right", fontsize=7)
    axes.set(ylabel="mean IoU of the judged figures", ylim=(0.45, 0.95))
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper center")
    axes.spines[["top", "right"]].set_visible(False)
    chart.savefig(target, dpi=100)


if __name__ == "__main__":
    main(*sys.argv[1:])
