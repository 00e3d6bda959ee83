"""An open project: the folder ``NAME.sam2`` and its annotation."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from napari_sam2.annotation import Annotation
from napari_sam2.annotation.journal_entries import Entry
from napari_sam2.annotation.recovery import (
    history_lengths,
    kept_settings,
    kept_states,
    largest_id,
    properties,
    tracker_of,
)
from napari_sam2.io.project.codec import RecordPool, pack
from napari_sam2.io.project.files import (
    are_same,
    inside,
    last_generation,
    make_room,
    records_of,
    remove_generation,
    remove_others,
    set_aside,
    split_state,
    sync_folder,
    write_stored,
)
from napari_sam2.io.project.fingerprint import image_fingerprint
from napari_sam2.io.project.history import History
from napari_sam2.io.project.journal_file import JournalFile
from napari_sam2.io.project.lock import ProjectLock
from napari_sam2.io.project.manifest import (
    Chunk,
    ImageInfo,
    KeptCellSize,
    Manifest,
    Settings,
    StoredFile,
    now,
    read_manifest,
    write_manifest,
)
from napari_sam2.io.project.migration import IN_3D_VERSION, SCHEMA_VERSION
from napari_sam2.io.project.parts import Batch, Deed, Masks, Properties
from napari_sam2.io.project.reading import Loaded, has_grown, load
from napari_sam2.io.project.slimming import Slimmer
from napari_sam2.io.project.subject import Subject
from napari_sam2.io.project.syncing import Syncer
from napari_sam2.memory_use import releasing_memory
from napari_sam2.tracking import ObjectState, Tracker
from napari_sam2.version import __version__

PROMPTS = "prompts.json"
FRAMES_PER_CHUNK = 32
States = Mapping[int, ObjectState]


class ProjectFolder:
    """A folder that keeps an annotation, from one change to the next.

    Every change is in the journal of the folder as soon as it is made. `save` makes the state of
    now the one that was saved, writing the ranges of frames on which anything changed, and begins
    a new journal. Whatever happens meanwhile, the folder holds either the one or the other.

    Used in the thread of the annotation. Make one with `create` or `open`.

    Attributes
    ----------
    path : Path
        The folder.
    annotation : Annotation
        The document that is kept.
    subject : Subject
        Image, model and size of the cells of the annotation.
    unsaved_since : float or None
        When the first change was made that is not saved, in seconds since 1970.
    on_problem : callable or None
        Gets a message when the journal cannot be written, and None when it can again.
    """

    def __init__(
        self, path: Path, lock: ProjectLock, annotation: Annotation, subject: Subject
    ) -> None:
        self.path = path
        self.annotation = annotation
        self.subject = subject
        self.unsaved_since: float | None = None
        self.on_problem: Callable[[str | None], None] | None = None
        self._lock = lock
        self._created: datetime = now()
        self._generation = 0
        self._pool = RecordPool()
        self._written: set[int] = set()  # numbers of records that a reader of the journal has
        self._chunks: dict[int, tuple[Chunk, States]] = {}
        self._past: tuple[Deed, ...] = ()  # in the history file
        self._deeds: list[Deed] = []  # not there yet
        self._history = History()
        self._history_file: tuple[str, int] | None = None  # name, and bytes that count
        self._slimmer = Slimmer()
        self._journal: JournalFile | None = None
        self._swapping = threading.Lock()
        self._syncer = Syncer(self._sync)
        self._is_failing = False

    # Making one

    @classmethod
    def create(
        cls,
        path: Path,
        annotation: Annotation,
        subject: Subject,
        deeds: Sequence[Deed] = (),
        *,
        news: Sequence[Entry] = (),
    ) -> ProjectFolder:
        """Save an annotation where it was not saved before, and keep it there from now on.

        Parameters
        ----------
        path : Path
            Folder to make, or a project to put this one in the place of.
        annotation : Annotation
            The document.
        subject : Subject
            Image and model of the annotation.
        deeds : sequence of Deed
            Deeds so far.
        news : sequence of Entry
            Journal entries of the first change of the annotation, which has just been
            made: then nothing counts as saved yet.

        Raises
        ------
        ProjectError
            If something else is there, or another program works on it.
        OSError
            If it cannot be written; an existing folder stays.
        """
        is_new = make_room(path)
        lock = None
        try:
            lock = ProjectLock(path)
            folder = cls(path, lock, annotation, subject)
            folder._generation = last_generation(path)
            folder._deeds = list(deeds)
            if news:
                folder._save(Properties((), (), 0), {})
                folder.keep(news)
            else:
                folder.save()
        except BaseException:
            if lock is not None:
                lock.release()
            if is_new:
                shutil.rmtree(path, ignore_errors=True)
            raise
        annotation.follow_journal(folder.keep)
        return folder

    @classmethod
    def open(
        cls, path: Path, make_tracker: Callable[[Manifest], Tracker], *, discard: bool = False
    ) -> ProjectFolder:
        """Go on with a project.

        Parameters
        ----------
        path : Path
            Its folder.
        make_tracker : callable
            Makes the empty tracker; see `napari_sam2.io.project.reading.make_tracker`.
        discard : bool
            Leave out the deeds since it was saved; they are moved aside.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ProjectError
            If it is damaged, or another program works on it.
        OSError
            If the disk cannot be read or written.
        """
        read_manifest(path)  # no lock is left where there is nothing to lock
        lock = ProjectLock(path)
        try:
            manifest = read_manifest(path)
            loaded = load(path, manifest, make_tracker(manifest), unsaved=not discard)
            subject = Subject(manifest.image, manifest.model, manifest.cell_size)
            folder = cls(path, lock, loaded.annotation, subject)
            if discard:
                set_aside(path, manifest.journal)
            folder._go_on(loaded)
        except BaseException:
            lock.release()
            raise
        return folder

    def _go_on(self, loaded: Loaded) -> None:
        manifest = loaded.manifest
        self._created, self._generation = manifest.created, manifest.generation
        self._pool, self._written = loaded.pool, loaded.pool.numbers()
        self._chunks = {
            chunk.start // FRAMES_PER_CHUNK: (chunk, loaded.states[chunk.file])
            for chunk in manifest.chunks
        }
        self._past, self._deeds = loaded.deeds, list(loaded.new_deeds)
        self._history = loaded.history
        self._history_file = (manifest.history, manifest.history_bytes)
        self._slimmer = Slimmer(*history_lengths(loaded.annotation))
        self.unsaved_since = loaded.unsaved_since
        self._journal = JournalFile(inside(self.path, manifest.journal))
        self.annotation.follow_journal(self.keep)

    # Journal

    @property
    def deeds(self) -> tuple[Deed, ...]:
        """All that was done to the annotation since it was begun."""
        return (*self._past, *self._deeds)

    def prepend(self, deeds: Sequence[Deed]) -> None:
        """Put deeds made with an earlier model before those of this folder, for the next save.

        Parameters
        ----------
        deeds : sequence of Deed
            Deeds of the document whose objects this one has taken.
        """
        self._deeds[:0] = deeds

    def keep(self, entries: Sequence[Entry]) -> None:
        """Write journal entries; the listener of the annotation."""
        assert self._journal is not None
        try:
            batch = Batch(time.time(), self._slimmer.slim(entries))
            self._deeds += self._history.deeds(batch)
            if self.unsaved_since is None:
                self.unsaved_since = batch.time
            self._journal.append(pack(batch, self._pool, self._written))
        except OSError as error:
            self._tell(f"the journal in {self.path} cannot be written: {error.strerror or error}")
        else:
            self._tell(None)
            self._syncer.wake()

    def _tell(self, problem: str | None) -> None:
        """Tell of the first problem and of its end."""
        if (problem is not None) != self._is_failing:
            self._is_failing = problem is not None
            if self.on_problem is not None:
                self.on_problem(problem)

    def _sync(self) -> None:
        with self._swapping:
            if self._journal is not None:
                self._journal.sync()

    # Saving

    def keep_cell_size(self, cell_size: KeptCellSize | None) -> None:
        """Note the size of the cells at once; the annotation stays as it was saved.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self.subject = replace(self.subject, cell_size=cell_size)
        manifest = read_manifest(self.path)
        write_manifest(self.path, manifest.model_copy(update={"cell_size": cell_size}))

    def save(self) -> None:
        """Make the state of now the saved one.

        Raises
        ------
        OSError
            If it cannot be written; the state saved before stays, and the journal continues.
        """
        states = kept_states(self.annotation)
        known = Properties(
            tuple(states), tuple(properties(self.annotation)), largest_id(self.annotation)
        )
        self._save(known, states)

    def _save(self, known: Properties, states: States) -> None:
        generation, journal = self._generation + 1, None
        try:
            chunks = self._write_chunks(generation, states)
            history = self._write_history(generation)
            manifest = self._manifest(generation, known, chunks, history)
            journal = self._begin_journal(manifest)
            sync_folder(self.path)
            write_manifest(self.path, manifest)
        except BaseException:
            if journal is not None:
                journal.close()
            remove_generation(self.path, generation)
            raise
        self._generation, self._chunks, self._history_file = generation, chunks, history
        self._past, self._deeds = self.deeds, []
        self._written = {
            self._pool.number(record)
            for _, states in chunks.values()
            for state in states.values()
            for record in records_of(state)
        }
        self._slimmer = Slimmer()
        self.unsaved_since = None
        with self._swapping:
            old, self._journal = self._journal, journal
        if old is not None:
            old.close()
        self._tell(None)
        remove_others(self.path, manifest)

    def _write_chunks(self, generation: int, states: States) -> dict[int, tuple[Chunk, States]]:
        """Write the ranges of frames on which anything changed."""
        parts: dict[int, dict[int, ObjectState]] = {}
        for object_id, state in states.items():
            for number, part in split_state(state, FRAMES_PER_CHUNK).items():
                parts.setdefault(number, {})[object_id] = part
        chunks: dict[int, tuple[Chunk, States]] = {}
        for number, some in releasing_memory(sorted(parts.items())):
            before = self._chunks.get(number)
            if before is not None and are_same(before[1], some):
                chunks[number] = before
            else:
                start = number * FRAMES_PER_CHUNK
                name = f"masks/{start:06d}-{generation}.bin"
                entry = write_stored(self.path, name, pack(Masks(some), self._pool))
                chunk = Chunk(**entry, start=start, stop=start + FRAMES_PER_CHUNK)
                chunks[number] = (chunk, some)
        return chunks

    def _write_history(self, generation: int) -> tuple[str, int]:
        """Write the deeds since the last save; returns the file's name and valid length."""
        name, end = self._history_file or (f"history-{generation}.log", None)
        file = JournalFile(inside(self.path, name), end)
        try:
            if self._deeds:
                file.append(pack(tuple(self._deeds), RecordPool()))
            file.sync()
            return name, file.size
        finally:
            file.close()

    def _manifest(
        self,
        generation: int,
        known: Properties,
        chunks: Mapping[int, tuple[Chunk, States]],
        history: tuple[str, int],
    ) -> Manifest:
        """What is saved now; writes the properties of the objects on the way."""
        stored = write_stored(self.path, f"properties-{generation}.bin", pack(known, self._pool))
        in_3d = self.subject.image.planes > 1
        return Manifest(
            schema_version=IN_3D_VERSION if in_3d else SCHEMA_VERSION,
            program=f"napari-sam2 {__version__}",
            created=self._created,
            saved=now(),
            generation=generation,
            next_number=self._pool.next_number,
            image=self._image(),
            model=self.subject.model,
            settings=Settings(**kept_settings(self.annotation)),
            properties=StoredFile(**stored),
            chunks=tuple(chunk for chunk, _ in chunks.values()),
            history=history[0],
            history_bytes=history[1],
            cell_size=self.subject.cell_size,
        )

    def _image(self) -> ImageInfo:
        """The image, with the frames that it has got since it was opened."""
        image, data = self.subject.image, tracker_of(self.annotation).frames.data
        shape = tuple(int(length) for length in data.shape)
        if has_grown(image, shape):
            news = {"shape": shape, "fingerprint": image_fingerprint(data)}
            image = image.model_copy(update=news)
            self.subject = replace(self.subject, image=image)
        return image

    def _begin_journal(self, manifest: Manifest) -> JournalFile:
        # imports the readers of image files, which are not needed to open an image
        from napari_sam2.io.prompt_files import write_prompts

        planes = self.annotation.planes
        write_prompts(self.path / PROMPTS, self.annotation.prompts(), planes)
        path = inside(self.path, manifest.journal)
        path.unlink(missing_ok=True)
        journal = JournalFile(path)
        journal.sync()
        return journal

    # Ending

    def close(self) -> None:
        """Release the folder; unsaved changes stay in its journal for the next time."""
        self.annotation.follow_journal(None)
        self._syncer.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self._lock.release()

    def leave(self) -> None:
        """Release the folder in its saved state; later changes are moved aside."""
        self.close()
        set_aside(self.path, read_manifest(self.path).journal)

    def remove(self) -> None:
        """Let the folder go and delete it with all that is in it."""
        self.close()
        shutil.rmtree(self.path, ignore_errors=True)
