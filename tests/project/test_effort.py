"""The effort of an annotation is counted from the history of its project."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.objects import Status
from napari_sam2.cli import main
from napari_sam2.io.project import effort
from napari_sam2.io.project.effort import Effort, Phase, effort_of
from napari_sam2.io.project.parts import Deed
from napari_sam2.io.project.tags import calls_by_method
from napari_sam2.io.tiff import write_images
from napari_sam2.model import Sam2
from napari_sam2.tracking import Tracker
from tests.worlds import World

from .desk import save

Call = tuple[float, str, dict[str, Any]]


@pytest.fixture
def empty(model: Sam2, world: World) -> Annotation:
    return Annotation(Tracker(model, world.images))


@pytest.fixture
def click(world: World) -> Callable[..., Call]:
    def click(time: float, t: int = 0, object_id: int = 1, clicks: int = 1) -> Call:
        points = [world.centre(t, object_id)] * clicks
        arguments = {"t": t, "object_id": object_id, "points": points, "labels": [1] * clicks}
        return time, "add_points", arguments

    return click


@pytest.fixture
def paint(world: World) -> Callable[..., Call]:
    def paint(time: float, t: int = 0, object_id: int = 1) -> Call:
        mask = world.mask(t, object_id)
        return time, "add_mask", {"t": t, "object_id": object_id, "mask": mask}

    return paint


def worked(annotation: Annotation, *calls: Call) -> Effort:
    """Effort of calls that were made at some times."""
    for _, name, arguments in calls:
        getattr(annotation, name)(**arguments)
    return effort_of([Deed(*call) for call in calls], annotation)


def row(found: Effort, t: int | None = 0, object_id: int = 1) -> effort.FrameEffort:
    return next(r for r in found.frames if (r.object_id, r.frame) == (object_id, t))


def test_the_pause_before_a_click_is_its_time(empty: Annotation, click: Any) -> None:
    found = worked(empty, click(100.0), click(104.0), click(107.5, object_id=2))
    assert row(found).seconds == 4.0
    assert row(found, object_id=2).seconds == 3.5
    assert found.seconds == 7.5


def test_of_an_idle_pause_30_seconds_count(empty: Annotation, click: Any) -> None:
    assert worked(empty, click(0.0), click(3600.0)).seconds == 30.0


def test_a_clock_that_was_put_back_counts_nothing(empty: Annotation, click: Any) -> None:
    assert worked(empty, click(100.0), click(40.0), click(41.0)).seconds == 1.0


def test_time_of_tracking_is_not_counted(empty: Annotation, click: Any) -> None:
    calls = click(0.0), click(20.0, t=3)
    for _, name, arguments in calls:
        getattr(empty, name)(**arguments)
    track = {"t": 1, "direction": "forward", "object_ids": (1,)}
    tracking = (
        Deed(5.0, "begin tracking", {}),
        Deed(6.0, "track", track),
        Deed(17.0, "end tracking", {}),
    )
    found = effort_of([Deed(*calls[0]), *tracking, Deed(*calls[1])], empty)
    assert (row(found).seconds, row(found, 3).seconds) == (5.0, 3.0)


def test_a_click_during_tracking_takes_the_time_since_the_start(
    empty: Annotation, click: Any
) -> None:
    calls = click(0.0), click(12.0, t=3)
    for _, name, arguments in calls:
        getattr(empty, name)(**arguments)
    track = Deed(11.0, "track", {"t": 1, "direction": "forward", "object_ids": (1,)})
    found = effort_of(
        [Deed(*calls[0]), Deed(5.0, "begin tracking", {}), track, Deed(*calls[1])], empty
    )
    assert row(found, 3).seconds == 7.0


def test_undo_belongs_to_the_object_before(empty: Annotation, click: Any) -> None:
    found = worked(empty, click(0.0), click(2.0, object_id=2), (5.0, "undo", {}))
    assert row(found, object_id=2).seconds == 5.0


def test_clicks_strokes_and_edits_are_counted(
    empty: Annotation, click: Any, paint: Any, world: World
) -> None:
    box = {"t": 2, "object_id": 1, "box": world.box(2, 1)}
    found = worked(
        empty,
        click(0.0, clicks=2),
        click(1.0),
        paint(2.0, t=1),
        (3.0, "add_box", box),
        (4.0, "remove_point", {"t": 0, "object_id": 1, "index": 0}),
    )
    first, second, third = found.frames
    assert (first.clicks, first.strokes, first.edits) == (3, 0, 1)
    assert (second.clicks, second.strokes, second.edits) == (0, 1, 0)
    assert (third.clicks, third.strokes, third.edits) == (0, 0, 1)


def test_reviewing_takes_time_and_edits_nothing(empty: Annotation, click: Any) -> None:
    found = worked(empty, click(0.0), (6.0, "accept", {"object_id": 1, "frames": [0, 1, 2]}))
    assert [r.seconds for r in found.frames] == [2.0, 2.0, 2.0]
    assert [r.is_edited for r in found.frames] == [True, False, False]


def test_a_verdict_belongs_to_the_object_as_a_whole(empty: Annotation, click: Any) -> None:
    verdict = {"object_id": 1, "status": Status.REVIEWED, "by": "Ada", "at": 9.0}
    found = worked(empty, click(0.0), (9.0, "judge", verdict))
    assert row(found, None).seconds == 9.0
    assert not row(found, None).is_edited


def test_shares_are_those_of_table_1(empty: Annotation, click: Any) -> None:
    """Eight frames, of which two were clicked, with three clicks, in eight seconds."""
    worked(empty, click(0.0))
    list(empty.propagate())
    empty.add_points(4, 1, **{k: click(8.0, 4, clicks=2)[2][k] for k in ("points", "labels")})
    (phase,) = effort_of([Deed(*click(0.0)), Deed(*click(8.0, 4, clicks=2))], empty).phases
    assert phase.phase is Phase.TRACKED
    assert (phase.objects, phase.frames, phase.seconds) == (1, 8, 8.0)
    assert phase.seconds_per_frame == 1.0
    assert phase.edited_share == 0.25
    assert phase.clicks_per_clicked_frame == 1.5


def test_phases_tell_how_masks_were_made(
    empty: Annotation, click: Any, paint: Any, world: World
) -> None:
    box = {"t": 0, "object_id": 4, "box": world.box(0, 1)}
    calls = (
        paint(0.0, object_id=1),
        click(1.0, object_id=2),
        (2.0, "add_points", {**click(2.0)[2], "object_id": 3}),
        (3.0, "add_mask", {"t": 1, "object_id": 3, "mask": world.mask(1, 1)}),
        (4.0, "add_box", box),
    )
    found = worked(empty, *calls)
    phases = {r.object_id: r.phase for r in found.objects}
    assert phases == {1: Phase.BY_HAND, 2: Phase.CLICKS, 3: Phase.SAM, 4: Phase.CLICKS}
    empty.import_labels(world.labels[5] * 5, 5)
    assert effort_of([], empty).objects[-1].phase is Phase.OTHER


def test_deleted_objects_keep_their_time_but_have_no_row(empty: Annotation, click: Any) -> None:
    remove = 3.0, "remove_object", {"object_id": 1}
    found = worked(empty, click(0.0), click(1.0, object_id=2), remove)
    assert found.seconds == 3.0
    assert [r.object_id for r in found.objects] == [2]


def test_an_empty_annotation_took_nothing(empty: Annotation) -> None:
    assert effort_of([], empty) == Effort((), ())


def test_every_counted_call_exists() -> None:
    assert effort._COUNTS.keys() <= calls_by_method.keys()


# The command


@pytest.fixture
def project(path: Path, model: Sam2, world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both discs clicked within a project, tracked, and not saved since."""
    monkeypatch.setattr("napari_sam2.cli.project.load", lambda *_: model)
    write_images(path.parent / "movie.tif", world.images)
    annotation = Annotation(Tracker(model, world.images))
    folder = save(path, annotation, world, path=str(path.parent / "movie.tif"))
    for object_id in (1, 2):
        annotation.add_points(0, object_id, [world.centre(0, object_id)], [1])
    list(annotation.propagate())
    folder.close()
    return path


