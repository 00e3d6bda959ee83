"""What cannot be used gets one notification that says why; everything else stays."""

import numpy as np
import pytest

from napari_sam2.io.tiff import read_labels
from tests import worlds

from .real_engines import TinyEngine
from .world import disc, disc_centre, movie


def test_an_image_that_the_model_cannot_read_is_told(open_desk, notifications):
    nothing = np.full((3, 32, 32), np.nan, np.float32)
    desk = open_desk(nothing, contrast_limits=(0, 1), engine=TinyEngine())
    desk.points.add([0, 10, 10])
    desk.qtbot.waitUntil(lambda: not desk.image_state.is_waiting, timeout=20000)
    desk.qtbot.waitUntil(lambda: len(desk.points.data) == 0)
    assert "no finite values" in notifications.only()
    assert not desk.image_state.objects


def test_a_constant_image_can_be_clicked(open_desk, notifications):
    desk = open_desk(np.full((3, 40, 56), 7, np.uint8), engine=TinyEngine())
    desk.click(0, 20, 20)
    desk.settle()
    assert list(desk.image_state.objects) == [1]
    assert not notifications.messages


def test_a_frame_that_cannot_be_read_is_told_and_others_work(open_desk, notifications):
    class BrokenMovie:
        """Lazy, with one frame that is gone."""

        def __init__(self, data):
            self._data = data
            self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim

        def __getitem__(self, key):
            t = key[0] if isinstance(key, tuple) else key
            if isinstance(t, int | np.integer) and t == 5 and self.is_broken:
                raise OSError("frame 5 lies on a disk that is gone")
            return self._data[key]

        is_broken = False

        def __array__(self, dtype=None, copy=None):
            return np.asarray(self._data, dtype)

    source = BrokenMovie(worlds.two_discs().images)
    desk = open_desk(source, engine=TinyEngine(), contrast_limits=(0, 255))
    desk.click(0, 20, 20)
    desk.settle()
    source.is_broken = True
    desk.points.add([5, 20, 20])
    desk.settle()
    assert notifications.only() == "frame 5 lies on a disk that is gone"
    assert list(desk.image_state.prompts) == [(0, 1)]
    desk.points.add([1, 20, 20])
    desk.settle()
    assert len(desk.points.data) == 2


@pytest.fixture
def clicked(desk):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    desk.qtbot.waitUntil(desk.panel.document.export.isEnabled)
    return desk


def export_to(desk, path, monkeypatch):
    monkeypatch.setattr("napari_sam2.plugin.panel.ask_path", lambda *args: path)
    desk.panel.document.export.click()
    desk.qtbot.waitUntil(lambda: not desk.controller.exporting.is_on)


def test_an_export_into_a_missing_folder_is_told(clicked, notifications, monkeypatch, tmp_path):
    export_to(clicked, tmp_path / "nowhere" / "cells.tif", monkeypatch)
    assert "was not written" in notifications.only()


def test_a_full_disk_leaves_the_old_file(clicked, notifications, monkeypatch, tmp_path):
    path = tmp_path / "cells.tif"
    export_to(clicked, path, monkeypatch)

    def run_full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    clicked.controller.next_object()
    clicked.click(0, *disc_centre(1, 0))
    clicked.settle()
    with monkeypatch.context() as patch:
        patch.setattr("tifffile.TiffWriter.write", run_full)
        export_to(clicked, path, monkeypatch)
    assert "No space left" in notifications.messages[-1]
    labels, _ = read_labels(path)
    assert np.array_equal(labels[0], disc(0, 0))
    assert [file.name for file in tmp_path.iterdir()] == ["cells.tif"]


def test_giving_up_the_file_dialog_writes_nothing(clicked, monkeypatch):
    monkeypatch.setattr("napari_sam2.plugin.panel.ask_path", lambda *args: None)
    clicked.panel.document.export.click()
    assert not clicked.controller.exporting.is_on


