"""Faces to measure with, in an LMDB: a filmed one of our own by default, so that no data set need be there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from benchmarks.film import pictures
from preprocessing.codecs import Codec, encode
from preprocessing.manifest import REAL, Record
from preprocessing.sinks import put_all, writing
from preprocessing.store import FrameStore, Lmdb
from training.core.errors import ConfigError
from training.core.paths import shown

SIDE = 256


def faces(folder: Path | None, count: int) -> list[np.ndarray]:
    """``count`` faces ``(256, 256, 3)`` uint8 RGB, filmed, or evenly spread over the PNG files below ``folder``.

    Raises:
        ConfigError: there are no such files.
    """
    if folder is None:
        return list(pictures(SIDE, SIDE, count, seed=0))
    paths = sorted(path for path in folder.rglob("*.png") if "masks" not in path.parts)
    if not paths:
        raise ConfigError(f"{shown(folder)}: no PNG files; make the demo, or give --faces")
    spread = np.unique(np.linspace(0, len(paths) - 1, count).astype(int))
    return [cv2.imread(str(paths[i]), cv2.IMREAD_COLOR_RGB) for i in spread]


class Stored:
    """The faces of one LMDB: a source of faces that recipes can draw from."""

    def __init__(self, root: Path) -> None:
        self._store = FrameStore(Lmdb(root), str(root))

    def of(self, record: Record) -> FrameStore:  # noqa: ARG002 - one store holds them all
        """See :class:`training.data.select.FaceSource`."""
        return self._store


def stored(found: list[np.ndarray], codec: Codec, root: Path) -> tuple[list[Record], Stored]:
    """``found`` as records of an LMDB that is written below ``root``; every other one counts as fake."""
    with writing(root) as environment:
        put_all(environment, ((str(i), encode(picture, codec)) for i, picture in enumerate(found)))
    methods = (REAL, "filmed")
    records = [
        Record("Bench", f"{methods[i % 2]}/{i // 32:04d}", i, i % 2, methods[i % 2], f"{i // 32:04d}", "train", str(i))
        for i in range(len(found))
    ]
    return records, Stored(root)
