"""Optional packages, which only evaluations need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs_extra(what: str) -> Iterator[None]:
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
            f"{what} needs {error.name}: pip install 'napari-sam2[evaluation]'", name=error.name
        ) from error
