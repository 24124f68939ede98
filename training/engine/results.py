"""What a run leaves behind for others to read: score tables, metrics and logs. Needs no torch."""

from __future__ import annotations

import csv
import json
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from training.core.errors import ContractError, DataError, did_you_mean
from training.core.paths import atomic, inside, shown

METRICS, ENVIRONMENT, CONFIG, LOG = "metrics.json", "environment.json", "config.yaml", "log.jsonl"
LEAKAGE, ROBUSTNESS = "leakage.json", "robustness.json"
"""File names in a run folder; the scores of test set ``x`` are ``scores/x.csv``."""
PLAN, COST = "ablation.json", "cost.json"
"""File names in an ablation's folder, and in each of its runs."""

VideoKey = Literal["path", "folder"]
"""What makes two frames belong to one video; see :meth:`Scores.by_video`."""

TEXT = ("dataset", "video", "method", "source", "compression")
COLUMNS = ("dataset", "video", "frame", "label", "method", "source", "compression", "fake_prob")
LOGIT = "logit:"
"""Prefix of the columns that hold one method's logit each."""
MARKS = "compat"
"""A column for readers of the file: the switches that change what its scores mean. There where any is set."""
PROTOCOL = "protocol"
"""Another one: the hash of what the scores were taken under, see :mod:`training.core.conditions`. There where known."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """One row per test frame (or clip): who it is, what is true, and what the detector says.

    Lists are taken as well as arrays; text columns become object arrays, so that equal names share memory.
    """

    dataset: np.ndarray
    video: np.ndarray
    """Path that is unique within the dataset, with method and compression: ``Deepfakes/c23/000_003``."""
    frame: np.ndarray
    """Index in the source video; of a clip, its first frame."""
    label: np.ndarray
    """0 real, 1 fake."""
    method: np.ndarray
    """Which manipulation, ``real`` for real videos."""
    source: np.ndarray
    compression: np.ndarray
    """May be empty."""
    fake_prob: np.ndarray
    """``(N,)`` float64 in [0, 1]."""
    logits: np.ndarray | None = None
    """``(N, C)`` float64, for attribution; column ``c`` belongs to the method ``classes[c]``."""
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = dict.fromkeys(TEXT, object) | {"frame": np.int64, "label": np.int64, "fake_prob": np.float64}
        for name, kind in kinds.items():
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=kind))
            if getattr(self, name).shape != (len(self),):
                raise ContractError(f"scores: {name} has shape {getattr(self, name).shape}, expected ({len(self)},)")
        if self.logits is not None:
            object.__setattr__(self, "logits", np.asarray(self.logits, dtype=np.float64))
        if (np.zeros((len(self), 0)) if self.logits is None else self.logits).shape != (len(self), len(self.classes)):
            raise ContractError(f"scores: logits need one row per frame and one column per class of {self.classes}")

    def __len__(self) -> int:
        return len(self.frame)

    def select(self, rows: np.ndarray) -> Scores:
        """The rows that a boolean mask or an index array names, in its order."""
        picked = {name: getattr(self, name)[rows] for name in COLUMNS}
        return Scores(**picked, logits=None if self.logits is None else self.logits[rows], classes=self.classes)

    def by_video(self, key: VideoKey = "path") -> Scores:
        """One row per video: the mean of its frames' probabilities and logits.

        ``path`` tells videos apart by dataset and full path. ``folder`` reproduces DeepfakeBench, where frames whose
        last folder has the same name are one video even if their manipulations differ; it counts as fake only when
        every frame is (there: ``int(mean label)``). The other columns are those of the video's first row, a real one
        if there is any.

        Raises:
            DataError: a video has frames of both labels (``path`` only).
        """
        video = self.video if key == "path" else np.array([_last_folder(v) for v in self.video], dtype=object)
        group, count = codes(self.dataset, video)
        order = np.lexsort((self.frame, self.label, group))
        first = order[np.searchsorted(group[order], np.arange(count))]
        mixed = np.flatnonzero(self.label != self.label[first][group])
        if key == "path" and len(mixed):
            row = mixed[0]
            raise DataError(
                f"video '{self.dataset[row]}/{self.video[row]}' has real and fake frames; expected one label"
            )
        size = np.bincount(group, minlength=count)

        def mean(values: np.ndarray) -> np.ndarray:
            return np.bincount(group, values, minlength=count) / size

        facts = {name: getattr(self, name)[first] for name in COLUMNS} | {"video": video[first]}
        logits = None if self.logits is None else np.stack([mean(column) for column in self.logits.T], axis=1)
        return Scores(**facts | {"fake_prob": mean(self.fake_prob)}, logits=logits, classes=self.classes)

    def save(self, path: Path, marks: Mapping[str, str] | None = None, protocol: str | None = None) -> None:
        """Write as CSV, atomically and sorted by identity; reading it gives the same numbers bit for bit.

        ``marks`` are the switches that change what the scores mean, ``protocol`` is the hash of what they were taken
        under; each stands in a last column of its own.
        """
        said = {MARKS: " ".join(f"{k}={v}" for k, v in (marks or {}).items()), PROTOCOL: protocol}
        said = {name: text for name, text in said.items() if text}
        rows = merge([self])
        columns = [getattr(rows, name).tolist() for name in COLUMNS]
        columns += [] if rows.logits is None else rows.logits.T.tolist()
        columns += [[text] * len(rows) for text in said.values()]
        with atomic(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*COLUMNS, *(LOGIT + name for name in rows.classes), *said])
            writer.writerows(zip(*columns, strict=True))

    @staticmethod
    def load(path: Path) -> Scores:
        """The scores in a CSV file that :meth:`save` wrote.

        Raises:
            DataError: the file is missing, a column is missing or unknown, a value is not what its column holds, or a
                frame is listed twice; names file, line and column.
        """
        where = shown(path)
        if not path.is_file():
            raise DataError(f"no score file {where}")
        try:
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.reader(file)
                header = _header(next(reader, []), where)
                columns = dict(zip(header, _columns(reader, len(header), where), strict=True))
        except (UnicodeDecodeError, csv.Error) as error:
            raise DataError(f"{where}: not a CSV file in UTF-8 ({error})") from error
        parsed = {name: columns[name] for name in TEXT}
        parsed["frame"] = _parse(columns["frame"], int, lambda x: x >= 0, "an index >= 0", f"{where}: column 'frame'")
        parsed["label"] = _parse(columns["label"], int, lambda x: x in (0, 1), "0 or 1", f"{where}: column 'label'")
        at = f"{where}: column 'fake_prob'"
        parsed["fake_prob"] = _parse(columns["fake_prob"], float, lambda x: 0 <= x <= 1, "a number in [0, 1]", at)
        classes = [name for name in header if name.startswith(LOGIT)]
        logits = [_parse(columns[c], float, math.isfinite, "a number", f"{where}: column '{c}'") for c in classes]
        names = tuple(c.removeprefix(LOGIT) for c in classes)
        scores = Scores(**parsed, logits=np.array(logits).T if names else None, classes=names)
        if (row := _repeated(scores)) is not None:
            raise DataError(f"{where}:{row + 2}: frame {_name(scores, row)} is listed twice")
        return scores


def merge(parts: Sequence[Scores]) -> Scores:
    """The rows of all parts (of several processes, say) as one table, sorted by identity.

    Raises:
        ContractError: a frame occurs twice, or the parts' classes differ.
    """
    parts = [part for part in parts if len(part)] or parts[:1]  # a process without rows knows no classes
    if len({part.classes for part in parts}) > 1:
        raise ContractError("scores with different classes cannot be merged")
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS}
    logits = None if parts[0].logits is None else np.concatenate([part.logits for part in parts])
    joined = Scores(**columns, logits=logits, classes=parts[0].classes)
    if (row := _repeated(joined)) is not None:
        raise ContractError(f"frame {_name(joined, row)} was scored twice")
    return joined.select(np.lexsort((joined.frame, codes(joined.dataset, joined.video)[0])))


def codes(*columns: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the distinct rows of one or more text columns from 0 on, in sorted order: ``((N,) int64, how many)``."""
    # The frames of a video mostly follow each other: only the first row of each run of equal ones is looked up.
    new = np.ones(len(columns[0]), dtype=bool)
    new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    first = np.flatnonzero(new)
    joined = np.zeros(len(first), dtype=np.int64)
    for column in columns:
        index: dict[str, int] = {}
        code = np.fromiter((index.setdefault(value, len(index)) for value in column[first]), np.int64, len(first))
        rank = np.empty(len(index), dtype=np.int64)
        rank[[index[value] for value in sorted(index)]] = np.arange(len(index))
        joined = joined * len(index) + rank[code]
    distinct, code = np.unique(joined, return_inverse=True)
    return np.repeat(code, np.diff(first, append=len(new))), len(distinct)


