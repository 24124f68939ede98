"""Real or fake: ranking metrics of frames and of videos, the source's threshold on them, and their calibration."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.engine.evaluators import calibration
from training.engine.evaluators.settings import Figure, Settings, clusters, levels
from training.engine.results import Scores
from training.metrics.calibration import carried
from training.metrics.ranking import METRICS, THRESHOLD, Ranking
from training.metrics.statistics import bounds, resample, too_few

DIRECTIONS = {
    metric.name: metric.higher_is_better for metric in (*METRICS.values(), *carried(THRESHOLD))
} | calibration.DIRECTIONS
"""Per figure, whether higher is better."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Ranking metrics of some rows, and what resampling made of them."""

    figures: dict[str, Figure]
    drawn: dict[str, np.ndarray]
    """Per figure with an interval its ``(resamples,)`` values; of other scores for the same rows they are of the same
    resamples."""


def detection(scores: Scores, settings: Settings) -> dict[str, Figure]:
    """All figures of frames and of videos: ``frame/auc``, ..., ``video/brier``."""
    return {
        f"{level}/{name}": figure
        for level, rows in levels(scores, settings).items()
        for name, figure in (
            ranked(rows, level, settings).figures | calibration.calibration(rows, level, settings)
        ).items()
    }


def ranked(rows: Scores, level: str, settings: Settings) -> Ranked:
    """The ranking metrics of one level's rows and, with a threshold for it, what that is worth."""
    found = settings.fitted.get(level)
    metrics = [*METRICS.values(), *(carried(found.threshold) if found else ())]
    reasons = {metric: metric.undefined(rows.label, f"{level}s") for metric in metrics}
    figures: dict[str, Figure] = {m.name: {"value": None, "undefined": reason} for m, reason in reasons.items()}
    defined = [metric for metric, reason in reasons.items() if reason is None]
    if not defined:
        return Ranked(figures, {})
    counts = Ranking(rows.label, rows.fake_prob).counts()
    figures |= {metric.name: {"value": metric.of(counts)} for metric in defined}
    if not settings.resamples:
        return Ranked(figures, {})
    cluster = clusters(rows, settings)
    if reason := too_few(rows.label, cluster, f"{settings.cluster}s"):
        return Ranked(figures | {m.name: figures[m.name] | {"no_interval": reason} for m in defined}, {})
    values = resample(rows.label, rows.fake_prob, cluster, defined, settings.resamples, settings.seed)
    for metric, drawn in zip(defined, values.T, strict=True):
        value = figures[metric.name]["value"]
        low, high = bounds(drawn, settings.confidence, value if metric.biased else None)
        figures[metric.name] |= {"low": low, "high": high}
    return Ranked(figures, {metric.name: drawn for metric, drawn in zip(defined, values.T, strict=True)})
