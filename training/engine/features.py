"""Features of a frozen network, computed once and kept on disk under a key of all that they depend on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from preprocessing.manifest import Record
from preprocessing.store import CUT, FrameStore
from training.core.errors import ContractError, DataError
from training.core.paths import DATASETS, shown
from training.data.recipe import Batches, Corpus
from training.data.recipes.frames import Frames
from training.data.select import evenly
from training.engine import distributed
from training.engine.prepare import Prepare
from training.engine.results import write_json

CACHE = DATASETS / "cache"
ARRAY, ABOUT = "features.npy", "about.json"
VERSION = 1
"""To be raised whenever the same key would stand for other features."""
PROBED = 16
"""Pictures of each set whose pixels are part of the key, since a manifest does not change with its pictures."""


@dataclass(frozen=True)
class Features:
    """One vector per record."""

    array: np.ndarray
    """``(N, d)`` float32 or float16, read-only and mapped from disk; row ``i`` belongs to record ``i``."""
    unreadable: dict[int, str]
    """Why a picture could not be read, by row; these rows are NaN."""


def cached_features(
    network: nn.Module,
    corpus: Corpus,
    prepare: Prepare,
    about: Mapping[str, Any],
    precision: torch.dtype | None = None,
    kind: Literal["float32", "float16"] = "float32",
    batch_size: int = 64,
    workers: int = 0,
    folder: Path = CACHE,
) -> Features:
    """What a frozen network says of the faces of ``corpus``: from ``folder`` if it was asked before, else computed.

    The key is a digest of the weights, of ``about``, of how pictures become inputs (``corpus.transform``, ``prepare``,
    ``precision``), of every record, of when its store was last written, and of the pixels of a few pictures. A damaged
    file is computed anew. Processes share the work. Memory does not grow with the number of faces.

    Args:
        network: pictures ``(N, 3, H, W)`` as ``prepare`` makes them -> ``(N, d)``; used in eval mode.
        corpus: the records, their pictures, and a transform that does not augment.
        prepare: normalization and device, on which ``network`` lies.
        about: whatever else the features depend on, as plain data: the backbone's configuration, its manifest's facts.
        precision: autocast type.
        kind: of the stored numbers; float16 halves the file and rounds to three digits.
    """
    if corpus.transform.augment:
        raise ValueError("features of augmented pictures differ in every pass and cannot be kept")
    parts = _key_parts(network, corpus, prepare, {"kind": kind, "precision": str(precision), "about": about})
    home = folder / _digest([json.dumps(parts).encode()])[:24]
    if not distributed.agreed(distributed.rank() == 0 and _is_whole(home)):
        batches = Batches(Frames(corpus), batch_size, workers, False, distributed.rank(), distributed.world())
        with _new_folder(home) as part:
            _compute(part, network, batches, prepare, precision, parts)
    unreadable = json.loads((home / ABOUT).read_text())["unreadable"]
    return Features(np.load(home / ARRAY, mmap_mode="r"), {int(row): why for row, why in unreadable.items()})


def _key_parts(network: nn.Module, corpus: Corpus, prepare: Prepare, more: dict[str, Any]) -> dict[str, Any]:
    parts = {
        "version": VERSION,
        "network": type(network).__name__,
        "weights": weights_digest(network),
        "transform": repr(corpus.transform),
        "normalization": [prepare.mean, prepare.std],
        "faces": _digest(f"{r.key} {r.image}\n".encode() for r in corpus.records),
        "stores": {name: _store_facts(corpus, records) for name, records in _by_dataset(corpus.records).items()},
        **more,
    }
    return json.loads(json.dumps(parts, sort_keys=True, default=str))


def weights_digest(network: nn.Module) -> str:
    """SHA-256 of all parameters and buffers with their names."""

    def pieces() -> Iterator[bytes]:
        for name, value in sorted(network.state_dict().items()):
            yield f"{name} {value.dtype} {tuple(value.shape)}".encode()
            yield value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes()

    return _digest(pieces())


def _store_facts(corpus: Corpus, records: list[Record]) -> list[Any]:
    """When the store of a data set was last written, where that can be known, and a digest of a few pictures."""
    store, stamps = corpus.faces.of(records[0]), []
    if isinstance(store, FrameStore):
        files = (store.content.root / name for name in (CUT, "data.mdb"))
        stamps = [(file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files if file.is_file()]
    return [stamps, _digest(_pixels(corpus, record) for record in evenly(records, PROBED))]


def _pixels(corpus: Corpus, record: Record) -> bytes:
    try:
        return corpus.faces.of(record).image(record).tobytes()
    except DataError as error:
        return str(error).encode()


def _by_dataset(records: list[Record]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record.dataset, []).append(record)
    return found


def _digest(pieces: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def _is_whole(home: Path) -> bool:
    """Whether the features in ``home`` are there and as they were written; says so when they are damaged."""
    if not home.is_dir():
        return False
    try:
        whole = json.loads((home / ABOUT).read_text())["sha256"] == _file_digest(home / ARRAY)
    except (OSError, ValueError, KeyError):
        whole = False
    if not whole:
        tqdm.write(f"{shown(home)}: damaged, computed anew", file=sys.stderr)
    return whole


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@torch.inference_mode()
def _compute(
    part: Path, network: nn.Module, batches: Batches, prepare: Prepare, precision: torch.dtype | None, parts: dict
) -> None:
    """Fill the new folder ``part``, each process its rows."""
    corpus, learning = batches.recipe.corpus, network.training
    rows = {(r.dataset, r.video, r.frame): row for row, r in enumerate(corpus.records)}
    network.eval()
    with torch.autocast(prepare.device.type, precision, enabled=precision is not None):
        array = _opened(part, (len(rows), _width(network, corpus, prepare)), parts["kind"])
        for drawn in tqdm(batches(), desc="features", unit="batch", leave=False, disable=distributed.rank() != 0):
            if drawn.batch is not None:
                at = [rows[i.dataset, i.video, i.frame] for i in drawn.batch.identity]
                vectors = network(prepare(drawn.batch).image).float().cpu().numpy().astype(array.dtype)
                if not np.isfinite(vectors).all():
                    raise ContractError(f"features are not finite near {corpus.records[at[0]].key}")
                array[at] = vectors
    network.train(learning)
    array.flush()
    distributed.agreed(None)  # all rows are there
    if distributed.rank() == 0:
        missing = np.flatnonzero(np.isnan(array[:, 0])).tolist()
        about = {**parts, "unreadable": {row: _reason(corpus, corpus.records[row]) for row in missing}}
        write_json(part / ABOUT, {**about, "sha256": _file_digest(part / ARRAY)})


@contextlib.contextmanager
def _new_folder(home: Path) -> Iterator[Path]:
    """A folder beside ``home`` that takes its place on success, and vanishes on failure."""
    part = home.with_name(f".{home.name}.{distributed.agreed(os.getpid())}.part")
    try:
        yield part
        if distributed.rank() == 0:
            shutil.rmtree(home, ignore_errors=True)  # a damaged one
            part.rename(home)
        distributed.agreed(None)  # the others wait until it lies there
    finally:
        if distributed.rank() == 0:
            shutil.rmtree(part, ignore_errors=True)


def _width(network: nn.Module, corpus: Corpus, prepare: Prepare) -> int:
    side = corpus.transform.resolution
    blank = torch.zeros(1, 3, side, side, dtype=torch.uint8, device=prepare.device)
    return network(prepare.normalize(blank)).shape[1]


def _opened(part: Path, shape: tuple[int, int], kind: str) -> np.ndarray:
    """The file to fill, which the first process makes; rows that nobody fills stay NaN."""
    if distributed.rank() == 0:
        part.mkdir(parents=True)
        array = np.lib.format.open_memmap(part / ARRAY, "w+", kind, shape)
        array[:] = np.nan
        array.flush()
    distributed.agreed(None)
    return np.load(part / ARRAY, mmap_mode="r+")


def _reason(corpus: Corpus, record: Record) -> str:
    try:
        corpus.faces.of(record).image(record)
    except DataError as error:
        return str(error)
    return f"{record.key}: could not be read when features were computed"


class CachedFaces:
    """Features in place of pictures: what recipes draw from when ``data.cache_features`` is set."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, int], tuple[Features, int]] = {}

    def add(self, records: list[Record], features: Features) -> None:
        """Hold the ``features`` of ``records``."""
        self._found |= {(r.dataset, r.video, r.frame): (features, row) for row, r in enumerate(records)}

    def of(self, record: Record) -> CachedFaces:  # noqa: ARG002 - one source holds them all
        """See :class:`training.data.select.FaceSource`."""
        return self

    def image(self, record: Record) -> np.ndarray:
        """The features of a record, ``(d,)``.

        Raises:
            DataError: its picture could not be read.
        """
        features, row = self._found[record.dataset, record.video, record.frame]
        if row in features.unreadable:
            raise DataError(features.unreadable[row])
        return features.array[row]
