"""Settings of the window, which are kept in the data folder of the user."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from napari_sam2.io.data_folder import keep, read_kept

_FILE = "window.json"


@dataclass(frozen=True)
class WindowSettings:
    """Settings of the window.

    Attributes
    ----------
    shows_more : bool
        Whether the panel shows all controls.
    has_toured : bool
        Whether the user has taken the tour, or skipped it.
    """

    shows_more: bool = False
    has_toured: bool = False


def read_window_settings() -> WindowSettings:
    """The settings of the user; the defaults where there are none, or they are damaged."""
    content = read_kept(_FILE)
    known = content if isinstance(content, dict) else {}
    return WindowSettings(
        shows_more=known.get("shows_more") is True, has_toured=known.get("has_toured") is True
    )


def write_window_settings(settings: WindowSettings) -> None:
    """Keep the settings of the user.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    keep(_FILE, asdict(settings))
