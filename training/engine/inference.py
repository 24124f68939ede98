"""Run a detector over a test set once; keep a table that every metric, table and figure reads afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from preprocessing.manifest import Record
from training.core.types import Batch, Identity
from training.detectors.base import Detector
from training.engine import distributed
from training.engine.results import Scores, merge


@dataclass
class Scored:
    """What :func:`score` found: the table, and one feature vector per row where the detector gives any."""

    scores: Scores
    features: np.ndarray | None = None


@torch.inference_mode()
def score(
    detector: Detector,
    batches: Iterable[Batch],
    prepare: Callable[[Batch], Batch],
    records: list[Record],
    classes: list[str],
    precision: torch.dtype | None = None,
    title: str = "scoring",
    keep_features: bool = False,
) -> Scored:
    """Predict every batch; all processes get the rows of all.

    Raises:
        ContractError: the detector's prediction breaks its contract.
    """
    who = type(detector).__name__
    detector.eval()
    identities: list[Identity] = []
    probs: list[Tensor] = []
    logits: list[Tensor] = []
    features: list[Tensor] = []
    for batch in tqdm(batches, desc=title, unit="batch", leave=False, disable=distributed.rank() != 0):
        ready = prepare(batch)
        with torch.autocast(ready.image.device.type, precision, enabled=precision is not None):
            prediction = detector.predict(ready).check(len(batch), detector.tasks, who)
        identities += batch.identity
        probs.append(prediction.fake_prob.double().cpu())
        if prediction.method_logits is not None:
            logits.append(prediction.method_logits.double().cpu())
        if keep_features and prediction.embedding is not None:
            features.append(prediction.embedding.half().cpu())
    mine = _table(identities, _joined(probs), _joined(logits) if logits else None, records, classes)
    vectors = _joined(features).numpy() if features else None
    return _gathered(mine, vectors)


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


def _gathered(mine: Scores, vectors: np.ndarray | None) -> Scored:
    """The rows of all processes, features in the order of the scores."""
    parts = distributed.gather((mine, vectors))
    scores = merge([part for part, _ in parts])
    if any(found is None for _, found in parts):
        return Scored(scores)
    row_of = {}
    for part, found in parts:
        row_of |= dict(zip(_keys(part), found, strict=True))
    return Scored(scores, np.stack([row_of[key] for key in _keys(scores)]))


def _keys(scores: Scores) -> list[tuple[str, str, int]]:
    return list(zip(scores.dataset.tolist(), scores.video.tolist(), scores.frame.tolist(), strict=True))


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if parts else torch.zeros(0)
