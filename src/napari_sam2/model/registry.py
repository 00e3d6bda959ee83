"""Registry of checkpoints: the embedded file and the eight official downloads.

Official checkpoints are published under Apache-2.0 by the authors of the paper. A download is
checked against its SHA-256 before it is used. What an interrupted download has fetched is kept as
``*.part``, from which the next one continues.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs

if TYPE_CHECKING:
    from requests import Response

EMBEDDED = "cells"
BASE_URL = "https://dl.fbaipublicfiles.com/segment_anything_2"

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all (0 if the server does not say)."""


@dataclass(frozen=True)
class CheckpointInfo:
    """One official checkpoint.

    Attributes
    ----------
    name : str
        Name of its preset.
    filename : str
        File name at the source and in the cache.
    url : str
        Where it is published.
    sha256 : str
        Its hash in hexadecimal.
    size_bytes : int or None
        Its length where it is on record.
    licence : str
        SPDX name.
    """

    name: str
    filename: str
    url: str
    sha256: str
    size_bytes: int | None
    licence: str = "Apache-2.0"


def _entry(name: str, folder: str, filename: str, sha256: str, size: int | None) -> CheckpointInfo:
    return CheckpointInfo(name, filename, f"{BASE_URL}/{folder}/{filename}", sha256, size)


REGISTRY: dict[str, CheckpointInfo] = {
    info.name: info
    for info in (
        _entry(
            "sam2.1_tiny",
            "092824",
            "sam2.1_hiera_tiny.pt",
            "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
            156008466,
        ),
        _entry(
            "sam2.1_small",
            "092824",
            "sam2.1_hiera_small.pt",
            "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
            184416285,
        ),
        _entry(
            "sam2.1_base_plus",
            "092824",
            "sam2.1_hiera_base_plus.pt",
            "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
            None,
        ),
        _entry(
            "sam2.1_large",
            "092824",
            "sam2.1_hiera_large.pt",
            "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
            898083611,
        ),
        _entry(
            "sam2_tiny",
            "072824",
            "sam2_hiera_tiny.pt",
            "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125",
            None,
        ),
        _entry(
            "sam2_small",
            "072824",
            "sam2_hiera_small.pt",
            "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3",
            184309650,
        ),
        _entry(
            "sam2_base_plus",
            "072824",
            "sam2_hiera_base_plus.pt",
            "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071",
            None,
        ),
        _entry(
            "sam2_large",
            "072824",
            "sam2_hiera_large.pt",
            "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b",
            897952466,
        ),
    )
}
"""The official checkpoints by preset name."""


def cache_dir() -> Path:
    """Folder of downloaded checkpoints (not made until something is downloaded)."""
    return Path(platformdirs.user_cache_dir("napari-sam2", appauthor=False)) / "checkpoints"


def embedded_path() -> Path:
    """The checkpoint that ships in the package."""
    return Path(str(files("napari_sam2"))) / "weights" / "cells.safetensors"


def checkpoint_state(name: str) -> Literal["embedded", "cached", "missing"]:
    """Whether a checkpoint can be loaded without a download.

    Parameters
    ----------
    name : str
        `cells` or a key of `REGISTRY`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        If the name is unknown.
    """
    if name == EMBEDDED:
        return "embedded"
    return "cached" if (cache_dir() / _info(name).filename).is_file() else "missing"


def checkpoint_path(name: str) -> Path:
    """File of a named checkpoint.

    Parameters
    ----------
    name : str
        `cells` or a key of `REGISTRY`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError
        If the name is unknown.
    FileNotFoundError
        If it has not been downloaded.
    """
    if name == EMBEDDED:
        return embedded_path()
    path = cache_dir() / _info(name).filename
    if not path.is_file():
        raise FileNotFoundError(
            f"{name} has not been downloaded: run `napari-sam2 models download {name}` "
            f"while online, or put {path.name} from {_info(name).url} into {path.parent}"
        )
    return path


