"""Videos, decoded in blocks of frames, so that a step to the next frame is fast."""

from __future__ import annotations

import re
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from napari_sam2.io.stack import ImageStack

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".m4v", ".webm")
_BLOCK_BYTES = 128 * 2**20
_BLOCKS_KEPT = 2
_PILLOW_ERRORS = (OSError, EOFError, IndexError, SyntaxError, ValueError)  # for damaged files

# from (first frame, number of frames) to those frames, (N, Y, X, C)
BlockDecoder = Callable[[int, int], NDArray[np.uint8]]


class BlockReader:
    """Single frames of a video that can only be decoded in runs.

    Parameters
    ----------
    decode : callable
        From the first frame and the number of frames to (N, Y, X, C) uint8.
    shape : (T, Y, X, C)
        Shape of the video.
    block_bytes : int
        Size of the blocks that are decoded at once; two are kept.
    """

    def __init__(
        self, decode: BlockDecoder, shape: tuple[int, ...], block_bytes: int = _BLOCK_BYTES
    ) -> None:
        self._decode = decode
        self._frames = shape[0]
        self._block = max(1, block_bytes // int(np.prod(shape[1:])))
        self._blocks: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def frame(self, t: int) -> NDArray[np.uint8]:
        """Frame `t`, (Y, X, C) uint8."""
        start = t - t % self._block
        with self._lock:
            if start not in self._blocks:
                self._blocks[start] = self._decode(start, min(self._block, self._frames - start))
            self._blocks.move_to_end(start)
            while len(self._blocks) > _BLOCKS_KEPT:
                self._blocks.popitem(last=False)
            frame: NDArray[np.uint8] = self._blocks[start][t - start]
            return frame


def open_video(file: Path) -> ImageStack:
    """A video file as an RGB movie of all its frames, (T, Y, X, 3) uint8.

    Frames are counted from the start of the file. Jumping to the time of a frame would be faster in
    long videos, but lands some frames off where the file tells no exact times, as many AVI files.

    Raises
    ------
    ValueError
        If the file holds no video that can be decoded; and when a frame is missing at its end.
    """
    first = _first_frame(file)
    frames = _count_frames(file)
    shape = (frames, *first.shape)

    def decode(start: int, count: int) -> NDArray[np.uint8]:
        wanted = f"select=between(n\\,{start}\\,{start + count - 1})"
        options = f"-frames:v {count} -pix_fmt rgb24 -f rawvideo -".split()
        raw = np.frombuffer(_ffmpeg(file, ["-vf", wanted, *options]).stdout, np.uint8)
        if raw.size != count * first.size:
            got = raw.size // first.size
            raise ValueError(
                f"{file.name} ends at frame {start + got} of {frames}: is it complete?"
            )
        return raw.reshape(count, *first.shape)

    return ImageStack(_Video(decode, shape), "TYXS", name=file.name)


def open_gif(file: Path) -> ImageStack:
    """An animated GIF as an RGB movie, (T, Y, X, 3) uint8.

    Raises
    ------
    ValueError
        If the file is damaged or no GIF.
    """
    try:
        with Image.open(file, formats=["GIF"]) as gif:
            shape = (int(getattr(gif, "n_frames", 1)), gif.height, gif.width, 3)
    except _PILLOW_ERRORS as error:
        raise ValueError(f"{file.name} cannot be read as a GIF: {error}") from error

    def decode(start: int, count: int) -> NDArray[np.uint8]:
        stack = np.empty((count, *shape[1:]), np.uint8)
        try:
            with Image.open(file, formats=["GIF"]) as gif:
                for i in range(count):
                    gif.seek(start + i)
                    stack[i] = np.asarray(gif.convert("RGB"))
        except _PILLOW_ERRORS as error:
            raise ValueError(f"{file.name} is damaged from frame {start} on: {error}") from error
        return stack

    return ImageStack(_Video(decode, shape), "TYXS", name=file.name)


class _Video:
    """A video as an array of which one frame is read at a time."""

    def __init__(self, decode: BlockDecoder, shape: tuple[int, ...]) -> None:
        self.shape, self.dtype = shape, np.dtype(np.uint8)
        self._reader = BlockReader(decode, shape)

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[np.uint8]:
        t, *inner = index
        if not isinstance(t, int):
            raise ValueError("the first axis of a video is time; axes must begin with T")
        part: NDArray[np.uint8] = self._reader.frame(t)[tuple(inner)]
        return part


def is_complete_video(file: Path) -> bool:
    """Whether the table of frames is there, which an MP4 gets last, and a frame can be decoded."""
    try:
        _ffmpeg(file, ["-frames:v", "1", "-f", "null", "-"])
    except ValueError:
        return False
    return True


def _ffmpeg(file: Path, options: list[str]) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg on the first video stream of a file, every stored frame once.

    Raises
    ------
    ValueError
        If ffmpeg fails, with its last word.
    """
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-i", str(file)]
    command += ["-map", "0:v:0", "-fps_mode", "passthrough", *options]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        last_words = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise ValueError(f"{file.name} cannot be read as a video: {' '.join(last_words)}")
    return done


def _first_frame(file: Path) -> NDArray[np.uint8]:
    options = ["-frames:v", "1", "-pix_fmt", "rgb24", "-c:v", "png", "-f", "image2pipe", "-"]
    png = _ffmpeg(file, options)
    if not png.stdout:
        raise ValueError(f"{file.name} holds no frames")
    image: NDArray[np.uint8] = iio.imread(png.stdout, plugin="pillow")
    return image


def _count_frames(file: Path) -> int:
    """Number of frames that can be decoded, which the header of a video tells only roughly."""
    report = _ffmpeg(file, ["-f", "null", "-"]).stderr.decode(errors="replace")
    return int(re.findall(r"frame=\s*(\d+)", report)[-1])
