"""Tables for TrackMate and napari-track-edit, read as their descriptions tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from napari_sam2.io.spot_tables import write_track_edit, write_trackmate
from tests.families import family


def test_trackmate_finds_calibrated_spots_by_track(tmp_path: Path) -> None:
    write_trackmate(tmp_path / "spots.csv", family())
    table = pd.read_csv(tmp_path / "spots.csv")
    assert {"POSITION_X", "POSITION_Y", "POSITION_Z", "FRAME", "TRACK_ID", "RADIUS"} <= {*table}
    first = table[table.TRACK_ID == 1]
    assert first.POSITION_X.tolist() == [0.25, 1.0]
    assert first.POSITION_T.tolist() == [0, 60]
    assert np.isclose(first.RADIUS.iloc[0], (9 * 0.125 / np.pi) ** 0.5, rtol=1e-6)
    assert not table.duplicated(["FRAME", "TRACK_ID"]).any()


def test_track_edit_finds_a_forest_of_nodes(tmp_path: Path) -> None:
    write_track_edit(tmp_path / "nodes.csv", family())
    table = pd.read_csv(tmp_path / "nodes.csv")
    assert list(table)[:6] == ["t", "y", "x", "id", "parent_id", "track_id"]
    assert table.id.is_unique
    by_id = table.set_index("id")
    linked = table.dropna(subset="parent_id")
    assert (by_id.loc[linked.parent_id].t.to_numpy() < linked.t.to_numpy()).all()
    mothers = linked.groupby("parent_id").size()
    assert by_id.loc[mothers[mothers == 2].index].seg_id.tolist() == [1]


def test_nodes_name_the_labels_at_their_place(tmp_path: Path) -> None:
    write_track_edit(tmp_path / "nodes.csv", family())
    table = pd.read_csv(tmp_path / "nodes.csv")
    labels = family().labels[table.t, table.y.round().astype(int), table.x.round().astype(int)]
    assert labels.tolist() == table.seg_id.tolist()
