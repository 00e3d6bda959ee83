"""Three divisions from the first click to the table of tracks, with the real viewer and engine."""

import pytest
from qtpy.QtCore import Qt
from scipy import ndimage

from napari_sam2.io.ctc import open_ctc
from napari_sam2.io.tracks import read_tracks
from napari_sam2.training.synthetic import generate_clip

from .real_engines import OneThreadEngine

pytestmark = [pytest.mark.real_window, pytest.mark.slow]

FRAMES = slice(3, 11)  # of a drawn movie of 12 frames
MOTHERS = (13, 2)  # in the ground truth, on the first frame
PATIENCE_MS = 240_000  # for the network on a busy machine
DIVISIONS = ((1, 16, 17), (2, 18, 19), (7, 20, 21))  # frame and daughters


@pytest.mark.timeout(600)
def test_three_divisions_take_three_actions_each(open_desk, notifications, monkeypatch, tmp_path):
    clip = generate_clip("dic", (256, 256), 12, 35)
    truth = clip.labels[FRAMES]
    desk = open_desk(clip.images[FRAMES], engine=OneThreadEngine())

    def click_cell(t: int, cell: int) -> None:
        desk.click(t, *ndimage.center_of_mass(truth[t] == cell))

    def divide(t: int, *daughters: int) -> None:
        desk.go_to(t)
        desk.press(Qt.Key.Key_D)
        for cell in daughters:
            click_cell(t, cell)
        desk.settle()

    def track() -> None:
        desk.press(Qt.Key.Key_K)
        desk.qtbot.waitUntil(lambda: not desk.image_state.is_tracking, timeout=PATIENCE_MS)
        desk.settle()

    click_cell(0, MOTHERS[0])
    desk.press(Qt.Key.Key_N)
    click_cell(0, MOTHERS[1])
    desk.settle()
    track()
    for division in DIVISIONS[:2]:
        divide(*division)
    track()
    divide(*DIVISIONS[2])

    # the exported families are those of the truth
    path = tmp_path / "cells.ctc"
    monkeypatch.setattr("napari_sam2.plugin.panel.ask_path", lambda *args: path)
    desk.qtbot.waitUntil(desk.panel.document.export.isEnabled)
    desk.panel.document.export.click()
    desk.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    exported = open_ctc(path)
    list(exported.frames())  # warns, which is an error, if table and masks do not agree

    def track_of(t: int, cell: int) -> int:
        y, x = ndimage.center_of_mass(truth[t] == cell)
        return int(exported.frame(t)[round(y), round(x)])

    tracks = {cell: track_of(0, cell) for cell in MOTHERS}
    tracks |= {cell: track_of(t, cell) for t, *pair in DIVISIONS for cell in pair}
    table = {track.object_id: track for track in read_tracks(path / "res_track.txt")}
    wanted = {tracks[cell]: tracks[mother] for cell, mother in clip.parents.items()}
    assert {key: track.parent for key, track in table.items() if track.parent} == wanted
    assert all(table[tracks[cell]].first == t for t, *pair in DIVISIONS for cell in pair)
    mothers = {clip.parents[cell]: t for t, cell, _ in DIVISIONS}
    assert all(table[tracks[mother]].last == t - 1 for mother, t in mothers.items())
