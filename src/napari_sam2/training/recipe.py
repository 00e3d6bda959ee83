"""Recipes: training runs as TOML files, which are checked when they are read."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from napari_sam2.model.checkpoint import load_model
from napari_sam2.model.config import PRESETS
from napari_sam2.model.sam2 import Sam2
from napari_sam2.training.config import LossWeights, TrainingConfig
from napari_sam2.training.data import ClipDataset, ImagesAndClips, is_drawn
from napari_sam2.training.validation import ValidationPlan

FIXED = ("preset", "seed", "layer_decay", "encoder_rate")
"""Settings that a run keeps from its first step to its last."""

T = TypeVar("T")
_TEXT: TypeAdapter[str | None] = TypeAdapter(str | None)


@dataclass(frozen=True)
class Recipe:
    """Data, start weights and configuration of a training run.

    Attributes
    ----------
    training : TrainingConfig
        With the folders of its clips.
    init : str or None
        Name of a model or path of a checkpoint to start from; None for random weights.
    validation : ValidationPlan
        Without folders if there is none.
    """

    training: TrainingConfig
    init: str | None = None
    validation: ValidationPlan = field(default_factory=ValidationPlan)

    def open_data(self) -> ClipDataset | ImagesAndClips:
        """Clips to train on, as large as the network's input, in colour if the network sees it.

        Raises
        ------
        FileNotFoundError
            If a folder has no clips.
        """
        training = self.training
        clips = self._open(training.data, training.data_weights)
        if not training.image_data:
            return clips
        return ImagesAndClips(self._open(training.image_data, training.image_data_weights), clips)

    def _open(self, folders: Sequence[str], weights: Sequence[float]) -> ClipDataset:
        preset = PRESETS[self.training.preset]
        shape = (preset.image_size, preset.image_size)
        chosen: dict[str | Path, float] = dict(zip(folders, weights, strict=True))
        return ClipDataset(chosen, shape, in_colour=preset.sees_colour)

    def open_init(self) -> Sam2 | None:
        """The network to start from; None for random weights.

        Raises
        ------
        FileNotFoundError
            If there is no such checkpoint.
        ValueError
            If it is another network than the one that is trained.
        """
        if self.init is None:
            return None
        model = load_model(self.init, "cpu")
        if model.config.name != self.training.preset:
            raise ValueError(
                f"init = {self.init!r} is a network {model.config.name}, but "
                f"{self.training.preset} is trained: set preset to it, or start from another one"
            )
        return model


def read_recipe(path: Path) -> Recipe:
    """Read a TOML file; its folders and files are seen from where it is.

    Parameters
    ----------
    path : Path
        Keys as in `TrainingConfig`, with ``[data]`` (folder = weight; ``"synthetic:nuclei"`` for
        clips of this kind that are drawn anew each time), ``[image_data]`` (the same for single
        images; ``[data]`` without it), ``[[stages]]``, ``[losses]`` or ``losses = "paper"``,
        ``init``, and ``[validation]``.

    Returns
    -------
    Recipe

    Raises
    ------
    ValueError
        If the file is no TOML, or has an unknown key, a wrong type or a value out of range; the
        message names all of them.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no TOML: {error}") from error
    try:
        return _recipe(table, path.parent)
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from error


def check_same_run(begun: Recipe, now: Recipe) -> None:
    """Refuse to resume a run with settings that would change it.

    Raises
    ------
    ValueError
        With the setting that was changed. Stages, data, losses and validation may be.
    """
    for name in FIXED:
        old, new = getattr(begun.training, name), getattr(now.training, name)
        if old != new:
            raise ValueError(
                f"the run began with {name} = {old!r}, not {new!r}: a run keeps that; start "
                "another one, with init = its best.safetensors"
            )


def _recipe(table: dict[str, Any], home: Path) -> Recipe:
    sources = {
        name: _checked(TypeAdapter(dict[str, float]), table.pop(name, {}), name)
        for name in ("data", "image_data")
    }
    validation = table.pop("validation", {})
    init = _checked(_TEXT, table.pop("init", None), "init")
    for part in [table, *_stages(table)]:
        if "losses" in part:
            part["losses"] = _losses(part["losses"])
    if not table.get("stages"):
        raise ValueError("stages: at least one [[stages]] with its steps is needed")
    if not sources["data"]:
        raise ValueError("data: at least one folder = weight is needed")
    folders: dict[str, list[Any]] = {}
    for name, weights in sources.items():
        if f"{name}_weights" in table:
            raise ValueError(f"{name}_weights: weights stand in [{name}], as folder = weight")
        folders[name] = [f if is_drawn(f) else str(home / f) for f in weights]
        folders[f"{name}_weights"] = list(weights.values())
    training = _checked(TypeAdapter(TrainingConfig), {**table, **folders}, "")
    if training.preset not in PRESETS:
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}; got {training.preset!r}")
    plan = _checked(TypeAdapter(ValidationPlan), validation, "validation")
    plan = replace(plan, folders=tuple(str(home / folder) for folder in plan.folders))
    if init is not None and init not in PRESETS:
        init = str(home / init)
    return Recipe(training, init, plan)


def _stages(table: dict[str, Any]) -> list[dict[str, Any]]:
    stages = table.get("stages", [])
    return (
        [stage for stage in stages if isinstance(stage, dict)] if isinstance(stages, list) else []
    )


def _losses(given: Any) -> Any:
    """The paper's weights by their name; anything else as it is."""
    return asdict(LossWeights.paper()) if given == "paper" else given


def _checked(kind: TypeAdapter[T], value: Any, place: str) -> T:
    """The value as JSON would hold it, strictly of a type."""
    try:
        return kind.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        raise ValueError(_in_words(error, place)) from error


def _in_words(error: ValidationError, place: str) -> str:
    parts = []
    for detail in error.errors():
        where = ".".join(map(str, [*([place] if place else []), *detail["loc"]]))
        is_unknown = detail["type"] == "unexpected_keyword_argument"
        what = "there is no such key" if is_unknown else detail["msg"]
        parts.append(f"{where}: {what.removeprefix('Value error, ')}".removeprefix(": "))
    return "; ".join(parts)
