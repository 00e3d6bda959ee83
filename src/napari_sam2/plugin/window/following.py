"""Follow an acquisition: the open image gets the frames that are written while it is open."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_sam2.plugin.layers.source_image import data_of
from napari_sam2.plugin.protocol.growth_messages import FollowingFailed, GrowImage, MovieGrew
from napari_sam2.plugin.protocol.messages import Answered, Report, TrackEnded, WorkEnded
from napari_sam2.plugin.startup.error_notifications import show_error
from napari_sam2.plugin.window.acquisition_watch import AcquisitionWatch

if TYPE_CHECKING:
    from napari_sam2.plugin.window.image_state import ImageState
    from napari_sam2.plugin.window.open_images import OpenImages
    from napari_sam2.plugin.window.reports import Handlers


class Following:
    """Follows the acquisition of the chosen image, until the user ends it or chooses another image.

    New frames are added between two runs of tracking: those that come during a run wait for its
    end.

    Parameters
    ----------
    current : callable
        Gives the state of the chosen image.
    images : OpenImages
        Gives an image its new frames.
    post : callable
        Delivers reports to the window; it may be called in any thread.
    on_change : callable
        Called when the widgets must be rendered again.
    """

    def __init__(
        self,
        current: Callable[[], ImageState | None],
        images: OpenImages,
        post: Callable[[Report], None],
        on_change: Callable[[], None],
    ) -> None:
        self._current = current
        self._images = images
        self._post = post
        self._on_change = on_change
        self._followed: ImageState | None = None
        self._watch: AcquisitionWatch | None = None
        self._data: Any = None  # what the layer of the followed image shows
        self._news: MovieGrew | None = None  # new frames that wait for the end of a run
        self._asked: GrowImage | None = None  # the command that has no answer yet
        self.handlers: Handlers = {
            MovieGrew: self._take_news,
            GrowImage: self._take_answer,
            FollowingFailed: lambda report: self._fail(report.error),
            TrackEnded: lambda report: self._go_on(),
            WorkEnded: lambda report: self._go_on(),
        }

    @property
    def is_on(self) -> bool:
        """Whether an acquisition is followed."""
        return self._followed is not None

    @property
    def is_offered(self) -> bool:
        """Whether the chosen image is a movie whose folder or array may get more frames."""
        image_state = self._current()
        if image_state is None or not image_state.is_open or not image_state.may_grow:
            return False
        axes = image_state.layers.axes
        return axes.is_plain and axes.frames is not None

    def set_on(self, is_on: bool) -> None:
        """Follow the acquisition of the chosen image, or end it."""
        self.stop()
        image_state = self._current()
        if is_on and image_state is not None and self.is_offered:
            self._followed, self._data = image_state, data_of(image_state.image)
            source = image_state.current_source()
            self._watch = AcquisitionWatch(image_state.number, source, self._post)
        self._on_change()

    def stop(self) -> None:
        """End it; the frames so far stay."""
        if self._watch is not None:
            self._watch.stop()
        self._watch = self._followed = self._news = self._data = None

    def keep_only(self, image_state: ImageState | None) -> None:
        """End it unless this is the image that is followed."""
        if self._followed is not image_state:
            self.stop()

    def _fail(self, error: str) -> None:
        self.stop()
        show_error(error)

    # Reports

    def _take_news(self, report: MovieGrew) -> None:
        if self._followed is not None and report.image == self._followed.number:
            self._news = report
            self._go_on()

    def _go_on(self) -> None:
        """Add the new frames, if there are some and the image is not being tracked."""
        image_state, news = self._followed, self._news
        if image_state is None or news is None or self._asked is not None:
            return
        if image_state.progress is not None:
            return
        self._news = None
        if data_of(image_state.image) is not self._data:
            self._fail("The acquisition is not followed any more: the image has got other data.")
            return
        self._data = news.data
        self._asked = self._images.grow(image_state, news.data)

    def _take_answer(self, answer: Answered) -> None:
        if answer.command is not self._asked:
            return
        self._asked = None
        if answer.error is None:
            self._go_on()
        elif (image_state := self._followed) is not None:
            self.stop()  # the window shows the error
            self._images.open(image_state)  # the document has the frames of the image again
