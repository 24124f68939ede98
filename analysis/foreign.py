"""Scores of other people's detectors: plain CSV files, which enter the same tables as our runs.

A file has a header and the columns ``path,label,score`` (0 real, 1 fake; probability of fake), and if wanted
``video,method,dataset``. The file's name is the detector's, and with ``@`` the test set's too:
``Effort@Celeb-DF-v2.csv``.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np

from training.core.errors import DataError, did_you_mean
from training.core.paths import shown
from training.engine.results import COLUMNS, Scores

NEEDED, OPTIONAL = ("path", "label", "score"), ("video", "method", "dataset")
PICTURES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".webp"))
PICKLES = frozenset((".pkl", ".pickle", ".p", ".pt", ".pth", ".joblib"))
NOTE = "scores of others, from a plain file"


def read_foreign(path: Path) -> tuple[str, dict[str, Scores]]:
    """The detector's name, and its scores by test set.

    Rows of one video are its frames. Without the column ``video`` the pictures of one folder are a video, and any other
    file is one. ``method`` is ``fake`` where none is given.

    Raises:
        DataError: the file is no such table, names line and column; or a pickle, which is never opened.
    """
    _refuse(path)
    detector, _, test_set = path.stem.partition("@")
    rows = list(_rows(path, test_set or path.stem))
    if not rows:
        raise DataError(f"{shown(path)}: holds no scores")
    sets = dict.fromkeys(row["dataset"] for row in rows)
    return detector, {name: _scores([row for row in rows if row["dataset"] == name]) for name in sets}


def _refuse(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in PICKLES or start[:1] == b"\x80":
        raise DataError(
            f"{shown(path)}: a pickle can run any program while it is read, so it is not opened; where it was made, "
            f"write its image paths, labels and scores as a CSV file with the header {','.join(NEEDED)}"
        )
    if path.suffix.lower() != ".csv":
        raise DataError(f"{shown(path)}: expected a run folder, or a CSV file with the header {','.join(NEEDED)}")


def _rows(path: Path, test_set: str) -> Iterator[dict]:
    """The file's rows as Scores wants them, in its order."""
    seen: dict[tuple[str, str], int] = {}
    length: dict[tuple[str, str], int] = {}
    labels: dict[tuple[str, str], float] = {}
    for number, row in _lines(path):
        name, method = row.get("dataset") or test_set, row.get("method")
        at, picture = f"{shown(path)}:{number}", row["path"].replace("\\", "/")
        if not picture:
            raise DataError(f"{at}: 'path' is empty")
        if (first := seen.setdefault((name, picture), number)) != number:
            raise DataError(f"{at}: '{row['path']}' is listed in line {first} already")
        label = _number(row["label"], "label", at)
        if label not in (0, 1):
            raise DataError(f"{at}: 'label' is '{row['label']}'; expected 0 (real) or 1 (fake)")
        score = _number(row["score"], "score", at)
        if not 0 <= score <= 1:
            raise DataError(
                f"{at}: 'score' is '{row['score']}'; expected a probability of fake in [0, 1], so pass logits through "
                "a sigmoid or softmax first"
            )
        video = row.get("video") or _video(picture)
        if labels.setdefault((name, video), label) != label:
            raise DataError(f"{at}: video '{video}' is real and fake; a column 'video' says which rows belong together")
        length[name, video] = 1 + length.get((name, video), -1)
        yield {
            "dataset": name,
            "video": video,
            "frame": length[name, video],
            "label": int(label),
            "method": method or ("fake" if label else "real"),
            "fake_prob": score,
        }


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column, of a header that is checked."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            _check(reader.fieldnames or [], shown(path))
            for row in reader:
                if None in row or None in row.values():
                    raise DataError(f"{shown(path)}:{reader.line_num}: expected {len(reader.fieldnames)} values")
                yield reader.line_num, {key: value.strip() for key, value in row.items()}
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{shown(path)}: not a CSV file in UTF-8 ({error})") from error


def _check(names: list[str], where: str) -> None:
    if set(COLUMNS) <= set(names):
        raise DataError(f"{where}: is a score file of Assay; give the folder of its run, which holds the figures too")
    for name in names:
        if name not in NEEDED + OPTIONAL:
            raise DataError(
                f"{where}:1: '{name}' is not a column of such a file; {did_you_mean(name, NEEDED + OPTIONAL)}"
            )
    if missing := [name for name in NEEDED if name not in names]:
        raise DataError(f"{where}:1: lacks the column '{missing[0]}'; expected the header {','.join(NEEDED)}")
    if len(set(names)) != len(names):
        raise DataError(f"{where}:1: a column is named twice")


def _number(text: str, column: str, at: str) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", text):
        raise DataError(f"{at}: '{column}' is '{text}'; expected a number")
    return float(text)


def _video(path: str) -> str:
    """The folder that a picture lies in, or the file itself."""
    file = PurePosixPath(path)
    alone = file.suffix.lower() not in PICTURES or file.parent == PurePosixPath()
    return str(file if alone else file.parent)


def _scores(rows: list[dict]) -> Scores:
    unknown = np.full(len(rows), "", dtype=object)
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    return Scores(**columns, source=unknown, compression=unknown)
