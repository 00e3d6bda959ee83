from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_sam2.io.tracks import Track, lineage

presences = st.lists(st.sets(st.integers(1, 5)), min_size=1, max_size=8)
families = st.dictionaries(st.integers(1, 5), st.integers(1, 5))


def test_an_object_that_was_away_goes_on_as_its_own_daughter() -> None:
    assert lineage([[1], [], [1]], {}).tracks == (Track(1, 0, 0), Track(2, 2, 2, 1))


def test_a_mother_that_goes_on_after_a_division_is_cut_there() -> None:
    budding = lineage([[1], [1, 2], [1, 2]], {2: 1})
    assert budding.tracks == (Track(1, 0, 0), Track(3, 1, 2, 1), Track(2, 1, 2, 1))
    assert budding.names[2, 1] == 3


def test_a_mother_that_was_not_there_before_is_left_out() -> None:
    assert lineage([[1, 2], [1]], {2: 1, 1: 7}).tracks == (Track(1, 0, 1), Track(2, 0, 0))


@given(presences, families)
def test_tracks_are_as_the_challenge_wants_them(
    ids_by_frame: list[set[int]], parents: dict[int, int]
) -> None:
    found = lineage([sorted(ids) for ids in ids_by_frame], parents)
    tracks = {track.object_id: track for track in found.tracks}
    assert len(tracks) == len(found.tracks)
    for t, ids in enumerate(ids_by_frame):
        there = {k for k, track in tracks.items() if track.first <= t <= track.last}
        assert {found.names[t, object_id] for object_id in ids} == there
    for track in found.tracks:
        assert not track.parent or tracks[track.parent].last < track.first
