"""Face images, masks and landmarks by relative path, from a folder of files or from one LMDB alike."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tokenize import TokenError
from typing import Protocol
from weakref import WeakValueDictionary

import lmdb
import numpy as np

from preprocessing.codecs import decode, decode_mask, pixels_of
from preprocessing.lock import held
from preprocessing.manifest import Record
from training.core.errors import DataError, ManifestError
from training.core.paths import inside, shown

CUT = ".cut"
"""Empty file in a face folder; its time is that of the last run that cut faces."""
FACTS = "facts.json"
"""Beside an LMDB that was made from a face folder: how."""


class Bytes(Protocol):
    """Where the files of a dataset lie: ``get`` returns one file's content or None."""

    def get(self, path: str) -> bytes | None:
        """The content of ``path``, relative and with forward slashes."""
        ...


class Folder:
    """Files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: set[Path] = set()
        """Folders below ``root``, links followed; to follow them for every file would take as long as reading it."""

    def get(self, path: str) -> bytes | None:
        """See :class:`Bytes`.

        Raises:
            DataError: a link leads out of ``root``.
        """
        file = self.root / path
        if file.parent not in self._known or file.is_symlink():
            if not inside(self.root, path):
                raise DataError(
                    f"{path} leads out of {shown(self.root)}, and only what lies below it is read; copy the files into "
                    "it, or make all of it the link"
                )
            self._known.add(file.parent)
        return file.read_bytes() if file.is_file() else None


class Lmdb:
    """Values of one LMDB environment, opened read-only and only once used: safe to send to worker processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._environment: lmdb.Environment | None = None

    def get(self, path: str) -> bytes | None:
        """The file called ``path``, None if there is none.

        Raises:
            ManifestError: the environment cannot be opened.
            DataError: it is damaged where ``path`` should be.
        """
        try:
            with self._open().begin() as transaction:
                found = (transaction.get(key) for key in self._keys(path))
                data = next((value for value in found if value is not None), None)
        except lmdb.Error as error:
            raise DataError(f"{shown(self.root)}: cannot read '{path}' ({error}); make the LMDB again") from error
        if data is None and "video" in path:
            raise DataError(
                f"{shown(self.root)} has no '{path}'; DeepfakeBench's script leaves out folders with 'video' in their "
                "name: read the face folders (data.store rgb)"
            )
        return data

    def holds(self, paths: Iterable[str]) -> bool:
        """Whether all of ``paths`` are there under our own keys; their content is not read."""
        with self._open().begin() as transaction, transaction.cursor() as cursor:
            return all(cursor.set_key(lmdb_key(path)) for path in paths)

    def _open(self) -> lmdb.Environment:
        if self._environment is None:
            self._environment = _open_environment(self.root)
        return self._environment

    def _keys(self, path: str) -> Iterator[bytes]:
        """What ``path`` may be called: by us, by DeepfakeBench on Linux (``UADFV\\real/frames/...``), on Windows."""
        yield lmdb_key(path)
        for native in (path, path.replace("/", "\\")):
            key = f"{self.root.name.removesuffix('_lmdb')}\\{native}".encode("utf-8", "surrogateescape")
            if len(key) <= LONGEST_KEY:
                yield key

    def __getstate__(self) -> dict:
        return {"root": self.root, "_environment": None}


# LMDB refuses to open an environment twice in a process, so all stores of a path share one, for as long as any lives.
_ENVIRONMENTS: WeakValueDictionary[Path, lmdb.Environment] = WeakValueDictionary()


def _open_environment(root: Path) -> lmdb.Environment:
    key = root.resolve()
    environment = _ENVIRONMENTS.get(key)
    if environment is not None:
        return environment
    try:
        environment = lmdb.open(str(key), readonly=True, lock=False, readahead=False, max_readers=1024)
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    except lmdb.Error as error:
        raise ManifestError(f"{shown(root)}: cannot be opened as an LMDB ({error}); make it again") from error
    # Reading past the end of a file that was cut short would not raise but kill the process.
    if (key / "data.mdb").stat().st_size < needed:
        environment.close()
        raise ManifestError(
            f"{shown(root)}/data.mdb: is shorter than it says itself, was a copy cut off? Make it again"
        )
    _ENVIRONMENTS[key] = environment
    return environment


LONGEST_KEY = 511
"""Bytes that LMDB takes for a key."""


def lmdb_key(path: str) -> bytes:
    """The key under which the file ``path`` is kept: the path, or its digest where that is too long."""
    key = path.encode("utf-8", "surrogateescape")
    return key if len(key) <= LONGEST_KEY else b"sha256:" + hashlib.sha256(key).hexdigest().encode()


# DeepfakeBench's LMDBs hold landmarks without the header that says what they are: its numbers are integers of 4 bytes
# where it ran on Windows and of 8 on Linux.
_BARE = {points * 2 * size: f"<i{size}" for points in (68, 81) for size in (4, 8)}
"""Bytes of landmarks without header -> type."""


LARGEST = 50.0
"""Megapixels of a face, by default."""


