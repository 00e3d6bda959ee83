"""Count cells that were really exchanged while tracking, and how many are offered as swaps.

python docs/scripts/real_swaps.py RAW.tif LABELS.tif [--frames 40] [--objects 60]

All cells of the first frame are tracked from their true masks. A contact of two of them is judged
if both follow a true cell (IoU of 0.5 or more) before and after it: the same one, or that of the
other.
"""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile

from napari_sam2 import Annotation, Tracker, load_model
from napari_sam2.annotation.measures import Measures
from napari_sam2.annotation.swap_proposals import Contact, contacts_of
from napari_sam2.evaluation.overlap import overlap

LEAST_IOU = 0.5
KEPT, EXCHANGED, UNKNOWN = "kept", "exchanged", "one of them lost or unlabelled"


def track(raw: np.ndarray, labels: np.ndarray, objects: int) -> Annotation:
    """Track the cells of the first frame."""
    annotation = Annotation(Tracker(load_model("cells"), raw))
    for k in [int(k) for k in np.unique(labels[0]) if k][:objects]:
        annotation.add_mask(0, k, labels[0] == k)
    for _ in annotation.propagate(direction="forward"):
        pass
    return annotation


def followed(annotation: Annotation, labels: np.ndarray) -> list[dict[int, int]]:
    """For each frame, the true cell that each object has there."""
    found = []
    for t, truth in enumerate(labels):
        both = overlap(truth, np.asarray(annotation.labels[t]))
        rows, columns = np.nonzero(both.ious >= LEAST_IOU)
        pairs = zip(both.label_ids[columns].tolist(), both.truth_ids[rows].tolist(), strict=True)
        found.append(dict(pairs))
    return found


def outcome(contact: Contact, cells: list[dict[int, int]]) -> str:
    """What became of two objects that touched."""
    pair = contact.one, contact.other
    before = _seen(pair, cells, reversed(contact.before()))
    after = _seen(pair, cells, contact.after(len(cells)))
    if before is None or after is None:
        return UNKNOWN
    if before == after:
        return KEPT
    return EXCHANGED if before == after[::-1] else UNKNOWN


def _seen(pair: tuple[int, int], cells: list[dict[int, int]], frames) -> tuple[int, int] | None:
    """The true cells of two objects on the first of some frames on which both have one."""
    for t in frames:
        if all(k in cells[t] for k in pair):
            return cells[t][pair[0]], cells[t][pair[1]]
    return None


def main() -> None:
    """Track the movie and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("labels", type=Path)
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--objects", type=int, default=60)
    options = parser.parse_args()
    raw, labels = (tifffile.imread(p)[: options.frames] for p in (options.images, options.labels))
    annotation = track(raw, labels, options.objects)
    measures = Measures(len(raw))
    measures.mark(range(len(raw)))
    measures.update(annotation.labels)
    traces = {object_id: measures.trace(object_id) for object_id in annotation.objects}
    contacts = contacts_of(annotation.labels, traces)
    offered = {(one.object_id, one.other): one.t for one in annotation.propose_swaps()}
    cells, counts = followed(annotation, labels), Counter()
    for contact in contacts:
        t = offered.get((contact.one, contact.other), -1)
        is_offered = contact.first <= t <= contact.last + 1
        counts[outcome(contact, cells), is_offered] += 1
    print(f"{len(contacts)} contacts")
    for kind in (EXCHANGED, KEPT, UNKNOWN):
        print(f"{kind}: {counts[kind, True]} offered, {counts[kind, False]} not offered")


if __name__ == "__main__":
    main()
