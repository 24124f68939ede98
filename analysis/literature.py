"""What others published: tables with their sources, and whether their own arithmetic adds up."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from analysis.markdown import markdown_table
from training.core.config import read_yaml

FOLDER = Path(__file__).parent / "published"
SLACK = 1e-9
"""For sums of decimals in binary."""

Cells = dict[str, str]
"""A row, by column, as printed."""


@dataclass(frozen=True)
class Published:
    """A table, where it comes from, and what must add up in it."""

    name: str
    title: str
    source: str
    row: str
    """The column that names a row."""
    rows: list[Cells]
    checks: tuple[dict[str, Any], ...] = ()
    claims: dict[str, Any] | None = None
    """How its rows are told from our runs; see the head of ``index.yaml``."""
    note: str | None = None


def published() -> list[Published]:
    """The tables that come with Assay."""
    return [
        Published(name, **entry | {"checks": tuple(entry.get("checks", ()))}, rows=_rows(FOLDER / f"{name}.csv"))
        for name, entry in read_yaml(FOLDER / "index.yaml").items()
    ]


def _rows(path: Path) -> list[Cells]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def wrong_sums(table: Published) -> list[str]:
    """One sentence per cell that the other cells of its table contradict, beyond what rounding explains."""
    kinds = {"mean": _mean, "mean_over": _mean_over, "top3": _top3, "error": _error, "mean_of_rows": _mean_of_rows}
    return [sentence for check in table.checks for sentence in kinds[check["kind"]](table, check)]


def _mean(table: Published, check: dict[str, Any]) -> Iterator[str]:
    """A cell is the mean of others of its row."""
    for row in table.rows:
        yield from _compared(row[table.row], check["cell"], row[check["cell"]], [row[name] for name in check["of"]])


def _mean_over(table: Published, check: dict[str, Any]) -> Iterator[str]:
    """A cell is the mean over as many test sets as another says; it can be checked where all of them are given."""
    for row in table.rows:
        given = [row[name] for name in check["of"] if row[name]]
        if row[check["over"]] == str(len(given)):
            yield from _compared(row[table.row], check["cell"], row[check["cell"]], given)


def _mean_of_rows(table: Published, check: dict[str, Any]) -> Iterator[str]:
    """A row holds the means of the others of its group."""
    for total in _matching(table.rows, check["row"]):
        group = _matching(table.rows, {key: total[key] for key in check["group"]})
        where = ", ".join(f"{key} {total[key]}" for key in check["group"])
        for name in check["of"]:
            yield from _compared(where, name, total[name], [row[name] for row in group if row is not total])


def _compared(where: str, name: str, stated: str, cells: list[str]) -> Iterator[str]:
    mean = fmean(map(float, cells))
    if abs(mean - float(stated)) > _half_unit(stated) + max(map(_half_unit, cells)) + SLACK:
        yield f"{where}: {name} is stated as {stated}, the {len(cells)} cells have the mean {mean:.5g}"


def _top3(table: Published, check: dict[str, Any]) -> Iterator[str]:
    """A cell counts the columns in which its row is among the three best; ties may be counted either way."""
    columns = {name: [float(row[name]) for row in table.rows] for name in check["of"]}
    for at, row in enumerate(table.rows):
        least = sum(sum(other >= values[at] for other in values) <= 3 for values in columns.values())
        most = sum(sum(other > values[at] for other in values) < 3 for values in columns.values())
        if not least <= int(row[check["cell"]]) <= most:
            counted = str(least) if least == most else f"{least} to {most}"
            yield f"{row[table.row]}: {check['cell']} is stated as {row[check['cell']]}, the cells give {counted}"


def _error(table: Published, check: dict[str, Any]) -> Iterator[str]:
    """A cell is how far another lies from the truth, in per cent of it."""
    (name,) = check["of"]
    for row in table.rows:
        error, stated = abs(float(row[name]) / check["truth"] - 1) * 100, row[check["cell"]]
        if abs(error - float(stated)) > _half_unit(stated) + SLACK:
            said = f"{check['cell']} is stated as {stated}, {row[name]} of {check['truth']} gives {error:.2f}"
            yield f"{row[table.row]}, protocol {row['protocol']}: {said}"


def _matching(rows: list[Cells], wanted: Cells) -> list[Cells]:
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _half_unit(number: str) -> float:
    """Half a unit of the last decimal: how far rounding may have moved a printed number."""
    return 0.5 * 10.0 ** -len(number.partition(".")[2])


def literature() -> str:
    """All tables as Markdown, each with its source and a line per cell that does not add up."""
    return "\n".join(_section(table) for table in published())


def _section(table: Published) -> str:
    lines = [f"## {table.title}", "", markdown_table(list(table.rows[0]), [list(row.values()) for row in table.rows])]
    lines += [f"- source: {table.source}"]
    lines += [f"- note: {table.note}"] if table.note else []
    wrong = wrong_sums(table)
    lines += [f"- does not add up: {sentence}" for sentence in wrong]
    lines += ["- arithmetic: all that can be checked adds up"] if table.checks and not wrong else []
    return "\n".join(lines) + "\n"
