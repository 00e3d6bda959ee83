"""Windows of the tests read and write settings of their own."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import gettempdir

from napari import settings
from napari.utils import _base


def test_napari_has_its_settings_in_a_folder_of_this_process() -> None:
    """The usual folder is one of this process, too: napari 0.8.0 reads the language there."""
    folder = Path(os.environ["XDG_CONFIG_HOME"])
    assert folder.parent == Path(gettempdir())
    assert settings.get_settings().config_path == folder / "settings.yaml"
    assert folder in Path(_base._DEFAULT_CONFIG_PATH).parents
