"""The table of an ablation: a row per variant, figures over its seeds. Reads what ``training/ablation.py`` left."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from analysis import style
from analysis.collect import Result, collect
from analysis.facts import caveats
from analysis.markdown import markdown_table
from analysis.matrix import HEADLINES, Table
from analysis.protocols import letters, mark
from analysis.rows import cross_table, metric_names
from training.core.paths import atomic, shown
from training.engine.results import COST, METRICS, PLAN, read_json, write_json

Figure = dict[str, Any]
FEW = 3
"""Fewer seeds hardly show how much they matter."""
OF_ATTRIBUTION = tuple(
    f"frame/{name}" for name in ("all_acc", "known_acc", "novel_acc", "strict_novel_acc", "open_set_auroc", "all_nmi")
)
"""What tables of attribution show; the files beside them hold all."""


@dataclass(frozen=True)
class Variant:
    """A row of the table: what its runs with different seeds found."""

    name: str
    settings: list[dict[str, Any]]
    seeds: list[int]
    results: list[Result]
    cost: dict[str, Any]
    figures: dict[str, dict[str, Figure]]
    """By test set and metric; see :func:`over_seeds`."""


def over_seeds(figures: Sequence[Figure]) -> Figure:
    """One figure for several seeds: the mean, with the means of their bounds, and how far the seeds lie apart.

    ``spread`` is the standard deviation over seeds, None for one. Undefined where one of them is.
    """
    undefined = next((figure for figure in figures if figure["value"] is None), None)
    if undefined is not None:
        return undefined
    values = [figure["value"] for figure in figures]
    both = {"value": fmean(values), "spread": stdev(values) if len(values) > 1 else None}
    bounds = all("low" in figure for figure in figures)
    return both | ({key: fmean(figure[key] for figure in figures) for key in ("low", "high")} if bounds else {})


def read_variants(home: Path) -> list[Variant]:
    """The variants of which at least one run is done, in the order of their file.

    Raises:
        DataError: a file is missing or damaged.
    """
    rows = [(item, _done(home / item["folder"])) for item in read_json(home / PLAN)["variants"]]
    found = [_variant(item, folders) for item, folders in rows if folders]
    marks = map(mark, letters([variant.results[0].hashes for variant in found]))
    return [_renamed(variant, variant.name + behind) for variant, behind in zip(found, marks, strict=True)]


def _renamed(variant: Variant, name: str) -> Variant:
    return replace(variant, name=name, results=[replace(result, label=name) for result in variant.results])


def _done(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("seed_*") if (path / METRICS).is_file() and (path / COST).is_file())


def _variant(item: dict[str, Any], folders: list[Path]) -> Variant:
    results = [replace(result, label=item["name"]) for result in collect(folders)]
    costs = [read_json(folder / COST) for folder in folders]
    cost = costs[0] | ({"frames_per_second": median(c["frames_per_second"] for c in costs)} if all(costs) else {})
    rows = cross_table(results)
    figures = {
        test_set: {
            metric: over_seeds([row.metrics[metric] for row in rows if row.test_set == test_set])
            for metric in metric_names(row for row in rows if row.test_set == test_set)
        }
        for test_set in dict.fromkeys(row.test_set for row in rows)
    }
    seeds = [result.config["seed"] for result in results]
    return Variant(rows[0].name, item["settings"], seeds, results, cost, figures)


def write_table(home: Path) -> str:
    """Write ``table.md``, ``table.csv`` (one line per figure) and ``table.json`` into ``home``; the Markdown."""
    variants = read_variants(home)
    text = markdown(variants)
    with atomic(home / "table.md") as temporary:
        temporary.write_text(text, encoding="utf-8")
    lines = [line for variant in variants for line in _long(variant)]
    with atomic(home / "table.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    write_json(home / "table.json", [_tree(variant) for variant in variants])
    return text


def markdown(variants: Sequence[Variant]) -> str:
    """The tables, the first with seeds and costs, and below them what a reader must know.

    Of detection, one per headline metric with a column per test set; of attribution, one per test set with a column per
    metric.
    """
    tables = [*_of_detection(variants), *_of_attribution(variants)]
    for number, (header, lines) in enumerate(tables):
        header[1:1] = ["seeds", "parameters", "learning", "frames/s"] if number == 0 else []
        for variant, line in zip(variants, lines, strict=True):
            line[1:1] = _costs(variant) if number == 0 else []
    told = caveats(result for variant in variants for result in variant.results)
    notes = [*_notes(variants), *(f"{sentence}{f' ({where})' if where else ''}" for sentence, where in told)]
    parts = [markdown_table(*table) for table in tables]
    return "\n".join([*parts, *(f"- note: {note}" for note in notes)]) + "\n"


def _of_detection(variants: Sequence[Variant]) -> Iterator[Table]:
    for metric in HEADLINES:
        if sets := _sets(variants, metric):
            lines = [[v.name, *(_text(v.figures.get(name, {}).get(metric)) for name in sets)] for v in variants]
            yield [style.metric_name(metric), *map(style.dataset_name, sets)], lines


def _of_attribution(variants: Sequence[Variant]) -> Iterator[Table]:
    for name in _sets(variants, OF_ATTRIBUTION[0]):
        lines = [
            [v.name, *(_text(v.figures.get(name, {}).get(metric)) for metric in OF_ATTRIBUTION), _outputs(v, name)]
            for v in variants
        ]
        yield [style.dataset_name(name), *map(style.metric_name, OF_ATTRIBUTION), "outputs used"], lines


def _sets(variants: Sequence[Variant], metric: str) -> list[str]:
    """The test sets that have a figure of this metric."""
    return list(dict.fromkeys(name for v in variants for name, figures in v.figures.items() if metric in figures))


def _outputs(variant: Variant, name: str) -> str:
    """How many outputs are ever given, seed by seed; once where they agree."""
    counts = [result.sets[name].counts.get("outputs_used", "-") for result in variant.results if name in result.sets]
    return ", ".join(map(str, counts if len(set(counts)) > 1 else counts[:1]))


def _costs(variant: Variant) -> list[str]:
    counts = [f"{variant.cost[key]:,}" if variant.cost else "-" for key in ("parameters", "learning")]
    return [str(len(variant.seeds)), *counts, f"{variant.cost['frames_per_second']:.0f}" if variant.cost else "-"]


def _text(figure: Figure | None) -> str:
    spread = figure.get("spread") if figure else None
    return style.figure_text(figure) + (f" ± {spread:.3f}" if spread is not None else "")  # noqa: RUF001


def _notes(variants: Sequence[Variant]) -> Iterator[str]:
    yield "a figure is the mean over seeds; in brackets the means of the bounds that resampling the test videos gives"
    if any(len(variant.seeds) > 1 for variant in variants):
        yield "± is the standard deviation over seeds, which say how much training itself varies"
    if few := [variant.name for variant in variants if len(variant.seeds) < FEW]:
        yield f"fewer than {FEW} seeds, so how much training itself varies is hardly known ({_named(few, variants)})"
    device = {variant.cost["device"] for variant in variants if variant.cost}
    if device:
        yield f"frames/s: prediction on {', '.join(sorted(device))}, without reading the pictures"


def _named(few: list[str], variants: Sequence[Variant]) -> str:
    return "all" if len(few) == len(variants) else ", ".join(few)


def _long(variant: Variant) -> Iterator[dict[str, Any]]:
    cost = {key: variant.cost.get(key) for key in ("parameters", "learning", "frames_per_second")}
    for test_set, figures in variant.figures.items():
        for name, figure in figures.items():
            level, _, metric = name.rpartition("/")
            yield {
                "variant": variant.name,
                "test_set": test_set,
                "level": level,
                "metric": metric,
                **{key: figure.get(key) for key in ("value", "spread", "low", "high")},
                "seeds": len(variant.seeds),
                **cost,
                "note": figure.get("undefined"),
            }


def _tree(variant: Variant) -> dict[str, Any]:
    runs = [
        {"seed": seed, "run": shown(result.folder), "sets": {name: one.metrics for name, one in result.sets.items()}}
        for seed, result in zip(variant.seeds, variant.results, strict=True)
    ]
    facts = {key: getattr(variant, key) for key in ("name", "settings", "seeds", "cost", "figures")}
    return {**facts, "runs": runs}
