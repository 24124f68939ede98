"""Runs that differ in their seed only: what training again changes, beside what other test videos would."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analysis.ablation import over_seeds
from analysis.collect import Result
from analysis.tested import Tested, grouped
from training.metrics.comparison import over_runs

Line = dict[str, Any]
MAY_DIFFER = ("seed", "run_dir", "notes", "device", "log")
"""Keys of a configuration in which runs may differ and yet repeat each other."""


def spread(results: Sequence[Result], every: Sequence[Tested]) -> list[Line]:
    """A line per metric, test set and level of runs that repeat each other.

    ``sd`` is the standard deviation over seeds, ``seed_low`` and ``seed_high`` Student's interval of the mean;
    ``low`` and ``high`` are the means of the runs' own bounds.
    """
    return [
        {"detector": runs[0].detector, "test_set": test_set, "level": level, "metric": metric, **line}
        for runs in repeats(results)
        for (test_set, level), found in grouped(_of(runs, every), "test_set", "level").items()
        for metric in found[0].figures
        for line in _over(found, metric)
    ]


def repeats(results: Sequence[Result]) -> list[list[Result]]:
    """The runs that say the same of themselves but for their seed, where there are several; others are left out."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        if result.config:
            same = {key: value for key, value in result.config.items() if key not in MAY_DIFFER}
            groups.setdefault(repr(sorted(same.items())), []).append(result)
    return [runs for runs in groups.values() if len({run.config.get("seed") for run in runs}) == len(runs) > 1]


def _of(runs: Sequence[Result], every: Sequence[Tested]) -> list[Tested]:
    names = {run.with_switches(test_set) for run in runs for test_set in run.sets}
    return [one for one in every if one.run in names]


def _over(found: Sequence[Tested], metric: str) -> Iterator[Line]:
    figures = [one.figures[metric] for one in found if metric in one.figures]
    mean = over_seeds(figures)
    if len(figures) == len(found) > 1 and mean["value"] is not None:
        low, high = over_runs([figure["value"] for figure in figures], found[0].settings.confidence)
        line = {"value": mean["value"], "low": mean.get("low"), "high": mean.get("high"), "seeds": len(figures)}
        yield line | {"sd": mean["spread"], "seed_low": low, "seed_high": high}
