"""One's own data: ``real/...`` and ``fake/<method>/...``, or a CSV table; videos and pictures.

The folders may lie below ``train/``, ``val/`` and ``test/``; otherwise (and for rows of a CSV without a split) the
files are divided 70 / 10 / 20 by a hash. What shares a person or a source stays together; without a ``source`` the file
name is it, so call a fake like the real video that it was made from. Columns of a CSV: ``path`` (relative to the
CSV's folder and below it) and ``label`` (real, fake, 0 or 1); optionally ``split``, ``method``, ``person``, ``source``.
"""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from preprocessing.faces.video import PICTURE_SUFFIXES, VIDEO_SUFFIXES
from preprocessing.layouts.base import LAYOUTS, Layout, Scan, SourceVideo, files_below, some
from preprocessing.manifest import REAL, SPLITS, Video
from preprocessing.splits import split_groups
from training.core.errors import ConfigError, did_you_mean
from training.core.paths import inside, shown

SHARES = {"train": 0.7, "val": 0.1, "test": 0.2}
FAKE = "fake"
COLUMNS = ("path", "label", "split", "method", "person", "source")
LONGEST = 150
"""Bytes of a file or folder name; file systems take 255, and our endings need room."""
LABELS = {"real": 0, "0": 0, "fake": 1, "1": 1}


@dataclass(frozen=True, slots=True)
class _File:
    """A file and what its place or its row says about it."""

    path: Path
    name: PurePath
    """Path within the dataset, without the ending."""
    label: int
    method: str
    source: str
    split: str | None = None
    person: str | None = None


@LAYOUTS.register("folder")
class Folder(Layout):
    """Reads a tree or table of the user's own."""

    about = "real/... and fake/<method>/..., also below train/ val/ test/; or a CSV: path,label[,split,method,person]"

    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """See :class:`Layout`; ``compression`` says nothing here."""
        remarks: list[str] = []
        files = _from_csv(root) if root.is_file() else _from_tree(root, remarks)
        if not files:
            raise ConfigError(f"{shown(root)}: holds no videos or pictures; expected {self.about}")
        files = _divide(files, remarks)
        clashes = Counter(file.name for file in files)
        videos = []
        for file in sorted(files, key=lambda f: (f.name, f.path)):
            unique = file.name if clashes[file.name] == 1 else file.name.with_name(file.path.name)
            facts = Video(
                dataset, _plain(unique), file.label, file.method, file.source, str(file.split), person=file.person
            )
            videos.append(SourceVideo(facts, file.path))
        return Scan(videos, remarks)


def _plain(name: PurePath) -> str:
    """``name`` as text that every file system, terminal and JSON reader takes: valid Unicode, no part too long."""
    parts = (part.encode("utf-8", "surrogateescape") for part in name.parts)
    return "/".join(
        part.decode("utf-8", "replace")
        if len(part) <= LONGEST
        else f"{part[:LONGEST].decode('utf-8', 'ignore')}-{hashlib.sha256(part).hexdigest()[:12]}"
        for part in parts
    )


def _from_tree(root: Path, remarks: list[str]) -> list[_File]:
    tops = {split: root / split for split in SPLITS if (root / split).is_dir()} or {None: root}
    files, ignored = [], []
    for split, top in tops.items():
        for path in files_below(top):
            file = _from_place(path, root, path.relative_to(top).parts)
            if file is None:
                ignored.append(path.relative_to(root))
            else:
                files.append(replace(file, split=split))
    if ignored:
        remarks.append(
            f"{len(ignored)} files are no videos or pictures below real/ or fake/, left out: {some(ignored)}"
        )
    return files


def _from_place(path: Path, root: Path, inside: tuple[str, ...]) -> _File | None:
    kind = inside[0].lower()
    if path.suffix.lower() not in VIDEO_SUFFIXES | PICTURE_SUFFIXES or kind not in (REAL, FAKE) or len(inside) < 2:
        return None
    # fake/<method>/a/b.mp4 was made from real/a/b.mp4, if that is there
    method = REAL if kind == REAL else inside[1] if len(inside) > 2 else FAKE
    start = 2 if kind == FAKE and len(inside) > 2 else 1
    source = PurePath(*inside[start:]).with_suffix("").as_posix()
    return _File(path, path.relative_to(root).with_suffix(""), int(kind == FAKE), method, source)


def _from_csv(table: Path) -> list[_File]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            for column in reader.fieldnames or ():
                if column not in COLUMNS:
                    raise ConfigError(f"{shown(table)}: unknown column '{column}'; {did_you_mean(column, COLUMNS)}")
            if missing := {"path", "label"} - set(reader.fieldnames or ()):
                raise ConfigError(f"{shown(table)}: lacks the column {' and '.join(sorted(missing))}")
            rows = [_from_row(row, table, f"{shown(table)}:{reader.line_num}") for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{shown(table)}: cannot be read as a CSV table ({error})") from error
    if double := [str(path) for path, times in Counter(row.path for row in rows).items() if times > 1]:
        raise ConfigError(f"{shown(table)}: lists twice: {some(double)}")
    return rows


def _from_row(row: dict[str, str | None], table: Path, at: str) -> _File:
    if None in row:  # where csv keeps what no column takes
        raise ConfigError(f"{at}: has more cells than the header")
    cells = {key: (row.get(key) or "").strip() for key in COLUMNS}
    if not cells["path"]:
        raise ConfigError(f"{at}: the path is empty")
    if cells["label"].lower() not in LABELS:
        raise ConfigError(f"{at}: label is '{cells['label']}'; expected real, fake, 0 or 1")
    if cells["split"] and cells["split"] not in SPLITS:
        raise ConfigError(f"{at}: split is '{cells['split']}'; {did_you_mean(cells['split'], SPLITS)}")
    label = LABELS[cells["label"].lower()]
    method = cells["method"] or (FAKE if label else REAL)
    if (method == REAL) != (label == 0):
        raise ConfigError(f"{at}: method is '{method}' but label is '{cells['label']}'")
    if not inside(table.parent, cells["path"]):
        raise ConfigError(
            f"{at}: '{cells['path']}' leads out of {shown(table.parent)}; put the table into a folder above its files"
        )
    path = table.parent / cells["path"]
    name = PurePath(*(part for part in PurePath(cells["path"]).parts if part not in ("..", PurePath(path).anchor)))
    return _File(
        path=path,
        name=name.with_suffix(""),
        label=label,
        method=method,
        source=cells["source"] or name.stem,
        split=cells["split"] or None,
        person=cells["person"] or None,
    )


def _divide(files: list[_File], remarks: list[str]) -> list[_File]:
    """Give a split to every file that has none, whole groups at a time."""
    open_files = [file for file in files if file.split is None]
    if not open_files:
        return files
    groups = _groups(open_files)
    labels: dict[str, frozenset[int]] = {}
    for file in open_files:
        labels[groups[file.path]] = labels.get(groups[file.path], frozenset()) | {file.label}
    splits = split_groups(labels, SHARES)
    counts = Counter(splits.values())
    remarks.append(
        f"{len(open_files)} files came without a split and were divided by a hash of person or source, in groups: "
        + ", ".join(f"{split} {counts[split]}" for split in SHARES)
    )
    return [file if file.split else replace(file, split=splits[groups[file.path]]) for file in files]


def _groups(files: list[_File]) -> dict[Path, str]:
    """Per path the name of its group: files are in one group if they share a person or a source, or a chain of such."""
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    for file in files:
        if file.person:
            first, second = sorted((find(f"source {file.source}"), find(f"person {file.person}")))
            parent[second] = first
    return {file.path: find(f"source {file.source}") for file in files}
