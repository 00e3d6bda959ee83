"""Volumes over time in 3D: clicks on any plane of any time, tracking, corrections, projects."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt

from napari_sam2.io.volume_samples import synthetic_volumes
from napari_sam2.plugin.layers.image_axes import ImageAxes
from napari_sam2.plugin.layers.label_source import label_source
from napari_sam2.plugin.napari_io.open_project import opened_image
from napari_sam2.plugin.napari_io.writers import write_labels_layer
from napari_sam2.tracking import volume_recipe

from . import hands
from .real_engines import OneThreadEngine, TinyEngine
from .test_axes_box import answers, choose, texts  # noqa: F401 (a fixture)
from .test_finding import proposal

SAMPLE = synthetic_volumes(3, 4, (40, 56), cells=2, seed=5)
TIMES, DEPTH = SAMPLE.images.shape[:2]
SIZES = {"scale": (300.0, 1.5, 0.5, 0.5), "units": ("second", "um", "um", "um")}
AXES = {"metadata": {"axes": "TZYX"}}
ASK = "napari_sam2.plugin.widgets.saving_widgets.ask_where_to_save"


@pytest.fixture(autouse=True)
def keep_any_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    """The masks of random weights lie anywhere."""
    monkeypatch.setattr(volume_recipe, "LEAST_CONTRAST", -np.inf)


def open_in_3d(open_desk: Any, images: Any = SAMPLE.images, engine: Any = None, **options: Any):
    desk = open_desk(images, engine=engine or TinyEngine(), **(AXES | SIZES | options))
    choose(desk.panel.axes.depth, "in 3D")
    desk.qtbot.waitUntil(lambda: desk.image_state.in_3d and desk.image_state.is_open)
    desk.settle()
    return desk


def place_of(sample: Any, t: int, object_id: int) -> tuple[int, int, int]:
    """Largest plane of a drawn cell at a time, and a pixel in the middle of it."""
    z = int((sample.labels[t] == object_id).sum((1, 2)).argmax())
    places = np.argwhere(sample.labels[t, z] == object_id)
    y, x = places[np.linalg.norm(places - places.mean(0), axis=1).argmin()]
    return z, int(y), int(x)


def click(desk: Any, t: int, z: int, y: float, x: float) -> None:
    desk.viewer.dims.set_current_step((0, 1), (t, z))
    desk.breathe()
    hands.click(desk.viewer, desk.points, (t, z, y, x))
    desk.breathe()
    desk.settle()


@pytest.fixture
def desk(open_desk):
    """A movie of volumes in 3D; cell 1 is clicked on its largest plane of the second volume."""
    desk = open_in_3d(open_desk)
    click(desk, 1, *place_of(SAMPLE, 1, 1))
    return desk


def test_the_menu_offers_3d_beside_planes_and_projections(open_desk):
    desk = open_desk(SAMPLE.images, **AXES)
    assert texts(desk.panel.axes.depth)[:5] == [
        "brightest value (max)",
        "mean",
        "sharpest plane (focus)",
        "in 3D, all planes",
        "plane 0 of 0 to 3",
    ]


def test_layers_have_the_axes_of_the_volumes(desk):
    state = desk.image_state
    own = [one for one in desk.viewer.layers if one.name.startswith("SAM 2")]
    assert all(state.layers.owns(one) for one in own)  # those of the projection are gone
    assert {one.name for one in own} == {"SAM 2 clicks", "SAM 2 shapes", "SAM 2 labels"}
    assert (state.frames, state.times, state.planes) == (TIMES * DEPTH, TIMES, DEPTH)
    assert desk.labels.data.shape == SAMPLE.images.shape
    assert desk.points.ndim == desk.shapes.ndim == 4
    assert np.allclose(desk.labels.scale, SIZES["scale"])


def test_the_table_counts_times(desk):
    model = desk.panel.review.table.model
    titles = [model.headerData(column, Qt.Orientation.Horizontal) for column in range(8)]
    assert "Times" in titles
    assert "Frames" not in titles
    model.show_titles(in_3d=False)
    assert model.headerData(3, Qt.Orientation.Horizontal) == "Frames"


class DrawnCells(TinyEngine):
    """Finds the drawn cells of a plane."""

    def find_cells(self, model, frames, t, cell_size, progress, should_stop):
        plane = SAMPLE.labels[divmod(t, DEPTH)]
        return [proposal(plane == k) for k in np.unique(plane[plane > 0])]


def test_cells_are_found_on_the_shown_plane(open_desk):
    desk = open_in_3d(open_desk, engine=DrawnCells())
    z = place_of(SAMPLE, 1, 1)[0]
    desk.viewer.dims.set_current_step((0, 1), (1, z))
    desk.breathe()
    desk.press(Qt.Key.Key_F)
    desk.qtbot.waitUntil(lambda: desk.controller.finding.found is not None)
    desk.settle()
    desk.press(Qt.Key.Key_Return)
    desk.settle()
    there = np.argwhere(np.asarray(desk.labels.data).any((2, 3))).tolist()
    assert there == [[1, z]]
    assert len(desk.image_state.objects) == len(np.unique(SAMPLE.labels[1, z])) - 1
    assert desk.image_state.undo_text.startswith("take ")


def test_a_click_outlines_the_cell_on_its_plane_only(desk):
    z, y, x = place_of(SAMPLE, 1, 1)
    assert desk.prompt(DEPTH + z).points.tolist() == [[y, x]]
    there = np.argwhere(np.asarray(desk.labels.data).any((2, 3))).tolist()
    assert there == [[1, z]]
    assert desk.points.data.tolist() == [[1, z, y, x]]
    assert desk.image_state.undo_text == f"click on cell 1 on plane {z} at time 1"


def test_tracking_goes_through_planes_and_times_and_is_one_undo_step(desk):
    before, clicked = desk.viewer.dims.current_step[:2], np.array(desk.labels.data)
    desk.track()
    desk.settle()
    labels = np.asarray(desk.labels.data)
    assert (labels == 1).any((1, 2, 3)).all()
    assert (labels[1] == 1).any((1, 2)).sum() > 1
    assert desk.viewer.dims.current_step[:2] == before  # the view stays
    desk.panel.document.undo_asked.emit()
    desk.qtbot.waitUntil(lambda: np.array_equal(desk.labels.data, clicked))


def test_view_that_follows_tracking_stays_on_its_plane(desk):
    z = desk.viewer.dims.current_step[1]
    desk.panel.track.follow.setChecked(True)
    desk.track()
    desk.settle()
    assert desk.viewer.dims.current_step[0] != 1
    assert desk.viewer.dims.current_step[1] == z


def test_lanes_and_table_count_time_points(desk):
    desk.track()
    desk.settle()
    desk.qtbot.waitUntil(lambda: 1 in desk.image_state.summaries)
    desk.qtbot.waitUntil(lambda: desk.image_state.summaries[1].length == TIMES)
    assert desk.image_state.summaries[1].prompts == 1
    view = desk.panel.review.lanes.view
    desk.qtbot.waitUntil(lambda: view.place == (1, 1) if hasattr(view, "place") else True)
    assert view._axis.frames == TIMES
    view.jumped.emit(2, 1)
    areas = (np.asarray(desk.labels.data)[2] == 1).sum((1, 2))
    assert desk.viewer.dims.current_step[:2] == (2, int(areas.argmax()))


def test_a_box_and_a_click_that_excludes_are_prompts_on_their_plane(desk):
    z, y, x = place_of(SAMPLE, 0, 2)
    desk.viewer.dims.set_current_step((0, 1), (0, z))
    desk.controller.next_object()
    corners = [
        (0, z, y - 6, x - 6),
        (0, z, y - 6, x + 6),
        (0, z, y + 6, x + 6),
        (0, z, y + 6, x - 6),
    ]
    desk.shapes.add(np.array(corners), shape_type="rectangle")
    desk.settle()
    assert desk.prompt(z, 2).box == (y - 6, x - 6, y + 6, x + 6)
    desk.controller.toggle_sign()
    click(desk, 0, z, 1, 1)
    assert desk.prompt(z, 2).labels.tolist() == [0]


def test_a_stroke_of_the_brush_is_a_mask_that_tracking_keeps(desk):
    plane = (2, DEPTH - 1)
    desk.viewer.dims.set_current_step((0, 1), plane)
    desk.labels.brush_size = 6
    desk.labels.paint((*plane, 10, 10), 1)
    desk.breathe()
    desk.settle()
    assert desk.prompt(2 * DEPTH + DEPTH - 1).mask[10, 10]
    before = np.asarray(desk.labels.data)[plane].copy()
    desk.track()
    desk.settle()
    assert np.array_equal(np.asarray(desk.labels.data)[plane] == 1, before == 1)


def test_lock_and_reviewed_mark_hold_for_the_whole_volume(desk):
    desk.track()
    desk.settle()
    desk.qtbot.waitUntil(lambda: desk.image_state.can_lock(DEPTH))
    desk.controller.review.toggle_lock()
    desk.controller.review.toggle_accepted()
    desk.qtbot.waitUntil(lambda: desk.image_state.is_locked(DEPTH))
    desk.qtbot.waitUntil(lambda: desk.image_state.is_accepted(2 * DEPTH - 1))
    assert not desk.image_state.is_locked(0)
    assert desk.image_state.undo_text == "mark time 1 of cell 1 as reviewed"


def test_what_there_is_not_in_3d_is_off(desk, notifications):
    review = desk.panel.review
    desk.qtbot.waitUntil(lambda: not desk.panel.is_behind)
    off = (review.box.divide, review.box.divisions, review.box.verify, review.box.tracks)
    assert not any(one.isEnabled() for one in (*off, review.sample, review.swaps))
    assert not desk.panel._offers_new_cells(True)
    desk.panel.key_actions()["D"]()
    assert notifications.only().startswith("Divisions are not marked in 3D yet")
    assert desk.image_state.vouched.masks == 0
    assert "off in 3D" in desk.controller.teaching.obstacle
    assert "in 3D by the shell" in desk.controller.many_movies.obstacle


def test_another_choice_of_planes_asks_and_closes_the_cells(desk, answers):  # noqa: F811
    choose(desk.panel.axes.depth, "plane 2")
    assert answers[0].startswith("With other axes, or in 3D, this image has other frames.")
    desk.qtbot.waitUntil(lambda: not desk.image_state.in_3d and desk.image_state.is_open)
    assert desk.image_state.frames == TIMES


def test_several_channels_become_the_first_in_3d(open_desk):
    two = np.stack([SAMPLE.images, SAMPLE.images[:, :, ::-1]], axis=2)
    desk = open_desk(two, engine=TinyEngine(), metadata={"axes": "TZCYX"})
    choose(desk.panel.axes.channel, "together")
    desk.qtbot.waitUntil(lambda: desk.image_state.part.is_mix and desk.image_state.is_open)
    choose(desk.panel.axes.depth, "in 3D")
    desk.qtbot.waitUntil(lambda: desk.image_state.in_3d and desk.image_state.is_open)
    assert desk.image_state.part.channels == (0,)
    assert texts(desk.panel.axes.channel) == ["channel 1 of 2", "channel 2 of 2"]
    z, y, x = place_of(SAMPLE, 0, 1)
    desk.points.add(desk.image_state.layers.axes.coordinates(z, y, x))
    desk.settle()
    assert np.asarray(desk.labels.data)[0, z, 0].any()


def saved(desk: Any, path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(ASK, lambda *_: path)
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    return path


def write_movie(path: Path, images: np.ndarray) -> Path:
    metadata = {"axes": "TZYX", "spacing": 1.5, "unit": "um", "finterval": 300.0}
    tifffile.imwrite(path, images, imagej=True, resolution=(2, 2), metadata=metadata)
    return path


def open_file(open_desk: Any, path: Path, images: np.ndarray, engine: Any = None) -> Any:
    metadata = {"axes": "TZYX", "napari-sam2 image": str(path)}
    return open_in_3d(open_desk, images, engine, metadata=metadata)


def reopened(open_desk: Any, path: Path, engine: Any = None) -> Any:
    desk = open_desk(engine=engine or TinyEngine())
    data, options, _ = opened_image(str(path))
    desk.viewer.add_image(data, **options)
    state = lambda: desk.image_state  # noqa: E731
    desk.qtbot.waitUntil(lambda: state() is not None and state().is_open, timeout=20000)
    desk.settle()
    return desk


def test_project_is_opened_again_in_3d(open_desk, tmp_path, monkeypatch, notifications):
    movie = write_movie(tmp_path / "volumes.tif", SAMPLE.images)
    desk = open_file(open_desk, movie, SAMPLE.images)
    click(desk, 1, *place_of(SAMPLE, 1, 1))
    desk.track()
    desk.settle()
    labels, place = np.array(desk.labels.data), desk.points.data.tolist()
    path = saved(desk, tmp_path / "volumes.sam2", monkeypatch)
    desk.panel.shut_down()
    again = reopened(open_desk, path)
    assert again.image_state.in_3d
    assert np.array_equal(again.labels.data, labels)
    assert again.points.data.tolist() == place
    assert np.allclose(again.labels.scale, (300.0, 1.5, 0.5, 0.5))
    assert notifications.messages == []


def test_unsaved_work_in_3d_is_found_on_the_image_as_it_opens(open_desk, tmp_path):
    movie = write_movie(tmp_path / "volumes.tif", SAMPLE.images)
    desk = open_file(open_desk, movie, SAMPLE.images)
    click(desk, 1, *place_of(SAMPLE, 1, 1))
    labels = np.array(desk.labels.data)
    desk.panel.shut_down()
    options = AXES["metadata"] | {"napari-sam2 image": str(movie)}
    again = open_desk(SAMPLE.images, engine=TinyEngine(), metadata=options)
    again.qtbot.waitUntil(lambda: again.controller.saving.offered is not None)
    again.panel.saving.restore()
    again.qtbot.waitUntil(lambda: again.image_state.in_3d and again.image_state.is_open)
    again.qtbot.waitUntil(lambda: again.labels is not None)
    again.settle()
    assert np.array_equal(again.labels.data, labels)


def test_labels_layer_is_saved_with_all_axes(desk, tmp_path):
    data, state, _ = desk.labels.as_layer_data_tuple()
    write_labels_layer(str(tmp_path / "labels.tif"), data, state)
    with tifffile.TiffFile(tmp_path / "labels.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        assert np.array_equal(tif.asarray(), data)


def exported(desk: Any, path: Path) -> None:
    desk.controller.exporting.start(path)
    desk.qtbot.waitUntil(lambda: not desk.controller.exporting.is_on)


def test_exports_hold_volumes(desk, tmp_path, notifications):
    desk.track()
    desk.settle()
    desk.qtbot.waitUntil(lambda: 1 in desk.image_state.timelines)
    exported(desk, tmp_path / "labels.ome.tif")
    exported(desk, tmp_path / "cells.csv")
    exported(desk, tmp_path / "cells.ctc")
    with tifffile.TiffFile(tmp_path / "labels.ome.tif") as tif:
        assert tif.series[0].axes == "TZYX"
        assert np.array_equal(tif.asarray(), desk.labels.data)
        assert 'PhysicalSizeZ="1.5"' in tif.ome_metadata
    with (tmp_path / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    voxels = (np.asarray(desk.labels.data) == 1).sum((1, 2, 3))
    assert [int(row["volume_voxels"]) for row in rows] == voxels.tolist()
    assert float(rows[0]["volume_um3"]) == pytest.approx(voxels[0] * 1.5 * 0.5 * 0.5)
    assert rows[0]["predicted_iou"]
    assert "this format holds images, not volumes" in notifications.messages[-1]
    assert not (tmp_path / "cells.ctc").exists()


def test_labels_of_volumes_are_imported_and_others_refused(desk):
    layer = desk.viewer.add_labels(SAMPLE.labels.astype(np.int32), **SIZES)
    source = label_source(layer, desk.image_state.image)
    assert np.array_equal(source.read(DEPTH + 1), SAMPLE.labels[1, 1])
    other = desk.viewer.add_labels(SAMPLE.labels[:, 0].astype(np.int32))
    with pytest.raises(ValueError, match="in 3D, labels must have the shape of the volumes"):
        label_source(other, desk.image_state.image)


AXES_IN_3D = ImageAxes("ZTCYX", (4, 3, 2, 40, 56), in_3d=True)


def test_places_on_layers_are_those_of_frames():
    axes = AXES_IN_3D
    assert axes.stack_shape == (12, 40, 56)
    assert axes.coordinates(6, 10, 20) == (2.0, 1.0, 0.0, 10.0, 20.0)
    assert axes.place((2.0, 1.0, 1.0, 10.0, 20.0)) == (6, 10.0, 20.0)
    assert axes.place((9.0, 1.0, 0.0, 0.0, 0.0))[0] == 7  # the nearest plane
    labels = np.arange(12 * 40 * 56).reshape(12, 40, 56)
    spread = axes.spread(labels)
    assert spread.shape == (4, 3, 1, 40, 56)
    assert np.array_equal(spread[2, 1, 0], labels[6])
    assert np.shares_memory(spread, labels)


def test_labels_of_a_long_movie_are_read_and_painted_plane_by_plane():
    from napari_sam2.annotation.packed_labels import PackedLabels
    from napari_sam2.plugin.layers.shown_labels import ShownLabels

    packed = PackedLabels((12, 40, 56), np.uint16)
    whole = np.zeros((12, 40, 56), np.uint16)
    for t in range(12):
        packed[t] = whole[t] = t + 1
    shown = ShownLabels(packed, AXES_IN_3D)
    expected = AXES_IN_3D.spread(whole)
    assert shown.shape == expected.shape
    for key in ((2, 1), (slice(1, 3), 2, 0, 5), (..., 7), (0, slice(None), 0, 3, slice(2, 9))):
        assert np.array_equal(shown[key], expected[key])
    place = (
        np.array([2, 2]),
        np.array([1, 1]),
        np.array([0, 0]),
        np.array([3, 4]),
        np.array([5, 6]),
    )
    shown[place] = 99
    assert (packed[6] == 99).sum() == 2
    assert (np.asarray(packed) == 99).sum() == 2


def test_story_from_one_click_to_a_corrected_export(
    open_desk, tmp_path, monkeypatch, notifications
):
    monkeypatch.undo()  # the real network has real masks
    sample = synthetic_volumes(2, 8, (96, 96), cells=1)
    movie = write_movie(tmp_path / "volumes.tif", sample.images)
    desk = open_file(open_desk, movie, sample.images, OneThreadEngine())
    click(desk, 0, *place_of(sample, 0, 1))
    desk.track()
    desk.settle()
    first = iou(desk.labels.data, sample.labels)
    z, y, x = place_of(sample, 1, 1)
    click(desk, 1, z, y, x)  # a correction on another plane of another time
    desk.track()
    desk.settle()
    monkeypatch.setattr(ASK, lambda *_: tmp_path / "volumes.sam2")
    desk.panel.saving.box.save.click()
    desk.qtbot.waitUntil(lambda: desk.image_state.saving.is_saved)
    desk.panel.shut_down()
    again = reopened(open_desk, tmp_path / "volumes.sam2", OneThreadEngine())
    exported(again, tmp_path / "labels.ome.tif")
    written = tifffile.imread(tmp_path / "labels.ome.tif")
    assert np.array_equal(written, again.labels.data)
    assert min(first, iou(written, sample.labels)) > 0.8
    assert not [told for told in notifications.messages if "Exported" not in told]


def iou(labels: Any, truth: np.ndarray) -> float:
    """Mean IoU of cell 1 in all volumes."""
    pairs = list(zip(np.asarray(labels) == 1, truth == 1, strict=True))
    return float(np.mean([(a & b).sum() / (a | b).sum() for a, b in pairs]))
