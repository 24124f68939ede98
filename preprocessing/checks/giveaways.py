"""Can the label be told without seeing a face: from what the raw file says of itself, and how large faces are in it?

Where it can, a detector may learn the camera, the codec or the download site instead of the forgery.
"""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedGroupKFold

from preprocessing.checks.part import Part
from preprocessing.manifest import Frame, Manifest, Video

NUMBERS = ("width", "height", "fps", "bit_rate")
FOLDS, TREES, RESAMPLES = 5, 30, 1000
MOST = 10000
"""Videos; of more, so many are drawn."""
CHANCE = 0.6
"""An AUC above this, with all of its interval, is a leak: coin tossing with some luck is below."""


def giveaways(listed: Manifest) -> Part:
    """A classifier that sees only metadata: its AUC for each kind alone and for all together.

    Cross-validated, no source on both sides of a fold; the interval is the 2.5 and 97.5 % percentile over sources drawn
    with replacement.
    """
    known = [(video, frames) for video, frames in listed.entries if video.media]
    if len(known) > MOST:
        known = [known[i] for i in np.random.default_rng(0).choice(len(known), MOST, replace=False)]
    labels = np.array([video.label for video, _ in known], int)
    sources = np.unique([video.source for video, _ in known], return_inverse=True)[1]
    facts: dict[str, Any] = {"looked_at": len(known), "of": len(listed.entries), "auc": {}}
    looked_at = f"{len(known)} of {len(listed.entries)} videos looked at"
    columns = _columns(known)
    if reason := _unfit(labels, sources, columns):
        return Part("metadata", f"{looked_at}; {reason}", facts | {"undefined": reason})
    columns |= {"all": np.concatenate(list(columns.values()), axis=1)}
    for name, values in columns.items():
        value, low, high = _auc(values, labels, sources)
        facts["auc"][name] = {"value": value, "low": low, "high": high}
    aucs = facts["auc"].items()
    told = {name: f"{name} {auc['value']:.2f} [{auc['low']:.2f}, {auc['high']:.2f}]" for name, auc in aucs}
    leaks = [told[name] for name, auc in aucs if auc["low"] > CHANCE]
    leaks = [f"the label can be told from metadata alone: AUC of {', '.join(leaks)}"] if leaks else []
    return Part("metadata", f"{looked_at}; AUC of {', '.join(told.values())}", facts, leaks)


def _unfit(labels: np.ndarray, sources: np.ndarray, columns: dict[str, np.ndarray]) -> str | None:
    """Why nothing can be told, None if something can."""
    if not len(labels):
        return "none has its resolution, frame rate or codec on record"
    if not columns:
        return "these are the same for all of them"
    least = min(len(np.unique(sources[labels == label])) for label in (0, 1))
    return None if least >= FOLDS else f"{least} sources of one label are too few for {FOLDS} folds"


def _columns(known: list[tuple[Video, list[Frame]]]) -> dict[str, np.ndarray]:
    """``(N, columns)`` numbers per kind of metadata, NaN where one is missing; kinds that never change are left out."""
    found = {name: [[video.media.get(name, math.nan)] for video, _ in known] for name in NUMBERS}
    codecs = sorted({str(video.media.get("codec")) for video, _ in known})
    found["codec"] = [[float(str(video.media.get("codec")) == codec) for codec in codecs] for video, _ in known]
    found["face_size"] = [[_face_size(frames)] for _, frames in known]
    columns = {name: np.array(values, float) for name, values in found.items()}
    return {
        name: values for name, values in columns.items() if not np.array_equal(values, _first(values), equal_nan=True)
    }


def _first(values: np.ndarray) -> np.ndarray:
    """The first row in place of every row."""
    return np.broadcast_to(values[:1], values.shape)


def _face_size(frames: list[Frame]) -> float:
    """Source pixels per crop pixel, median of the video's faces."""
    sizes = [1 / math.hypot(frame.matrix[0], frame.matrix[3]) for frame in frames if frame.matrix is not None]
    return median(sizes) if sizes else math.nan


def _auc(values: np.ndarray, labels: np.ndarray, sources: np.ndarray) -> tuple[float, float, float]:
    scores = np.empty(len(labels))
    for train, test in StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0).split(values, labels, sources):
        # Balanced, so that without information all scores are equal, whatever the share of fakes in a fold.
        forest = RandomForestClassifier(TREES, min_samples_leaf=3, class_weight="balanced", random_state=0)
        scores[test] = forest.fit(values[train], labels[train]).predict_proba(values[test])[:, 1]
    rank = np.unique(scores, return_inverse=True)[1]
    rng, count = np.random.default_rng(0), sources.max() + 1
    draws = (np.bincount(rng.integers(count, size=count), minlength=count)[sources] for _ in range(RESAMPLES))
    low, high = np.nanquantile([weighted_auc(labels, rank, draw) for draw in draws], [0.025, 0.975])
    value = weighted_auc(labels, rank, np.ones(len(labels)))
    return round(value, 4), round(float(low), 4), round(float(high), 4)


def weighted_auc(labels: np.ndarray, rank: np.ndarray, weights: np.ndarray) -> float:
    """The area under the ROC curve where row i, whose score is the ``rank[i]``-th lowest, counts ``weights[i]`` times;
    NaN when one label has no weight."""
    fakes, reals = (np.bincount(rank, weights * (labels == label)) for label in (1, 0))
    pairs = fakes.sum() * reals.sum()
    return float(fakes @ (np.cumsum(reals) - reals / 2) / pairs) if pairs else math.nan
