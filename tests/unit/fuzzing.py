"""Files with faults, drawn by seed: changed bytes, and trees with wrong values, names and gaps."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

WRONG = [
    None, True, -1, 0, 2**70, 0.5, float("nan"), float("inf"), "", " ", "x", "../x", "/x", "\ud800", "a\0b", "x" * 999,
    "2001-99-99", [], {}, [[]], [None], {"": ""}, {"name": 1}, {"name": None}, {"name": "xceptoin"}, [1, "a", {}],
]  # fmt: skip


def mutated_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """``data`` with one to four faults: bytes changed, cut off, left out, doubled or put in."""
    out = bytearray(data)
    for _ in range(rng.integers(1, 5)):
        at, length = int(rng.integers(len(out) + 1)), int(rng.integers(1, 9))
        kind = rng.integers(6)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            out[at : at + length] = rng.bytes(length)
        elif kind == 2:
            del out[at : at + length]
        elif kind == 3:
            out[at:at] = out[at : at + 64]
        elif kind == 4:
            out[at:at] = rng.bytes(length)
        elif rng.random() < 0.3:
            del out[at:]
    return bytes(out)


def mutated_tree(tree: Any, rng: np.random.Generator) -> Any:
    """A copy of the JSON or YAML ``tree`` with one to three faults."""
    root = {"": copy.deepcopy(tree)}
    for _ in range(rng.integers(1, 4)):
        node, key = _place(root, rng)
        kind = rng.integers(4)
        if kind == 0 and isinstance(node, dict) and node is not root:
            node[f"{key}x" if rng.random() < 0.5 else rng.choice(["", "name", "frames", "label"]).item()] = node.pop(
                key
            )
        elif kind == 1 and node is not root:
            del node[key]
        else:
            node[key] = copy.deepcopy(WRONG[rng.integers(len(WRONG))])
    return root[""]


def _place(root: dict, rng: np.random.Generator) -> tuple[Any, Any]:
    """A container and a key in it, at any depth."""
    node, key = root, ""
    while True:
        below = node[key]
        keys = list(below) if isinstance(below, dict) else list(range(len(below))) if isinstance(below, list) else []
        if not keys or rng.random() < 0.15:
            return node, key
        node, key = below, keys[rng.integers(len(keys))]
