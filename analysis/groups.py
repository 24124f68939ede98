"""Which groups (of people, say) videos belong to: a CSV file that the user brings along, since no score file knows.

The header names ``video`` or ``source`` as score files do, if wanted ``dataset``, and any attributes: ``gender,age``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from training.core.errors import DataError
from training.core.paths import shown
from training.engine.results import Scores

KEYS = ("video", "source")
DATASET = "dataset"

Groups = dict[str, dict[tuple[str, str], str]]
"""Attribute -> (dataset or nothing, video or source) -> group."""


def read_groups(path: Path) -> tuple[str, Groups]:
    """By which column rows are found, and the groups.

    Raises:
        DataError: the file is missing or no such table, or says two things of one video.
    """
    if not path.is_file():
        raise DataError(f"no file {shown(path)}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names, rows = reader.fieldnames or [], list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{shown(path)}: not a CSV file in UTF-8 ({error})") from error
    key = [name for name in KEYS if name in names]
    attributes = [name for name in names if name not in (*KEYS, DATASET)]
    if len(key) != 1 or not attributes:
        raise DataError(f"{shown(path)}:1: expected the column 'video' or 'source', and one attribute or more")
    groups: Groups = {name: {} for name in attributes}
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise DataError(f"{shown(path)}:{number}: expected {len(names)} values")
        whose = row.get(DATASET, ""), row[key[0]]
        for name in attributes:
            if row[name] and groups[name].setdefault(whose, row[name]) != row[name]:
                raise DataError(f"{shown(path)}:{number}: {key[0]} '{whose[1]}' has another {name} above")
    return key[0], groups


def groups_of(rows: Scores, key: str, members: dict[tuple[str, str], str]) -> np.ndarray:
    """``(N,)`` group of each row, empty where the file does not say."""
    named = zip(rows.dataset.tolist(), getattr(rows, key).tolist(), strict=True)
    return np.array([members.get(whose) or members.get(("", whose[1]), "") for whose in named], dtype=object)
