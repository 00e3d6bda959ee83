"""The folder in which the program keeps data of the user's account."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs


def data_folder() -> Path:
    """Data folder of the user; the variable ``NAPARI_SAM2_DATA`` names another one."""
    chosen = os.environ.get("NAPARI_SAM2_DATA")
    return Path(chosen or platformdirs.user_data_dir("napari-sam2", appauthor=False))
