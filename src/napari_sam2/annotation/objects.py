"""Objects of an annotation: properties, statuses and scores."""

import operator
from dataclasses import dataclass
from enum import StrEnum
from typing import SupportsIndex

MAX_OBJECT_ID = 2**31 - 1  # the labels of a frame are composed as int32


class Status(StrEnum):
    """How far a person has come with an object (paper §5.1 "Data engine", quality verification)."""

    DRAFT = "draft"
    REVIEWED = "reviewed"  # "satisfactory" in the paper
    TO_REFINE = "to refine"  # "unsatisfactory" in the paper
    REJECTED = "rejected"


@dataclass(frozen=True)
class Verdict:
    """Who gave an object its status, and when.

    Attributes
    ----------
    by : str
        Name of the person, empty if unknown.
    at : float
        In seconds since 1970.
    """

    by: str
    at: float


@dataclass(frozen=True)
class AnnotatedObject:
    """One object of a document.

    Attributes
    ----------
    object_id : int
        Value of the object in the labels, at least 1.
    name : str
        Name given by a person, empty if none.
    status : Status
        How far the review of the object has come.
    parent : int or None
        The object from which this one came by division.
    birth, end : int or None
        First and last frame on which it may have a mask; None is no limit. A daughter has none
        before its birth, a mother none after its end.
    undivided : tuple of int
        Frames on which a person said that the object does not divide.
    verdict : Verdict or None
        Who gave the status and when; None if the object was never judged as a whole.
    """

    object_id: int
    name: str = ""
    status: Status = Status.DRAFT
    parent: int | None = None
    birth: int | None = None
    end: int | None = None
    undivided: tuple[int, ...] = ()
    verdict: Verdict | None = None

    @property
    def is_rejected(self) -> bool:
        """Whether a person rejected the object: exports leave it out."""
        return self.status is Status.REJECTED

    def span(self, length: int) -> range | None:
        """Frames of a stack on which it may have a mask; None if there is no limit."""
        if self.birth is None and self.end is None:
            return None
        return range(self.birth or 0, length if self.end is None else self.end + 1)


@dataclass(frozen=True)
class Score:
    """Scores of the model for its mask of one object on one frame.

    Attributes
    ----------
    predicted_iou : float
        Expected overlap of the mask with the truth, 0..1.
    occlusion_score : float
        Logit that the object is visible; below 0 the mask is empty.
    error_probability : float or None
        Chance that the IoU of the mask with the truth is below 0.75, 0..1; 0 where a person
        prompted or locked the mask, 1 where a person marked it as wrong, None where it is unknown:
        without a mask, without a tracked mask, and in 3D.

    Notes
    -----
    A `FrameResult` has no error probability: errors last, so that the masks on later frames count,
    and these are not tracked yet when the result is made. As tracking goes on, the probability of
    the same mask changes.
    """

    predicted_iou: float
    occlusion_score: float
    error_probability: float | None = None


def checked_integer(value: SupportsIndex, name: str) -> int:
    """Turn `value` into an int.

    Raises
    ------
    TypeError
        If it is not an integer; the message calls it `name`.
    """
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} must be an integer; got {value!r}") from None


def checked_object_id(object_id: SupportsIndex) -> int:
    """Turn `object_id` into an int that can be a value of the labels.

    Raises
    ------
    TypeError
        If it is not an integer.
    ValueError
        If it is below 1 or above `MAX_OBJECT_ID`.
    """
    value = checked_integer(object_id, "object_id")
    if not 1 <= value <= MAX_OBJECT_ID:
        raise ValueError(
            f"object_id must be between 1 and {MAX_OBJECT_ID} (0 is background); got {value}"
        )
    return value
