"""Which runs stand with the best one of a test set, and which fall behind it: marks for tables, from score files.

Every two runs are compared by DeLong's method for clusters on the rows that both have, and p is corrected for the
number of pairs (Holm): so it does not matter that the best run was picked after looking.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from analysis.collect import Result
from analysis.tested import Tested, load, on_common_rows
from training.engine.evaluators.settings import Settings
from training.engine.results import scores_path
from training.metrics.comparison import holm
from training.metrics.influence import Estimate, area, difference, lacking

SIGNIFICANT = 0.05
BEST, ALIKE, UNKNOWN = "best", "~", "?"
LEGEND = (
    "best: highest on the test set. ~: not distinguishable from it (paired DeLong test by video, Holm-corrected over "
    "all pairs of runs, p >= 0.05). ?: could not be compared with it (no common rows, or no score file)."
)
Marks = Mapping[tuple[str, str], str]
"""By run (display name with its switches) and test set; a run without a mark is worse than the best one."""


def marks(results: Sequence[Result]) -> dict[str, Marks]:
    """The marks of ``video/auc`` and ``frame/auc``, none where a single run has the figure.

    Raises:
        DataError: a score file is damaged, or two runs differ on whether a row is real.
    """
    found: dict[str, dict[tuple[str, str], str]] = {"video/auc": {}, "frame/auc": {}}
    for name in dict.fromkeys(name for result in results for name in result.sets):
        on = [replace(result, sets={name: result.sets[name]}) for result in results if name in result.sets]
        if len(on) > 1:
            loaded = load([result for result in on if _has_scores(result, name)], _settings(on[0], name))
            for metric, of_metric in found.items():
                values = dict(_values(on, name, metric))
                same_level = [one for one in loaded if one.level == metric.partition("/")[0]]
                of_metric |= {(run, name): mark for run, mark in _marked(values, same_level)}
    return found


def _has_scores(result: Result, name: str) -> bool:
    test_set = result.sets[name]
    return test_set.table is not None or scores_path(test_set.folder, name).is_file()


def _settings(result: Result, name: str) -> Settings:
    return Settings(resamples=0, cluster=result.sets[name].interval.get("cluster") or "video")


def _values(results: Sequence[Result], name: str, metric: str) -> Iterator[tuple[str, float]]:
    for result in results:
        value = result.sets[name].metrics.get(metric, {}).get("value")
        if value is not None:
            yield result.with_switches(name), value


def _marked(values: Mapping[str, float], runs: Sequence[Tested]) -> Iterator[tuple[str, str]]:
    """Run and mark, of runs whose figures are ``values``."""
    if len(values) < 2:
        return
    highest, p = max(values.values()), corrected(runs)
    best = [run for run, value in values.items() if value == highest]
    for run in values:
        against = [p.get(frozenset((run, other))) for other in best]
        if run in best:
            yield run, BEST
        elif None in against:
            yield run, UNKNOWN
        elif max(against) >= SIGNIFICANT:
            yield run, ALIKE


def corrected(runs: Sequence[Tested]) -> dict[frozenset[str], float]:
    """Holm's p of equal AUC on one test set at one level, by pair of runs; without those that cannot be compared."""
    own = {one.run: _area(one) for one in runs}
    found: dict[frozenset[str], float] = {}
    for pair in combinations(runs, 2):
        common = on_common_rows(*pair)
        areas = [own[one.run] if one in pair else _area(one) for one in common or ()]
        if areas and None not in areas:
            found[frozenset(one.run for one in pair)] = difference(*areas).p
    return dict(zip(found, holm(list(found.values())), strict=True))


def _area(one: Tested) -> Estimate | None:
    if lacking(one.rows.label, one.cluster):
        return None
    return area(one.rows.label, one.rows.fake_prob, one.cluster, int(one.cluster.max()) + 1)