class FrameStore:
    """Decoded faces of one dataset, none larger than ``megapixels``. Every error names the record and the file."""

    def __init__(self, content: Bytes, where: str, megapixels: float = LARGEST) -> None:
        self.content, self.where, self.megapixels = content, where, megapixels

    def image(self, record: Record) -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB.

        Raises:
            DataError: the file is missing or no picture.
        """
        return self._picture(record, record.image, "image", decode)

    def mask(self, record: Record) -> np.ndarray:
        """``(H, W)`` uint8, 255 where the picture was manipulated. Same errors as :meth:`image`."""
        return self._picture(record, record.mask, "mask", decode_mask)

    def source(self, record: Record) -> np.ndarray:
        """Of a fake: the real picture that it was made from, in the same crop. ``(H, W, 3)`` uint8 RGB.

        Same errors as :meth:`image`; only a data set cut with ``--paired`` has them.
        """
        return self._picture(record, record.source_image, "source image", decode)

    def landmarks(self, record: Record) -> np.ndarray:
        """``(68 or 81, 2)`` float32 x, y in crop pixels. Same errors as :meth:`image`."""
        data = self._bytes(record, record.landmarks, "landmarks")
        if len(data) in _BARE and not data.startswith(np.lib.format.MAGIC_PREFIX):
            return np.frombuffer(data, _BARE[len(data)]).reshape(-1, 2).astype(np.float32)
        try:
            points = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
        except (ValueError, TypeError, OSError, EOFError, SyntaxError, TokenError, MemoryError) as error:
            raise DataError(f"{record.key}: {self.where}/{record.landmarks} is no numpy array ({error})") from error
        where = f"{record.key}: {self.where}/{record.landmarks}"
        if points.ndim != 2 or points.shape[1] != 2:
            raise DataError(f"{where} holds an array of shape {points.shape}; expected (points, 2)")
        if points.dtype.kind not in "iuf" or not np.isfinite(points).all():
            raise DataError(f"{where} holds values that are no places in a picture")
        return points.astype(np.float32)

    def _picture(self, record: Record, path: str | None, kind: str, decoder: Callable) -> np.ndarray:
        data = self._bytes(record, path, kind)
        if (pixels_of(data) or 0) > self.megapixels * 1e6:
            raise DataError(
                f"{record.key}: {self.where}/{path} has more pixels than picture_limit ({self.megapixels:g} million)"
            )
        picture = decoder(data)
        if picture is None:
            raise DataError(f"{record.key}: {self.where}/{path} is no readable picture")
        return picture

    def _bytes(self, record: Record, path: str | None, kind: str) -> bytes:
        if path is None:
            raise DataError(f"{record.key}: its manifest lists no {kind}")
        try:
            data = self.content.get(path)
        except (DataError, OSError) as error:
            raise DataError(f"{record.key}: {error}") from error
        if data is None:
            raise DataError(f"{record.key}: {self.where} has no {kind} {path}")
        return data


def rgb_root(datasets: Path, dataset: str) -> Path:
    """Where the face folders of a dataset lie."""
    return datasets / "rgb" / dataset


def lmdb_root(datasets: Path, dataset: str) -> Path:
    """Where the LMDB of a dataset lies."""
    return datasets / "lmdb" / f"{dataset}_lmdb"


def open_store(datasets: Path, dataset: str, kind: str = "auto", megapixels: float = LARGEST) -> FrameStore:
    """The store of ``dataset`` below ``datasets``: ``rgb``, ``lmdb``, or ``auto`` (the LMDB where there is one).

    Pictures of more than ``megapixels`` are refused.

    Raises:
        ManifestError: neither exists; for ``auto``, faces were cut after the LMDB was packed; or the LMDB is being
            written, and what is read while pages change would be anything.
    """
    choices = {"lmdb": lmdb_root(datasets, dataset), "rgb": rgb_root(datasets, dataset)}
    if kind == "auto" and _outdated(choices["lmdb"], choices["rgb"]):
        raise ManifestError(
            f"{shown(choices['lmdb'])} is older than the faces in {shown(choices['rgb'])}: pack it again with "
            "preprocessing/to_lmdb.py --force, or choose one of the two by data.store"
        )
    for name, root in choices.items():
        there = root.is_dir() and (name == "rgb" or kind == "lmdb" or (root / "data.mdb").is_file())
        if kind in (name, "auto") and there:
            if name == "lmdb" and held(root):
                raise ManifestError(f"{shown(root)}: preprocess.py is writing it; wait until it is done")
            return FrameStore(Lmdb(root) if name == "lmdb" else Folder(root), shown(root), megapixels)
    looked = " or ".join(shown(root) for name, root in choices.items() if kind in (name, "auto"))
    raise ManifestError(f"no faces of '{dataset}': expected {looked}; make them with preprocessing/preprocess.py")


def mark_cut(rgb: Path) -> None:
    """Note in the face folder ``rgb`` that faces are being cut now."""
    rgb.mkdir(parents=True, exist_ok=True)
    (rgb / CUT).touch()


def _outdated(packed: Path, rgb: Path) -> bool:
    data, cut = packed / "data.mdb", rgb / CUT
    return data.is_file() and cut.is_file() and cut.stat().st_mtime_ns > data.stat().st_mtime_ns
