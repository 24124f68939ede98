"""Dependencies point one way; the syntax trees are asked, so that nothing has to be imported."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("preprocessing", "training", "analysis")

CORE = {"training.core"}
STORES = {f"preprocessing.{name}" for name in ("manifest", "store", "names", "dfb", "splits")}
BASE = {"training.detectors.base"}
MAY_IMPORT = {
    "training.core": CORE,
    "training.metrics": CORE | {"training.metrics"},
    "training.networks": CORE | {"training.networks"},
    "training.losses": CORE | {"training.losses", "training.networks"},
    "training.data": CORE | STORES | {"training.data", "training.networks"},
    "training.data.blending": {"training.data.blending"},
    "training.detectors": CORE
    | BASE
    | {"training.networks", "training.losses", "training.data.blending", "training.detectors._"},
    "training.engine": CORE | STORES | BASE | {f"training.{p}" for p in ("engine", "data", "metrics", "networks")},
    # The page starts entries as processes; it runs no models itself.
    "training.ui": CORE
    | {"training.ui", "analysis"}
    | {f"training.engine.{name}" for name in ("checkpoint", "results")},
    "training": set(PACKAGES),
    "preprocessing": {"preprocessing", "training.core"},
    "analysis": CORE
    | STORES
    | {"analysis", "training.metrics"}
    | {f"training.engine.{name}" for name in ("results", "evaluate", "evaluators")},
}
"""What each layer may import; a trailing ``_`` stands for the shared parts of a package."""
TORCH_FREE = (
    *(
        f"training.core.{name}"
        for name in ("errors", "registry", "config", "schema", "paths", "cli", "classes", "coverage")
    ),
    *(
        f"training.engine.{name}"
        for name in ("results", "evaluate", "evaluators.settings", "evaluators.detection", "evaluators.attribution")
    ),
)


def modules() -> dict[str, Path]:
    paths = [p for package in PACKAGES for p in (ROOT / package).rglob("*.py")]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in sorted(paths)}


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports, in functions too; ``from a import b`` counts as ``a.b`` when that is a module."""
    known, found = modules(), set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {full if (full := f"{node.module}.{a.name}") in known else node.module for a in node.names}
    return found


def ours(names: set[str]) -> set[str]:
    return {name for name in names if name.split(".")[0] in PACKAGES}


@pytest.mark.parametrize("name", modules())
def test_imports_point_downwards(name: str) -> None:
    layer = max((layer for layer in MAY_IMPORT if name == layer or name.startswith(f"{layer}.")), key=len)
    for used in ours(imports_of(modules()[name])):
        assert any(allows(module, used) for module in MAY_IMPORT[layer]), f"{name} may not import {used}"


def allows(module: str, used: str) -> bool:
    return used == module or used.startswith(module if module.endswith("_") else f"{module}.")


def test_entries_are_imported_by_nobody() -> None:
    entries = {
        "training.train",
        "training.test",
        "training.predict",
        "training.ablation",
        "preprocessing.preprocess",
        "preprocessing.rearrange",
    }
    for name, path in modules().items():
        assert not entries & imports_of(path), f"{name} imports an entry"


def test_there_are_no_import_cycles() -> None:
    graph = {name: {u for u in ours(imports_of(path)) if u in modules()} for name, path in modules().items()}
    done: set[str] = set()

    def visit(name: str, trail: list[str]) -> None:
        assert name not in trail, f"import cycle: {' -> '.join([*trail, name])}"
        if name not in done:
            for used in graph[name]:
                visit(used, [*trail, name])
            done.add(name)

    for name in graph:
        visit(name, [])


@pytest.mark.parametrize("name", TORCH_FREE)
def test_leaves_need_no_torch(name: str) -> None:
    seen, todo = set(), [name]
    while todo:
        current = todo.pop()
        seen.add(current)
        used = imports_of(modules()[current])
        assert not {u for u in used if u.split(".")[0] == "torch"}, f"{name} needs torch through {current}"
        todo += [u for u in ours(used) if u in modules() and u not in seen]


@pytest.mark.parametrize("name", [n for n, p in modules().items() if p.name == "__init__.py"])
def test_package_files_are_empty(name: str) -> None:
    assert modules()[name].read_text() == ""
