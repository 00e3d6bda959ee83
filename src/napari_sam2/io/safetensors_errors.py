"""Errors of the disk while safetensors are written, which their library wraps in its own error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError

_OF_SYSTEM = re.compile(r"(?:.*: )?(?P<words>.+) \(os error (?P<number>\d+)\)")


@contextmanager
def raising_os_errors() -> Iterator[None]:
    """Raise what the disk refuses as the `OSError` that it is.

    Raises
    ------
    OSError
        In the place of a `SafetensorError` that holds the number of an error of the system, such
        as that of a full disk.
    """
    try:
        yield
    except SafetensorError as error:
        found = _OF_SYSTEM.search(str(error))
        if found is None:
            raise
        number = int(found["number"])  # Windows has numbers of its own, which come last
        raise OSError(number, found["words"], None, number) from error
