"""Official checkpoints are downloaded once, checked, and never half there."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from napari_sam2.model import registry
from napari_sam2.model.registry import (
    REGISTRY,
    CheckpointInfo,
    checkpoint_path,
    checkpoint_state,
    download,
    verify,
)

NAME = "sam2.1_tiny"
FILE = "sam2.1_hiera_tiny.pt"
CONTENT = bytes(range(256)) * 40


@dataclass
class Source:
    """A server on this machine with one file, and how it behaves."""

    url: str = ""
    status: int = 200
    sent: int = len(CONTENT)  # bytes of the file before it breaks off
    resumes: bool = True
    requests: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    """Serves the checkpoint instead of the official server."""
    source = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            source.requests.append(self.path)
            asked = self.headers["Range"]
            source.ranges.append(asked)
            start = int(asked[6:-1]) if asked and source.resumes else 0
            if start >= len(CONTENT):
                self.send_error(416)
                return
            self.send_response(206 if start and source.status == 200 else source.status)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            if source.resumes:
                self.send_header("Accept-Ranges", "bytes")
            if start:
                span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
                self.send_header("Content-Range", span)
            self.end_headers()
            self.wfile.write(CONTENT[start : source.sent])

        def log_message(self, *args: object) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    source.url = f"http://127.0.0.1:{server.server_port}/{FILE}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    register(monkeypatch, source.url)
    yield source
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of this test; it is not there yet."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(registry, "cache_dir", lambda: folder)
    return folder


def register(monkeypatch: pytest.MonkeyPatch, url: str, content: bytes = CONTENT) -> None:
    """Expect this content at this address."""
    sha256 = hashlib.sha256(content).hexdigest()
    monkeypatch.setitem(REGISTRY, NAME, CheckpointInfo(NAME, FILE, url, sha256, len(content)))


def kept(cache: Path) -> list[str]:
    """Names of the files in the cache but the lock, which may stay."""
    return [path.name for path in cache.iterdir() if path.suffix != ".lock"]


def test_download_puts_the_file_into_the_cache(source: Source, cache: Path) -> None:
    assert checkpoint_state(NAME) == "missing"
    path = download(NAME)
    assert path == cache / FILE == checkpoint_path(NAME)
    assert path.read_bytes() == CONTENT
    assert checkpoint_state(NAME) == "cached"
    assert verify(NAME)


def test_progress_goes_up_to_the_total(source: Source) -> None:
    steps: list[tuple[int, int]] = []
    download(NAME, lambda done, total: steps.append((done, total)))
    done = [step[0] for step in steps]
    assert {total for _, total in steps} == {len(CONTENT)}
    assert done == sorted(done)
    assert len(set(done)) > 5
    assert done[-1] == len(CONTENT)


def test_second_download_does_not_fetch_again(source: Source) -> None:
    assert download(NAME) == download(NAME)
    assert source.requests == [f"/{FILE}"]


def test_two_programs_at_once_fetch_a_file_once(source: Source) -> None:
    is_receiving, paths = threading.Event(), []

    def report(done: int, total: int) -> None:
        is_receiving.set()
        threading.Event().wait(0.02)  # slow enough for the other one to come

    first = threading.Thread(target=lambda: paths.append(download(NAME, report)))
    first.start()
    assert is_receiving.wait(30)
    assert download(NAME).read_bytes() == CONTENT
    first.join()
    assert paths[0].read_bytes() == CONTENT
    assert len(source.requests) == 1


def test_wrong_content_leaves_nothing_behind(
    source: Source, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(monkeypatch, source.url, b"what it should be")
    with pytest.raises(ValueError, match="does not match the known hash"):
        download(NAME)
    assert kept(cache) == []
    assert checkpoint_state(NAME) == "missing"


def test_spoilt_file_is_fetched_again(source: Source, cache: Path) -> None:
    cache.mkdir()
    (cache / FILE).write_bytes(b"spoilt")
    assert not verify(NAME)
    download(NAME)
    assert verify(NAME)


def test_spoilt_file_stays_when_it_cannot_be_fetched_again(source: Source, cache: Path) -> None:
    cache.mkdir()
    (cache / FILE).write_bytes(b"spoilt")
    source.status = 503
    with pytest.raises(ConnectionError):
        download(NAME)
    assert kept(cache) == [FILE]


def test_interrupted_transfer_leaves_no_half_checkpoint(source: Source, cache: Path) -> None:
    source.sent = len(CONTENT) // 2
    with pytest.raises(ConnectionError, match=f"could not download {NAME}"):
        download(NAME)
    assert checkpoint_state(NAME) == "missing"
    assert kept(cache) == [f"{FILE}.part"]


def test_interrupted_transfer_continues_where_it_ended(source: Source, cache: Path) -> None:
    source.sent = len(CONTENT) // 2
    with pytest.raises(ConnectionError, match="are kept: the next download continues there"):
        download(NAME)
    source.sent = len(CONTENT)
    assert download(NAME).read_bytes() == CONTENT
    assert source.ranges == [None, f"bytes={len(CONTENT) // 2}-"]
    assert kept(cache) == [FILE]


def test_progress_of_a_continued_transfer_counts_what_was_there(source: Source) -> None:
    source.sent = len(CONTENT) // 2
    with pytest.raises(ConnectionError):
        download(NAME)
    source.sent = len(CONTENT)
    steps: list[tuple[int, int]] = []
    download(NAME, lambda done, total: steps.append((done, total)))
    assert steps[0][0] > len(CONTENT) // 2
    assert steps[-1] == (len(CONTENT), len(CONTENT))


def test_server_that_cannot_resume_is_told_and_asked_for_everything(
    source: Source, cache: Path
) -> None:
    source.sent, source.resumes = len(CONTENT) // 2, False
    with pytest.raises(ConnectionError, match="the next download starts from the beginning"):
        download(NAME)
    assert kept(cache) == []
    (cache / f"{FILE}.part").write_bytes(b"what came from another server")
    source.sent = len(CONTENT)
    assert download(NAME).read_bytes() == CONTENT


def test_part_that_is_too_long_is_fetched_from_the_beginning(source: Source, cache: Path) -> None:
    cache.mkdir()
    (cache / f"{FILE}.part").write_bytes(CONTENT + b"more")
    assert download(NAME).read_bytes() == CONTENT


def test_part_of_another_file_is_found_out_and_removed(source: Source, cache: Path) -> None:
    cache.mkdir()
    (cache / f"{FILE}.part").write_bytes(b"another file")
    with pytest.raises(ValueError, match="does not match the known hash"):
        download(NAME)
    assert kept(cache) == []


def test_transfer_stopped_by_the_caller_leaves_no_half_checkpoint(source: Source) -> None:
    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(NAME, stop)
    assert checkpoint_state(NAME) == "missing"
    assert download(NAME).read_bytes() == CONTENT


def test_others_may_read_a_downloaded_file_as_the_system_lets_them(source: Source) -> None:
    before = os.umask(0o027)
    try:
        path = download(NAME)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == (0o640 if os.name == "posix" else 0o666)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_refusing_server_is_told(source: Source, status: int) -> None:
    source.status = status
    with pytest.raises(ConnectionError, match=f"could not download {NAME}"):
        download(NAME)
    assert checkpoint_state(NAME) == "missing"


def test_server_that_is_gone_says_what_to_do(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()  # nobody listens at its port
    url = f"http://127.0.0.1:{server.server_port}/{FILE}"
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    register(monkeypatch, url)
    with pytest.raises(ConnectionError, match="Check the connection, or fetch") as error:
        download(NAME)
    assert url in str(error.value)
    assert str(cache) in str(error.value)


def test_folder_that_cannot_be_written_is_told_as_such(source: Source, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="cache") as error:
        download(NAME)
    assert not isinstance(error.value, ConnectionError)
    assert cache.read_text() == "a file where the folder should be"


def test_missing_file_is_not_verified() -> None:
    assert not verify(NAME)


def test_embedded_model_needs_no_download() -> None:
    assert checkpoint_state("cells") == "embedded"
    assert checkpoint_path("cells").name == "cells.safetensors"


@pytest.mark.parametrize("ask", [checkpoint_state, checkpoint_path, verify, download])
def test_unknown_name_is_told_with_the_known_ones(ask: object) -> None:
    assert callable(ask)
    with pytest.raises(ValueError, match=r"unknown model 'sam9': expected cells or sam2\.1_tiny"):
        ask("sam9")


@pytest.mark.parametrize("info", REGISTRY.values(), ids=REGISTRY)
def test_official_entries_are_complete(info: CheckpointInfo) -> None:
    assert info.url.startswith("https://")
    assert info.url.endswith("/" + info.filename)
    assert len(bytes.fromhex(info.sha256)) == 32
    assert info.licence == "Apache-2.0"
    assert info.size_bytes is None or 1e8 < info.size_bytes < 1e9
