"""Find saved and unsaved projects on disk, in the inference thread."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sam2.io.project.last_view import read_last_view
from napari_sam2.plugin.protocol.saving_messages import (
    DiscardUnsaved,
    FindOpenImage,
    ListSaved,
    OpenImageFound,
    SavedListed,
    SavedWorkFound,
    UnsavedWorkFound,
    ViewFound,
)
from napari_sam2.plugin.protocol.sources import ImagePart

if TYPE_CHECKING:
    from napari_sam2.annotation.model_change import Work
    from napari_sam2.arrays import ArrayLike
    from napari_sam2.io.project.manifest import ImageInfo, ModelInfo
    from napari_sam2.io.selection import Selection
    from napari_sam2.plugin.protocol.messages import Report
    from napari_sam2.plugin.protocol.sources import ImageSource

logger = logging.getLogger(__name__)


def saved_list(command: ListSaved | DiscardUnsaved) -> SavedListed:
    """List unsaved work and recent projects; a `DiscardUnsaved` is carried out before."""
    from napari_sam2.io.project.shelf import discard, find_unsaved, recent

    if isinstance(command, DiscardUnsaved):
        discard(command.path)
    return SavedListed(find_unsaved(), recent())


def wanted_model(folder: str, model: Any) -> ModelInfo | None:
    """The model that a project needs; None if that model is loaded."""
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import is_same_model

    manifest = read_manifest(Path(folder))
    return None if is_same_model(manifest, model) else manifest.model


class MissingModelError(ValueError):
    """The taught model of a project is not on this computer."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"This project was made with a taught model that is not on this computer: {name}. "
            "Your work is shown with the model chosen above, and the saved project stays as it "
            "is. To continue with the taught model, choose its file with “Model from file…”."
        )


def found_name(wanted: ModelInfo) -> str:
    """The name by which the model of a project is loaded on this computer.

    Raises
    ------
    MissingModelError
        If it is a file, and neither there nor among the models of the user.
    """
    from napari_sam2.io.taught_models import SUFFIX, find_model

    if not wanted.name.endswith(SUFFIX):
        return wanted.name
    if (found := find_model(wanted.name)) is None:
        raise MissingModelError(wanted.name)
    return str(found)


def present_name(name: str) -> str:
    """The name of a model, or the place of a taught model that was moved."""
    from napari_sam2.io.taught_models import SUFFIX, find_model

    found = find_model(name) if name.endswith(SUFFIX) else None
    return name if found is None else str(found)


def work_of(folder: str, model: Any, data: Any) -> Work:
    """All work in a project, read with another model than that of the project.

    Raises
    ------
    ValueError
        If the masks have another size than those of the model.
    """
    from napari_sam2.io.project.manifest import read_manifest
    from napari_sam2.io.project.reading import load, make_tracker

    manifest = read_manifest(Path(folder))
    tracker = make_tracker(manifest, model, data)
    work = load(Path(folder), manifest, tracker).annotation.work()
    sizes = {record.size for state in work.states.values() for record in state.records.values()}
    if sizes - {tracker.mask_size}:
        raise ValueError(
            "the taught model of this project is missing, and the model chosen above is of another "
            "kind: choose the model that it was taught from, and open the project again"
        )
    return replace(work, made_by=manifest.model.name)


def find_open_image(command: FindOpenImage) -> OpenImageFound:
    """Find the open image that belongs to saved work, by its pixels."""
    for index, source in enumerate(command.sources):
        match = ImageComparison(source).match(command.path)
        if match is not None:
            return OpenImageFound(command.path, index, match.part)
    return OpenImageFound(command.path, None)


def view_of(source: ImageSource, image: int) -> tuple[ViewFound, ...]:
    """Report of the last view of the project of a source, if it has one."""
    view = None if source.project is None else read_last_view(Path(source.project))
    return () if view is None else (ViewFound(image, view),)


def work_found(source: ImageSource, image: int) -> tuple[Report, ...]:
    """Report of the latest work on an image that was not saved, or else of a saved project."""
    from napari_sam2.io.project.shelf import find_saved, find_unsaved

    comparison = ImageComparison(source)
    for work in find_unsaved():
        if comparison.match(work.path) is not None:
            return (UnsavedWorkFound(image, work.path),)
    for project in find_saved(source.path, source.name):
        match = comparison.match(project.path)
        if match is not None:
            return (SavedWorkFound(image, project.path, project.time, match.part),)
    return ()


@dataclass(frozen=True)
class Match:
    """A project is about an image; `part` is the part of it, where it is not the shown one."""

    part: Selection | None = None


class ImageComparison:
    """Compares an image with projects by its pixels, which are read once for all projects.

    Parameters
    ----------
    source : ImageSource
        The image.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._shown = _Pixels(source.name, source.data)
        self._parts: list[tuple[Selection, _Pixels]] = []

    def match(self, folder: Path) -> Match | None:
        """How a project is about the image; None if it is not, or cannot be read."""
        from napari_sam2.io.project.manifest import read_manifest

        try:
            image = read_manifest(folder).image
        except (OSError, ValueError):  # opening the project reports the error
            logger.info("%s cannot be compared with %s", self._source.name, folder, exc_info=True)
            return None
        if self._shown.are_of(image):
            return Match()
        if image.part is None:
            return None
        part = image.part.selection
        pixels = self._of_part(part)
        return Match(part) if pixels is not None and pixels.are_of(image) else None

    def _of_part(self, part: Selection) -> _Pixels | None:
        """The pixels of another part of the layer; None where the layer has no such part."""
        for known, pixels in self._parts:
            if known == part:
                return pixels
        data = self._source.data.other(part) if isinstance(self._source.data, ImagePart) else None
        if data is None:
            return None
        self._parts.append((part, _Pixels(self._source.name, data)))
        return self._parts[-1][1]


class _Pixels:
    """Pixels of an image, of which a fingerprint is made once."""

    def __init__(self, name: str, data: Any) -> None:
        self._name = name
        self._data = data
        self._fingerprints: dict[int, str] = {}  # by the number of frames

    def are_of(self, image: ImageInfo) -> bool:
        """Whether a project is about them; pixels are read only if shape and type match."""
        from napari_sam2.io.project.errors import ProjectError
        from napari_sam2.io.project.reading import check_image

        try:
            check_image(image, self._data, self._fingerprint)
        except ProjectError:
            return False
        except Exception:  # opening the image reports the error
            logger.info("%s cannot be compared with a project", self._name, exc_info=True)
            return False
        return True

    def _fingerprint(self, data: ArrayLike) -> str:
        from napari_sam2.io.project.fingerprint import image_fingerprint

        frames = int(data.shape[0])
        if frames not in self._fingerprints:
            self._fingerprints[frames] = image_fingerprint(data)
        return self._fingerprints[frames]
