"""Reports reach the window in the order in which they were posted."""

from qtpy.QtWidgets import QApplication

from napari_sam2.plugin.protocol.messages import TrackAdvanced
from napari_sam2.plugin.window.mailbox import Mailbox


def test_reports_keep_their_order_when_who_gets_them_runs_the_event_loop(qtbot):
    mailbox, taken = Mailbox(), []
    late = [TrackAdvanced(1, 3, 2)]

    def take(reports):
        for report in reports:
            if late:
                mailbox.post(late.pop())
                QApplication.processEvents()  # as napari does when it makes a progress bar
            taken.append(report.done)

    mailbox.delivered.connect(take)
    mailbox.post(TrackAdvanced(1, 1, 0))
    mailbox.post(TrackAdvanced(1, 2, 1))
    qtbot.waitUntil(lambda: len(taken) == 3)
    assert taken == [1, 2, 3]
