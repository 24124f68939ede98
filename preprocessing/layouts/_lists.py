"""Lists that come with datasets (JSON, CSV, lines of text), read so that an error names the file and the line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.core.errors import ConfigError
from training.core.paths import shown


def read_json(path: Path) -> Any:
    """The JSON tree in ``path``.

    Raises:
        ConfigError: naming the line, when it is none.
    """
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{shown(path)}:{error.lineno}: not a JSON file ({error.msg})") from error


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """``(file:line, line)`` of every line of ``path`` that is not blank, without white space around it."""
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield f"{shown(path)}:{number}", line.strip()


def read_rows(path: Path, *columns: str) -> Iterator[tuple[str, dict[str, str]]]:
    """``(file:line, row)`` of the CSV table ``path``, cells by the header's names, stripped.

    Raises:
        ConfigError: one of the ``columns`` is missing, or is empty in a row.
    """
    reader = csv.DictReader(_text(path).splitlines(), restval="", restkey="")
    reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
    if missing := [column for column in columns if column not in reader.fieldnames]:
        there = ", ".join(reader.fieldnames) or "nothing"
        raise ConfigError(f"{shown(path)}:1: lacks the column {' and '.join(missing)}; there is {there}")
    for row in reader:
        at = f"{shown(path)}:{reader.line_num}"
        cells = {name: cell.strip() for name, cell in row.items() if name}
        if empty := [column for column in columns if not cells[column]]:
            raise ConfigError(f"{at}: '{empty[0]}' is empty")
        yield at, cells


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{shown(path)}: not a text file ({error})") from error