class Vectors(Protocol):
    """Rows ``(N, d)`` that are read in blocks: an array, or what stands for one."""

    shape: tuple[int, int]

    def __getitem__(self, rows: slice) -> np.ndarray:
        """A block."""
        ...


BLOCK = 4096
"""Rows of features that are in memory at a time."""


def save_features(path: Path, scores: Scores, features: Vectors) -> None:
    """Write one feature vector per row of ``scores``, ``(N, d)``, beside its identity, as an npz file."""
    identity = {"dataset": scores.dataset.astype(str), "video": scores.video.astype(str), "frame": scores.frame}
    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, column in identity.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, column)
        with archive.open("features.npy", "w", force_zip64=True) as file:
            about = {"descr": features[:0].dtype.str, "fortran_order": False, "shape": tuple(features.shape)}
            np.lib.format.write_array_header_1_0(file, about)
            for start in range(0, len(scores), BLOCK):
                file.write(features[start : start + BLOCK].tobytes())


def load_features(path: Path, scores: Scores) -> np.ndarray:
    """The feature vectors of the rows of ``scores``, in their order: ``(N, d)``.

    Raises:
        DataError: the file is missing or no feature file, or lacks a row.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            identity, features = [file[name].tolist() for name in ("dataset", "video", "frame")], file["features"]
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{shown(path)}: not a feature file ({error})") from error
    row = {key: number for number, key in enumerate(zip(*identity, strict=True))}
    wanted = list(zip(scores.dataset.tolist(), scores.video.tolist(), scores.frame.tolist(), strict=True))
    if missing := [key for key in wanted if key not in row]:
        raise DataError(f"{shown(path)}: no features of frame {'/'.join(map(str, missing[0]))}")
    return features[[row[key] for key in wanted]]


def scores_path(folder: Path, dataset: str) -> Path:
    """Where the scores of one test set lie in a run or test folder.

    Raises:
        DataError: a name that leads out of it.
    """
    path = folder / "scores" / f"{dataset}.csv"
    if not inside(folder / "scores", f"{dataset}.csv"):
        raise DataError(f"{shown(folder)}: {dataset!r} cannot name a test set, since it leads out of the folder")
    return path


def write_json(path: Path, tree: Any) -> None:
    """Write a results tree atomically; NumPy numbers are taken, NaN is not (say ``None`` and why)."""
    text = json.dumps(tree, indent=1, allow_nan=False, default=lambda number: number.item())
    with atomic(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """A results tree.

    Raises:
        DataError: the file is missing or holds no JSON object.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{shown(path)}: cannot be read as JSON ({error})") from error
    if not isinstance(tree, dict):
        raise DataError(f"{shown(path)}: expected a JSON object")
    return tree


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's log; a last line that a killed run left unfinished is left out.

    Raises:
        DataError: the file is missing, or another line is no JSON object.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{shown(path)}: cannot be read ({error})") from error
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    entries = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"{shown(path)}:{number}: not JSON ({error})") from error
        if not isinstance(entries[-1], dict):
            raise DataError(f"{shown(path)}:{number}: expected a JSON object")
    return entries


