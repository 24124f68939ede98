"""Scores -> figures. Each task has one evaluator; a detector is judged by those of its tasks. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from training.core.errors import ConfigError, ContractError, did_you_mean
from training.engine.results import Scores, VideoKey, codes
from training.metrics.ranking import METRICS, Metric, Ranking
from training.metrics.statistics import class_clusters, intervals, too_few

Figure = dict[str, Any]
"""``{"value", "low", "high"}``; without bounds where none can be given (``no_interval`` says why); ``{"value": None,
"undefined": reason}`` where the rows have no such figure."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How figures are taken from scores."""

    video_key: VideoKey = "path"
    resamples: int = 1000
    """Bootstrap resamples per test set and level; 0 gives no intervals."""
    confidence: float = 0.95
    cluster: Literal["video", "source"] = "video"
    """What is drawn as a whole: a video, or a source video with all that was made from it."""
    seed: int = 0


def detection(scores: Scores, settings: Settings) -> dict[str, Figure]:
    """All ranking metrics of frames and of videos: ``frame/auc``, ..., ``video/tnr@tpr99``."""
    levels = {"frame": scores, "video": scores.by_video(settings.video_key)}
    return {
        f"{level}/{name}": f for level, rows in levels.items() for name, f in _ranked(rows, level, settings).items()
    }


EVALUATORS: dict[str, Callable[[Scores, Settings], dict[str, Figure]]] = {"detection": detection}


def evaluate(scores: Scores, tasks: Iterable[str], video_key: VideoKey = "path") -> dict[str, float | None]:
    """The bare figures of one test set by name (``video/auc``), None where undefined; for monitoring and the log."""
    figures = _figures(scores, tasks, Settings(video_key=video_key, resamples=0))
    return {name: figure["value"] for name, figure in figures.items()}


def is_better(name: str, value: float | None, best: float | None) -> bool:
    """Whether ``value`` of the monitored figure ``name`` (``video/auc``) beats ``best``; undefined beats nothing.

    Raises:
        ConfigError: there is no such figure.
    """
    known = {f"{level}/{metric}": METRICS[metric] for level in ("frame", "video") for metric in METRICS}
    if name not in known:
        raise ConfigError(f"'evaluate.monitor' is '{name}'; {did_you_mean(name, known)}")
    if value is None or best is None:
        return value is not None
    return value > best if known[name].higher_is_better else value < best


def summarize(
    sets: Mapping[str, Scores],
    detector: str,
    run: str,
    tasks: Iterable[str] = ("detection",),
    settings: Settings | None = None,
    coverage: Mapping[str, Mapping[str, int]] | None = None,
    notes: Iterable[str] = (),
    compat: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The tree of ``metrics.json``: figures with intervals and counts per test set.

    ``coverage`` holds per test set what was not scored (``frames_without_face``, ``unreadable``); ``compat`` the
    switches that make figures comparable with DeepfakeBench's and with nothing else.
    """
    settings = settings or Settings()
    marks = {"video_key": settings.video_key} if settings.video_key != "path" else {}
    return {
        "detector": detector,
        "run": run,
        "notes": list(dict.fromkeys(notes)),
        "compat": {**marks, **(compat or {})},
        "sets": {name: _summary(s, tasks, settings, (coverage or {}).get(name, {})) for name, s in sets.items()},
    }


def _summary(scores: Scores, tasks: Iterable[str], settings: Settings, coverage: Mapping[str, int]) -> dict[str, Any]:
    videos = codes(scores.dataset, scores.video)[0]
    real, fake = class_clusters(scores.label, videos)
    clusters = class_clusters(scores.label, _clusters(scores, settings))
    interval = {"confidence": settings.confidence, "resamples": settings.resamples, "seed": settings.seed}
    return {
        "metrics": _figures(scores, tasks, settings),
        "counts": {
            "frames": len(scores),
            "real_frames": int((scores.label == 0).sum()),
            "fake_frames": int((scores.label == 1).sum()),
            "videos": real + fake,
            "real_videos": real,
            "fake_videos": fake,
            **coverage,
        },
        "interval": interval
        | {"cluster": settings.cluster, "real_clusters": clusters[0], "fake_clusters": clusters[1]},
    }


def _figures(scores: Scores, tasks: Iterable[str], settings: Settings) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for task in tasks:
        if task not in EVALUATORS:
            raise ContractError(f"no evaluator for the task '{task}'; {did_you_mean(task, EVALUATORS)}")
        figures |= EVALUATORS[task](scores, settings)
    return figures


def _clusters(rows: Scores, settings: Settings) -> np.ndarray:
    return codes(rows.dataset, rows.video if settings.cluster == "video" else rows.source)[0]


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
    cluster = _clusters(rows, settings)
    if reason := too_few(rows.label, cluster, f"{settings.cluster}s"):
        return [(metric, {"no_interval": reason}) for metric in metrics]
    how = (settings.resamples, settings.confidence, settings.seed)
    found = intervals(rows.label, rows.fake_prob, cluster, metrics, *how)
    return [(metric, dict(zip(("low", "high"), found[metric.name], strict=True))) for metric in metrics]
