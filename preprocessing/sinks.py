"""Where the files and the note of each video go: into a folder of files, or into one LMDB.

Many processes write files at once, but only one can write an LMDB well. So a worker writes files itself, or hands them
with the note to the run's own process, which stores one video per transaction. Either way a run that is killed loses
at most the videos under way.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import lmdb

from preprocessing.settings import Settings
from preprocessing.sidecar import KINDS, Sidecar, sidecar_path, write
from preprocessing.store import LONGEST_KEY, Lmdb, lmdb_key, lmdb_root, mark_cut, rgb_root
from training.core.errors import DataError
from training.core.paths import shown


@dataclass(frozen=True, slots=True)
class Parcel:
    """A video that is done: its note and, path -> content, those of its files that are not stored yet.

    They take the place of what is stored of it, or are ``added`` to that.
    """

    note: Sidecar
    files: dict[str, bytes] = field(default_factory=dict)
    added: bool = False


class Sink(Protocol):
    """``begin``, ``put``, ``end`` and ``add`` are for the process that cuts a video, the rest for the run's own.

    Raises:
        OSError: there is no room, or no right to write. What was stored before stays whole.
    """

    root: Path
    """Where the notes lie."""

    def begin(self, video: str) -> None:
        """Forget whatever an earlier or interrupted run left of ``video``."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Take one file of the video that was begun; until its note is written it does not count."""
        ...

    def end(self, note: Sidecar) -> Parcel:
        """Take the note, last of all."""
        ...

    def add(self, note: Sidecar) -> Parcel:
        """Take the new note of a video that was done before and of which more files were put."""
        ...

    def keep(self, parcel: Parcel) -> None:
        """Store what ``end`` or ``add`` returned; from now on the video counts as done."""
        ...

    def complete(self, note: Sidecar) -> bool:
        """Whether all files that an earlier run's ``note`` names are there."""
        ...


def sink_for(settings: Settings) -> Sink:
    """The sink of a dataset's store."""
    kind, root = {"rgb": (FolderSink, rgb_root), "lmdb": (LmdbSink, lmdb_root)}[settings.store]
    return kind(root(settings.output, settings.dataset))


@dataclass(frozen=True, slots=True)
class FolderSink:
    """Files below ``root``, each written at once by the process that cuts it."""

    root: Path

    def begin(self, video: str) -> None:
        """See :class:`Sink`."""
        mark_cut(self.root)
        sidecar_path(self.root, video).unlink(missing_ok=True)
        for folder in (self.root / kind / video for kind in KINDS):
            # Only what lies directly here: the video real/a must not take real/a/b with it.
            for file in [p for p in folder.iterdir() if p.is_file()] if folder.is_dir() else ():
                file.unlink()

    def put(self, path: str, data: bytes) -> None:
        """See :class:`Sink`."""
        # Not atomic by itself: until the video's note is written, nothing here counts.
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def end(self, note: Sidecar) -> Parcel:
        """See :class:`Sink`."""
        write(self.root, note)
        return Parcel(note)

    def add(self, note: Sidecar) -> Parcel:
        """See :class:`Sink`."""
        mark_cut(self.root)
        return self.end(note)

    def keep(self, parcel: Parcel) -> None:
        """See :class:`Sink`; the worker has stored everything."""

    def complete(self, note: Sidecar) -> bool:
        """See :class:`Sink`; counts the files."""
        paths = [path for frame in note.frames for path in frame.files]
        folders = [self.root / kind / note.video.video for kind in KINDS]
        return len(paths) == sum(p.is_file() for folder in folders if folder.is_dir() for p in folder.iterdir())


@dataclass(frozen=True, slots=True)
class LmdbSink:
    """One LMDB in ``root``, beside it the notes. Each worker holds the files of one video in memory."""

    root: Path
    held: dict[str, bytes] = field(default_factory=dict)

    def begin(self, video: str) -> None:
        """See :class:`Sink`; what is stored is replaced by :meth:`keep`."""
        self.held.clear()

    def put(self, path: str, data: bytes) -> None:
        """See :class:`Sink`."""
        self.held[path] = data

    def end(self, note: Sidecar) -> Parcel:
        """See :class:`Sink`."""
        return Parcel(note, dict(self.held))

    def add(self, note: Sidecar) -> Parcel:
        """See :class:`Sink`; of the files held only those of this video, and no longer."""
        named = [path for frame in note.frames for path in frame.files if path in self.held]
        return Parcel(note, {path: self.held.pop(path) for path in named}, added=True)

    def keep(self, parcel: Parcel) -> None:
        """See :class:`Sink`; one transaction replaces all there was of the video."""
        video = parcel.note.video.video
        sidecar_path(self.root, video).unlink(missing_ok=True)
        with writing(self.root) as environment:
            put_all(environment, parcel.files.items(), instead_of=None if parcel.added else video)
        write(self.root, parcel.note)

    def complete(self, note: Sidecar) -> bool:
        """See :class:`Sink`; looks up every file."""
        paths = [path for frame in note.frames for path in frame.files]
        return not paths or ((self.root / "data.mdb").is_file() and Lmdb(self.root).holds(paths))


@contextlib.contextmanager
def writing(root: Path, sync: bool = True) -> Iterator[lmdb.Environment]:
    """The LMDB in ``root``, made if need be, open for the one process that writes it.

    Without ``sync`` nothing is safe from a power cut before ``environment.sync(True)``.

    Raises:
        OSError: the disk is full.
        DataError: the LMDB is damaged, or cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        with lmdb.open(str(root), map_size=1 << 26, lock=False, sync=sync) as environment:
            yield environment
    except lmdb.Error as error:
        # A write that only part of fits LMDB calls an input/output error.
        if isinstance(error, lmdb.DiskError) or shutil.disk_usage(root).free < 1 << 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(root)) from error
        raise DataError(f"{shown(root)}: cannot be written as an LMDB ({error})") from error


def put_all(environment: lmdb.Environment, files: Iterable[tuple[str, bytes]], instead_of: str | None = None) -> int:
    """Put ``files`` (path, content) into the LMDB in one transaction, in place of all that it holds of the video
    ``instead_of``; the map grows as needed. Returns how many they are."""
    values = [(lmdb_key(path), data) for path, data in files]
    while True:
        try:
            with environment.begin(write=True) as transaction:
                if instead_of is not None:
                    _remove(transaction, instead_of)
                for key, value in values:
                    transaction.put(key, value)
            return len(values)
        except lmdb.MapFullError:
            environment.set_mapsize(environment.info()["map_size"] * 2)


def _remove(transaction: lmdb.Transaction, video: str) -> None:
    cursor = transaction.cursor()
    for prefix in (f"{kind}/{video}/".encode("utf-8", "surrogateescape") for kind in KINDS):
        # Names too long for keys are kept under digests: these stay, and the next files of the same name replace them.
        found = len(prefix) <= LONGEST_KEY and cursor.set_range(prefix)
        while found and cursor.key().startswith(prefix):
            # The video real/a must not take real/a/b with it.
            found = cursor.next() if b"/" in cursor.key()[len(prefix) :] else cursor.delete()
