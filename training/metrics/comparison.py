"""Whether one detector is better than another: differences under the same resamples, many tests, several seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import t

from training.metrics.influence import Difference


def paired(first: tuple[float, np.ndarray], second: tuple[float, np.ndarray], confidence: float = 0.95) -> Difference:
    """A figure of one detector less that of another, each with its ``(R,)`` values under the *same* resamples.

    The interval holds the middle of the resampled differences. The p-value is the level at which that interval just
    reaches 0 (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 15.4), never below 2 / (R + 1).
    """
    value, drawn = first[0] - second[0], first[1] - second[1]
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    beyond = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    return Difference(value, float(low), float(high), min(1.0, 2 * (beyond + 1) / (len(drawn) + 1)))


def holm(p: Sequence[float]) -> list[float]:
    """The p-values of several tests, raised so that *all* of those below a level hold at that level.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    order = np.argsort(p, kind="stable")
    raised = np.asarray(p, dtype=np.float64)[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(raised), 1)
    return adjusted.tolist()


def over_runs(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's interval of the mean over runs that differ in their seed; None for a single one.

    It says what training again would give, and nothing about other test videos; intervals of resampled videos say the
    opposite.
    """
    if len(values) < 2:
        return None
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    reach = float(t.isf((1 - confidence) / 2, len(values) - 1) * error)
    return float(np.mean(values)) - reach, float(np.mean(values)) + reach
