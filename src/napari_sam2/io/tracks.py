"""Tracks: first frame, last frame and mother of each object."""

from __future__ import annotations

import os
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path


@dataclass(frozen=True)
class Track:
    """One line of a track table of the Cell Tracking Challenge.

    Attributes
    ----------
    object_id : int
        Value in the labels.
    first, last : int
        Frames.
    parent : int
        Id of the mother, 0 for none.
    """

    object_id: int
    first: int
    last: int
    parent: int = 0


def read_tracks(path: str | os.PathLike[str]) -> tuple[Track, ...]:
    """Read ``man_track.txt`` or ``res_track.txt``: four numbers a line, id first last parent.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a line is something else, an id is below 1 or comes twice, or a track ends before it
        starts.
    """
    file = Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"there is no track table {file}")
    tracks: dict[int, Track] = {}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        track = _parse(line, f"{file.name}, line {number}")
        if track.object_id in tracks:
            raise ValueError(f"{file.name}, line {number}: object {track.object_id} is there twice")
        tracks[track.object_id] = track
    return tuple(tracks.values())


def _parse(line: str, place: str) -> Track:
    try:
        object_id, first, last, parent = (int(part) for part in line.split())
    except ValueError as error:
        raise ValueError(
            f"{place}: expected four whole numbers, id first last parent; got {line.strip()!r}"
        ) from error
    if object_id < 1 or parent < 0 or not 0 <= first <= last:
        raise ValueError(f"{place}: no track has these numbers: {line.strip()}")
    return Track(object_id, first, last, parent)


SHOWN_CONFLICTS = 3  # of many, so that the message can be read


@dataclass
class TableCheck:
    """Whether the pixels of labels agree with their table of tracks, one frame at a time.

    Attributes
    ----------
    tracks : tuple of Track
        The whole table.
    table, labels : str
        Names of both, for messages.
    """

    tracks: tuple[Track, ...]
    table: str
    labels: str
    _has_warned: bool = field(default=False, init=False)

    def check(self, ids_by_frame: Mapping[int, Collection[int]]) -> None:
        """Compare some frames with the table.

        Parameters
        ----------
        ids_by_frame : mapping of int to collection of int
            Ids that have pixels, by frame.

        Raises
        ------
        ValueError
            If an object has pixels on a frame on which it is not in the table.

        Warns
        -----
        UserWarning
            Once, if an object has no pixels on a frame on which it is in the table: it is taken for
            absent there.
        """
        strangers: list[str] = []
        gaps: list[str] = []
        for t, ids in ids_by_frame.items():
            strangers += self._strangers(t, ids)
            gaps += self._gaps(t, set(ids))
        if strangers:
            raise ValueError(
                f"{self.labels} and {self.table} do not agree: {_first_of(strangers)}. Correct one "
                "of them, or take the table out of the folder to open the labels alone"
            )
        if gaps and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"{self.labels} and {self.table} do not agree: {_first_of(gaps)}. "
                "Such an object is taken for absent there",
                stacklevel=2,
            )

    def _gaps(self, t: int, ids: set[int]) -> list[str]:
        return [
            f"object {k.object_id} has no pixels on frame {t}, "
            f"though the table has it on frames {k.first} to {k.last}"
            for k in self.tracks
            if k.first <= t <= k.last and k.object_id not in ids
        ]

    def _strangers(self, t: int, ids: Collection[int]) -> list[str]:
        found = []
        known = {track.object_id: track for track in self.tracks}
        for object_id in sorted(ids):
            track = known.get(object_id)
            if track is None:
                found.append(f"object {object_id} on frame {t} is not in the table")
            elif not track.first <= t <= track.last:
                found.append(
                    f"object {object_id} is on frame {t}, "
                    f"though the table has it on frames {track.first} to {track.last}"
                )
        return found


def _first_of(conflicts: Sequence[str]) -> str:
    more = len(conflicts) - SHOWN_CONFLICTS
    rest = f"; and {more} more" if more > 0 else ""
    return "; ".join(conflicts[:SHOWN_CONFLICTS]) + rest


@dataclass(frozen=True)
class Lineage:
    """Objects without gaps, as the Cell Tracking Challenge wants them.

    Attributes
    ----------
    tracks : tuple of Track
        An object that was away for some frames is a new track afterwards, the daughter of the old
        one; so is a mother that is there still when a daughter begins, from that frame on.
    names : mapping of (int, int) to int
        From frame and id in the labels to the id of the track.
    """

    tracks: tuple[Track, ...]
    names: Mapping[tuple[int, int], int]


def lineage(ids_by_frame: Sequence[Iterable[int]], parents: Mapping[int, int]) -> Lineage:
    """Tracks of the ids that labels hold.

    Parameters
    ----------
    ids_by_frame : sequence of iterables of int
        Ids of each frame.
    parents : mapping of int to int
        Daughter -> mother; links to objects that were not there before are left out.

    Returns
    -------
    Lineage
    """
    frames: dict[int, list[int]] = {}
    for t, ids in enumerate(ids_by_frame):
        for object_id in ids:
            frames.setdefault(object_id, []).append(t)
    new_ids = count(max(frames, default=0) + 1)
    runs: dict[int, list[Track]] = {object_id: [] for object_id in sorted(frames)}
    names: dict[tuple[int, int], int] = {}
    births = _births(frames, parents)
    for object_id, found in runs.items():
        for run in _runs(frames[object_id], births.get(object_id, frozenset())):
            before = found[-1].object_id if found else 0
            name = next(new_ids) if before else object_id
            found.append(Track(name, run[0], run[-1], before))
            names.update({(t, object_id): name for t in run})
    tracks = [track for found in runs.values() for track in found]
    return Lineage(tuple(_with_mother(track, parents, runs) for track in tracks), names)


def _births(
    frames: Mapping[int, Sequence[int]], parents: Mapping[int, int]
) -> dict[int, frozenset[int]]:
    """First frames of the daughters of each mother."""
    births: dict[int, frozenset[int]] = {}
    for daughter, mother in parents.items():
        if daughter in frames:
            births[mother] = births.get(mother, frozenset()) | {frames[daughter][0]}
    return births


def _runs(frames: Sequence[int], cuts: Collection[int]) -> list[list[int]]:
    """Ascending numbers as runs without gaps; a new one begins at each cut."""
    runs: list[list[int]] = []
    for t in frames:
        if runs and runs[-1][-1] == t - 1 and t not in cuts:
            runs[-1].append(t)
        else:
            runs.append([t])
    return runs


def _with_mother(
    track: Track, parents: Mapping[int, int], runs: Mapping[int, list[Track]]
) -> Track:
    if track.parent:  # came back after a gap
        return track
    earlier = [t for t in runs.get(parents.get(track.object_id, 0), []) if t.last < track.first]
    if not earlier:
        return track
    return Track(track.object_id, track.first, track.last, earlier[-1].object_id)
