"""Plans: the movies of a batch and the work to do on each, as a TOML file."""

from __future__ import annotations

import json
import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from napari_sam2.batch.tracking_run import FindingSettings
from napari_sam2.io.atomic import atomic_path
from napari_sam2.io.formats import FORMATS
from napari_sam2.io.project import PROJECT_SUFFIX
from napari_sam2.io.selection import IN_3D, Projection, Selection, parse_channels, parse_range
from napari_sam2.model.config import WindowMode
from napari_sam2.tracking.plan import Sweep

Count = Annotated[int, Field(ge=0)]
AUTO = "auto"  # in place of files with prompts: all objects are found
NAME = "{name}"  # in the pattern of the prompts: stands for the name of a movie
PARQUET = ".parquet"
TABLES = (".csv", PARQUET)  # suffixes of the table of all measurements
_CHECKPOINTS = (".pt", ".safetensors")
_EXPORTS_3D = ("ome", "ome-zarr", "ome-zarr-0.5")


class Plan(BaseModel):
    """The movies of a batch and the work to do on each.

    Relative paths are seen from `home`.

    Attributes
    ----------
    movies : tuple of str
        Patterns of files and folders, as ``"wells/*.tif"``; ``**`` stands for any folders. A
        folder that is an OME-Zarr plate stands for the images of all its wells.
    prompts : str
        ``"auto"`` finds all objects. A project, ``NAME.sam2``, is repeated on
        every movie. Else the prompts file of each movie, with ``{name}`` for the name of the movie.
    output : Path
        Folder of all results; each movie has a folder in it.
    model : str
        ``"cells"``, a name of the registry, or a checkpoint file.
    exports : tuple of str
        Formats to write beside labels, measurements and the project; see
        `napari_sam2.io.formats.FORMATS`.
    direction : str
        Direction of tracking from the prompts.
    look_every : int or None
        With ``"auto"``: frames from one search for new objects to the next; 0: one search.
    cell_size : float or None
        With ``"auto"``: diameter of a typical cell in pixels.
    min_score : float
        With ``"auto"``: objects with a lower score are left out.
    image_size : int or None
        Side of the input of an official model in pixels.
    measurements : str
        Name of the table of the measurements of all movies, with the suffix ``.csv`` or
        ``.parquet``.
    verify : bool
        Whether every object is tracked back from its end as well, and its masks compared.
    fast, local : bool
        As the options of ``napari-sam2 track``.
    windows : str or None
        ``"auto"``, ``"small"`` or ``"whole"``, as the option of ``napari-sam2 track``.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
    axes, channel, z, range : optional
        Which part of each file is the movie, as the options of ``napari-sam2 track``: letters of
        the axes, a channel or a list of two or three (or a text with weights, "0,2:0.5"), a plane
        or "max", "mean" or "focus", "3d" for tracking in all planes, and frames such as "10:80".
    home : Path
        Folder of the plan.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    movies: Annotated[tuple[str, ...], Field(min_length=1)]
    prompts: str = AUTO
    output: Path
    model: str = "cells"
    exports: tuple[str, ...] = ()
    direction: Sweep = "both"
    look_every: Annotated[int, Field(ge=0)] | None = None
    cell_size: Annotated[float, Field(ge=1)] | None = None
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.5
    image_size: Annotated[int, Field(ge=32, multiple_of=32)] | None = None
    measurements: str = "measurements.csv"
    verify: bool = False
    fast: bool = False
    local: bool = False
    windows: WindowMode | None = None
    device: str = "auto"
    axes: str | None = None
    channel: Count | tuple[Count, ...] | str | None = None
    z: Count | Projection | Literal["3d"] | None = None
    frame_range: Annotated[str | None, Field(alias="range")] = None
    home: Path = Field(default_factory=Path.cwd)

    @field_validator("movies", mode="before")
    @classmethod
    def _one_pattern_is_a_list(cls, movies: Any) -> Any:
        return (movies,) if isinstance(movies, str) else movies

    @field_validator("prompts")
    @classmethod
    def _prompts_differ_by_movie(cls, prompts: str) -> str:
        if prompts != AUTO and NAME not in prompts and not _is_project(prompts):
            raise ValueError(
                f'"{AUTO}", a project (NAME{PROJECT_SUFFIX}), or a path with {NAME} for the name '
                f'of the movie, such as "prompts/{NAME}.tif"'
            )
        return prompts

    @field_validator("measurements")
    @classmethod
    def _table_is_csv_or_parquet(cls, name: str) -> str:
        path = Path(name)
        if path.suffix.lower() not in TABLES or path.name != name:
            raise ValueError(f"expected the name of a file that ends with .csv or .parquet: {name}")
        if path.suffix.lower() == PARQUET and find_spec("pyarrow") is None:
            raise ValueError("tables in Parquet need pyarrow: pip install 'napari-sam2[parquet]'")
        return name

    @field_validator("exports")
    @classmethod
    def _exports_are_formats(cls, exports: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := sorted(set(exports) - set(FORMATS)):
            raise ValueError(f"unknown formats {unknown}; expected some of {sorted(FORMATS)}")
        return exports

    @model_validator(mode="after")
    def _options_fit_the_prompts(self) -> Plan:
        if self.prompts == AUTO and self.direction == "backward":
            raise ValueError(f'prompts "{AUTO}" begin on the first frame; leave direction away')
        if _is_project(self.prompts) and self.direction != "both":
            raise ValueError("a project is tracked in both directions; leave direction away")
        if self.prompts != AUTO and self.look_every is not None:
            raise ValueError(f'look_every looks for new cells and needs prompts = "{AUTO}"')
        return self

    @model_validator(mode="after")
    def _options_fit_volumes(self) -> Plan:
        if not self.is_3d:
            return self
        if self.prompts == AUTO or _is_project(self.prompts):
            raise ValueError(
                f'z = "{IN_3D}" needs the prompts of each movie with their planes, such as '
                f'"prompts/{NAME}.json"'
            )
        if self.verify:
            raise ValueError(f'verify compares frames; leave it or z = "{IN_3D}" away')
        if wrong := sorted(set(self.exports) - set(_EXPORTS_3D)):
            raise ValueError(f"{wrong} cannot hold volumes; expected some of {_EXPORTS_3D}")
        return self

    @model_validator(mode="after")
    def _part_can_be_chosen(self) -> Plan:
        _ = self.part  # raises where a value is none
        return self

    @property
    def part(self) -> Selection:
        """The part of each file that is the movie."""
        frames = None if self.frame_range is None else parse_range(self.frame_range)
        axes = None if self.axes is None else self.axes.upper()
        text = self.channel
        channel = parse_channels(text) if isinstance(text, str) else text
        z = None if self.z == "3d" else self.z
        return Selection(axes, channel, z, frames)

    @property
    def is_3d(self) -> bool:
        """Whether objects are tracked through all planes of volumes."""
        return self.z == IN_3D

    @property
    def output_folder(self) -> Path:
        """Folder of all results, absolute."""
        return (self.home / self.output).absolute()

    @property
    def model_name(self) -> str:
        """The model; the absolute path of a checkpoint file."""
        if Path(self.model).suffix.lower() in _CHECKPOINTS:
            return str((self.home / self.model).absolute())
        return self.model

    @property
    def finding(self) -> FindingSettings:
        """How objects are found without prompts."""
        return FindingSettings(self.look_every, self.cell_size, self.min_score)

    def prompts_of(self, name: str) -> Path | None:
        """File or project with the prompts of a movie; None where all objects are found.

        Parameters
        ----------
        name : str
            Name of the movie in the batch.
        """
        if self.prompts == AUTO:
            return None
        return (self.home / self.prompts.replace(NAME, name)).absolute()

    @property
    def has_own_prompts(self) -> bool:
        """Whether each movie has prompts of its own, rather than those of another movie or none."""
        return NAME in self.prompts


def _is_project(prompts: str) -> bool:
    return Path(prompts).suffix == PROJECT_SUFFIX


def read_plan(path: Path) -> Plan:
    """Read a TOML file; its paths are seen from the folder that it is in.

    Parameters
    ----------
    path : Path
        Keys as the attributes of `Plan`, without `home`.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no TOML, or a key is unknown, missing or has a wrong value.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no TOML: {error}") from error
    if "home" in table:
        raise ValueError(f"{path.name}: home is not a key; paths are seen from the plan's folder")
    return checked_plan(table | {"home": path.absolute().parent}, path.name)


