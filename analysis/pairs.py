"""Whether one run is better than another on the same test set: paired tests, corrected for their number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from analysis.tested import Tested, grouped, on_common_rows
from training.metrics.comparison import holm, paired
from training.metrics.influence import Difference, area, difference
from training.metrics.ranking import METRICS

Line = dict[str, Any]
BOOTSTRAP, DELONG = "bootstrap", "DeLong"


def compare_all(every: Sequence[Tested]) -> list[Line]:
    """A line per test set, level, pair of runs, metric and test; Holm's correction over the pairs of each family."""
    lines = []
    for (test_set, level), runs in grouped(every, "test_set", "level").items():
        for pair in combinations(runs, 2):
            for test, metric, found, rows in compare(*pair):
                named = {"test_set": test_set, "level": level, "metric": metric, "test": test}
                lines.append(named | {"run": pair[0].run, "other": pair[1].run, "rows": rows} | asdict(found))
    families: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        families.setdefault(tuple(line[key] for key in ("test_set", "level", "metric", "test")), []).append(line)
    for family in families.values():
        for line, corrected in zip(family, holm([line["p"] for line in family]), strict=True):
            line["p_holm"] = corrected
    return [line for family in families.values() for line in family]


def compare(first: Tested, second: Tested) -> Iterator[tuple[str, str, Difference, int]]:
    """Test, metric, difference and number of common rows: of AUC by DeLong, of every metric by paired resampling.

    Nothing where the rows that both have allow no interval.
    """
    common = on_common_rows(first, second)
    if common is None or not all("auc" in one.ranked.drawn for one in common):
        return
    count, confidence = len(common[0].rows), first.settings.confidence
    areas = [area(one.rows.label, one.rows.fake_prob, one.cluster, one.cluster.max() + 1) for one in common]
    yield DELONG, "auc", difference(*areas, confidence), count
    for metric in METRICS:
        values = [(one.figures[metric]["value"], one.ranked.drawn[metric]) for one in common]
        yield BOOTSTRAP, metric, paired(*values, confidence), count