def shell(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["effort", *map(str, arguments)])
    return int(ended.value.code or 0)


def test_the_command_shows_a_row_for_each_phase(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert shell(project) == 0
    head, tracked, end = capsys.readouterr().out.splitlines()
    assert head.split("  ")[0] == "masks made"
    assert tracked.split()[:3] == ["tracked", "2", "16"]
    assert tracked.split()[-2:] == ["12.5%", "1.00"]
    assert end.endswith("minutes in all")


def test_the_command_writes_csv_and_json(project: Path, tmp_path: Path) -> None:
    table, figures = tmp_path / "effort.csv", tmp_path / "effort.json"
    assert shell(project, "--csv", table, "--json", figures) == 0
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [(r["object_id"], r["frame"], r["clicks"]) for r in rows] == [
        ("1", "0", "1"),
        ("2", "0", "1"),
    ]
    content = json.loads(figures.read_text())
    assert content["phases"][0]["phase"] == "tracked"
    assert [r["frames"] for r in content["objects"]] == [8, 8]


def test_the_command_replaces_no_file(project: Path, tmp_path: Path) -> None:
    (tmp_path / "effort.csv").write_text("mine")
    assert shell(project, "--csv", tmp_path / "effort.csv") == 2
    assert (tmp_path / "effort.csv").read_text() == "mine"


def test_a_moved_movie_is_said_in_words(
    project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project.parent / "movie.tif").rename(tmp_path / "elsewhere" / "other.tif")
    assert shell(project) == 2
    assert "is not there any more" in capsys.readouterr().err
    assert shell(project, "--image", tmp_path / "elsewhere" / "other.tif") == 0