def _last_folder(video: str) -> str:
    return video.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def _name(scores: Scores, row: int) -> str:
    return f"{scores.dataset[row]}/{scores.video[row]}/{scores.frame[row]:05d}"


def _repeated(scores: Scores) -> int | None:
    """A row whose identity an earlier row has, None if all differ."""
    order = np.lexsort((scores.frame, (video := codes(scores.dataset, scores.video)[0])))
    same = (np.diff(video[order]) == 0) & (np.diff(scores.frame[order]) == 0)
    return int(order[1:][same].min()) if same.any() else None


def _header(names: list[str], where: str) -> list[str]:
    for name in names:
        if name not in (*COLUMNS, MARKS, PROTOCOL) and not name.startswith(LOGIT):
            raise DataError(f"{where}:1: '{name}' is not a column of a score file; {did_you_mean(name, COLUMNS)}")
    if missing := [name for name in COLUMNS if name not in names]:
        raise DataError(f"{where}:1: lacks the column '{missing[0]}'; a score file has {', '.join(COLUMNS)}")
    if len(set(names)) != len(names):
        raise DataError(f"{where}:1: a column is named twice")
    return names


def _columns(reader: Iterator[list[str]], width: int, where: str) -> list[list[str]]:
    """The file's columns; equal texts are one object, since a video's name recurs with every frame."""
    known: dict[str, str] = {}
    columns: list[list[str]] = [[] for _ in range(width)]
    for number, row in enumerate(reader, start=2):
        if len(row) != width:
            raise DataError(f"{where}:{number}: has {len(row)} values, expected {width}")
        for column, value in zip(columns, row, strict=True):
            column.append(known.setdefault(value, value))
    return columns


def _parse(texts: Iterable[str], kind: type, holds: Callable[[Any], bool], expected: str, at: str) -> list:
    """The numbers of one column; ``at`` is ``file: column``, to which an error adds the line."""
    values = []
    for number, text in enumerate(texts, start=2):
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not holds(value):
            file, column = at.rsplit(": ", 1)
            raise DataError(f"{file}:{number}: {column} is '{text}'; expected {expected}")
        values.append(value)
    return values
