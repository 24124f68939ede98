"""What ``train.py --list`` prints. It must come at once, so the detectors' files are read, not imported."""

from __future__ import annotations

import ast
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from training.core.config import read_yaml
from training.core.paths import CONFIG, ROOT, atomic
from training.core.registry import DETECTORS

STATUS = CONFIG / "status.json"
"""Per detector its number of parameters and what became of its golden figures, as ``check.py --write-status`` saw."""
HEADER = ("detector", "family", "year", "backbone", "recipe", "parameters", "golden", "what it is")

README = ROOT / "README.md"
BEGIN, END = "<!-- methods, written by: python -m training.listing -->", "<!-- end of methods -->"


def detectors_table() -> str:
    """One line per detector, as ``HEADER`` says; ``-`` where something is not known of it."""
    table = [HEADER, *rows()]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)


def rows() -> list[tuple[str, ...]]:
    """What is known of every detector, as ``HEADER`` names it."""
    status = json.loads(STATUS.read_text(encoding="utf-8")) if STATUS.is_file() else {}
    return [_row(name, status.get(name, {})) for name in DETECTORS.names()]


def families() -> str:
    """The README's table: methods by family, each with what became of its reference's figures."""
    lines = [BEGIN, "", "| family | methods |", "|---|---|"]
    table = [dict(zip(HEADER, row, strict=True)) for row in rows()]
    for family in sorted({row["family"] for row in table}):
        mine = (row for row in table if row["family"] == family)
        named = (f"`{row['detector']}`{_mark(row['golden'])}" for row in mine)
        lines.append(f"| {family} | {', '.join(named)} |")
    return "\n".join([*lines, "", END])


def _mark(golden: str) -> str:
    """Nothing where all figures are reproduced; 1: some differ on purpose; 2: there are none; 3: some are open."""
    if golden == "reproduced":
        return ""
    return f"<sup>{1 if 'on purpose' in golden else 2 if golden in ('none', '-') else 3}</sup>"


def written_in(text: str) -> str:
    """``text`` of the README with its table brought up to date."""
    before, _, rest = text.partition(BEGIN)
    return f"{before}{families()}{rest.partition(END)[2]}"


def _row(name: str, status: dict[str, Any]) -> tuple[str, ...]:
    yaml = CONFIG / "detector" / f"{name}.yaml"
    tree = read_yaml(yaml) if yaml.is_file() else {}
    recipe = tree.get("data", {}).get("recipe", "frames")
    module = ast.parse(Path(find_spec(f"{DETECTORS.package}.{name}").origin).read_text(encoding="utf-8"))
    facts = constants(module)
    size = f"{status['parameters'] / 1e6:.2f} M" if status else "-"
    given = (str(facts.get("family", "-")), str(facts.get("year", "-")), _name(tree.get("backbone", "-")))
    return name, *given, _name(recipe), size, status.get("golden", "-"), _first_line(module)


def constants(module: ast.Module) -> dict[str, Any]:
    """Class attributes with a literal value, of the registered class, by name."""
    found = {}
    for node in module.body:
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            for item in node.body:
                if isinstance(item, ast.Assign) and isinstance(item.value, ast.Constant):
                    found |= {t.id: item.value.value for t in item.targets if isinstance(t, ast.Name)}
    return found


def _name(block: object) -> str:
    return block.get("name", "-") if isinstance(block, dict) else str(block)


def _first_line(module: ast.Module) -> str:
    return (ast.get_docstring(module) or "").partition("\n")[0]


if __name__ == "__main__":
    with atomic(README) as temporary:
        temporary.write_text(written_in(README.read_text(encoding="utf-8")), encoding="utf-8")
