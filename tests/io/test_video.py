from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from napari_sam2.io.movies import open_movie
from napari_sam2.io.video import BlockReader

FRAMES = 40


@pytest.fixture(scope="module")
def brightening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the same video in every format; frame t is 6 t."""
    folder = tmp_path_factory.mktemp("videos")
    video = np.empty((FRAMES, 32, 48, 3), np.uint8)
    video[:] = 6 * np.arange(FRAMES)[:, None, None, None]
    for suffix in (".mp4", ".avi"):  # the codec holds frames back: jumps by time land elsewhere
        iio.imwrite(folder / f"a{suffix}", video, plugin="FFMPEG", fps=7, quality=9)
    iio.imwrite(folder / "a.gif", video, plugin="pillow")
    return folder


@pytest.mark.parametrize("name", ["a.mp4", "a.avi", "a.gif"])
def test_every_frame_is_the_one_asked_for(brightening: Path, name: str) -> None:
    movie = open_movie(brightening / name)
    assert (movie.data.shape, movie.rgb) == ((FRAMES, 32, 48, 3), True)
    for t in reversed(range(FRAMES)):
        assert movie.frame(t).mean() == pytest.approx(6 * t, abs=2)


@pytest.mark.parametrize("name", ["a.mp4", "a.gif"])
def test_truncated_video_is_told(brightening: Path, tmp_path: Path, name: str) -> None:
    content = (brightening / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 3])
    with pytest.raises(ValueError, match=name):
        open_movie(tmp_path / name).frame(FRAMES - 1)


def test_blocks_are_decoded_once_going_backwards() -> None:
    decoded: list[tuple[int, int]] = []

    def decode(start: int, count: int) -> np.ndarray:
        decoded.append((start, count))
        return np.arange(start, start + count, dtype=np.uint8).reshape(-1, 1, 1, 1)

    reader = BlockReader(decode, (10, 1, 1, 1), block_bytes=4)
    assert [int(reader.frame(t)[0, 0, 0]) for t in reversed(range(10))] == [*range(9, -1, -1)]
    assert decoded == [(8, 2), (4, 4), (0, 4)]
