"""Importing a movie of labels reads it frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from napari_sam2.plugin.inference.open_document import OpenDocument
from napari_sam2.plugin.protocol.messages import ImportLabels
from napari_sam2.plugin.protocol.sources import ImageSource, LabelSource
from tests.lazy_labels import LazyLabels

from .world import FRAMES, SIDE, ThresholdEngine, disc, movie


@pytest.fixture
def document() -> OpenDocument:
    source = ImageSource(movie())
    return OpenDocument(1, source, ThresholdEngine().open_image("near", source), lambda _: None)


def lazy(labels: np.ndarray) -> tuple[LazyLabels, LabelSource]:
    data, there = LazyLabels(labels), np.arange(SIDE)
    return data, LabelSource("cellpose", data, np.arange(FRAMES), there, there)


def test_no_more_than_two_frames_of_labels_are_in_memory_at_once(document: OpenDocument) -> None:
    labels = np.array([disc(0, t) * 3 + disc(1, t) * 9 for t in range(FRAMES)], np.uint16)
    data, source = lazy(labels)
    document.perform(ImportLabels(1, source, None))
    assert data.asked == 2 * list(range(FRAMES))  # to compare the numbers, and to import
    assert data.most_alive <= 2
    assert np.array_equal(document.annotation.labels, labels)
    document.annotation.undo()
    assert not document.annotation.objects


def test_one_label_is_imported_from_all_frames(document: OpenDocument) -> None:
    labels = np.array([disc(0, t) * 3 + disc(1, t) * 9 for t in range(FRAMES)], np.uint16)
    document.perform(ImportLabels(1, lazy(labels)[1], None, label=9))
    assert np.array_equal(document.annotation.labels == 9, labels == 9)
    assert list(document.annotation.objects) == [9]


def test_a_movie_without_labels_is_refused(document: OpenDocument) -> None:
    _, source = lazy(np.zeros((FRAMES, SIDE, SIDE), np.uint8))
    with pytest.raises(ValueError, match="has no labels to import"):
        document.perform(ImportLabels(1, source, None))
