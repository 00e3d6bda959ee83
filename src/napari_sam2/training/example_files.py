"""Examples to teach from, read from files: labelled movies, projects and folders of images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.vouched import count_overlapping, vouched_labels
from napari_sam2.evaluation.ground_truth import open_labels
from napari_sam2.io.movies import Movie, open_movie
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.project.opening import open_to_read
from napari_sam2.model.checkpoint import load_model
from napari_sam2.training.data import ClipDataset
from napari_sam2.training.examples import Example

MOST_FRAMES = 200  # of a movie, spread evenly over those that are labelled


def read_examples(path: Path) -> list[Example]:
    """Examples of a project, or of a folder of images with labels.

    Parameters
    ----------
    path : Path
        A project ``NAME.sam2``, or a folder as `napari_sam2.training.data.ClipDataset` takes it.

    Returns
    -------
    list of Example

    Raises
    ------
    FileNotFoundError
        If there is nothing at `path`, or no images with labels in the folder.
    ValueError
        If it cannot be read, or holds no mask to learn from; the message names it.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there any more")
    if path.suffix == PROJECT_SUFFIX:
        return [example_of_project(path)]
    return examples_of_folder(path)


def examples_of_folder(path: Path, chosen: Collection[int] | None = None) -> list[Example]:
    """Labelled frames of all movies and stills of a folder.

    Parameters
    ----------
    path : Path
        A folder as `ClipDataset` takes it.
    chosen : collection of int, optional
        Learn from these frames of each movie only.

    Raises
    ------
    FileNotFoundError
        If there are no images with labels.
    ValueError
        If no cell is labelled on the chosen frames.
    """
    dataset, examples = ClipDataset({path: 1.0}), []
    for images, labels in (dataset[i] for i in range(len(dataset))):
        frames = np.flatnonzero(labels.any((1, 2))).tolist()
        wanted = spread([t for t in frames if chosen is None or t in chosen])
        if wanted:
            examples.append(Example(images[wanted], labels[wanted], path.name))
    if not examples:
        raise ValueError(f"no cell is labelled on the chosen frames of {path.name}")
    return examples


def example_of_movie(
    movie: Path | Movie, labels: Path, chosen: Collection[int] | None = None
) -> Example:
    """Labelled frames of a movie; no other frames are read.

    Parameters
    ----------
    movie : Path or Movie
        The images.
    labels : Path
        Labels of the same size.
    chosen : collection of int, optional
        Learn from these frames only.

    Raises
    ------
    ValueError
        If the sizes differ, or no cell is labelled on the chosen frames.
    OSError
        If a file cannot be read.
    """
    images = movie if isinstance(movie, Movie) else open_movie(movie)
    truth = open_labels(labels)
    if tuple(images.shape) != truth.shape:
        raise ValueError(
            f"{images.name} is {images.shape} and {labels.name} {truth.shape}, both (T, Y, X): "
            "they must be of the same size"
        )
    labelled = [t for t, ids in enumerate(truth.ids_by_frame) if ids]
    wanted = spread(labelled if chosen is None else [t for t in labelled if t in chosen])
    if not wanted:
        raise ValueError(f"no cell is labelled on the chosen frames of {labels.name}")
    stack = np.stack([np.asarray(images.data[t]) for t in wanted])
    return Example(stack, np.stack([truth.frame(t) for t in wanted]), images.name)


def example_of_project(path: Path) -> Example:
    """Frames of a project with masks that a person vouches for.

    Parameters
    ----------
    path : Path
        The project.

    Raises
    ------
    ValueError
        If the project is damaged, its image is missing, or it holds no mask to learn from.
    FileNotFoundError
        If there is no project, or its model is missing.
    """
    opened = open_to_read(
        path, None, lambda model: load_model(model.name, "cpu", image_size=model.image_size)
    )
    return example_of_annotation(opened.annotation, opened.image.data, path.name)


def example_of_annotation(
    annotation: Annotation, data: Any, name: str, chosen: Collection[int] | None = None
) -> Example:
    """Frames of an annotation with masks that a person vouches for; no other frames are read.

    Parameters
    ----------
    annotation : Annotation
        The document.
    data : array-like
        Its image.
    name : str
        How messages call it.
    chosen : collection of int, optional
        Learn from these frames only.

    Raises
    ------
    ValueError
        If there is no mask to learn from, or the document holds volumes.
    """
    if annotation.planes > 1:
        raise ValueError(
            f"{name} is in 3D, but models are taught with images: track a plane or a projection "
            "and teach with that project"
        )
    vouched = vouched_labels(annotation)
    wanted = spread([t for t in vouched if chosen is None or t in chosen])
    if not wanted:
        raise ValueError(
            f"{name} holds no mask to learn from: click, paint, lock or review some cells"
        )
    stack = np.stack([np.asarray(data[t]) for t in wanted])
    labels = {t: vouched[t] for t in wanted}
    overlapping = count_overlapping(annotation, labels)
    return Example(stack, np.stack([*labels.values()]), name, overlapping=overlapping)


def spread(frames: Sequence[int]) -> Sequence[int]:
    """At most `MOST_FRAMES` of the frames, spread evenly."""
    step = -(-len(frames) // MOST_FRAMES) or 1
    return frames[::step]
