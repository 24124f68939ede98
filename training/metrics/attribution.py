"""Attribution metrics: how well predicted classes and clusters agree with who made the pictures. NumPy in, float out.

All are functions of one table, true class by predicted output, so a bootstrap resample only has to weigh its cells.
Known classes come first and own the outputs of the same number; the outputs behind them are clusters without a name.

Two families stand side by side. ``acc`` follows CPL, MPSL, CDAL and CAL: the best matching of outputs and classes is
sought anew for all pictures and for the novel ones alone, where a novel class may even claim a known output. ``strict``
knows one matching only: a known class owns its output, novel classes share out the clusters once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import xlogy

Part = Literal["all", "known", "novel"]


@dataclass(frozen=True, slots=True)
class Table:
    """How often output ``p`` met class ``k``: ``counts[k, p]``, of which the first ``known`` classes are known."""

    counts: np.ndarray
    """``(K, P)``, not negative."""
    known: int

    @staticmethod
    def of(true: np.ndarray, predicted: np.ndarray, known: int, weight: np.ndarray | None = None) -> Table:
        """The table of ``(N,)`` class and output numbers; ``weight`` says how often each row counts."""
        classes = max(int(true.max(initial=-1)) + 1, known)
        outputs = max(int(predicted.max(initial=-1)) + 1, known)
        cells = np.bincount(true * outputs + predicted, weight, minlength=classes * outputs)
        return Table(cells.reshape(classes, outputs), known)

    def part(self, part: Part) -> np.ndarray:
        """The rows of ``counts`` that belong to all, the known or the novel classes."""
        return {"all": self.counts, "known": self.counts[: self.known], "novel": self.counts[self.known :]}[part]


def matching(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Classes and the outputs they are paired with so that most pictures agree (Kuhn 1955), each at most once."""
    return linear_sum_assignment(counts, maximize=True)


def matched(counts: np.ndarray) -> float:
    """Share of pictures that agree under the best matching."""
    return float(counts[matching(counts)].sum() / counts.sum())


def equal(counts: np.ndarray) -> float:
    """Share of pictures whose output has the number of their class."""
    return float(np.trace(counts) / counts.sum())


def strict_novel(table: Table) -> float:
    """Share of novel pictures that agree when novel classes may be matched with clusters only."""
    novel = table.part("novel")
    clusters = novel[:, table.known :]
    return float(clusters[matching(clusters)].sum() / novel.sum())


def strict_all(table: Table) -> float:
    """Share of all pictures that agree: known ones by number, novel ones as in :func:`strict_novel`."""
    clusters = table.part("novel")[:, table.known :]
    right = np.trace(table.part("known")) + clusters[matching(clusters)].sum()
    return float(right / table.counts.sum())


def nmi(counts: np.ndarray) -> float:
    """Normalized mutual information, by the mean of both entropies; 1 where there is one class and one output."""
    total = counts.sum()
    classes, outputs = counts.sum(1) / total, counts.sum(0) / total
    own = -xlogy(classes, classes).sum(), -xlogy(outputs, outputs).sum()
    joint = -xlogy(counts / total, counts / total).sum()
    return float(max(sum(own) - joint, 0.0) / (sum(own) / 2)) if sum(own) > 0 else 1.0


def ari(counts: np.ndarray) -> float:
    """Adjusted Rand index: pairs that both partitions join or both part, above chance (Hubert and Arabie 1985)."""

    def pairs(sizes: np.ndarray) -> float:
        return float((sizes * (sizes - 1) / 2).sum())

    together, classes, outputs = pairs(counts), pairs(counts.sum(1)), pairs(counts.sum(0))
    everything = pairs(counts.sum(keepdims=True))
    chance = classes * outputs / everything if everything else 0.0
    most = (classes + outputs) / 2
    return (together - chance) / (most - chance) if most != chance else 1.0


@dataclass(frozen=True, slots=True)
class AttributionMetric:
    """A named figure of a :class:`Table`; higher is better."""

    name: str
    of: Callable[[Table], float]
    needs: Part = "all"
    """The part that must hold pictures."""
    lowest: float = 0.0
    """No table has less."""

    def undefined(self, table: Table, rows: str = "frames") -> str | None:
        """Why such a table has no such figure (``no novel frames``), None if it has one."""
        missing = table.part(self.needs).sum() == 0
        return f"no {'' if self.needs == 'all' else self.needs + ' '}{rows}" if missing else None


def _on(part: Part, name: str, figure: Callable[[np.ndarray], float], lowest: float = 0.0) -> AttributionMetric:
    return AttributionMetric(f"{part}_{name}", lambda table: figure(table.part(part)), part, lowest)


ATTRIBUTION_METRICS: dict[str, AttributionMetric] = {
    metric.name: metric
    for metric in (
        _on("all", "acc", matched),
        _on("known", "acc", equal),
        _on("novel", "acc", matched),
        AttributionMetric("strict_all_acc", strict_all),
        AttributionMetric("strict_novel_acc", strict_novel, "novel"),
        *(_on(part, "nmi", nmi) for part in ("all", "known", "novel")),
        *(_on(part, "ari", ari, lowest=-0.5) for part in ("all", "known", "novel")),
    )
}
