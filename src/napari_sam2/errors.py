"""Errors about objects, and shortages of memory and disk in words."""

from __future__ import annotations

from errno import ENOMEM, ENOSPC

NO_MEMORY = "There is not enough free memory. Close other programs, and try again."
NO_DISK = "The disk is full. Make some room, and try again."
_ALLOCATOR_WORDS = ("out of memory", "can't allocate memory")  # of PyTorch, on a GPU and a CPU


def shortage_of(error: BaseException) -> str | None:
    """What ran out where an error is about memory or the disk, in words; None for other errors."""
    text, number = str(error).lower(), getattr(error, "errno", None)
    if isinstance(error, MemoryError) or any(word in text for word in _ALLOCATOR_WORDS):
        return NO_MEMORY
    return {ENOMEM: NO_MEMORY, ENOSPC: NO_DISK}.get(number) if number else None


class ObjectError(ValueError):
    """A change that objects do not allow, with the ids of these objects.

    Parameters
    ----------
    text : str
        The message, with ``{0}`` in place of the first object, ``{1}`` of the second, and names in
        braces in place of other values.
    *object_ids : int
        The objects.
    **values : object
        The other values.
    """

    def __init__(self, text: str, *object_ids: int, **values: object) -> None:
        self._text, self._values = text, values
        self.object_ids = object_ids
        super().__init__(self.worded("object"))

    @classmethod
    def locked(cls, object_id: int, t: int) -> ObjectError:
        """The error of a change on a frame on which an object is locked."""
        return cls("{0} is locked on frame {t}: unlock it there first", object_id, t=t)

    def worded(self, noun: str) -> str:
        """The message with another noun for objects, as the window says "cell 3"."""
        return self._text.format(*(f"{noun} {k}" for k in self.object_ids), **self._values)
