"""Pages of a TIFF file, read one at a time; the file is open only while a page is read."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from napari_sam2.io.stack import ImageStack, Indexable
from napari_sam2.io.tiff_display import read_shown_limits
from napari_sam2.io.tiff_metadata import read_origins, read_steps
from napari_sam2.io.tiff_series import chosen_series, missing_text

# message of tifffile if the chain of pages leads out of the file
_CUT_CHAIN = ("invalid page offset", "invalid offset to page", "corrupted tag list of page")


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


def tiff_stack(tif: tifffile.TiffFile, source: str, number: int | None = None) -> ImageStack:
    """The images of an open TIFF file, which stay readable after the file is closed.

    Parameters
    ----------
    tif : TiffFile
        The file.
    source : str
        Its name, for messages.
    number : int, optional
        Which image of a file that holds several.

    Raises
    ------
    ValueError
        If the file holds several images and none is chosen, images of a set are missing, or the
        pages do not fit the axes. Reading a page that cannot be decoded raises it later.
    """
    series = chosen_series(tif, source, number)
    first = series[0]
    if first.dtype is None:
        raise ValueError(f"{source} holds pixels of a type that cannot be read")
    axes, shape = first.get_axes(squeeze=False), first.get_shape(squeeze=False)
    if len(series) > 1:
        axes, shape = f"I{axes}", (len(series), *shape)
    data: Indexable | None = None
    if len(series) == 1 and 0 not in shape:
        data = _memory_map(first)
    if data is None:
        pages = [page for part in series for page in part.pages]
        if any(page is None for page in pages):
            raise ValueError(missing_text(tif, source, pages))
        data = _Pages(pages, axes, shape, first.dtype, source)
    place = _number_of(tif, first)
    return ImageStack(
        data,
        axes,
        read_steps(tif, place),
        source,
        read_origins(tif, place),
        read_shown_limits(tif, dict(zip(axes, shape, strict=True)).get("C", 1)),
    )


def _number_of(tif: tifffile.TiffFile, series: tifffile.TiffPageSeries) -> int:
    """Number of a series among those of a file."""
    return next((number for number, one in enumerate(tif.series) if one is series), 0)


class _Pages:
    """Pages of a TIFF file as an array of which one plane is read at a time."""

    def __init__(
        self,
        pages: list[Any],
        axes: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        source: str,
    ) -> None:
        plane = min(axes.find(letter) for letter in "YXS" if letter in axes)
        fitting = [n for n in range(plane + 1) if int(np.prod(shape[:n])) == len(pages)]
        if not fitting:
            raise ValueError(
                f"{source} has {len(pages)} pages for axes of lengths {shape}; "
                "save it as one image per frame"
            )
        self._leading = fitting[-1]
        self._pages, self._source = pages, source
        self.shape, self.dtype = shape, dtype
        self._lock = threading.Lock()

    def __getitem__(self, index: tuple[int | slice, ...]) -> NDArray[Any]:
        place = [part for part in index[: self._leading] if isinstance(part, int)]
        if len(place) < self._leading:
            raise ValueError(
                f"{self._source} keeps its pixels in another order than the axes Y and X that "
                "were given: save it uncompressed, or with Y and X last"
            )
        number = int(np.ravel_multi_index(place, self.shape[: self._leading])) if place else 0
        inner: NDArray[Any] = self._page(number)[index[self._leading :]]
        return inner

    def _page(self, number: int) -> NDArray[Any]:
        page, plane = self._pages[number], self.shape[self._leading :]
        with self._lock:
            page_file = page.parent.filehandle
            was_closed = page_file.closed
            if was_closed:
                page_file.open()
            try:
                image: NDArray[Any] = page.asarray()
            except Exception as error:  # each codec raises other exceptions
                raise ValueError(
                    f"image {number} of {self._source} cannot be read, the file is damaged: {error}"
                ) from error
            finally:
                if was_closed:
                    page_file.close()
        if image.size != int(np.prod(plane)):
            raise ValueError(
                f"image {number} of {self._source} has the shape {image.shape}; expected {plane}"
            )
        return image.reshape(plane)


def _memory_map(series: tifffile.TiffPageSeries) -> NDArray[Any] | None:
    """The whole series as a memory map where its bytes lie in the file as they are, else None."""
    page, parent = series.keyframe, series.parent
    if series.dataoffset is None or series.dtype is None or parent is None:
        return None
    if not page.is_memmappable:
        return None
    dtype = series.dtype.newbyteorder(parent.byteorder)
    path = os.path.join(parent.filehandle.dirname, parent.filehandle.name)
    mapped: NDArray[Any] = np.memmap(
        path,
        dtype=dtype,
        mode="r",
        offset=series.dataoffset,
        shape=series.get_shape(squeeze=False),
    )
    return mapped


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
