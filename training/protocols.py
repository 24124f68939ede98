"""Protocols of open-world attribution out of manifests: which methods are known, which are novel."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from preprocessing.manifest import REAL
from training.core.errors import ConfigError, did_you_mean
from training.core.paths import MANIFESTS, atomic, shown
from training.core.schema import DataConfig
from training.data.select import select

FEWEST = 3
"""Classes, real among them, that can be divided: one known forgery, one novel one, and real or another."""


@dataclass(frozen=True)
class Choice:
    """A protocol."""

    datasets: list[str]
    known: list[str]
    novel: list[str]
    videos: dict[str, tuple[int, int]]
    """Per class, how many train and how many test."""
    seed: int | None
    """With which the known classes were drawn; None: they were named."""
    told: list[str] = field(default_factory=list)
    """What else there is to know, one sentence each."""


def choose(datasets: list[str], known: list[str], seed: int, manifests: Path) -> Choice:
    """Divide the methods of ``datasets`` into known and novel ones.

    Args:
        datasets: whose manifests lie in ``manifests``.
        known: one number, of methods beside real that are drawn; or names.
        seed: of the draw.
        manifests: folder.

    Raises:
        ManifestError: a manifest is missing, or nothing in it trains or tests.
        ConfigError: there are too few methods, or ``known`` are not some of them.
    """
    train, test = (_videos(datasets, split, manifests) for split in ("train", "test"))
    videos = {name: (train[name], test[name]) for name in sorted(train.keys() & test.keys())}
    told = [
        f"left out, since no video of it {verb}: {name}"
        for verb, lacking in (("trains", test.keys() - train), ("tests", train.keys() - test))
        for name in sorted(lacking)
    ]
    if len(videos) < FEWEST:
        raise ConfigError(
            f"{', '.join(datasets)}: {len(videos)} classes train and test ({', '.join(videos) or 'none'}); a protocol "
            f"needs {FEWEST} or more"
        )
    drawn = len(known) == 1 and known[0].isdecimal()
    chosen = _drawn(int(known[0]), list(videos), seed) if drawn else _named(known, list(videos))
    novel = [name for name in videos if name not in chosen]
    if not novel:
        raise ConfigError(f"--known: all of {', '.join(chosen)} are known; leave one out, to be novel")
    if REAL in novel:
        told.append("real is novel here, since --known does not name it")
    return Choice(datasets, chosen, novel, videos, seed if drawn else None, told)


def write(path: Path, choice: Choice, manifests: Path = MANIFESTS) -> None:
    """Write a protocol for ``train.py --protocol``.

    Raises:
        ConfigError: the file is there already.
    """
    if path.exists():
        raise ConfigError(f"--output {shown(path)}: is there already; remove it, or name another")
    data: dict[str, Any] = {"train": list(choice.datasets), "test": list(choice.datasets)}  # two, or YAML links them
    if manifests != MANIFESTS:
        data["manifests"] = str(manifests.resolve())
    data["recipe"] = {"name": "open_world", "known": choice.known, "novel": choice.novel}
    tree = yaml.safe_dump({"data": data}, sort_keys=False, default_flow_style=None, width=110, allow_unicode=True)
    how = "named" if choice.seed is None else f"drawn with seed {choice.seed}"
    counts = (f"#   {name}: {train}, {test}" for name, (train, test) in choice.videos.items())
    head = f"# Open-world attribution on {', '.join(choice.datasets)}; its known classes were {how}."
    with atomic(path) as temporary:
        temporary.write_text("\n".join([head, "# Videos that train and test:", *counts, tree]), encoding="utf-8")


def _videos(datasets: list[str], split: str, manifests: Path) -> Counter[str]:
    """How many videos of ``split`` show a face, by method."""
    found = select(datasets, split, 1, DataConfig(manifests=manifests))
    return Counter(record.method for one in found for record in one.records)


def _drawn(count: int, classes: list[str], seed: int) -> list[str]:
    forged = [name for name in classes if name != REAL]
    if not 0 < count < len(forged):
        raise ConfigError(
            f"--known {count}: there are {len(forged)} methods beside real ({', '.join(forged)}); expected 1 to "
            f"{len(forged) - 1}"
        )
    picked = np.random.default_rng(seed).permutation(forged)[:count].tolist()
    return [*(name for name in classes if name == REAL), *sorted(picked)]


def _named(known: list[str], classes: list[str]) -> list[str]:
    for name in known:
        if name not in classes:
            raise ConfigError(f"--known: no videos of '{name}' train and test; {did_you_mean(name, classes)}")
    if double := [name for name, times in Counter(known).items() if times > 1]:
        raise ConfigError(f"--known: {', '.join(double)} is named twice")
    if set(known) <= {REAL}:
        raise ConfigError(f"--known: name a method beside real; {did_you_mean('', classes)}")
    return known
