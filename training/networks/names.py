"""Names of published weights that follow a pattern."""

from __future__ import annotations

from collections.abc import Mapping


def translate(name: str, table: Mapping[str, str]) -> str:
    """``name`` with every part that ``table`` knows replaced, in the table's order."""
    for theirs, ours in table.items():
        name = name.replace(theirs, ours)
    return name
