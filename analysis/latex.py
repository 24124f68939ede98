"""Tables as LaTeX, for papers; they need the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}
BOUNDS = re.compile(r"\[(-?\d\.\d+), (-?\d\.\d+)\]")


def latex_table(
    header: Sequence[str],
    lines: Sequence[Sequence[str]],
    bold: Iterable[tuple[int, int]] = (),
    underlined: Iterable[tuple[int, int]] = (),
) -> str:
    """A ``tabular`` with small intervals; ``bold`` and ``underlined`` cells, by line and column from 0, stand out."""
    commands = dict.fromkeys(underlined, "underline") | dict.fromkeys(bold, "textbf")
    rows = [[_cell(text, commands.get((at, n))) for n, text in enumerate(line)] for at, line in enumerate(lines)]
    body = [" & ".join(cells) + r" \\" for cells in ([escaped(text) for text in header], *rows)]
    begin = rf"\begin{{tabular}}{{l{'c' * (len(header) - 1)}}}"
    return "\n".join([begin, r"\toprule", body[0], r"\midrule", *body[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def escaped(text: str) -> str:
    """``text`` with the characters that LaTeX would take for commands made plain."""
    return "".join(ESCAPES.get(character, character) for character in text)


def _cell(text: str, command: str | None) -> str:
    interval = BOUNDS.search(text)
    value = text[: interval.start()].rstrip() if interval else text
    shown = rf"\{command}{{{escaped(value)}}}" if command else escaped(value)
    if interval is None:
        return shown
    rest = escaped(text[interval.end() :])
    return rf"{shown} {{\scriptsize [{interval[1]}, {interval[2]}]}}{rest}"
