"""Real or fake: ranking metrics of frames and of videos, the source's threshold on them, and their calibration."""

from __future__ import annotations

from typing import Any

from training.engine.evaluators import calibration
from training.engine.evaluators.settings import Figure, Settings, clusters, levels
from training.engine.results import Scores
from training.metrics.calibration import carried
from training.metrics.ranking import METRICS, THRESHOLD, Metric, Ranking
from training.metrics.statistics import intervals, too_few

DIRECTIONS = {
    metric.name: metric.higher_is_better for metric in (*METRICS.values(), *carried(THRESHOLD))
} | calibration.DIRECTIONS
"""Per figure, whether higher is better."""


def detection(scores: Scores, settings: Settings) -> dict[str, Figure]:
    """All figures of frames and of videos: ``frame/auc``, ..., ``video/brier``."""
    return {
        f"{level}/{name}": figure
        for level, rows in levels(scores, settings).items()
        for name, figure in (_ranked(rows, level, settings) | calibration.calibration(rows, level, settings)).items()
    }


def metrics_of(level: str, settings: Settings) -> list[Metric]:
    """The ranking metrics, and with a threshold for ``level`` what that is worth."""
    found = settings.fitted.get(level)
    return [*METRICS.values(), *(carried(found.threshold) if found else ())]


def _ranked(rows: Scores, level: str, settings: Settings) -> dict[str, Figure]:
    """The ranking metrics of these rows, with intervals where there can be any."""
    reasons = {metric: metric.undefined(rows.label, f"{level}s") for metric in metrics_of(level, settings)}
    figures: dict[str, Figure] = {
        metric.name: {"value": None, "undefined": reason} for metric, reason in reasons.items()
    }
    defined = [metric for metric, reason in reasons.items() if reason is None]
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
    found = intervals(rows.label, rows.fake_prob, cluster, metrics, *settings.resampling)
    return [(metric, dict(zip(("low", "high"), found[metric.name], strict=True))) for metric in metrics]
