"""Run a detector over a test set once; keep a table that every metric, table and figure reads afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from preprocessing.manifest import Record
from training.core.errors import DataError
from training.core.types import Batch, Identity
from training.data.recipe import Drawn
from training.detectors.base import Detector
from training.engine import distributed
from training.engine.results import Scores, merge
from training.engine.spill import Spill, Spilled


@dataclass
class Scored:
    """What :func:`score` found."""

    scores: Scores
    unreadable: list[str]
    """One sentence per frame that could not be read and is missing from the scores."""
    features: Spilled | None = None
    """One vector per row of the scores, where the detector gives any and they are kept."""
    coverage: dict[str, int] = field(default_factory=dict)
    """What else there is to count, by name."""
    notes: list[str] = field(default_factory=list)
    """What a reader of its figures should know about how the rows were drawn."""


@torch.inference_mode()
def score(
    detector: Detector,
    batches: Iterable[Drawn],
    prepare: Callable[[Batch], Batch],
    records: list[Record],
    classes: list[str],
    precision: torch.dtype | None = None,
    title: str | None = "scoring",
    features: Path | None = None,
) -> Scored:
    """Predict every batch, behind a progress bar if it has a ``title``; all processes get the rows of all.

    Feature vectors are kept in files below the name ``features``, which all processes see and the caller removes.

    Raises:
        ContractError: the detector's prediction breaks its contract.
        DataError: not one frame could be read.
    """
    who, quiet = type(detector).__name__, title is None or distributed.rank() != 0
    detector.eval()
    identities: list[Identity] = []
    probs: list[Tensor] = []
    logits: list[Tensor] = []
    spill = None if features is None else Spill(features)
    unreadable: list[str] = []
    for drawn in tqdm(batches, desc=title, unit="batch", leave=False, disable=quiet):
        unreadable += drawn.unreadable
        if drawn.batch is None:
            continue
        batch, ready = drawn.batch, prepare(drawn.batch)
        with torch.autocast(ready.image.device.type, precision, enabled=precision is not None):
            prediction = detector.predict(ready).check(len(batch), detector.tasks, who)
        identities += batch.identity
        probs.append(prediction.fake_prob.double().cpu())
        if prediction.method_logits is not None:
            logits.append(prediction.method_logits.double().cpu())
        if spill is not None and prediction.embedding is not None:
            spill.add(prediction.embedding)
    mine = _table(identities, _joined(probs), _joined(logits) if logits else None, records, classes)
    return _gathered(mine, unreadable, spill)


def _table(
    identities: list[Identity], probs: Tensor, logits: Tensor | None, records: list[Record], classes: list[str]
) -> Scores:
    by_identity = {(r.dataset, r.video, r.frame): r for r in records}
    rows = [by_identity[i.dataset, i.video, i.frame] for i in identities]
    return Scores(
        dataset=[r.dataset for r in rows],
        video=[r.video for r in rows],
        frame=[r.frame for r in rows],
        label=[r.label for r in rows],
        method=[r.method for r in rows],
        source=[r.source for r in rows],
        compression=[r.compression or "" for r in rows],
        fake_prob=probs.numpy(),
        logits=None if logits is None else logits.numpy(),
        classes=() if logits is None else tuple(classes[: logits.shape[1]]),
    )


def _gathered(mine: Scores, unreadable: list[str], spill: Spill | None) -> Scored:
    """The rows of all processes, features in the order of the scores."""
    parts = distributed.gather((mine, unreadable, spill and (spill.path, spill.width)))
    missing = [sentence for _, sentences, _ in parts for sentence in sentences]
    filled = [part for part in parts if len(part[0])]
    if not filled:
        raise DataError(f"none of {len(missing)} frames could be read; the first: {missing[0] if missing else 'none'}")
    scores = merge([table for table, _, _ in filled])
    files = [file for *_, file in filled]
    if any(file is None or file[1] is None for file in files):
        return Scored(scores, missing)
    place = {key: (part, row) for part, (table, *_) in enumerate(filled) for row, key in enumerate(_keys(table))}
    part, row = np.array([place[key] for key in _keys(scores)]).T
    return Scored(scores, missing, Spilled(files, part, row))


def _keys(scores: Scores) -> list[tuple[str, str, int]]:
    return list(zip(scores.dataset.tolist(), scores.video.tolist(), scores.frame.tolist(), strict=True))


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if parts else torch.zeros(0)
