"""What an annotation tells those who show or record it."""

from psygnal import Signal, SignalGroup


class AnnotationEvents(SignalGroup):
    """Signals of one :class:`~napari_sam2.annotation.Annotation`.

    They are emitted when a change is complete, in the thread that made it, so that a listener
    always finds labels, objects, prompts and history in agreement with each other.

    Attributes
    ----------
    frame_changed : Signal(int)
        Labels or scores of frame `t` changed.
    prompts_changed : Signal(int, int)
        The prompt of an object changed: frame `t` and `object_id`.
    objects_changed : Signal()
        An object was added, removed, or has other properties.
    review_changed : Signal(int)
        Other frames of an object are locked or accepted: `object_id`.
    history_changed : Signal()
        What can be undone or redone changed.
    labels_replaced : Signal()
        `Annotation.labels` is another array: an id became too large for the old one.
    """

    frame_changed = Signal(int)
    prompts_changed = Signal(int, int)
    objects_changed = Signal()
    review_changed = Signal(int)
    history_changed = Signal()
    labels_replaced = Signal()
