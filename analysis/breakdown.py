"""Figures per method, compression and group, and how far the best and the worst of them lie apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.facts import FEW_CLUSTERS
from analysis.groups import Groups, groups_of
from analysis.tested import Tested
from training.metrics.influence import Estimate, area, difference, lacking, share

Line = dict[str, Any]
RATES = ("tpr", "fpr")


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows of a test set."""

    kind: str
    """What sets it apart: ``method``, ``compression``, or an attribute of groups."""
    name: str
    rows: np.ndarray
    """``(N,)`` mask."""


def parts_of(one: Tested, key: str = "video", groups: Groups | None = None) -> Iterator[Part]:
    """Each method's fakes with all reals; each compression; each group. A kind with one part only is left out."""
    rows = one.rows
    fake = rows.label == 1
    methods = sorted(set(rows.method[fake]))
    kinds = {"method": [Part("method", name, ~fake | (rows.method == name)) for name in methods]}
    columns = {"compression": rows.compression}
    columns |= {name: groups_of(rows, key, members) for name, members in (groups or {}).items()}
    for kind, column in columns.items():
        kinds[kind] = [Part(kind, name, column == name) for name in sorted(set(column) - {""})]
    for parts in kinds.values():
        yield from parts if len(parts) > 1 else ()


def broken_down(every: Sequence[Tested], key: str = "video", groups: Groups | None = None) -> list[Line]:
    """A line per run, test set, level, part and figure: AUC, and the rates at the threshold that was carried here.

    Parts with fewer than 20 real or fake clusters are marked, and in no gap.
    """
    return [line for one in every for line in _lines(one, key, groups)]


def _lines(one: Tested, key: str, groups: Groups | None) -> Iterator[Line]:
    measured = [(part, *_measure(one, part)) for part in parts_of(one, key, groups)]
    for part, counts, estimates in measured:
        few = _too_few(part, counts)
        for figure, found in estimates.items():
            low, high = found.bounds(one.settings.confidence) if isinstance(found, Estimate) else (None, None)
            value, note = (found.value, few) if isinstance(found, Estimate) else (None, found)
            named = one.named | {"by": part.kind, "part": part.name, "figure": figure}
            yield named | {"value": value, "low": low, "high": high} | counts | {"note": note}
    for kind in dict.fromkeys(part.kind for part, *_ in measured):
        enough = [(p, found) for p, counts, found in measured if p.kind == kind and not _too_few(p, counts)]
        for figure in ("auc", *RATES):
            yield from _gap(
                one, kind, figure, [(p.name, e[figure]) for p, e in enough if isinstance(e.get(figure), Estimate)]
            )


def _measure(one: Tested, part: Part) -> tuple[dict[str, int], dict[str, Estimate | str]]:
    """How many clusters of each class there are, and the figures or why there is none."""
    label, score, cluster = (values[part.rows] for values in (one.rows.label, one.rows.fake_prob, one.cluster))
    total, units = int(one.cluster.max()) + 1, f"{one.settings.cluster}s"
    own = {name: np.unique(cluster[label == value]) for value, name in enumerate(("real", "fake"))}
    reason = lacking(label, cluster, f"{one.level}s", units)
    found: dict[str, Estimate | str] = {"auc": reason or area(label, score, cluster, total)}
    for figure, value in zip(RATES, (1, 0), strict=True):
        rows = label == value
        # All parts by method have the same reals, and so the same false alarms.
        if len(np.unique(cluster[rows])) > 1 and not (part.kind == "method" and figure == "fpr"):
            found[figure] = share(score[rows] > one.threshold, cluster[rows], total)
    return {f"{name}_{units}": len(clusters) for name, clusters in own.items()}, found


def _too_few(part: Part, counts: dict[str, int]) -> str | None:
    few = [name.replace("_", " ") for name, count in counts.items() if count < FEW_CLUSTERS]
    return f"fewer than {FEW_CLUSTERS} {' and '.join(few)}: in no gap" if few else None


def _gap(one: Tested, kind: str, figure: str, found: list[tuple[str, Estimate]]) -> Iterator[Line]:
    """The part with the highest figure less the one with the lowest; its bounds take these two as given."""
    if len(found) < 2:
        return
    lowest, *_, highest = sorted(found, key=lambda part: part[1].value)
    gap = difference(highest[1], lowest[1], one.settings.confidence)
    named = one.named | {"by": kind, "part": f"gap: {highest[0]} - {lowest[0]}", "figure": figure}
    yield named | {"value": gap.value, "low": gap.low, "high": gap.high, "p": gap.p}
