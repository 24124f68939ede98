"""Results in sections, each a list of lines with equal columns: as JSON, as CSV and as Markdown."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis import style
from analysis.markdown import markdown_table
from training.core.paths import atomic
from training.engine.results import write_json

BOUNDED = ("value", "low", "high")
"""Columns that text shows as one."""
NAMES = {
    "test_set": "test set",
    "p_holm": "p (Holm)",
    "other_set": "other set",
    "sd": "sd over seeds",
    "mean_of_own": "mean of own AUCs",
}
SHOWN_BY = {"test_set": style.dataset_name, "other_set": style.dataset_name, "reals": style.dataset_name} | {
    "fakes": style.dataset_name,
    "metric": style.metric_name,
    "figure": style.metric_name,
}


@dataclass(frozen=True)
class Section:
    """Some lines, what they are, and what a reader must know of them."""

    name: str
    """Of its CSV file, and its key in JSON."""
    title: str
    about: str
    lines: list[dict[str, Any]]
    shown: bool = True
    """Whether text has it; the files always do."""


def write_sections(sections: Sequence[Section], notes: Sequence[str], folder: Path, name: str) -> list[Path]:
    """Write ``name``.md, ``name``.json and a CSV file per section that has lines into ``folder``; their paths."""
    found = [section for section in sections if section.lines]
    text = "\n".join([*(markdown(one) for one in found if one.shown), *(f"- note: {note}" for note in notes)])
    with atomic(folder / f"{name}.md") as temporary:
        temporary.write_text(text.rstrip() + "\n", encoding="utf-8")
    write_json(folder / f"{name}.json", {"notes": list(notes), **{one.name: one.lines for one in found}})
    tables = [folder / f"{one.name}.csv" for one in found]
    for section, path in zip(found, tables, strict=True):
        _write_csv(section, path)
    return [folder / f"{name}.md", folder / f"{name}.json", *tables]


def _write_csv(section: Section, path: Path) -> None:
    with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns_of(section), lineterminator="\n")
        writer.writeheader()
        writer.writerows(section.lines)


def columns_of(section: Section) -> list[str]:
    """All columns of any line, in their order."""
    return list(dict.fromkeys(key for line in section.lines for key in line))


def markdown(section: Section) -> str:
    """Title, explanation and table; a figure and its bounds stand in one cell."""
    columns = [c for c in columns_of(section) if c not in BOUNDED[1:]]
    kept = [c for c in columns if any(line.get(c) is not None for line in section.lines)]
    header = [NAMES.get(c, c.replace("_", " ")) for c in kept]
    table = markdown_table(header, [[_cell(line, c) for c in kept] for line in section.lines])
    return f"## {section.title}\n\n{section.about}\n\n{table}"


def _cell(line: dict[str, Any], column: str) -> str:
    value = line.get(column)
    if column == "value" and value is not None:
        bounds = {key: line[key] for key in BOUNDED[1:] if line.get(key) is not None}
        return style.figure_text({"value": value} | bounds)
    if isinstance(value, float):
        return f"{value:.3g}" if column.startswith("p") else f"{value:.3f}"
    return SHOWN_BY.get(column, str)(value) if value is not None else "-"
