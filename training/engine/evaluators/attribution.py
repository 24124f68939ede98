"""Which method made it: accuracy, agreement of clusters, and telling known methods from novel ones.

A score table names one output per column. Those called ``cluster N`` belong to no method; all others are the known
methods. Every true method that is not among these is novel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from training.core.classes import known_of
from training.core.errors import ContractError
from training.engine.evaluators.settings import Figure, Settings, clusters, levels
from training.engine.results import Scores, codes
from training.metrics.attribution import ATTRIBUTION_METRICS, Table
from training.metrics.ranking import METRICS
from training.metrics.statistics import intervals, table_intervals, too_few, too_few_of_any

OPEN_SET = "open_set_auroc"
"""How well the probability of all known outputs together tells known from novel pictures."""
DIRECTIONS = dict.fromkeys([*ATTRIBUTION_METRICS, OPEN_SET], True)
"""Per figure, whether higher is better."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """Rows as numbers: true class (known ones first), output with the highest logit, and how known it looks."""

    true: np.ndarray
    predicted: np.ndarray
    known_prob: np.ndarray
    known: int
    """How many classes are known."""
    classes: list[str]
    """Name of each true class."""


def assign(rows: Scores) -> Assigned:
    """The truth and the verdict of each row.

    Raises:
        ContractError: the detector gave no logits of methods.
    """
    if rows.logits is None:
        raise ContractError("these scores hold no logits of methods, which attribution needs")
    try:
        known = known_of(rows.classes)
    except ValueError as error:
        raise ContractError(f"scores: {error}") from error
    classes = [*known, *sorted(set(rows.method) - set(known))]
    number = {name: at for at, name in enumerate(classes)}
    true = np.array([number[name] for name in rows.method], dtype=np.int64)
    probs = softmax(rows.logits, axis=1)
    return Assigned(true, rows.logits.argmax(1), probs[:, : len(known)].sum(1), len(known), classes)


def attribution(scores: Scores, settings: Settings) -> dict[str, Figure]:
    """All attribution metrics of frames and of videos: ``frame/all_acc``, ..., ``video/open_set_auroc``."""
    return {
        f"{level}/{name}": figure
        for level, rows in levels(scores, settings).items()
        for name, figure in (_tabled(rows, level, settings) | _opened(rows, level, settings)).items()
    }


def _tabled(rows: Scores, level: str, settings: Settings) -> dict[str, Figure]:
    found = assign(rows)
    table = Table.of(found.true, found.predicted, found.known)
    reasons = {name: metric.undefined(table, f"{level}s") for name, metric in ATTRIBUTION_METRICS.items()}
    figures: dict[str, Figure] = {name: {"value": None, "undefined": why} for name, why in reasons.items()}
    defined = [ATTRIBUTION_METRICS[name] for name, why in reasons.items() if why is None]
    figures |= {metric.name: {"value": metric.of(table)} for metric in defined}
    if not settings.resamples or not defined:
        return figures
    cluster, novel = clusters(rows, settings), found.true >= found.known
    parts = {"all": slice(None), "known": ~novel, "novel": novel}
    drawn = f"{settings.cluster}s"
    objections = {part: too_few_of_any(found.true[own], cluster[own], drawn) for part, own in parts.items()}
    bounded = [metric for metric in defined if not objections[metric.needs]]
    bounds = table_intervals(found.true, found.predicted, found.known, cluster, bounded, *settings.resampling)
    for metric in defined:
        if metric.name in bounds:
            figures[metric.name] |= dict(zip(("low", "high"), bounds[metric.name], strict=True))
        else:
            figures[metric.name]["no_interval"] = objections[metric.needs]
    return figures


def _opened(rows: Scores, level: str, settings: Settings) -> dict[str, Figure]:
    found, auc = assign(rows), METRICS["auc"]
    label = (found.true < found.known).astype(np.int64)
    if auc.undefined(label):
        only = f"only {'known' if len(label) and label[0] else 'novel'} {level}s" if len(label) else f"no {level}s"
        return {OPEN_SET: {"value": None, "undefined": only}}
    figure: Figure = {"value": auc(label, found.known_prob)}
    cluster = clusters(rows, settings)
    if settings.resamples and (reason := too_few(label, cluster, f"{settings.cluster}s", ("novel", "known"))):
        figure["no_interval"] = reason
    elif settings.resamples:
        low, high = intervals(label, found.known_prob, cluster, [auc], *settings.resampling)["auc"]
        figure |= {"low": low, "high": high}
    return {OPEN_SET: figure}


def attribution_counts(scores: Scores) -> dict[str, int]:
    """How many methods are true, how many of them known, how many outputs there are and how many were ever given."""
    found = assign(scores)
    return {
        "methods": codes(scores.method)[1],
        "known_methods": len(np.unique(found.true[found.true < found.known])),
        "outputs": len(scores.classes),
        "outputs_used": len(np.unique(found.predicted)),
    }
