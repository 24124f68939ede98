"""Scores -> figures. Each task has one evaluator; a detector is judged by those of its tasks. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from training.core.conditions import protocol_hash
from training.core.errors import ConfigError, ContractError, did_you_mean
from training.engine.evaluators import attribution, detection
from training.engine.evaluators.calibration import per_level
from training.engine.evaluators.settings import Figure, Settings, clusters
from training.engine.results import Scores, VideoKey, codes
from training.metrics.statistics import class_clusters


@dataclass(frozen=True, slots=True)
class Evaluator:
    """How one task is judged."""

    figures: Callable[[Scores, Settings], dict[str, Figure]]
    directions: Mapping[str, bool]
    """Per figure, without its level, whether higher is better."""
    counts: Callable[[Scores], dict[str, int]] = lambda _: {}


EVALUATORS = {
    "detection": Evaluator(detection.detection, detection.DIRECTIONS),
    "attribution": Evaluator(attribution.attribution, attribution.DIRECTIONS, attribution.attribution_counts),
}


def evaluate(scores: Scores, tasks: Iterable[str], video_key: VideoKey = "path") -> dict[str, float | None]:
    """The bare figures of one test set by name (``video/auc``), None where undefined; for monitoring and the log."""
    figures = _figures(scores, tasks, Settings(video_key=video_key, resamples=0))
    return {name: figure["value"] for name, figure in figures.items()}


def is_better(name: str, value: float | None, best: float | None, key: str = "evaluate.monitor") -> bool:
    """Whether ``value`` of the monitored figure ``name`` (``video/auc``) beats ``best``; undefined beats nothing.

    Raises:
        ConfigError: there is no such figure; ``key`` is where it was asked for.
    """
    known = {
        f"{level}/{figure}": higher
        for level in ("frame", "video")
        for evaluator in EVALUATORS.values()
        for figure, higher in evaluator.directions.items()
    }
    if name not in known:
        raise ConfigError(f"'{key}' is '{name}'; {did_you_mean(name, known)}")
    if value is None or best is None:
        return value is not None
    return value > best if known[name] else value < best


def summarize(
    sets: Mapping[str, Scores],
    detector: str,
    run: str,
    tasks: Iterable[str] = ("detection",),
    settings: Settings | None = None,
    coverage: Mapping[str, Mapping[str, int]] | None = None,
    notes: Iterable[str] = (),
    compat: Mapping[str, str] | None = None,
    calibration: Mapping[str, Any] | None = None,
    conditions: Mapping[str, Mapping[str, Any] | None] | None = None,
) -> dict[str, Any]:
    """The tree of ``metrics.json``: figures with intervals and counts per test set.

    ``coverage`` holds per test set what was not scored (``frames_without_face``, ``unreadable``); ``compat`` the
    switches that make figures comparable with DeepfakeBench's and with nothing else; ``calibration`` what a checkpoint
    says about its temperature and threshold; ``conditions`` per test set those that its protocol's hash is of.
    """
    settings = replace(settings or Settings(), fitted=per_level(calibration))
    marks = {"video_key": settings.video_key} if settings.video_key != "path" else {}
    return {
        "detector": detector,
        "run": run,
        "notes": list(dict.fromkeys(notes)),
        "compat": {**marks, **(compat or {})},
        **({"calibration": calibration} if calibration else {}),
        "sets": {
            name: _summary(s, tasks, settings, (coverage or {}).get(name, {})) | _protocol((conditions or {}).get(name))
            for name, s in sets.items()
        },
    }


def _protocol(conditions: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"protocol": protocol_hash(conditions), "conditions": conditions} if conditions else {}


def _summary(scores: Scores, tasks: Iterable[str], settings: Settings, coverage: Mapping[str, int]) -> dict[str, Any]:
    videos = codes(scores.dataset, scores.video)[0]
    real, fake = class_clusters(scores.label, videos)
    drawn = class_clusters(scores.label, clusters(scores, settings))
    extra = {name: count for task in tasks for name, count in _evaluator(task).counts(scores).items()}
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
            **extra,
            **coverage,
        },
        "interval": interval | {"cluster": settings.cluster, "real_clusters": drawn[0], "fake_clusters": drawn[1]},
    }


def _figures(scores: Scores, tasks: Iterable[str], settings: Settings) -> dict[str, Figure]:
    return {name: figure for task in tasks for name, figure in _evaluator(task).figures(scores, settings).items()}


def _evaluator(task: str) -> Evaluator:
    if task not in EVALUATORS:
        raise ContractError(f"no evaluator for the task '{task}'; {did_you_mean(task, EVALUATORS)}")
    return EVALUATORS[task]
