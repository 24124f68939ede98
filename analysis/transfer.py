"""What happens between test sets: AUC across them, of all together, and how far their scores lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from analysis.tested import Tested, auc_columns, grouped
from training.engine.evaluators.settings import clusters
from training.engine.results import COLUMNS, Scores, codes
from training.metrics.drift import resampled_wasserstein, wasserstein
from training.metrics.statistics import bounds

Line = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Pool:
    """All test sets of a run at one level, their rows one after the other."""

    sets: Sequence[Tested]
    rows: Scores
    part: np.ndarray
    """``(N,)`` number of the set."""
    cluster: np.ndarray
    """``(N,)``; sets that share videos share clusters."""
    first: np.ndarray
    """``(N,)`` whether no earlier row is the same frame."""

    @staticmethod
    def of(sets: Sequence[Tested]) -> Pool:
        """The sets together."""
        rows = Scores(**{name: np.concatenate([getattr(one.rows, name) for one in sets]) for name in COLUMNS})
        key = codes(rows.dataset, rows.video)[0] * (rows.frame.max(initial=0) + 1) + rows.frame
        first = np.zeros(len(rows), dtype=bool)
        first[np.unique(key, return_index=True)[1]] = True
        part = np.repeat(np.arange(len(sets)), [len(one.rows) for one in sets])
        return Pool(sets, rows, part, clusters(rows, sets[0].settings), first)

    @property
    def named(self) -> dict[str, str]:
        """The columns that say whose figures a line holds."""
        return {"run": self.sets[0].run, "level": self.sets[0].level}

    def auc(self, rows: np.ndarray) -> Line:
        """AUC of the rows where a mask holds, with bounds or why there is none."""
        columns = self.rows.label[rows], self.rows.fake_prob[rows], self.cluster[rows]
        return auc_columns(*columns, self.sets[0].level, self.sets[0].settings)


def pools(every: Sequence[Tested]) -> list[Pool]:
    """Per run and level its test sets together, where there are several."""
    return [Pool.of(sets) for sets in grouped(every, "run", "level").values() if len(sets) > 1]


def across(together: Sequence[Pool]) -> list[Line]:
    """AUC of the reals of one set against the fakes of another, for all ordered pairs of sets.

    A detector that knows forgery and not data sets has about the same AUC off the diagonal as on it.
    """
    return [
        pool.named
        | {"reals": reals.test_set, "fakes": fakes.test_set}
        | pool.auc(np.where(pool.rows.label == 0, pool.part == i, pool.part == j))
        for pool in together
        for i, reals in enumerate(pool.sets)
        for j, fakes in enumerate(pool.sets)
    ]


def pooled(together: Sequence[Pool]) -> list[Line]:
    """AUC of all sets of a run as one, which needs scores that mean the same on each, beside the mean of their own."""
    lines = []
    for pool in together:
        own = [one.figures["auc"]["value"] for one in pool.sets]
        if None not in own:
            named = pool.named | {"test_sets": " + ".join(one.test_set for one in pool.sets)}
            lines.append(named | pool.auc(pool.first) | {"mean_of_own": float(np.mean(own))})
    return lines


def drift(every: Sequence[Tested]) -> list[Line]:
    """How far scores of reals, and of fakes, lie apart between two sets (1-Wasserstein), per run, level and pair.

    Bounds are given of videos only: frames are too many to be moved about a thousand times.
    """
    return [
        {"run": run, "level": level, "test_set": first.test_set, "other_set": second.test_set, "of": name}
        | _distance(first, second, value)
        for (run, level), sets in grouped(every, "run", "level").items()
        for first, second in combinations(sets, 2)
        for value, name in enumerate(("reals", "fakes"))
    ]


def _distance(first: Tested, second: Tested, label: int) -> Line:
    rows = [one.rows.label == label for one in (first, second)]
    scores = [one.rows.fake_prob[own] for one, own in zip((first, second), rows, strict=True)]
    if not all(map(len, scores)):
        return {"value": None, "low": None, "high": None, "note": f"no {'fakes' if label else 'reals'}"}
    value = wasserstein(*scores)
    numbers = [codes_of(one.cluster[own]) for one, own in zip((first, second), rows, strict=True)]
    settings = first.settings
    if first.level == "frame" or not settings.resamples or min(number.max() for number in numbers) < 1:
        return {"value": value, "low": None, "high": None, "note": None}
    drawn = resampled_wasserstein(*scores, tuple(numbers), settings.resamples, settings.seed)
    low, high = bounds(drawn, settings.confidence, biased=value)
    return {"value": value, "low": low, "high": high, "note": None}


def codes_of(numbers: np.ndarray) -> np.ndarray:
    """The same clusters, numbered from 0 without gaps."""
    return np.unique(numbers, return_inverse=True)[1]
