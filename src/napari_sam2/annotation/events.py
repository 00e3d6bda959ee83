"""Events: the signals of an annotation."""

from psygnal import Signal, SignalGroup


class AnnotationEvents(SignalGroup):
    """Signals of one :class:`~napari_sam2.annotation.Annotation`.

    They are emitted in the thread that made a change, after it is complete, so that labels,
    objects, prompts and history already agree when a listener reads them.

    Attributes
    ----------
    frame_changed : Signal(int)
        Labels or scores of frame `t` changed.
    prompts_changed : Signal(int, int)
        The prompt of an object changed: frame `t` and `object_id`.
    objects_changed : Signal()
        An object was added, removed, or has other properties.
    review_changed : Signal(int)
        Other frames of an object are locked or reviewed: `object_id`.
    history_changed : Signal()
        The steps that can be undone or redone changed.
    labels_replaced : Signal()
        `Annotation.labels` is another array, because an id is too large for the old dtype.
    """

    frame_changed = Signal(int)
    prompts_changed = Signal(int, int)
    objects_changed = Signal()
    review_changed = Signal(int)
    history_changed = Signal()
    labels_replaced = Signal()
