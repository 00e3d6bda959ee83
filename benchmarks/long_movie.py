"""Peak memory of the work on a long movie, step by step, with masks that a stand-in draws.

    python benchmarks/long_movie.py                             # 2000 frames of 1024, 100 objects
    python tools/with_display.py python benchmarks/long_movie.py --window
    python benchmarks/long_movie.py --frames 60 --size 128 --objects 4 --cache 8

Discs drift over noise in a movie that is computed one frame at a time. Only the network is left
out: the masks are drawn, and the caches of features and of memories are filled. The peak of each
step is counted by the system (Linux). With --window, a step shows the labels in napari and goes
through all frames. --compare-bytes 100e9 keeps the labels as one array, for a comparison.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sam2 import Annotation, Tracker, load_model
from napari_sam2.annotation import packed_labels
from napari_sam2.annotation.error_table import error_probabilities
from napari_sam2.io.exports import write_export
from napari_sam2.io.scores import score_rows
from napari_sam2.io.tables import write_scores
from napari_sam2.io.tracked import TrackedLabels
from napari_sam2.memory_use import release_freed_memory
from napari_sam2.model import FrameFeatures, Sam2, Sam2Config
from napari_sam2.tracking.masks import MaskRecord, pack_logits
from napari_sam2.tracking.plan import Step
from napari_sam2.tracking.propagator import Propagator

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.measure import write_json

MIB = 1024**2
ALLOWED_MIB = 4e9 / MIB  # for the whole program: 4 GB
EXPORTS = "labels.tif,labels.ome.tif,labels.ome.zarr,measurements.csv"


class DriftingDiscs:
    """A (T, Y, X) uint16 movie of discs on noise, computed one frame at a time."""

    dtype = np.dtype(np.uint16)

    def __init__(self, frames: int, objects: int, size: int) -> None:
        self.shape = (frames, size, size)
        rng, per_row = np.random.default_rng(0), int(np.ceil(objects**0.5))
        index, self._cell = np.arange(objects), size / per_row
        self.radius = min(self._cell / 5, 14)
        self._home = (np.stack([index // per_row, index % per_row], axis=1) + 0.5) * self._cell
        self._phase, self._speed = rng.uniform(0, 2 * np.pi, (2, *self._home.shape))
        self._noise = rng.normal(500, 30, (size, size)).astype(np.uint16)
        reach = int(self.radius) + 1
        y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        self._disc = (900 * (np.hypot(y, x) < self.radius)).astype(np.uint16)

    def centres(self, t: int) -> NDArray[np.float64]:
        """(objects, 2) places (y, x) on a frame."""
        swing = (self._cell / 2 - self.radius) * 0.7
        return self._home + swing * np.sin(self._phase + 0.02 * self._speed * t)

    def labels(self, t: int) -> NDArray[np.uint16]:
        """(Y, X) numbers of the discs of a frame, from 1."""
        labels = np.zeros(self.shape[1:], np.uint16)
        for object_id, (row, column) in enumerate(self.centres(t).astype(int), start=1):
            top, left = row - len(self._disc) // 2, column - len(self._disc) // 2
            there = labels[top : top + len(self._disc), left : left + len(self._disc)]
            there[self._disc > 0] = object_id
        return labels

    def __getitem__(self, t: int) -> NDArray[np.uint16]:
        frame = np.roll(self._noise, 17 * t, axis=1)
        for row, column in self.centres(t).astype(int):
            top, left = row - len(self._disc) // 2, column - len(self._disc) // 2
            frame[top : top + len(self._disc), left : left + len(self._disc)] += self._disc
        return frame

    def __array__(self, *arguments: Any, **options: Any) -> NDArray[Any]:
        raise TypeError("the movie is never read as a whole")


@dataclass
class StandIn:
    """Draws the discs as masks in place of the network, and fills the cache of features."""

    movie: DriftingDiscs
    features: FrameFeatures

    def track(
        self, propagator: Propagator, step: Step, object_ids: list[int], after: Step | None
    ) -> None:
        """In place of `Propagator._track`."""
        t, store, runner = step.t, propagator._store, propagator._runner
        centres = self.movie.centres(t)
        for object_id in object_ids:
            masklet = store.masklets[object_id]
            job = runner.job(t, masklet.records, step.direction)
            before = job.previous or next(iter(masklet.records.values()))
            cache = runner.encoder.features
            if (t, job.window) not in cache:
                copied = replace(self.features, **_copies(self.features))
                cache._keep((t, job.window), copied)
            record = self._record(before, job.window, centres[object_id - 1])
            record = masklet.records[t] = replace(
                record,
                direction=step.direction,
                anchor=masklet.nearest_anchor(t),
                basis=masklet.basis(),
            )
            runner.memories.put(record, job.window, self._memory(runner.model.config))
        runner.encoder.features._shrink()

    def _memory(self, config: Sam2Config) -> torch.Tensor:
        """An encoded memory, in the size that those of the network have."""
        side = config.image_size // 16
        return torch.ones(config.memory_dim, side, side, dtype=torch.bfloat16)

    def _record(self, before: MaskRecord, window: Any, centre: NDArray[np.float64]) -> MaskRecord:
        cell = np.array([window.height, window.width]) / before.size
        grid = np.arange(before.size) + 0.5
        y = window.y0 + grid * cell[0] - centre[0]
        x = window.x0 + grid * cell[1] - centre[1]
        logits = (self.movie.radius - np.hypot(y[:, None], x)).astype(np.float32)
        corner, crop, floor = pack_logits(logits, exact=False)
        return MaskRecord(
            corner=corner,
            crop=crop,
            floor=floor,
            size=before.size,
            predicted_iou=0.9,
            occlusion_score=5.0,
            pointer=np.full(256, centre[0], np.float32),
            direction=None,
            window=window,
            agreement=0.9,
            cell_overlap=0.9,
        )


def _copies(features: FrameFeatures) -> dict[str, Any]:
    tensors = {name: getattr(features, name) for name in features.__dataclass_fields__}
    return {name: one.clone() for name, one in tensors.items() if isinstance(one, torch.Tensor)}


class Steps:
    """Runs steps one after the other, and prints the memory that each has taken."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        print(f"{'step':34} {'seconds':>9} {'now, MiB':>9} {'peak, MiB':>10}")

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Count the memory of one step."""
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here on
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        now, peak = resident_mib("VmRSS"), resident_mib("VmHWM")
        verdict = "" if peak <= ALLOWED_MIB else "  over the bound"
        print(f"{name:34} {seconds:9.1f} {now:9.0f} {peak:10.0f}{verdict}", flush=True)
        self.rows.append({"step": name, "seconds": seconds, "now_mib": now, "peak_mib": peak})


def resident_mib(name: str) -> float:
    """Memory of this process: "VmRSS" now, "VmHWM" at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(name))) / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Do all steps, print a table and write the rows."""
    options = _options(argv)
    torch.set_num_threads(options.threads)
    if options.compare_bytes is not None:
        packed_labels.PLAIN_BYTES = int(options.compare_bytes)
    steps = Steps()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        work(options, steps, Path(folder))
    write_json(options.json, steps.rows, **{k: str(v) for k, v in vars(options).items()})


def work(options: argparse.Namespace, steps: Steps, folder: Path) -> None:
    """Track, save, export and open again."""
    movie = DriftingDiscs(options.frames, options.objects, options.size)
    with steps.step("load the model"):
        model = load_model("cells", "cpu")
    project = annotate(options, steps, folder, movie, model)
    gc.collect()  # as in a program that has just begun
    release_freed_memory()
    with steps.step("open the project"):
        Annotation.load(project, model, movie=movie).close()


def annotate(
    options: argparse.Namespace, steps: Steps, folder: Path, movie: DriftingDiscs, model: Sam2
) -> Path:
    """Track, save and export; returns the project."""
    with steps.step("import the masks of a frame"):
        tracker = Tracker(model, movie, cache_bytes=options.cache * MIB, disk_bytes=0)
        annotation = Annotation(tracker)
        annotation.import_labels(movie.labels(0), t=0)
        encoder = tracker._runner.encoder
        stand_in = StandIn(
            movie, encoder.load(0, [tracker._runner.grid.choose((0.0, 0.0, 28.0, 28.0))])
        )
    project = folder / "movie.sam2"
    with steps.step("save the project"):
        annotation.save(project)
    with steps.step("track all frames"):
        track(annotation, stand_in)
    with steps.step("go through all frames"):
        for t in range(options.frames):
            np.asarray(annotation.labels[t]).any()
    with steps.step("timelines of all objects"):
        chances = error_probabilities(annotation)
    with steps.step("save the project again"):
        annotation.save()
    tracked = TrackedLabels.of_objects(
        packed_labels.snapshot(annotation.labels),  # as the window does
        annotation.objects,
        channels={"image": movie},
        error_probability=chances,
    )
    for name in options.exports.split(","):
        with steps.step(f"export {name}"):
            write_export(folder / name, tracked)
    with steps.step("export scores.csv"):
        write_scores(folder / "scores.csv", score_rows(annotation))
    if options.window:
        with steps.step("show all frames in napari"):
            show(movie, annotation)
    annotation.close()
    return project


def track(annotation: Annotation, stand_in: StandIn) -> None:
    """Track all objects to the end with masks that the stand-in draws."""
    with patch.object(Propagator, "_track", lambda *arguments: stand_in.track(*arguments)):
        for _ in annotation.propagate(direction="forward"):
            pass


def show(movie: DriftingDiscs, annotation: Annotation) -> None:
    """Show the movie and its labels in a window, and go through all frames."""
    import napari
    from qtpy.QtWidgets import QApplication

    from napari_sam2.io.movie import lazy_stack

    viewer = napari.Viewer(show=True)
    stack = lazy_stack(movie.__getitem__, movie.shape, movie.dtype)
    viewer.add_image(stack, cache=False)  # as movies that our reader opens
    layer = viewer.add_labels(annotation.labels)
    times = []
    for t in range(len(annotation.labels)):
        start = time.perf_counter()
        viewer.dims.set_current_step(0, t)
        layer.refresh()
        QApplication.processEvents()
        times.append(time.perf_counter() - start)
    print(f"  a frame is shown in {1000 * np.median(times):.1f} ms (median)")
    viewer.close()


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--objects", type=int, default=100)
    parser.add_argument("--size", type=int, default=1024, help="side of frames in pixels")
    parser.add_argument("--cache", type=int, default=1024, help="budget of features in MiB")
    parser.add_argument("--exports", default=EXPORTS, help="names of files to write")
    parser.add_argument("--window", action="store_true", help="show the labels in napari as well")
    parser.add_argument("--compare-bytes", type=float, help="keep labels up to here as an array")
    parser.add_argument("--folder", type=Path, help="where to write; the system's by default")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for the rows")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
