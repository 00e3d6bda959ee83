"""The record of a tracked movie, ``batch.json`` in its folder of results."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.project.errors import ProjectError
from napari_sam2.io.project.manifest import MANIFEST, read_manifest

RECORD = "batch.json"


class MovieRecord(BaseModel):
    """What was computed for a movie, and from what.

    Attributes
    ----------
    name : str
        Name of the movie in the batch.
    movie : str
        Its file or folder.
    plate, well, field : str
        Place on a plate; empty for other movies.
    key : str
        Digest of plan, model and movie; see `napari_sam2.batch.movie_task.task_key`.
    frames, cells : int
        Frames of the movie, and objects that were tracked.
    divisions, possible_divisions : int
        Objects with daughters, and further divisions that the program proposes.
    masks, doubtful : int
        Masks on all frames, and how many of them are doubtful.
    checked, differing : int
        Masks of a backward check, and how many of them differ from the masks of the way back.
    worst_frame : int
        Frame with the most serious doubts.
    thumbnail : str
        Picture of that frame as a data URI.
    seconds : float
        Time that tracking and writing took.
    finished : datetime
        When it was done, with its time zone.
    project : str
        From `project_digest`, as the batch has left the project.
    run : str
        Identifier of the run of the batch that has written the results.
    note : str
        Which part of the file was taken, in words; empty for the whole file.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    movie: str
    plate: str = ""
    well: str = ""
    field: str = ""
    key: str
    frames: int
    cells: int
    divisions: int
    possible_divisions: int
    masks: int
    doubtful: int
    checked: int = 0
    differing: int = 0
    worst_frame: int
    thumbnail: str
    seconds: float
    finished: AwareDatetime
    project: str
    run: str = ""
    note: str = ""

    @property
    def doubtful_share(self) -> float:
        """Share of masks that are doubtful, 0 to 1."""
        return self.doubtful / max(self.masks, 1)

    @property
    def differing_share(self) -> float | None:
        """Share of masks that differ from those of the way back, 0 to 1; None without a check."""
        return self.differing / self.checked if self.checked else None


def read_record(folder: Path) -> MovieRecord | None:
    """The record in a folder of results; None if there is none, or none that can be read."""
    try:
        return MovieRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(folder: Path, record: MovieRecord) -> None:
    """Write the record into a folder of results, complete or not at all."""
    with atomic_path(folder / RECORD) as temporary:
        temporary.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")


def project_of(folder: Path) -> Path:
    """The project in a folder of results, which has the name of the folder."""
    return folder / f"{folder.name}{PROJECT_SUFFIX}"


def project_digest(project: Path) -> str:
    """Digest that changes with every change of a project, saved or not.

    Parameters
    ----------
    project : Path
        Folder ``NAME.sam2``.

    Raises
    ------
    ProjectError
        If it is damaged.
    OSError
        If it cannot be read.
    """
    digest = sha256((project / MANIFEST).read_bytes())
    digest.update((project / read_manifest(project).journal).read_bytes())
    return digest.hexdigest()


def is_corrected(folder: Path, record: MovieRecord) -> bool:
    """Whether the project in a folder of results was changed since the batch wrote it.

    A project that cannot be read counts as changed: nothing replaces it.
    """
    try:
        return project_digest(project_of(folder)) != record.project
    except (OSError, ProjectError):
        return project_of(folder).exists()
