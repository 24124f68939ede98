"""In which settings runs differ: how a study of one option names them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analysis.collect import Result

NO_OPTION = ("run_dir", "device", "notes", "log")
"""Keys that say where and how a run went, not what it did."""
NAMED = 3
"""Settings that a name holds; runs that differ in more are no study of one option."""


def run_names(results: Sequence[Result]) -> list[str]:
    """What is particular to each run: ``augment.enabled=False``; its display name where settings do not tell it.

    A setting that a run's configuration lacks counts as none. Keys lose the parts that all of them begin with.
    """
    found = [dict(_flat(result.config)) for result in results]
    keys = [key for key in dict.fromkeys(k for one in found for k in one) if _differs(key, found)]
    if not keys or len(keys) > NAMED:
        return [result.label for result in results]
    short = _short(keys)
    names = [", ".join(f"{short[key]}={_text(one.get(key))}" for key in keys) for one in found]
    return names if len(set(names)) == len(names) else [result.label for result in results]


def _flat(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if not prefix and key in NO_OPTION:
            continue
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _differs(key: str, found: list[dict[str, Any]]) -> bool:
    return any(one.get(key) != found[0].get(key) for one in found)


def _short(keys: list[str]) -> dict[str, str]:
    """Each key without its section, as long as that leaves them different."""
    last = {key: key.partition(".")[2] or key for key in keys}
    return last if len(set(last.values())) == len(keys) else {key: key for key in keys}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "+".join(map(str, value))
    return "none" if value is None else str(value)
