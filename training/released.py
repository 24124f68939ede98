"""The index of released weights: where each is, what it must be, under which terms, and what came of fetching it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from training.core import download
from training.core.config import read_section
from training.core.errors import ConfigError, DataError, WeightsError, did_you_mean
from training.core.paths import WEIGHTS, shown
from training.engine.results import read_json, write_json

INDEX = WEIGHTS / "index.json"
FETCHED = "fetched.json"
"""Beside the weights: what was fetched when, its hash, and the terms that were acknowledged."""


@dataclass(kw_only=True)
class Released:
    """One file that others published."""

    file: str
    """Where it goes, below the folder of weights."""
    address: str | None
    """None: it comes another way, as ``about`` says."""
    sha256: str | None
    """None: no public page tells it."""
    size: int | None
    licence: str
    noncommercial: bool
    detector: str | None
    """The method whose checkpoint it is; None for a part of one."""
    protocol: str | None
    """Under which it was trained."""
    about: str


def read_index(path: Path = INDEX) -> dict[str, Released]:
    """All entries by name.

    Raises:
        WeightsError: the index is damaged, or an entry names a file outside the folder of weights.
    """
    try:
        found = {
            name: read_section(entry, Released, {"": f"{shown(path)}: {name}"})
            for name, entry in read_json(path)["weights"].items()
        }
    except (ConfigError, DataError, KeyError, AttributeError) as error:
        raise WeightsError(f"{shown(path)}: damaged index ({error})") from error
    for name, entry in found.items():
        place = PurePosixPath(entry.file)
        if place.is_absolute() or ".." in place.parts:
            raise WeightsError(f"{shown(path)}: {name}: '{entry.file}' leads out of the folder of weights")
    return found


def entry_of(name: str, index: dict[str, Released]) -> Released:
    """The entry called ``name``.

    Raises:
        WeightsError: there is none.
    """
    if name not in index:
        raise WeightsError(f"unknown weights '{name}'; {did_you_mean(name, index)}")
    return index[name]


def fetch(name: str, entry: Released, folder: Path = WEIGHTS, acknowledged: bool = False) -> Path:
    """Put the file into ``folder``, compare it with what is known of it, and record that; returns its path.

    Raises:
        WeightsError: it has no address, or non-commercial terms were not acknowledged.
        DataError: it cannot be reached, or is not what it should be; then nothing is kept.
    """
    path, known = folder / entry.file, fetched(folder)
    before = known.get(name, {})
    if entry.noncommercial and not (acknowledged or before.get("acknowledged")):
        raise WeightsError(
            f"{name}: {entry.licence}; fetch it with --acknowledge to say that you keep to that, which is recorded in "
            f"{shown(folder / FETCHED)}"
        )
    if entry.address is None and not path.is_file():
        raise WeightsError(f"{name}: has no address to fetch it from; {entry.about}")
    try:
        found = download.fetch(entry.address or "", path, entry.sha256 or before.get("sha256"), entry.size)
    except DataError as error:
        raise DataError(f"{name}: {error}; offline, put the file into {shown(path)} by hand, then verify") from error
    known[name] = {
        "file": entry.file,
        "address": entry.address,
        "sha256": found,
        "sha256_was_known": entry.sha256 is not None,
        "licence": entry.licence,
        "acknowledged": before.get("acknowledged") or (_now() if entry.noncommercial else None),
        "fetched": before.get("fetched") or _now(),
    }
    write_json(folder / FETCHED, known)
    return path


def verify(name: str, entry: Released, folder: Path = WEIGHTS) -> str:
    """What there is to say of a file: ``not there``, ``as told``, ``as first fetched``, or that nothing is known of it.

    Raises:
        DataError: it is another file than it should be.
    """
    path, recorded = folder / entry.file, fetched(folder).get(name, {}).get("sha256")
    if not path.is_file():
        return "not there"
    found = download.checked(path, entry.sha256 or recorded, entry.size)
    if entry.sha256 is not None:
        return "as told"
    return "as first fetched" if recorded else f"there; no hash is known to compare {found} with"


def fetched(folder: Path = WEIGHTS) -> dict[str, Any]:
    """What was fetched into ``folder``, by name."""
    path = folder / FETCHED
    return read_json(path) if path.is_file() else {}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")
