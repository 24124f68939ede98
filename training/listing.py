"""What ``train.py --list`` prints."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from training.core.config import read_yaml
from training.core.paths import CONFIG
from training.core.registry import DETECTORS


def detectors_table() -> str:
    """One line per detector: name, backbone, recipe, and the first sentence of its file. Imports none of them."""
    rows = [("detector", "backbone", "recipe", "what it is"), *(_row(name) for name in DETECTORS.names())]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    lines = ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows]
    return "\n".join(lines)


def _row(name: str) -> tuple[str, str, str, str]:
    yaml = CONFIG / "detector" / f"{name}.yaml"
    tree = read_yaml(yaml) if yaml.is_file() else {}
    recipe = tree.get("data", {}).get("recipe", "frames")
    return name, _name(tree.get("backbone", "-")), _name(recipe), _first_line(name)


def _name(block: object) -> str:
    return block.get("name", "-") if isinstance(block, dict) else str(block)


def _first_line(name: str) -> str:
    origin = find_spec(f"{DETECTORS.package}.{name}").origin
    text = ast.get_docstring(ast.parse(Path(origin).read_text(encoding="utf-8")))
    return (text or "").partition("\n")[0]
