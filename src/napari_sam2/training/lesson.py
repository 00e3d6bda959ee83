"""The process of a lesson: ``python -m napari_sam2.training.lesson FOLDER``."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from pathlib import Path

import numpy as np
import torch

from napari_sam2.errors import shortage_of
from napari_sam2.evaluation.ground_truth import label_movie
from napari_sam2.io.worker_process import STOP
from napari_sam2.model.checkpoint import load_model
from napari_sam2.training.cell_pictures import CELLS, picture_cells
from napari_sam2.training.example_files import read_examples
from napari_sam2.training.examples import Example, JudgedFrame, Lesson, make_lesson
from napari_sam2.training.lesson_process import (
    EXAMPLES,
    LINES,
    MODEL,
    PICTURES,
    LessonAdvanced,
    LessonEnded,
    LessonPlan,
)
from napari_sam2.training.teach import TeachingProgress, teach_lesson, write_model

POLITENESS = 5  # of the process towards others, as the command `nice` counts it


def run(folder: Path, stop: threading.Event) -> LessonEnded:
    """Teach by the plan in the folder; write the model and the pictures there.

    Raises
    ------
    ValueError, OSError
        If there are too few masks, or a file cannot be read or written.
    """
    plan = LessonPlan.read(folder)
    torch.set_num_threads(plan.threads)
    examples = _own_examples(folder)
    for source in plan.sources:
        examples += read_examples(Path(source))
    name = Path(plan.model) if Path(plan.model).suffix else plan.model
    model = load_model(name, plan.device, image_size=plan.image_size)
    lesson = make_lesson(examples, model.config.image_size)
    taught = teach_lesson(model, lesson, plan.budget_s, _tell, should_stop=stop.is_set)
    models = (model, taught.model)
    pictures = picture_cells(models, lesson.judged, CELLS)
    aside = len(pictures)
    if aside < CELLS:
        pictures += picture_cells(models, [_learnt_frame(lesson)], CELLS - aside)
    np.save(folder / PICTURES, np.array([cell.pictures for cell in pictures]))
    write_model(taught, folder / MODEL, base=plan.model)
    return LessonEnded(
        taught.before,
        taught.after,
        bool(taught.is_better),
        taught.learnt_masks,
        taught.judged_masks,
        taught.seconds,
        tuple((cell.ious[0], cell.ious[1]) for cell in pictures),
        aside,
        taught.notes,
    )


def _learnt_frame(lesson: Lesson) -> JudgedFrame:
    """A frame with masks that were learnt."""
    images, labels = lesson.clips[0]
    t = int(np.argmax([len(np.unique(frame)) for frame in labels]))
    return JudgedFrame(images[t : t + 1], label_movie(labels[t : t + 1]))


def _own_examples(folder: Path) -> list[Example]:
    """Examples that the window wrote into the folder."""
    found = []
    for path in sorted(folder.glob(EXAMPLES)):
        with np.load(path) as content:
            found.append(Example(content["image"], content["labels"], str(content["name"])))
    return found


def _tell(progress: TeachingProgress) -> None:
    _say(LINES.to_line(LessonAdvanced(**vars(progress))))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def explain(error: Exception) -> str:
    """Why a lesson failed, as a sentence for the user."""
    text, shortage = " ".join(str(error).split()), shortage_of(error)
    if shortage is not None:
        return shortage
    if isinstance(error, ValueError | OSError) and text:
        return f"{text[0].upper()}{text[1:]}."
    return f"{type(error).__name__}: {text}"


def _listen(stop: threading.Event) -> None:
    """Stop at the word; end the process where the program that started it is gone."""
    for line in sys.stdin:
        if line.strip() == STOP:
            stop.set()
    os._exit(1)


def main(folder: Path) -> None:
    """Run a lesson and report on standard output."""
    if hasattr(os, "nice"):
        os.nice(POLITENESS)
    stop = threading.Event()
    threading.Thread(target=_listen, args=(stop,), daemon=True).start()
    try:
        line = LINES.to_line(run(folder, stop))
    except Exception as error:  # every failure must reach the window in words
        traceback.print_exc()
        line = LINES.to_line(explain(error))
    _say(line)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
