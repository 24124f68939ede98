"""How well a linear probe tells persons by features: the identity that leaks into them though nobody asked for it.

Source: Dong et al., Implicit identity leakage (CVPR 2023), section 3.2: the features of frozen detectors are judged by
a linear classifier of identities. Here what was filmed together stays together: a person is recognized in one recording
by the person's others, so that neither clothes nor background give the name away.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from training.core.errors import DataError
from training.metrics.statistics import draw

MOST_FOLDS = 5
UNTOLD = -1
"""Stands for the name of a row whose person no other recording of its fold shows."""


@dataclass(frozen=True, slots=True)
class Told:
    """Share of rows whose person the probe names, its interval, and what one would guess."""

    value: float
    low: float
    high: float
    chance: float
    """Share of the most frequent person."""
    rows: int
    """Rows that could be judged."""

    @property
    def figure(self) -> dict[str, float]:
        """As metrics.json has figures."""
        return {"value": self.value, "low": self.low, "high": self.high}


def recognizable(person: np.ndarray, recording: np.ndarray) -> np.ndarray:
    """Which rows ``(N,)`` show somebody whom another recording shows too; ``person`` is -1 where unknown."""
    pairs = np.unique(np.stack([person, recording]), axis=1)
    persons, count = np.unique(pairs[0], return_counts=True)
    return np.isin(person, persons[(count > 1) & (persons >= 0)])


def told_by(
    features: np.ndarray, person: np.ndarray, recording: np.ndarray, resamples: int = 1000, seed: int = 0
) -> Told:
    """Judge ``features (N, d)`` of recognizable rows of at least two persons, recordings kept apart.

    Args:
        person, recording: ``(N,)`` integers.
        resamples: of the bootstrap over recordings behind the 95 % interval.
        seed: of the folds and the bootstrap.

    Raises:
        DataError: persons and recordings are so distributed that nobody can be judged.
    """
    named = names(features, person, recording, seed)
    told = named != UNTOLD
    if not told.any():
        raise DataError("leakage: no recordings can be set apart so that the others show two of their persons")
    right, recording = (named == person)[told], recording[told]
    low, high = share_interval(right, recording, resamples, seed)
    chance = np.unique(person[told], return_counts=True)[1].max() / told.sum()
    return Told(float(right.mean()), low, high, float(chance), int(told.sum()))


def names(features: np.ndarray, person: np.ndarray, recording: np.ndarray, seed: int = 0) -> np.ndarray:
    """Whom a logistic regression on the other recordings' standardized features sees in each row, ``(N,)``."""
    pairs = np.unique(np.stack([person, recording]), axis=1)[0]
    fewest = int(np.unique(pairs, return_counts=True)[1].min())
    folds = StratifiedGroupKFold(min(MOST_FOLDS, fewest), shuffle=True, random_state=seed)
    named = np.full(len(person), UNTOLD)
    for known, asked in folds.split(features, person, recording):
        if len(np.unique(person[known])) < 2:
            continue
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(features[known], person[known])
        fair = asked[np.isin(person[asked], person[known])]
        if len(fair):
            named[fair] = probe.predict(features[fair])
    return named


def share_interval(right: np.ndarray, cluster: np.ndarray, resamples: int, seed: int) -> tuple[float, float]:
    """The middle 95 % of the mean of ``right (N,)`` over resamples of whole clusters."""
    _, member = np.unique(cluster, return_inverse=True)
    size, hits = np.bincount(member), np.bincount(member, right)
    rng, everything = np.random.default_rng(seed), {0: np.arange(len(size))}
    times = np.stack([draw(everything, rng) for _ in range(resamples)])
    low, high = np.quantile(times @ hits / (times @ size), [0.025, 0.975])
    return float(low), float(high)