def verify(name: str) -> bool:
    """Whether the cached file has the hash on record; False too where there is no file.

    Parameters
    ----------
    name : str
        A key of `REGISTRY`.

    Returns
    -------
    bool
    """
    import pooch

    info = _info(name)
    path = cache_dir() / info.filename
    return path.is_file() and pooch.file_hash(str(path), alg="sha256") == info.sha256


def download(name: str, progress: Progress | None = None) -> Path:
    """Fetch an official checkpoint into the cache; nothing happens if it is there already.

    A download that was interrupted continues where it ended, if the server can do that. While
    another program downloads the same checkpoint, this one waits for it and takes its file.

    Parameters
    ----------
    name : str
        A key of `REGISTRY`.
    progress : callable, optional
        Called with the bytes done and the bytes in all.

    Returns
    -------
    Path
        The checked file.

    Raises
    ------
    ValueError
        If the name is unknown or the download has another hash; the file is then removed.
    ConnectionError
        If the source cannot be reached or breaks off; the message says whether the next download
        continues there.
    OSError
        If the cache folder cannot be written.
    """
    import pooch  # imported here: loading a model needs neither of these packages
    import requests
    from filelock import FileLock

    info = _info(name)
    part = cache_dir() / f"{info.filename}.part"
    downloader = _ResumingDownloader(part, progress)
    try:
        with FileLock(cache_dir() / f"{info.filename}.lock"):
            path = pooch.retrieve(
                url=info.url,
                known_hash=f"sha256:{info.sha256}",
                fname=info.filename,
                path=cache_dir(),
                downloader=downloader,
            )
    except (requests.RequestException, ConnectionError) as error:
        raise ConnectionError(
            f"could not download {name} ({type(error).__name__}). {downloader.kept_text()}"
            f"Check the connection, or fetch {info.url} by other means and put it into "
            f"{cache_dir()}"
        ) from error
    return Path(path)


class _ResumingDownloader:
    """Fetches a file over HTTP for pooch, and continues an interrupted download.

    Parameters
    ----------
    part : Path
        Where the file grows; it stays when the transfer breaks off, if it can be continued.
    progress : callable, optional
        Called with the bytes done and the bytes in all.
    """

    def __init__(self, part: Path, progress: Progress | None) -> None:
        self._part = part
        self._progress = progress
        self._is_cut = False  # the transfer began and did not end

    def __call__(self, url: str, output_file: str, pooch: object = None) -> None:
        """Fetch `url` into `output_file`, which pooch checks."""
        import requests

        size = self._part.stat().st_size if self._part.is_file() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={size}-"} if size else {})
        with requests.get(url, headers=headers, stream=True, timeout=30) as response:
            if size and response.status_code == requests.codes.requested_range_not_satisfiable:
                self._part.unlink()  # it is longer than the file, or all of it and wrong
                self(url, output_file)
                return
            response.raise_for_status()
            self._is_cut = True
            self._receive(response, size)
        self._is_cut = False
        os.replace(self._part, output_file)

    def _receive(self, response: Response, size: int) -> None:
        """Append the response to the partial file, or replace it if the whole file is sent."""
        begins = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
        start = size if begins and int(begins[1]) == size else 0
        can_resume = begins is not None or response.headers.get("Accept-Ranges") == "bytes"
        total = start + int(response.headers.get("Content-Length", -start))
        done = start
        try:
            with self._part.open("ab" if start else "wb") as file:
                for chunk in response.iter_content(chunk_size=1024):
                    done += file.write(chunk)
                    if self._progress is not None:
                        self._progress(done, total)
        except BaseException:
            if not can_resume:
                self._part.unlink(missing_ok=True)
            raise

    def kept_text(self) -> str:
        """Sentence that says where the next download begins; empty if nothing was received."""
        if self._part.is_file():
            megabytes = self._part.stat().st_size / 1e6
            return f"{megabytes:.1f} MB have come and are kept: the next download continues there. "
        if self._is_cut:
            return "The server cannot resume: the next download starts from the beginning. "
        return ""


def _info(name: str) -> CheckpointInfo:
    if name not in REGISTRY:
        raise ValueError(f"unknown model {name!r}: expected {EMBEDDED} or {', '.join(REGISTRY)}")
    return REGISTRY[name]
