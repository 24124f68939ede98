"""Raw data sets in miniature: layouts look at names and lists only, so the videos are empty files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from preprocessing.layouts.base import Scan, SourceVideo, layout_for
from preprocessing.manifest import SPLITS, Video


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def scan(root: Path, dataset: str = "mine", layout: str | None = None, compression: str = "c23") -> Scan:
    return layout_for(dataset, layout).scan(root, dataset, compression)


def by_name(found: Scan) -> dict[str, SourceVideo]:
    names = Counter(source.facts.video for source in found.videos)
    assert max(names.values(), default=1) == 1, f"found twice: {names.most_common(1)}"
    return {source.facts.video: source for source in found.videos}


def facts(found: Scan, *fields: str) -> dict[str, tuple]:
    """Per video the named fields of what is known of it."""
    return {name: tuple(getattr(s.facts, field) for field in fields) for name, s in by_name(found).items()}


def splits(found: Scan) -> Counter:
    return Counter((source.facts.split, source.facts.method) for source in found.videos)


def per_split(found: Scan, what: Callable[[Video], str]) -> dict[str, set[str]]:
    """What the videos of each split have of something: sources, persons, ..."""
    return {split: {what(s.facts) for s in found.videos if s.facts.split == split} for split in SPLITS}
