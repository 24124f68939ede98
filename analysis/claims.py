"""Our measured figures beside those that others published of the same methods on the same test sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from analysis import style
from analysis.collect import Result, TestSet
from analysis.literature import Cells, Published
from analysis.markdown import markdown_table

WITHIN, OUTSIDE, DIFFERS = "within interval", "outside", "protocol differs"
UNKNOWN = "no interval"


@dataclass(frozen=True)
class Comparison:
    """A published figure and ours."""

    table: str
    row: str
    run: str
    test_set: str
    metric: str
    claimed: float
    measured: dict[str, Any]
    differences: list[str]
    """How our protocol is another one, as far as both are told; empty where nothing is known to differ."""

    @property
    def verdict(self) -> str:
        """Whether the published figure lies in our interval; undecided where the protocols differ."""
        if self.differences:
            return DIFFERS
        if "low" not in self.measured:
            return UNKNOWN
        return WITHIN if self.measured["low"] <= self.claimed <= self.measured["high"] else OUTSIDE


def compare(results: Iterable[Result], tables: Sequence[Published]) -> list[Comparison]:
    """Every published figure that a run has too."""
    return [found for result in results for table in tables if table.claims for found in _of(result, table)]


def _of(result: Result, table: Published) -> Iterator[Comparison]:
    claims = table.claims
    for row in table.rows:
        if not _is_ours(result, row[table.row], claims):
            continue
        for column, test_set, metric in _columns(claims, result):
            measured = test_set.metrics.get(metric)
            if row[column] and measured and measured["value"] is not None:
                yield Comparison(
                    table=table.title,
                    row=_row_name(row, table),
                    run=result.label,
                    test_set=test_set.name,
                    metric=metric,
                    claimed=float(row[column]) / claims.get("scale", 1),
                    measured=measured,
                    differences=list(_differences(result, test_set, claims)),
                )


def _is_ours(result: Result, row: str, claims: dict[str, Any]) -> bool:
    backbone = claims.get("backbones", {}).get(row)
    return claims["names"].get(row) == result.detector and backbone in (None, _backbone(result).get("name"))


def _columns(claims: dict[str, Any], result: Result) -> Iterator[tuple[str, TestSet, str]]:
    """Column, our test set and figure, for the test sets that the run has."""
    ours = {name.removesuffix("_c23"): test_set for name, test_set in result.sets.items()}
    if "metrics" in claims:
        wanted = [(column, claims["test_sets"], metric) for column, metric in claims["metrics"].items()]
    else:
        wanted = [(column, name, claims["metric"]) for column, name in claims["test_sets"].items()]
    return ((column, ours[name], metric) for column, name, metric in wanted if name in ours)


def _row_name(row: Cells, table: Published) -> str:
    return row[table.row] + (f", protocol {row['protocol']}" if "protocol" in row else "")


def _differences(result: Result, test_set: TestSet, claims: dict[str, Any]) -> Iterator[str]:
    """How a run differs from what a table says of its protocol."""
    if "differs" in claims:
        yield claims["differs"]
    data, evaluate, backbone = result.config.get("data") or {}, result.config.get("evaluate") or {}, _backbone(result)
    if not result.config:
        yield "what ours was trained on is not known"
        return
    if backbone.get("weights") == "random" or backbone.get("size", "full") != "full":
        yield "our backbone is random or not the full one"
    trained = [name.removesuffix("_c23") for name in result.trained_on]
    if trained != claims.get("trained_on", trained):
        yield f"ours was trained on {', '.join(map(style.dataset_name, trained))}"
    for key in ("compression", "frames_test"):
        if key in claims and data.get(key) != claims[key]:
            yield f"{key}: ours {data.get(key)}, theirs {claims[key]}"
    if "select" in claims and evaluate.get("select") != claims["select"]:
        yield f"checkpoint: ours {evaluate.get('select')}, theirs {claims['select']}"
    marks = [f"{key}={value}" for key, value in test_set.compat.items() if claims.get(key) != value]
    if marks:
        yield f"ours with {', '.join(marks)}"


def _backbone(result: Result) -> dict[str, Any]:
    said = result.config.get("backbone") or {}
    return {"name": said} if isinstance(said, str) else said


def claims_table(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as Markdown, and why protocols differ below it; says so where there is nothing to compare."""
    if not comparisons:
        return "no published figure is of a method and a test set of these runs\n"
    header = ["published", "run", "test set", "figure", "claim", "measured", "verdict"]
    lines = [
        [
            *(one.row, one.run, style.dataset_name(one.test_set), style.metric_name(one.metric)),
            *(f"{one.claimed:.3f}", style.figure_text(one.measured), one.verdict),
        ]
        for one in comparisons
    ]
    reasons = dict.fromkeys((one.run, one.table, "; ".join(one.differences)) for one in comparisons if one.differences)
    notes = (f"- {run} and {table}: {said}" for run, table, said in reasons)
    return "\n".join([markdown_table(header, lines), *notes]) + "\n"