def write_plan(path: Path, plan: Plan) -> None:
    """Write a plan as a TOML file, which `read_plan` reads; keys with their default are left out.

    Parameters
    ----------
    path : Path
        File to write; the paths of the plan must be absolute.
    plan : Plan
        The plan.

    Raises
    ------
    OSError
        If it cannot be written; an old file is left as it was.
    """
    values = plan.model_dump(mode="json", exclude={"home"}, exclude_defaults=True, by_alias=True)
    # strings, numbers and lists look the same in JSON and in TOML
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in values.items())
    with atomic_path(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def plan_of_folder(folder: Path, prompts: str, output: Path, **settings: Any) -> Plan:
    """A plan for all movies of a folder.

    Parameters
    ----------
    folder : Path
        Folder of the movies, or an OME-Zarr plate.
    prompts : str
        As in `Plan`; a relative path is seen from the current folder.
    output : Path
        Folder of all results, seen from the current folder.
    **settings
        Other attributes of `Plan`.

    Raises
    ------
    ValueError
        If a setting is unknown or has a wrong value.
    """
    table = {"movies": str(folder.absolute()), "prompts": prompts, "output": output, **settings}
    return checked_plan(table, f"batch of {folder.name}")


def checked_plan(table: dict[str, Any], source: str) -> Plan:
    """A plan of these keys; errors name all that is wrong.

    Raises
    ------
    ValueError
        If a key is unknown, missing or has a wrong value.
    """
    try:
        return Plan.model_validate(table)
    except ValidationError as error:
        problems = "; ".join(
            ": ".join(filter(None, [".".join(map(str, each["loc"])), each["msg"]]))
            for each in error.errors(include_url=False, include_context=False)
        )
        raise ValueError(f"{source}: {problems}") from error
