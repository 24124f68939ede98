"""How sure the figures of runs are, from score files alone: ``python -m analysis.statistics RUN [RUN ...]``.

Writes ``statistics.json``, ``statistics.md`` and a CSV file per section into ``--output``: every figure with its
interval, the source's threshold and temperature on every target, tests between runs, seeds, AUC across test sets,
breakdown by method, compression and group, and what frames without a face could change.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from analysis import breakdown, pairs, seeds, transfer, uncovered
from analysis.collect import Result, collect
from analysis.facts import caveats
from analysis.groups import Groups, read_groups
from analysis.sections import Section, write_sections
from analysis.tested import Tested, figure_columns, load
from training.core.cli import add_debug, run_entry
from training.core.paths import shown
from training.engine.evaluators.settings import Settings
from training.metrics.calibration import edges_of, reliability

Line = dict[str, Any]
CARRIED = ("@source", "gap")
CALIBRATION = ("ece", "brier")
SECTIONS = {
    "figures": ("Figures", "In brackets the middle 95 % of what resampled test videos give."),
    "carried": (
        "The source's threshold and temperature",
        "source: at the threshold that was best on the source's validation data. gap: the balanced accuracy that it "
        "loses against the best threshold for the test set. scaled: by the source's temperature.",
    ),
    "pairs": (
        "Differences between runs",
        "Run less other, on the rows that both have, under the same resamples, or by DeLong's method for clusters. "
        "p (Holm) is corrected for the number of pairs on the test set; below 0.05 the two differ.",
    ),
    "seeds": (
        "Seeds",
        "Means of runs that differ in their seed only. In brackets their mean bounds from resampled test videos; seed "
        "low and seed high are Student's 95 % interval over trainings. Neither covers what the other does.",
    ),
    "cross_auc": ("Cross-AUC", "Reals of one test set against fakes of another."),
    "pooled_auc": ("Pooled AUC", "All test sets as one, beside the mean of their own AUCs."),
    "drift": ("Drift of scores", "1-Wasserstein distance between two test sets; of videos with resampled bounds."),
    "breakdown": (
        "Per method, compression and group",
        "A method's fakes against all reals. tpr and fpr: at the source's threshold, or 0.5 where there is none. "
        "Bounds by DeLong's method for clusters. A gap takes its best and worst part as given: its p is too small.",
    ),
    "coverage": (
        "Frames without a face",
        "AUC with them left out, as in all other figures, and taken for this or that. Whatever a detector would say of "
        "them, it lies between the best and the worst case.",
    ),
    "reliability": ("Reliability", "Share of fakes against mean probability, by bin."),
}
"""Title and explanation, by name."""
ONLY_IN_FILES = {"reliability"}


def sections(results: Sequence[Result], settings: Settings, groups: tuple[str, Groups] | None = None) -> list[Section]:
    """All that can be said of some runs; ``groups`` as :func:`analysis.groups.read_groups` gives them."""
    every = load(results, settings)
    together = transfer.pools(every)
    lines = {
        "figures": _figures(every, carried=False),
        "carried": _figures(every, carried=True),
        "pairs": pairs.compare_all(every),
        "seeds": seeds.spread(results, every),
        "cross_auc": transfer.across(together),
        "pooled_auc": transfer.pooled(together),
        "drift": transfer.drift(every),
        "breakdown": breakdown.broken_down(every, *(groups or ())),
        "coverage": uncovered.covered(every),
        "reliability": [line for one in every for line in _curve(one)],
    }
    return [Section(name, *about, lines[name], name not in ONLY_IN_FILES) for name, about in SECTIONS.items()]


def _figures(every: Sequence[Tested], carried: bool) -> list[Line]:
    return [
        one.named | {"metric": metric} | figure_columns(figure)
        for one in every
        for metric, figure in one.figures.items()
        if carried == (metric.endswith(CARRIED) or metric.startswith(CALIBRATION))
    ]


def _curve(one: Tested) -> Iterator[Line]:
    found = one.settings.fitted.get(one.level)
    probs = {"as predicted": one.rows.fake_prob} | ({"scaled": found.scaled(one.rows.fake_prob)} if found else {})
    for which, prob in probs.items() if len(one.rows) else ():
        curve = reliability(one.rows.label, prob, edges_of(prob, "width"))
        for number, (rows, mean, fake) in enumerate(zip(curve.rows, curve.prob, curve.fake, strict=True)):
            if rows:
                named = one.named | {"probability": which, "bin": number, "rows": int(rows)}
                yield named | {"mean_probability": float(mean), "share_of_fakes": float(fake)}


def main(argv: list[str]) -> None:
    """Write the sections of some runs and print where they lie."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.statistics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN", help="run or test folder, or a folder above them; DETECTOR@SET.csv"
    )
    parser.add_argument("--cluster", choices=("video", "source"), default="video", help="what is resampled (video)")
    parser.add_argument("--resamples", type=int, default=1000, metavar="N", help="(1000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the resampling (0)")
    parser.add_argument("--groups", type=Path, metavar="CSV", help="video or source, and groups of people, say")
    parser.add_argument("--output", type=Path, default=Path("statistics"), metavar="FOLDER", help="(statistics)")
    add_debug(parser)
    args = parser.parse_args(argv)
    groups = read_groups(args.groups) if args.groups else None
    results = collect(args.runs)
    settings = Settings(resamples=args.resamples, cluster=args.cluster, seed=args.seed)
    notes = [f"{sentence}{f' ({where})' if where else ''}" for sentence, where in caveats(results)]
    for path in write_sections(sections(results, settings, groups), notes, args.output, "statistics"):
        print(shown(path))


if __name__ == "__main__":
    run_entry(main)
