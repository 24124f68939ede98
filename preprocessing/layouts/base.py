"""What a layout is: it knows where the videos of a dataset lie and what is known about each.

A new dataset is one file here: subclass :class:`Layout`, name the datasets it reads and register it under the file's
name. Nothing else is edited.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from preprocessing.manifest import Video
from preprocessing.names import subset
from preprocessing.splits import pick_share
from training.core.errors import ConfigError, did_you_mean
from training.core.paths import shown
from training.core.registry import Registry


@dataclass(frozen=True, slots=True)
class SourceVideo:
    """A raw video or picture: what is known about it, the file, and the video of its manipulation masks."""

    facts: Video
    path: Path
    mask: Path | None = None


@dataclass(slots=True)
class Scan:
    """What a raw folder holds. ``remarks`` name what is missing, unknown or was left out, one sentence each."""

    videos: list[SourceVideo] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def named(self, paths: Iterable[Path], name: Callable[[Path], str]) -> dict[str, Path]:
        """``paths`` by the ``name`` that each gets. Of equal names the first is kept, the others are remarked on."""
        found: dict[str, Path] = {}
        doubles = [path.name for path in paths if found.setdefault(name(path), path) != path]
        if doubles:
            self.remarks.append(f"{len(doubles)} files are named like others, left out: {some(doubles)}")
        return found

    def compare(self, listing: str, listed: Iterable[str], there: Iterable[str]) -> None:
        """Remark on videos that a list names and that are not ``there``, and on those that it does not name."""
        listed, there = set(listed), set(there)
        if absent := sorted(listed - there):
            self.remarks.append(f"{len(absent)} videos of {listing} are not there: {some(absent)}")
        if strange := sorted(there - listed):
            self.remarks.append(f"{len(strange)} videos are not in {listing}, left out: {some(strange)}")


@dataclass(frozen=True, slots=True)
class Card:
    """What to know of a dataset before asking for it; one short line each. ``datasets/README.md`` shows all cards."""

    size: str
    """Videos or pictures, real and fake: ``1,000 real, 4,000 fake videos``."""
    methods: str
    """Which manipulations made the fakes."""
    subjects: str
    """How many people, and who they are, as far as told."""
    splits: str
    """Official splits, or how this layout divides the data."""
    terms: str
    """What must be signed or agreed to, and what it allows."""
    contact: str
    """Where to ask: name of a repository, form or page."""
    traps: str
    """What has misled others."""
    paper: str
    unverified: str = ""
    """What of the tree no public document settles, and was therefore assumed; empty when nothing is."""


class Layout(ABC):
    """Reads one kind of folder tree."""

    datasets: ClassVar[Mapping[str, Card]] = {}
    """The datasets that come in this form, by name."""
    about: ClassVar[str] = ""
    """One line for ``--list-datasets``: what is expected below the root."""

    @abstractmethod
    def scan(self, root: Path, dataset: str, compression: str) -> Scan:
        """All videos of ``dataset`` below ``root``; nothing is decoded.

        Raises:
            ConfigError: ``root`` does not look like this layout at all, or a list that it needs is missing or wrong.
        """

    def begin(self, root: Path, dataset: str, parts: Iterable[str]) -> tuple[Path, Scan]:
        """The folder that holds the ``parts``, which is ``root`` or the folder in it that is called like the dataset,
        and an empty scan that remarks on parts that are not there.

        Raises:
            ConfigError: none of them is there.
        """
        root, parts = home(root, dataset), list(parts)
        absent = [part for part in parts if not (root / part).exists()]
        if len(absent) == len(parts):
            raise ConfigError(f"{shown(root)}: no {dataset} here; expected {self.about}")
        return root, Scan([], [f"not there: {some(absent)}"] if absent else [])


LAYOUTS: Registry[type[Layout]] = Registry("layout", "preprocessing.layouts")


def layout_for(dataset: str, layout: str | None = None) -> Layout:
    """The layout called ``layout``, or the one that ``dataset`` comes in.

    Raises:
        RegistryError: no such layout.
        ConfigError: a dataset that no layout names, or a part of one.
    """
    if layout is not None:
        return LAYOUTS.get(layout)()
    known = {name: key for key in LAYOUTS.names() for name in (key, *LAYOUTS.get(key).datasets)}
    if dataset not in known and (whole := subset(dataset).dataset) in known:
        raise ConfigError(f"'{dataset}' is a part of {whole}: preprocess that, and train or test on '{dataset}'")
    if dataset not in known:
        raise ConfigError(f"unknown dataset '{dataset}'; {did_you_mean(dataset, known)} For your own: --layout folder")
    return LAYOUTS.get(known[dataset])()


def home(root: Path, dataset: str) -> Path:
    """``root`` itself, or the folder in it that is called like the dataset."""
    return root / dataset if (root / dataset).is_dir() else root


def with_validation(videos: list[SourceVideo], group: Callable[[Video], str], share: float = 0.1) -> list[SourceVideo]:
    """Where a dataset has no validation split: about ``share`` of the groups that train become one, chosen by a hash.

    Args:
        videos: their splits are ``train`` and ``test``; what is in ``test`` stays there.
        group: what must not be divided, the source or the person of a video for example.
    """
    picked = pick_share((group(video.facts) for video in videos if video.facts.split == "train"), share)
    return [
        replace(video, facts=replace(video.facts, split="val"))
        if video.facts.split == "train" and group(video.facts) in picked
        else video
        for video in videos
    ]


def some(names: Iterable[object], most: int = 5) -> str:
    """The first of ``names`` for a message, and how many more there are."""
    names = [str(name) for name in names]
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def files_below(folder: Path, suffixes: frozenset[str] | None = None) -> list[Path]:
    """Files below ``folder``, sorted, hidden ones passed over; only those with one of the ``suffixes`` (in any case).

    Links to folders are followed: large data often lie elsewhere.
    """
    return sorted(Path(place, file) for place, files in _walk(folder) for file in files if _ends(file, suffixes))


def folders_below(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Folders below ``folder`` that directly hold a file with one of the ``suffixes``, sorted."""
    return sorted(Path(place) for place, files in _walk(folder) if any(_ends(file, suffixes) for file in files))


def _walk(folder: Path) -> Iterator[tuple[str, list[str]]]:
    for place, names, files in os.walk(folder, followlinks=True):
        here = os.path.realpath(place)
        names[:] = [n for n in names if not n.startswith(".") and not _loops(os.path.realpath(f"{place}/{n}"), here)]
        yield place, [file for file in files if not file.startswith(".")]


def _ends(file: str, suffixes: frozenset[str] | None) -> bool:
    return suffixes is None or file.lower().endswith(tuple(suffixes))


def _loops(folder: str, above: str) -> bool:
    """Whether ``folder`` holds the folder ``above`` that it was found in."""
    return os.path.commonpath((folder, above)) == folder


def needed(path: Path, what: str) -> Path:
    """``path``, which must exist.

    Raises:
        ConfigError: it does not; ``what`` says what it is and where it comes from.
    """
    if not path.exists():
        raise ConfigError(f"{shown(path)}: missing; {what}")
    return path
