"""Face images, masks and landmarks by relative path, from a folder of files or from one LMDB alike."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Protocol

import cv2
import lmdb
import numpy as np

from preprocessing.manifest import Record
from training.core.errors import DataError, ManifestError
from training.core.paths import shown


class Bytes(Protocol):
    """Where the files of a dataset lie: ``get`` returns one file's content or None."""

    def get(self, path: str) -> bytes | None: ...


class Folder:
    """Files below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, path: str) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None


class Lmdb:
    """Values of one LMDB environment, opened read-only and only once used: safe to send to worker processes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._open: lmdb.Environment | None = None

    def get(self, path: str) -> bytes | None:
        if self._open is None:
            self._open = lmdb.open(str(self.root), readonly=True, lock=False, readahead=False, max_readers=1024)
        with self._open.begin() as transaction:
            return transaction.get(path.encode())

    def __getstate__(self) -> dict:
        return {"root": self.root, "_open": None}


class FrameStore:
    """Decoded faces of one dataset. Every error names the record and the file."""

    def __init__(self, content: Bytes, where: str) -> None:
        self.content, self.where = content, where

    def image(self, record: Record) -> np.ndarray:
        """``(H, W, 3)`` uint8 RGB.

        Raises:
            DataError: the file is missing or no picture.
        """
        data = self._bytes(record, record.image, "image")
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise DataError(f"{record.key}: {self.where}/{record.image} is no readable picture")
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def mask(self, record: Record) -> np.ndarray:
        """``(H, W)`` uint8, 255 where the picture was manipulated. Same errors as :meth:`image`."""
        data = self._bytes(record, record.mask, "mask")
        mask = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        if mask is None:
            raise DataError(f"{record.key}: {self.where}/{record.mask} is no readable picture")
        return mask

    def landmarks(self, record: Record) -> np.ndarray:
        """``(68 or 81, 2)`` float32 x, y in crop pixels. Same errors as :meth:`image`."""
        data = self._bytes(record, record.landmarks, "landmarks")
        try:
            points = np.load(io.BytesIO(data), allow_pickle=False)
        except (ValueError, OSError, EOFError) as error:
            raise DataError(f"{record.key}: {self.where}/{record.landmarks} is no numpy array ({error})") from error
        return points.astype(np.float32)

    def _bytes(self, record: Record, path: str | None, kind: str) -> bytes:
        if path is None:
            raise DataError(f"{record.key}: its manifest lists no {kind}")
        data = self.content.get(path)
        if data is None:
            raise DataError(f"{record.key}: {self.where} has no {kind} {path}")
        return data


def rgb_root(datasets: Path, dataset: str) -> Path:
    """Where the face folders of a dataset lie."""
    return datasets / "rgb" / dataset


def lmdb_root(datasets: Path, dataset: str) -> Path:
    """Where the LMDB of a dataset lies."""
    return datasets / "lmdb" / f"{dataset}_lmdb"


def open_store(datasets: Path, dataset: str, kind: str = "auto") -> FrameStore:
    """The store of ``dataset`` below ``datasets``: ``rgb``, ``lmdb``, or ``auto`` (the LMDB where there is one).

    Raises:
        ManifestError: neither exists.
    """
    choices = {"lmdb": lmdb_root(datasets, dataset), "rgb": rgb_root(datasets, dataset)}
    for name, root in choices.items():
        if kind in (name, "auto") and root.is_dir():
            return FrameStore(Lmdb(root) if name == "lmdb" else Folder(root), shown(root))
    looked = " or ".join(shown(root) for name, root in choices.items() if kind in (name, "auto"))
    raise ManifestError(f"no faces of '{dataset}': expected {looked}; make them with preprocessing/preprocess.py")
