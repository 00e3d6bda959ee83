"""Disk cache: features that do not fit into memory, kept until the program ends."""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Collection
from pathlib import Path

import platformdirs
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from napari_sam2.model import FrameFeatures
from napari_sam2.tracking.windows import Window

View = tuple[int, Window]
"""A frame, and the window of the network's view."""

LOCK = "in-use.lock"
PREFIX = "features-"
MAPS = ("stride16", "stride8", "stride4")
CHANNELS_LAST = ":channels last"
FREE_SHARE = 0.5  # largest share of the free disk space

log = logging.getLogger(__name__)


def default_folder() -> Path:
    """Default folder of the feature files: the user's cache folder."""
    return Path(platformdirs.user_cache_dir("napari-sam2", appauthor=False)) / "features"


def remove_stale(parent: Path) -> None:
    """Remove the files of crashed programs; running programs hold a lock on their folder.

    Parameters
    ----------
    parent : Path
        Folder that contains the folders of all programs; it may be missing.
    """
    for folder in parent.glob(f"{PREFIX}*"):
        lock = FileLock(folder / LOCK)
        try:
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


class DiskCache:
    """Stores the features of each view in a file; the least recently used files are deleted first.

    The folder is created when the first features are stored. If the disk fails, features are
    computed again.

    Parameters
    ----------
    budget_bytes : int
        Largest total size of the files, limited to half of the free space; 0 disables the cache.
    parent : Path, optional
        Folder in which a subfolder is created; the subfolder is deleted with this object, or at
        the end of the program.
    """

    def __init__(self, budget_bytes: int, parent: Path | None = None) -> None:
        self._budget_bytes = budget_bytes
        self._parent = parent
        self._folder: Path | None = None
        self._sizes: OrderedDict[View, int] = OrderedDict()
        self._names: dict[View, int] = {}
        self._count = 0
        self.nbytes = 0

    def __contains__(self, view: View) -> bool:
        return view in self._sizes

    def put(self, view: View, features: FrameFeatures) -> None:
        """Store features, unless they are stored already."""
        if view in self._sizes:
            self._sizes.move_to_end(view)
            return
        if features.nbytes > self._budget_bytes:
            return
        try:
            folder = self._ready_folder()
            self._count += 1
            self._names[view] = self._count
            save_file(_as_laid_out(features), self._path(folder, view))
        except (OSError, SafetensorError) as error:
            self._give_up(error)
            return
        self._sizes[view] = features.nbytes
        self.nbytes += features.nbytes
        while self.nbytes > self._budget_bytes:
            self._forget(next(iter(self._sizes)))

    def get(self, view: View) -> FrameFeatures | None:
        """Stored features on the CPU; None if they are not stored."""
        if view not in self._sizes or self._folder is None:
            return None
        self._sizes.move_to_end(view)
        try:
            maps = load_file(self._path(self._folder, view))
        except (OSError, SafetensorError):
            self._forget(view)
            return None
        return FrameFeatures(*(_from_file(maps, name) for name in MAPS))

    def forget(self, frames: Collection[int]) -> None:
        """Forget the features of some frames."""
        for view in [view for view in self._sizes if view[0] in frames]:
            self._forget(view)

    def clear(self) -> None:
        """Forget everything."""
        while self._sizes:
            self._forget(next(iter(self._sizes)))

    def _path(self, folder: Path, view: View) -> Path:
        return folder / f"{self._names[view]}.safetensors"

    def _forget(self, view: View) -> None:
        self.nbytes -= self._sizes.pop(view)
        if self._folder is not None:
            self._path(self._folder, view).unlink(missing_ok=True)
        del self._names[view]

    def _ready_folder(self) -> Path:
        if self._folder is None:
            parent = self._parent or default_folder()
            parent.mkdir(parents=True, exist_ok=True)
            remove_stale(parent)
            folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
            lock = FileLock(folder / LOCK)
            lock.acquire(timeout=0)
            self._folder = folder
            weakref.finalize(self, _remove, folder, lock)
            free = shutil.disk_usage(folder).free
            self._budget_bytes = min(self._budget_bytes, int(FREE_SHARE * free))
        return self._folder

    def _give_up(self, error: Exception) -> None:
        log.warning("features are no longer kept on the disk: %s", error)
        self._budget_bytes = 0


def _as_laid_out(features: FrameFeatures) -> dict[str, Tensor]:
    """Feature maps under names that encode their memory format.

    The memory format decides which kernels read the maps, and therefore the last bits of the masks.
    """
    maps = {}
    for name in MAPS:
        x = getattr(features, name).cpu()
        if x.is_contiguous():
            maps[name] = x
        else:
            maps[f"{name}{CHANNELS_LAST}"] = x.permute(0, 2, 3, 1).contiguous()
    return maps


def _from_file(maps: dict[str, Tensor], name: str) -> Tensor:
    if name in maps:
        return maps[name]
    return maps[f"{name}{CHANNELS_LAST}"].permute(0, 3, 1, 2)


def _remove(folder: Path, lock: FileLock) -> None:
    lock.release()
    shutil.rmtree(folder, ignore_errors=True)
