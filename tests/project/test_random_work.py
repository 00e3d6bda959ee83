"""Random work that is saved, killed and opened again at random moments."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis.stateful import rule

from napari_sam2.annotation import Annotation
from napari_sam2.io.project.folder import ProjectFolder
from napari_sam2.io.project.subject import ImageOrigin, subject_of
from napari_sam2.tracking import Tracker
from tests.annotation.stand_in import SHAPE
from tests.annotation.test_machine import AnnotationMachine
from tests.tracking.tiny import build_tiny_model
from tests.worlds import discs_that_cross

from .desk import reopen, same_seen

MODEL = build_tiny_model()


class SavedMachine(AnnotationMachine):
    """A person who saves now and then, and whose program is killed."""

    def make_tracker(self, seed: int) -> Any:
        world = discs_that_cross()
        self.images = world.images[: SHAPE[0], : SHAPE[1], : SHAPE[2]].copy()
        return Tracker(MODEL, self.images)

    def make_annotation(self) -> Annotation:
        annotation = super().make_annotation()
        self.home = tempfile.TemporaryDirectory(prefix="saved-machine-")
        about = subject_of(self.tracker, self.images, ImageOrigin("movie"), "tiny")
        self.folder = ProjectFolder.create(Path(self.home.name) / "a.sam2", annotation, about)
        return annotation

    @rule()
    def save(self) -> None:
        self.folder.save()

    @rule()
    def look_at_what_is_kept(self) -> None:
        """What another program would find is what is here."""
        self.folder.close()
        other = reopen(self.folder.path, MODEL, self)
        assert same_seen(other.annotation, self.annotation)
        other.close()
        self.folder = ProjectFolder.create(
            self.folder.path, self.annotation, self.folder.subject, self.folder.deeds
        )

    def teardown(self) -> None:
        self.folder.close()
        self.home.cleanup()


TestSavedMachine = SavedMachine.TestCase
TestSavedMachine.settings = settings(
    max_examples=settings.default.max_examples // 20,
    stateful_step_count=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
