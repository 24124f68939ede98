"""Under which conditions a figure was measured, and the hash that stands beside it: figures of equal hash compare.

The conditions of a figure are a tree, put together in :mod:`training.conditions`. What enters:

- ``train``, ``val``, ``test``: per data set, as its manifest lists it: which split, how many videos, their compressions
  and the hash of that list (videos with label, method, source and frames that show a face), and how faces were cut;
- ``frames``: how many per video are tested, and how they are picked;
- ``selection``: by what the tested checkpoint was chosen, and whether validation is free of who trains;
- ``metric``: the figure that the protocol is about, and what counts as one video;
- ``classes``: of attribution, which methods are known, novel and limited.

What does not: the method, its network, recipe, augmentation, training frames and steps, since these are what is
compared; the seed; devices, workers, batch sizes at test time, paths and stores, which change no condition.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

RULE = 1
"""Changes when the meaning of what enters does, so that older hashes never agree with newer ones by chance."""
LENGTH = 12
"""Hexadecimal digits of a hash: one in 10^14 pairs of different protocols would share it."""
SEPARATOR = "\0"
"""Between the names of a place; names of data sets hold dots."""


def protocol_hash(conditions: Mapping[str, Any]) -> str:
    """The short hash of a tree of conditions; the order of its keys says nothing."""
    text = json.dumps({"rule": RULE, **conditions}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:LENGTH]


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """One sentence per condition that differs, ``frames.per_video: 32, theirs 8``; whole sets by their name."""
    return [
        f"{key.replace(SEPARATOR, '.')}: {_said(ours, key)}, theirs {_said(theirs, key)}"
        for key in _keys(ours, theirs)
        if _at(ours, key) != _at(theirs, key)
    ]


def _keys(ours: Any, theirs: Any, prefix: str = "") -> list[str]:
    """Places at which to compare: as deep as both go, in the order in which they are told."""
    if not isinstance(ours, Mapping) or not isinstance(theirs, Mapping):
        return [prefix]
    return [
        key
        for name in dict.fromkeys([*ours, *theirs])
        for key in _keys(ours.get(name), theirs.get(name), f"{prefix}{SEPARATOR}{name}" if prefix else name)
    ]


def _at(tree: Any, key: str) -> Any:
    for name in key.split(SEPARATOR):
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _said(tree: Mapping[str, Any], key: str) -> str:
    value = _at(tree, key)
    if value is None:
        return "none"
    return "there" if isinstance(value, Mapping) else json.dumps(value, ensure_ascii=False).strip('"')
