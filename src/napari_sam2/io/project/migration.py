"""Migrate older versions of ``session.json`` to the current one, one version at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal

from napari_sam2.io.project.errors import ProjectError

SCHEMA_VERSION: Final[Literal[1]] = 1
IN_3D_VERSION: Final[Literal[2]] = 2  # the same entries, for an image in 3D
Content = dict[str, Any]


def migrated(content: Content, folder: Path) -> Content:
    """The entries of ``session.json`` as the version of today has them.

    Parameters
    ----------
    content : dict
        Content of the file.
    folder : Path
        The project, for messages and for files that older versions kept elsewhere.

    Raises
    ------
    SessionError
        If the version is newer than this program, is missing, or an old file is damaged.
    """
    version = content.get("schema_version")
    if type(version) is not int or version < 0:
        raise ProjectError(f"{folder} does not say which version its format has")
    if version > IN_3D_VERSION:
        raise ProjectError(
            f"{folder.name} was saved by a newer napari-sam2 ({content.get('program', '?')}, "
            f"format {version}; this one reads up to {IN_3D_VERSION}): "
            "update napari-sam2 to open it"
        )
    for step in range(version, SCHEMA_VERSION):
        try:
            content = _STEPS[step](content)
        except (KeyError, TypeError, AttributeError) as error:
            raise ProjectError(f"{folder.name} is damaged: {error!r}") from error
    return content


def _from_0(content: Content) -> Content:
    """Version 0 knew no contrast of users, no tracker settings and no scale of the image."""
    image = dict(content["image"])
    low, high = image.pop("contrast")
    image |= {"contrast_limits": [low, high], "has_user_contrast": False}
    image["path"] = image.pop("source") or None
    return {
        **{key: value for key, value in content.items() if key not in ("weights", "time")},
        "schema_version": 1,
        "image": image,
        "model": {"name": content["model"], "fingerprint": content["weights"]},
        "created": content["time"],
        "saved": content["time"],
        "settings": {},
    }


_STEPS: dict[int, Callable[[Content], Content]] = {0: _from_0}
