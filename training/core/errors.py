"""Errors a user can cause. Entry scripts print them in one line; anything else is a bug and keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar


class BenchError(Exception):
    """Base of every error that names a file, key or plug-in the user can fix."""

    exit_code: ClassVar[int] = 1
    """2: found before work starts (usage, configuration, manifest, weights); 1: found while working."""


class ConfigError(BenchError):
    """A configuration value is unknown, missing or of the wrong type."""

    exit_code = 2


class RegistryError(BenchError):
    """A plug-in name does not exist, or exists twice."""

    exit_code = 2


class ManifestError(BenchError):
    """A manifest is missing, unreadable, empty for the split asked for, or names files that are not there."""

    exit_code = 2


class WeightsError(BenchError):
    """A checkpoint or weights file is missing, unsafe, or belongs to another network."""

    exit_code = 2


class DataError(BenchError):
    """A video, frame, mask or landmark file on disk is not what it should be."""


class ContractError(BenchError):
    """A plug-in returned something its contract does not allow."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Sentence naming the nearest known word, or all of them when nothing is near."""
    known = sorted(known)
    near = get_close_matches(word.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
    if near:
        return f"did you mean '{next(k for k in known if k.lower() == near[0])}'?"
    return f"known: {', '.join(known) or '(none)'}"
