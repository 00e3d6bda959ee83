"""Settings of teaching, which are kept in the data folder of the user."""

from __future__ import annotations

from dataclasses import asdict, dataclass

_FILE = "teaching.json"


@dataclass(frozen=True)
class TeachingSettings:
    """Settings of teaching.

    Attributes
    ----------
    budget_s : int or None
        Time for a lesson, in seconds; None for the default of the device.
    sources : tuple of str
        Projects and folders to learn from, too.
    """

    budget_s: int | None = None
    sources: tuple[str, ...] = ()


def read_settings() -> TeachingSettings:
    """The settings of the user; the defaults where there are none, or they are damaged."""
    from napari_sam2.io.data_folder import read_kept  # not needed to open the window

    content = read_kept(_FILE)
    try:
        budget = content["budget_s"]
        return TeachingSettings(
            None if budget is None else int(budget), tuple(map(str, content["sources"]))
        )
    except (ValueError, TypeError, LookupError):
        return TeachingSettings()


def write_settings(settings: TeachingSettings) -> None:
    """Keep the settings of the user.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    from napari_sam2.io.data_folder import keep

    keep(_FILE, asdict(settings))
