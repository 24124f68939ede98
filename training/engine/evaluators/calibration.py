"""Whether probabilities mean what they say, before and after the temperature of the source's validation data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from training.engine.evaluators.settings import Figure, Settings, clusters, levels
from training.engine.results import Scores
from training.metrics.calibration import Calibration, ece, edges_of, excesses, fit
from training.metrics.statistics import bounds, resample_sums, too_few

SCALED = "@scaled"
"""Ending of the figures of tempered probabilities."""
FIGURES = ("ece", "ece_mass", "brier")
DIRECTIONS = dict.fromkeys([*FIGURES, *(name + SCALED for name in FIGURES)], False)
"""Per figure, whether higher is better."""
FITTED_ON = "fitted_on"


def fitted(sets: Mapping[str, Scores], settings: Settings) -> dict[str, Any] | None:
    """What a checkpoint says about its calibration: per level what validation ``sets`` together give, and their names.

    None where they lack a class.
    """
    tree: dict[str, Any] = {FITTED_ON: list(sets)}
    parts = [levels(scores, settings) for scores in sets.values()]
    for level in parts[0] if parts else ():
        label = np.concatenate([part[level].label for part in parts])
        found = fit(label, np.concatenate([part[level].fake_prob for part in parts]))
        if found is None:
            return None
        tree[level] = asdict(found)
    return tree if parts else None


def per_level(tree: Mapping[str, Any] | None) -> dict[str, Calibration]:
    """The calibrations in what :func:`fitted` returned."""
    return {level: Calibration(**found) for level, found in (tree or {}).items() if level != FITTED_ON}


def calibration(rows: Scores, level: str, settings: Settings) -> dict[str, Figure]:
    """ECE (bins of equal width, bins of equal mass) and Brier score of one level's rows, and of them tempered."""
    probs = {"": rows.fake_prob}
    if level in settings.fitted:
        probs[SCALED] = settings.fitted[level].scaled(rows.fake_prob)
    names = [name + ending for ending in probs for name in FIGURES]
    if not len(rows):
        return {name: {"value": None, "undefined": f"no {level}s"} for name in names}
    cluster = clusters(rows, settings)
    parts = [part for prob in probs.values() for part in _summed(rows.label, prob, cluster)]
    values = _figures([sums.sum(0, keepdims=True) for sums, _ in parts], parts)
    figures: dict[str, Figure] = {name: {"value": float(value)} for name, value in zip(names, values[0], strict=True)}
    if not settings.resamples:
        return figures
    if reason := too_few(rows.label, cluster, f"{settings.cluster}s"):
        return {name: figure | {"no_interval": reason} for name, figure in figures.items()}
    sums = np.concatenate([sums for sums, _ in parts], axis=1)
    drawn = resample_sums(rows.label, cluster, sums, settings.resamples, settings.seed)
    widths = np.cumsum([sums.shape[1] for sums, _ in parts])[:-1]
    values = _figures(np.split(drawn, widths, axis=1), parts)
    for name, column in zip(names, values.T, strict=True):
        value = figures[name]["value"]
        low, high = bounds(column, settings.confidence, value if name.startswith("ece") else None)
        figures[name] |= {"low": low, "high": high}
    return figures


Part = tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]
"""What is added up per cluster, ``(C, K)``, and the figure of ``(R, K)`` such sums."""


def _summed(label: np.ndarray, prob: np.ndarray, cluster: np.ndarray) -> list[Part]:
    """In the order of FIGURES. Bins stay as these rows make them when clusters are drawn."""
    count = int(cluster.max()) + 1
    squares = np.stack([np.bincount(cluster), np.bincount(cluster, (prob - label) ** 2)], axis=1)
    bins = [excesses(label, prob, edges_of(prob, kind), cluster, count) for kind in ("width", "mass")]
    return [*((sums, ece) for sums in bins), (squares, lambda sums: sums[:, 1] / sums[:, 0])]


def _figures(sums: Sequence[np.ndarray], parts: list[Part]) -> np.ndarray:
    """``(R, figures)``."""
    return np.stack([figure(own) for own, (_, figure) in zip(sums, parts, strict=True)], axis=1)
