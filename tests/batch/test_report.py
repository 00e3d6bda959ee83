from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from napari_sam2.batch.record import MovieRecord
from napari_sam2.batch.report import page_of
from napari_sam2.batch.results import MovieResult, State, sorted_report


def result(name: str, state: State = "done", cells: int = 3, doubtful: int = 0) -> MovieResult:
    if state in ("failed", "stopped"):
        return MovieResult(name, f"/{name}.tif", state, error="it is <broken>")
    record = MovieRecord(
        name=name,
        movie=f"/{name}.tif",
        plate="screen 7",
        well="B3",
        field="0",
        key="",
        frames=5,
        cells=cells,
        divisions=1,
        possible_divisions=2,
        masks=10,
        doubtful=doubtful,
        worst_frame=4,
        thumbnail="data:image/jpeg;base64,AAAA",
        seconds=1.5,
        finished=datetime.now(UTC),
        project="",
    )
    return MovieResult(name, f"/{name}.tif", state, record)


def test_movies_to_look_at_first_stand_first() -> None:
    results = [
        result("fine"),
        result("doubtful", doubtful=5),
        result("empty", cells=0),
        result("late", "stopped"),
        result("broken", "failed"),
    ]
    order = [each.name for each in sorted_report(Path("out"), results).results]
    assert order == ["broken", "late", "empty", "doubtful", "fine"]


def test_page_shows_counts_place_and_errors_as_text() -> None:
    page = page_of(sorted_report(Path("out"), [result("a", doubtful=5), result("b", "failed")]))
    for text in ("50.0%", "1 (possible: 2)", "screen 7 B3, field 0", "it is &lt;broken&gt;"):
        assert text in page
    assert "1 done, 1 failed." in page


def test_share_of_other_masks_on_the_way_back_is_shown_where_it_was_checked() -> None:
    plain = result("a")
    assert plain.record is not None
    checked = replace(plain, record=plain.record.model_copy(update={"checked": 8, "differing": 1}))
    heading = "other masks on the way back"
    assert heading not in page_of(sorted_report(Path("out"), [plain]))
    page = page_of(sorted_report(Path("out"), [checked, result("b", "failed")]))
    assert heading in page
    assert "12.5%" in page
