"""``session.json``, the manifest: image, model and settings of a project, and its files."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    field_validator,
    model_serializer,
    model_validator,
)

from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.migration import IN_3D_VERSION, SCHEMA_VERSION, migrated
from napari_sam2.io.scale import FrameAxis, ImageScale, Origin
from napari_sam2.io.selection import EVERYTHING, IN_3D, Selection

MANIFEST = "session.json"
_MAX_BYTES = 64 * 2**20

Count = Annotated[int, Field(ge=0, le=2**62)]
Length = Annotated[int, Field(ge=1, le=2**40)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of the models in the manifest: immutable, and unknown fields are errors.

    A model is built at its first use, since the window imports this module at its start.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class StoredFile(Part):
    """One file of the folder; its name leads nowhere else."""

    file: Annotated[str, Field(pattern=r"^(masks/\d{1,12}|properties)-\d{1,12}\.bin$")]
    digest: Digest


class Chunk(StoredFile):
    """Prompts and masks of all objects on the frames [start, stop)."""

    start: Count
    stop: Length


class ChosenPart(Part):
    """The part of a file that is the image, as in `Selection`.

    Attributes
    ----------
    axes, z, series
        As in `Selection`.
    channels : tuple of int
        Chosen channels.
    weights : tuple of float
        Their weights in a mix.
    planes : int or None
        Planes of each volume, where `z` is "3d" and the frames are planes.
    frames : (int or None, int or None, int or None), optional
        First frame, end and step of the range.
    """

    axes: str | None = None
    channels: Annotated[tuple[Count, ...], Field(strict=False, max_length=3)] = ()
    weights: Annotated[tuple[Finite, ...], Field(strict=False, max_length=3)] = ()
    z: Count | Literal["max", "mean", "focus", "3d"] | None = None
    planes: Annotated[int, Field(ge=2, le=2**40)] | None = None
    frames: Annotated[
        tuple[Count | None, Count | None, Count | None] | None, Field(strict=False)
    ] = None
    series: Count | None = None

    @classmethod
    def of(cls, selection: Selection, planes: int = 1) -> Self | None:
        """The stored form of a selection; None where the whole file is the image.

        Parameters
        ----------
        selection : Selection
            The selection.
        planes : int
            Planes of each volume, where the frames are the planes of volumes.
        """
        if planes > 1:
            selection = replace(selection, z=IN_3D)
        if selection == EVERYTHING:
            return None
        frames = selection.frames
        return cls(
            axes=selection.axes,
            channels=selection.channels,
            weights=selection.weights,
            z=selection.z,
            frames=None if frames is None else (frames.start, frames.stop, frames.step),
            series=selection.series,
            planes=planes if planes > 1 else None,
        )

    @model_validator(mode="after")
    def _has_planes_in_3d(self) -> Self:
        if (self.z == IN_3D) != (self.planes is not None):
            raise ValueError("an image in 3D says how many planes its volumes have")
        return self

    @model_serializer(mode="wrap")
    def _as_before_3d(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without an entry for planes where there are none, as versions before 3D read it."""
        found: dict[str, Any] = write(self)
        return (
            found if self.planes is not None else {k: v for k, v in found.items() if k != "planes"}
        )

    @property
    def selection(self) -> Selection:
        """The part as `open_movie` takes it."""
        weighted = dict(zip(self.channels, self.weights, strict=True))
        frames = None if self.frames is None else slice(*self.frames)
        return Selection(self.axes, weighted or None, self.z, frames, self.series)


class ImageInfo(Part):
    """The image that was annotated.

    Attributes
    ----------
    name : str
        As the user knows it.
    path : str or None
        Where it was; None for an image that came from no file.
    paths : tuple of str
        All files of an image whose frames were chosen as files, in their order; else empty.
    shape : tuple of int
        As the array has it.
    dtype : str
        Type of its pixels.
    rgb : bool
        Whether its last axis is colour.
    fingerprint : str
        From `image_fingerprint`.
    contrast_limits : (float, float)
        Values that the model sees as black and white.
    has_user_contrast : bool
        Whether a person set them.
    part : ChosenPart or None
        Which part of the file the image is; None for the whole file.
    pixel_size, unit, interval_s, z_spacing, frame_axis
        As in `ImageScale`; the last two are unknown where version 0.1.0 wrote the file.
    origin : (float, float, float, float) or None
        (t, z, y, x) of the first pixel, as in `Origin`.
    """

    name: str
    path: str | None
    shape: Annotated[tuple[Length, ...], Field(strict=False, min_length=2, max_length=4)]
    dtype: str
    rgb: bool
    fingerprint: Digest
    contrast_limits: Annotated[tuple[Finite, Finite], Field(strict=False)]
    has_user_contrast: bool
    part: ChosenPart | None = None
    paths: Annotated[tuple[str, ...], Field(strict=False)] = ()
    pixel_size: Annotated[tuple[Positive, Positive] | None, Field(strict=False)] = None
    unit: str = "um"
    interval_s: Positive | None = None
    z_spacing: Positive | None = None
    frame_axis: FrameAxis | None = None
    origin: Annotated[tuple[Finite, Finite, Finite, Finite] | None, Field(strict=False)] = None

    @field_validator("contrast_limits")
    @classmethod
    def _ascends(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] >= limits[1]:
            raise ValueError("the first must be below the second")
        return limits

    @model_validator(mode="after")
    def _has_a_scale(self) -> Self:
        _ = self.scale  # raises where its parts contradict each other
        return self

    @model_validator(mode="after")
    def _has_colours_where_it_says_so(self) -> Self:
        if self.rgb and (len(self.shape) < 3 or self.shape[-1] not in (3, 4)):
            raise ValueError("an image in colour ends with an axis of 3 or 4")
        if not self.rgb and len(self.shape) > 3:
            raise ValueError("an image without colour has 2 or 3 axes")
        return self

    @property
    def planes(self) -> int:
        """Planes of each volume, where the frames are the planes of volumes; 1 for a movie."""
        return 1 if self.part is None or self.part.planes is None else self.part.planes

    @property
    def scale(self) -> ImageScale:
        """Axes and scale as they were known when the image was annotated."""
        origin = None if self.origin is None else Origin(*self.origin)
        return ImageScale(
            self.pixel_size, self.unit, self.interval_s, self.z_spacing, self.frame_axis, origin
        )

    @property
    def axes(self) -> str:
        """One letter per axis of the array, with T for depth too."""
        plane = "YXC" if self.rgb else "YX"
        return plane if len(plane) == len(self.shape) else f"T{plane}"


