"""Pages of a TIFF file, read one at a time; the file is open only while a page is read."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.arrays import ArrayLike
from napari_sam2.io.axes import MovieAxes, resolve_axes
from napari_sam2.io.movie import lazy_stack

# message of tifffile if the chain of pages leads out of the file
_CUT_CHAIN = ("invalid page offset", "invalid offset to page", "corrupted tag list of page")
PageReader = Callable[[int], NDArray[Any]]


@contextmanager
def opened_tiff(path: str | os.PathLike[str]) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file; errors of its format are raised as ValueError.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no TIFF, or is truncated.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    with _complaints() as complaints, ExitStack() as stack:
        try:
            tif = stack.enter_context(tifffile.TiffFile(file))
            cut = _is_cut(tif, complaints, file.stat().st_size)
        except Exception as error:  # damage comes up as any kind of error
            raise ValueError(f"{file.name} cannot be read as TIFF: {error}") from error
        if cut:
            raise ValueError(
                f"{file.name} is truncated or damaged: not all of its images are there"
            )
        yield tif


def lazy_pages(tif: tifffile.TiffFile, source: str) -> tuple[ArrayLike, MovieAxes]:
    """The first series of an open TIFF file as an array that stays readable after the file is
    closed.

    Returns
    -------
    data : (T, Y, X) or (T, Y, X, C) array-like
        A memory map where the bytes lie in the file as they are, else read page by page.
    axes : MovieAxes

    Raises
    ------
    ValueError
        If the axes are not those of a movie, or there is not one page per frame. Reading a page
        that cannot be decoded raises it later.
    """
    series = tif.series[0]
    if series.dtype is None:
        raise ValueError(f"{source} holds pixels of a type that cannot be read")
    axes = resolve_axes(series.get_axes(squeeze=False), series.get_shape(squeeze=False), source)
    mapped = _memory_map(series, axes)
    if mapped is not None:
        return mapped, axes
    return lazy_stack(_page_reader(series, axes, source), axes.shape, series.dtype), axes


def _page_reader(series: tifffile.TiffPageSeries, movie: MovieAxes, source: str) -> PageReader:
    """A function that reads frame `t` of a series, also after its file was closed."""
    pages = _frame_pages(series, movie, source)
    lock = threading.Lock()
    plane = movie.shape[1:]

    def read(t: int) -> NDArray[Any]:
        page = pages[t]
        with lock:
            page_file = page.parent.filehandle
            was_closed = page_file.closed
            if was_closed:
                page_file.open()
            try:
                image = page.asarray()
            except Exception as error:  # each codec raises other exceptions
                raise ValueError(
                    f"frame {t} of {source} cannot be read, the file is damaged: {error}"
                ) from error
            finally:
                if was_closed:
                    page_file.close()
        return _in_plane(image, plane, f"frame {t} of {source}")

    return read


def _memory_map(series: tifffile.TiffPageSeries, movie: MovieAxes) -> NDArray[Any] | None:
    """The whole series as a memory map where its bytes lie in the file as they are, else None."""
    page, parent = series.keyframe, series.parent
    if series.dataoffset is None or series.dtype is None or parent is None:
        return None
    if not page.is_memmappable or page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        return None
    dtype = series.dtype.newbyteorder(parent.byteorder)
    path = os.path.join(parent.filehandle.dirname, parent.filehandle.name)
    mapped: NDArray[Any] = np.memmap(
        path, dtype=dtype, mode="r", offset=series.dataoffset, shape=movie.shape
    )
    return mapped


def _frame_pages(series: tifffile.TiffPageSeries, movie: MovieAxes, source: str) -> list[Any]:
    pages = list(series.pages)
    if len(pages) != movie.frames or any(page is None for page in pages):
        raise ValueError(
            f"{source} has {len(pages)} pages for {movie.frames} frames; "
            "save it as one image per frame"
        )
    return pages


def _in_plane(image: NDArray[Any], plane: tuple[int, ...], source: str) -> NDArray[Any]:
    image = image.squeeze() if image.shape != plane else image
    if image.shape == plane:
        return image
    if len(plane) == 3 and image.shape == (plane[2], *plane[:2]):
        return np.moveaxis(image, 0, -1)  # colours stored one after the other
    if image.size == int(np.prod(plane)):
        return image.reshape(plane)  # a plane with an axis of length 1
    raise ValueError(f"{source} has the shape {image.shape}; expected {plane}")


class _Complaints(logging.Handler):
    """Collects the log messages of tifffile about a file."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []
        self.thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


@contextmanager
def _complaints() -> Iterator[list[str]]:
    logger = logging.getLogger("tifffile")
    handler = _Complaints()
    logger.addHandler(handler)
    try:
        yield handler.messages
    finally:
        logger.removeHandler(handler)


def _is_cut(tif: tifffile.TiffFile, complaints: list[str], size: int) -> bool:
    """Whether images are missing: the chain of pages is cut, or promises more than there are."""
    series, pages = tif.series[0], len(tif.pages)  # complains on the way
    if any(mark in message for message in complaints for mark in _CUT_CHAIN):
        return True
    if series.dataoffset is not None:
        return series.dataoffset + series.nbytes > size
    promised = int((tif.imagej_metadata or {}).get("images", 1)) if tif.is_imagej else 1
    last = tif.pages[pages - 1]
    ends = (o + count for o, count in zip(last.dataoffsets, last.databytecounts, strict=False))
    return promised > pages or any(end > size for end in ends)
