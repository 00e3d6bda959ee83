"""Annotation of one stack: objects, prompts, labels, scores, and their history."""

from napari_sam2.annotation.annotation import Annotation
from napari_sam2.annotation.events import AnnotationEvents
from napari_sam2.annotation.objects import AnnotatedObject, Score, Status
from napari_sam2.annotation.quality import Doubt, Timeline

__all__ = [
    "AnnotatedObject",
    "Annotation",
    "AnnotationEvents",
    "Doubt",
    "Score",
    "Status",
    "Timeline",
]
