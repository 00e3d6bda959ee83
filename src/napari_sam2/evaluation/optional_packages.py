"""Optional packages, which only evaluations and batches on many workers need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(what: str, extra: str = "evaluation") -> Iterator[None]:
    """Name the packages to install if an import fails.

    Raises
    ------
    ModuleNotFoundError
        In place of the one in the body.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{what} needs {error.name}: pip install 'napari-sam2[{extra}]'", name=error.name
        ) from error
