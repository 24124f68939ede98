"""Real or fake: ranking metrics of frames and of videos."""

from __future__ import annotations

from typing import Any

from training.engine.evaluators.settings import Figure, Settings, clusters, levels
from training.engine.results import Scores
from training.metrics.ranking import METRICS, Metric, Ranking
from training.metrics.statistics import intervals, too_few

DIRECTIONS = {name: metric.higher_is_better for name, metric in METRICS.items()}
"""Per figure, whether higher is better."""


def detection(scores: Scores, settings: Settings) -> dict[str, Figure]:
    """All ranking metrics of frames and of videos: ``frame/auc``, ..., ``video/tnr@tpr99``."""
    return {
        f"{level}/{name}": figure
        for level, rows in levels(scores, settings).items()
        for name, figure in _ranked(rows, level, settings).items()
    }


def _ranked(rows: Scores, level: str, settings: Settings) -> dict[str, Figure]:
    """The ranking metrics of these rows, with intervals where there can be any."""
    reasons = {name: metric.undefined(rows.label, f"{level}s") for name, metric in METRICS.items()}
    figures: dict[str, Figure] = {name: {"value": None, "undefined": reason} for name, reason in reasons.items()}
    defined = [METRICS[name] for name, reason in reasons.items() if reason is None]
    if defined:
        counts = Ranking(rows.label, rows.fake_prob).counts()
        figures |= {
            metric.name: {"value": metric.of(counts)} | bounds for metric, bounds in _bounds(rows, defined, settings)
        }
    return figures


def _bounds(rows: Scores, metrics: list[Metric], settings: Settings) -> list[tuple[Metric, dict[str, Any]]]:
    """Per metric ``low`` and ``high``, or why there are none; nothing where none were asked for."""
    if not settings.resamples:
        return [(metric, {}) for metric in metrics]
    cluster = clusters(rows, settings)
    if reason := too_few(rows.label, cluster, f"{settings.cluster}s"):
        return [(metric, {"no_interval": reason}) for metric in metrics]
    how = (settings.resamples, settings.confidence, settings.seed)
    found = intervals(rows.label, rows.fake_prob, cluster, metrics, *how)
    return [(metric, dict(zip(("low", "high"), found[metric.name], strict=True))) for metric in metrics]
