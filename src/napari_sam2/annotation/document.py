"""The document that a person works on."""

from __future__ import annotations

from napari_sam2.annotation.adoption import Adoption
from napari_sam2.annotation.masklets import Masklets
from napari_sam2.annotation.prompting import Prompting
from napari_sam2.annotation.review import Review
from napari_sam2.annotation.surgery import Surgery
from napari_sam2.annotation.takeover import Takeover


class Annotation(Prompting, Masklets, Review, Surgery, Adoption, Takeover):
    """Objects, their prompts, labels and scores for one stack, with undo over everything.

    It drives a tracker, which nobody else may change from then on, and is used from one thread.
    Whatever is done to it is a group of actions in its journal. A call that raises leaves
    everything as it was.

    Parameters
    ----------
    tracker : Tracker
        Tracker of the stack. Objects that it has already become objects of the document.
    undo_bytes : int
        Memory that undo and redo may take, 1 GiB by default; where it is not enough the oldest
        steps are forgotten. The document itself loses nothing, and the last step stays.

    Attributes
    ----------
    events : AnnotationEvents
        Signals that tell what changed.

    Notes
    -----
    Labels are what the tracker composes of the masks of all objects: no two objects ever share a
    pixel, and a change writes only pixels that an object loses or wins by it.
    """