class ModelInfo(Part):
    """The network that made the masks.

    Attributes
    ----------
    name : str
        Name or path from which the model is loaded.
    fingerprint : str
        From `model_fingerprint`.
    image_size : int or None
        Side of its input in pixels where that is not the one of its preset.
    """

    name: str
    fingerprint: Digest
    image_size: Annotated[int, Field(ge=32, le=2**14, multiple_of=32)] | None = None

    def __str__(self) -> str:
        """As the user reads it."""
        return self.name if self.image_size is None else f"{self.name} at {self.image_size} px"


class Settings(Part):
    """Settings of the tracker; `windows` None: the default of the model.

    The fields are named as in files, today also as the keywords of the tracker: these may change.
    """

    max_prompted_frames: Length = 8
    clean: bool = True
    windows: Literal["auto", "small", "whole"] | None = None  # `WindowMode`, without torch
    area_guard: bool = True


class KeptCellSize(Part):
    """Size of the cells that a search found last, as in `napari_sam2.finding.CellSize`."""

    diameter: Positive
    scale: Length | None = None


class Manifest(Part):
    """All of ``session.json``.

    Attributes
    ----------
    schema_version : int
        Version of the format; projects in 3D have another one, so that programs that know no
        volumes refuse them.
    program : str
        Program and version that wrote it.
    created, saved : datetime
        When, with their time zone.
    generation : int
        How often it was written; part of the names of the files.
    next_number : int
        Number of the next mask record.
    image, model, settings
        Image and model of the annotation.
    properties : StoredFile
        Properties of the objects beside their masks.
    chunks : tuple of Chunk
        Prompts and masks, by ranges of frames.
    history : str
        File with the deeds up to this save.
    history_bytes : int
        How much of that file belongs to it.
    cell_size : KeptCellSize or None
        Size of the cells for the next search; None if it is unknown, and not written then.
    """

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    program: str
    created: Annotated[AwareDatetime, Field(strict=False)]
    saved: Annotated[AwareDatetime, Field(strict=False)]
    generation: Count
    next_number: Length
    image: ImageInfo
    model: ModelInfo
    settings: Settings
    properties: StoredFile
    chunks: Annotated[tuple[Chunk, ...], Field(strict=False)]
    history: Annotated[str, Field(pattern=r"^history-\d{1,12}\.log$")]
    history_bytes: Count
    cell_size: KeptCellSize | None = None

    @model_validator(mode="after")
    def _has_the_version_of_its_image(self) -> Self:
        if (self.schema_version == IN_3D_VERSION) != (self.image.planes > 1):
            raise ValueError("the version of the format does not fit the image")
        return self

    @model_serializer(mode="wrap")
    def _as_before_cell_sizes(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without an entry for the size of cells where it is unknown, as other versions read it."""
        found: dict[str, Any] = write(self)
        return {
            key: value for key, value in found.items() if key != "cell_size" or value is not None
        }

    @property
    def journal(self) -> str:
        """Name of the file with the deeds since the last save."""
        return f"journal-{self.generation}.log"

    @property
    def files(self) -> frozenset[str]:
        """Names of all files that belong to it, beside those that are always there."""
        stored = (self.properties, *self.chunks)
        return frozenset({self.journal, self.history, *(entry.file for entry in stored)})


def now() -> datetime:
    """The moment, with its time zone."""
    return datetime.now().astimezone()


def read_manifest(folder: Path) -> Manifest:
    """Read ``session.json`` of a project, of this or an older version.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ProjectError
        If it is damaged or from a newer version; the message names the field.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no project: there is no {MANIFEST} in it")
    if path.stat().st_size > _MAX_BYTES:
        raise ProjectError(f"{path} is far too large")
    try:
        content: Any = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise ProjectError(f"{path} is damaged: it holds no entries")
    try:
        return Manifest.model_validate(migrated(content, folder))
    except ValidationError as error:
        raise ProjectError(f"{path} is damaged: {_first_problem(error)}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put ``session.json`` into place: it is the old one or the whole new one at any moment."""
    with atomic_path(folder / MANIFEST) as temporary:
        temporary.write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the file"
    return f"{place}: {problem['msg']} (got {problem['input']!r})"[:300]
