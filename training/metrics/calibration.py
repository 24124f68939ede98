"""Probabilities that mean what they say, and a threshold that was not chosen on the test set.

Temperature and threshold are fitted where the checkpoint was chosen, on validation data of the training sets, and
carried to every target as they are. Temperature: Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
section 4.2, on the logit of the probability of fake; it keeps the order of scores, and so every ranking metric, and
0.5 stays 0.5. Threshold: the one with the highest balanced accuracy (Youden 1950), so that the mix of reals and fakes
in the validation data does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from training.metrics.ranking import Counts, Metric, Ranking, acc_at, fpr_at, tpr_at

BINS = 15
"""As many as Guo et al. take."""
NEAR = 1e-6
"""Distance from 0 and 1 at which probabilities are held, whose logit would be infinite."""
COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures are sought between them; data that can be told apart perfectly want none at all."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on one level's validation scores."""

    temperature: float
    """Above 1: the detector is too sure of itself."""
    threshold: float
    """A score above it, before scaling, says fake."""
    real: int
    fake: int
    """How many rows of each class it was fitted on."""
    fpr: float | None = None
    """Share of these reals that the threshold calls fake; None in checkpoints from before it was kept."""

    def scaled(self, prob: np.ndarray) -> np.ndarray:
        """``(N,)`` probabilities of fake, tempered."""
        return tempered(prob, self.temperature)


def fit(label: np.ndarray, prob: np.ndarray) -> Calibration | None:
    """Temperature and threshold for ``(N,)`` labels and probabilities of fake; None unless both classes are there."""
    fake = int((label == 1).sum())
    real = len(label) - fake
    if not real or not fake:
        return None
    threshold = fit_threshold(label, prob)
    fpr = float((prob[label == 0] > threshold).mean())
    return Calibration(fit_temperature(label, prob), threshold, real, fake, fpr)


def fit_temperature(label: np.ndarray, prob: np.ndarray) -> float:
    """The temperature under which the labels are likeliest."""
    against = (1 - 2 * label) * _logit(prob)

    def loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, against / np.exp(log_temperature)).mean())

    found = minimize_scalar(loss, bounds=np.log([COLDEST, HOTTEST]), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def fit_threshold(label: np.ndarray, score: np.ndarray) -> float:
    """The threshold with the highest balanced accuracy: of several the one in the widest gap between scores."""
    counts = Ranking(label, score).counts()
    fakes, reals = counts.totals
    gained = counts.fakes.astype(np.int64) * reals - counts.reals.astype(np.int64) * fakes
    edges = np.concatenate([[1.0], -counts.negated, [0.0]])
    # Calling all of them fake is no better than calling none so, and no threshold in [0, 1] does it for a score of 0.
    best = np.flatnonzero(gained[:-1] == gained.max())
    best = best[np.argmax(edges[best] - edges[best + 1])]
    upper, lower = edges[best], edges[best + 1]
    middle = (upper + lower) / 2
    return float(middle if middle < upper else lower)


def tempered(prob: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities whose logit is divided by ``temperature``."""
    return expit(_logit(prob) / temperature)


def _logit(prob: np.ndarray) -> np.ndarray:
    return logit(np.clip(prob, NEAR, 1 - NEAR))


def carried(threshold: float) -> list[Metric]:
    """What a threshold from elsewhere is worth here, and how far it stays behind the best one for these rows."""
    return [
        Metric("tpr@source", partial(tpr_at, threshold=threshold), needs=(1,)),
        Metric("tnr@source", lambda counts: 1 - fpr_at(counts, threshold), needs=(0,)),
        Metric("fpr@source", partial(fpr_at, threshold=threshold), higher_is_better=False, needs=(0,)),
        Metric("acc@source", partial(acc_at, threshold=threshold), needs=()),
        Metric("bacc@source", partial(balanced_at, threshold=threshold)),
        Metric("gap", partial(gap, threshold=threshold), higher_is_better=False, biased=True),
    ]


def balanced_at(counts: Counts, threshold: float) -> float:
    """Mean of the shares of fakes and of reals on the right side of ``threshold``."""
    fakes, reals = counts.totals
    return (1 + _gained(*counts.at(threshold), counts) / (fakes * reals)) / 2


def gap(counts: Counts, threshold: float) -> float:
    """How much balanced accuracy ``threshold`` loses against the best one for these rows."""
    fakes, reals = counts.totals
    most = max(int(_gained(f.astype(np.int64), r.astype(np.int64), counts).max()) for f, r in counts.pieces())
    return (most - _gained(*counts.at(threshold), counts)) / (2 * fakes * reals)


def _gained(caught: Any, alarms: Any, counts: Counts) -> Any:
    """Youden's index times both totals, an exact number."""
    fakes, reals = counts.totals
    return caught * reals - alarms * fakes


@dataclass(frozen=True, slots=True)
class Curve:
    """A reliability curve: in each bin of probabilities how many rows, their mean probability, their share of fakes.

    ``(B,)`` each; of an empty bin both shares are NaN.
    """

    rows: np.ndarray
    prob: np.ndarray
    fake: np.ndarray


def edges_of(prob: np.ndarray, kind: Literal["width", "mass"], bins: int = BINS) -> np.ndarray:
    """Inner edges of ``bins`` bins of equal width, or of about equally many rows (fewer where scores repeat)."""
    shares = np.arange(1, bins) / bins
    return shares if kind == "width" else np.unique(np.quantile(prob, shares))


def reliability(label: np.ndarray, prob: np.ndarray, edges: np.ndarray) -> Curve:
    """The curve over the bins between ``edges``; a probability on an edge belongs below it."""
    cell, bins = np.searchsorted(edges, prob), len(edges) + 1
    rows, probs, fakes = (np.bincount(cell, weight, bins) for weight in (None, prob, label))
    with np.errstate(invalid="ignore"):
        return Curve(rows, probs / rows, fakes / rows)


def excesses(label: np.ndarray, prob: np.ndarray, edges: np.ndarray, cluster: np.ndarray, clusters: int) -> np.ndarray:
    """Per cluster by how much probabilities exceed fakes in each bin, and its rows: ``(clusters, bins + 1)``."""
    bins = len(edges) + 1
    cell = cluster * bins + np.searchsorted(edges, prob)
    excess = np.bincount(cell, prob - label, clusters * bins).reshape(clusters, bins)
    return np.column_stack([excess, np.bincount(cluster, minlength=clusters)])


def ece(sums: np.ndarray) -> np.ndarray:
    """Expected calibration error of ``(R, bins + 1)`` sums of :func:`excesses` over clusters.

    How far probability and share of fakes lie apart, over bins by their rows. Of the probability of fake, not of the
    likelier class as in Guo et al.: a 0.1 that should be 0.3 is as serious as a 0.9 that should be 0.7.
    """
    return np.abs(sums[..., :-1]).sum(-1) / sums[..., -1]


def brier(label: np.ndarray, prob: np.ndarray) -> float:
    """Mean squared distance of probabilities from labels (Brier 1950); lower is better."""
    return float(np.mean((prob - label) ** 2))
