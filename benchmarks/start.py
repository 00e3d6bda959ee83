"""How long a user waits at the start: the import, the widget, the first click, the model.

    python benchmarks/start.py [--repeats 3] [--json FILE]

needs a screen; without one: ``xvfb-run -a -s "-screen 0 1280x1024x24" python benchmarks/start.py``.
Each repeat is a program of its own, in which napari has drawn its window before the first clock is
read; what comes after the widget is counted from when it is open. Times are medians: on the clock,
on the processor by all threads together, and by the thread of the window alone, which is how long
nothing moves there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_sam2.plugin.layers.image_layers import ImageLayers
    from napari_sam2.plugin.window.controller import Controller

BARS_S = {
    "import napari_sam2": 0.2,
    "widget opens": 1.0,
    "clicks are taken": None,
    "embedded model is ready": 2.0,
    "shapes can be drawn": None,
}
UP_S = 1.0  # in which napari draws what it has
Times = dict[str, tuple[float, float, float]]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file for the rows")
    parser.add_argument("--alone", choices=("import", "widget"), help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.alone:
        print(json.dumps(importing() if options.alone == "import" else opening()))
        return
    found = [{**_run("import"), **_run("widget")} for _ in range(options.repeats)]
    print(f"{'':26} {'clock s':>9} {'processor s':>12} {'window s':>9} {'bar':>5}")
    rows = []
    for name, bar in BARS_S.items():
        wall, processor, window = (median(times[name][i] for times in found) for i in range(3))
        row = {"name": name, "wall_s": wall, "processor_s": processor, "window_s": window}
        rows.append({**row, "bar_s": bar})
        verdict = "" if bar is None else f"{bar:5.1f}" + ("  over the bar" if wall > bar else "")
        print(f"{name:26} {wall:9.3f} {processor:12.3f} {window:9.3f} {verdict}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows}, indent=1))


def _run(part: str) -> Times:
    command = [sys.executable, __file__, "--alone", part]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True)
    times: Times = json.loads(done.stdout.splitlines()[-1])
    return times


def importing() -> Times:
    """The import alone."""
    start = _clocks()
    import napari_sam2  # noqa: F401

    spent = _since(start)
    if "torch" in sys.modules:
        raise SystemExit("import napari_sam2 loads torch")
    return {"import napari_sam2": spent}


def _clocks() -> tuple[float, float, float]:
    return time.perf_counter(), time.process_time(), time.thread_time()


def _since(start: tuple[float, float, float]) -> tuple[float, float, float]:
    wall, processor, window = (now - then for now, then in zip(_clocks(), start, strict=True))
    return wall, processor, window


def opening() -> Times:
    """The widget in a viewer that is up, and then the model, with an image to look at."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "settings.yaml")
        import napari
        import numpy as np
        from qtpy.QtWidgets import QApplication

        viewer = napari.Viewer(show=True)
        viewer.add_image(np.random.default_rng(0).integers(0, 999, (8, 256, 256), np.uint16))
        up = time.perf_counter() + UP_S
        _wait(lambda: time.perf_counter() > up)
        start = _clocks()
        _, panel = viewer.window.add_plugin_dock_widget("napari-sam2", "SAM 2")
        QApplication.processEvents()
        times, start = {"widget opens": _since(start)}, _clocks()
        for name, is_true in _steps(panel.controller).items():
            _wait(is_true)
            times[name] = _since(start)
        viewer.close()
    return times


def _steps(controller: Controller) -> dict[str, Callable[[], bool]]:
    """What has to be true after each step, in the order in which they come."""

    def layers() -> ImageLayers | None:
        return None if controller.image_state is None else controller.image_state.layers

    return {
        "clicks are taken": lambda: bool((found := layers()) and found.points),
        "embedded model is ready": lambda: bool(
            controller.image_state and controller.image_state.is_open
        ),
        "shapes can be drawn": lambda: bool((found := layers()) and found.shapes),
    }


def _wait(is_true: Callable[[], bool], limit_s: float = 120) -> None:
    from qtpy.QtWidgets import QApplication

    end = time.perf_counter() + limit_s
    while not is_true():
        if time.perf_counter() > end:
            raise SystemExit("the model never came")
        QApplication.processEvents()
        time.sleep(0.005)


if __name__ == "__main__":
    main()