def test_the_file_dialog_asks_before_it_overwrites(desk, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    from napari_sam2.plugin.widgets.document_box import ask_path

    seen = []

    def answer(dialog):
        seen.append((dialog.acceptMode(), dialog.defaultSuffix()))
        seen.append(dialog.testOption(QFileDialog.Option.DontConfirmOverwrite))
        return False

    monkeypatch.setattr(QFileDialog, "exec", answer)
    assert ask_path(desk.panel, "cells.sam2.tif") is None
    assert seen == [(QFileDialog.AcceptMode.AcceptSave, "sam2.tif"), False]


def test_new_data_of_the_same_size_is_segmented_anew(clicked):
    clicked.image_state.image.data = movie()[:, :, ::-1].copy()
    clicked.qtbot.waitUntil(lambda: len(clicked.engine.sources) == 2)
    clicked.settle()
    assert len(clicked.points.data) == 1


def test_new_data_of_another_size_begins_anew(clicked):
    before = clicked.image_state
    clicked.image_state.image.data = movie(frames=3)
    clicked.qtbot.waitUntil(
        lambda: clicked.image_state is not before and clicked.image_state.is_open
    )
    assert clicked.labels.data.shape[0] == 3
    assert not clicked.image_state.objects


def test_a_rejected_cell_is_not_exported_and_the_user_is_told(
    clicked, notifications, monkeypatch, tmp_path
):
    clicked.controller.next_object()
    clicked.click(0, *disc_centre(1, 0))
    clicked.settle()
    clicked.controller.review.judge([1], "rejected")
    clicked.settle()
    clicked.qtbot.waitUntil(lambda: clicked.image_state.objects[1].is_rejected)
    path = tmp_path / "cells.tif"
    export_to(clicked, path, monkeypatch)
    assert notifications.only().endswith("; 1 rejected cell was left out")
    labels, _ = read_labels(path)
    assert np.array_equal(
        labels[0], np.where(clicked.labels.data[0] == 1, 0, clicked.labels.data[0])
    )
    assert 1 in clicked.labels.data[0]


@pytest.mark.usefixtures("manifests")
def test_napari_saves_the_labels_layer_without_rejected_cells(clicked, monkeypatch, tmp_path):
    told = []
    monkeypatch.setattr("napari_sam2.plugin.napari_io.writers.show_info", told.append)
    clicked.controller.review.judge([1], "rejected")
    clicked.qtbot.waitUntil(lambda: clicked.image_state.objects[1].is_rejected)
    clicked.labels.save(str(tmp_path / "cells.sam2.tif"))
    assert not read_labels(tmp_path / "cells.sam2.tif")[0].any()
    assert told == ["1 rejected cell was left out"]


def test_the_file_dialog_says_how_many_cells_are_left_out(desk, monkeypatch):
    from qtpy.QtWidgets import QFileDialog

    from napari_sam2.plugin.widgets.document_box import ask_path

    titles = []
    monkeypatch.setattr(
        QFileDialog, "exec", lambda dialog: titles.append(dialog.windowTitle()) and False
    )
    ask_path(desk.panel, "cells.sam2.tif", 2)
    assert titles == ["Export without 2 rejected cells"]


def test_data_that_other_code_gives_to_the_labels_are_put_back_and_kept(desk, notifications):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    ours, shown = desk.labels, desk.labels.data
    other = np.full_like(shown, 7)
    ours.data = other
    desk.qtbot.waitUntil(lambda: len(notifications.messages) == 1)
    desk.qtbot.waitUntil(lambda: ours.data is not other)
    assert ours.data is shown or np.shares_memory(ours.data, shown)
    kept = desk.viewer.layers[f"{ours.name} (other data)"]
    assert kept.data is other
    assert not kept.visible
    assert "gave the layer “SAM 2 labels” other data" in notifications.only()
    desk.click(1, *disc_centre(1, 0))
    desk.settle()
    assert (ours.data[1] == 1).any(), "later masks are shown"


def test_a_converted_data_type_is_put_back(desk, notifications):
    desk.click(0, *disc_centre(0, 0))
    desk.settle()
    kind = desk.labels.data.dtype
    desk.labels.data = desk.labels.data.astype(np.int64)
    desk.qtbot.waitUntil(lambda: desk.labels.data.dtype == kind)
    assert "other data" in notifications.only()
