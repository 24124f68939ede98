"""Where things lie in a checkout, so that every entry works from any folder; and how much machine there is."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "training" / "config"
DATASETS = ROOT / "datasets"
WEIGHTS = ROOT / "weights"
MANIFESTS = ROOT / "preprocessing" / "dataset_json"
RUNS = ROOT / "runs"


def shown(path: Path) -> str:
    """``path`` as a message should show it: relative to the working folder when it lies below it."""
    with contextlib.suppress(ValueError):
        return str(Path(path).resolve().relative_to(Path.cwd()))
    return str(path)


def names_folder(name: str) -> bool:
    """Whether ``name`` can name one folder below another: no way up, no way elsewhere, nothing hidden."""
    return bool(name) and not name.startswith(".") and not set(name) & set("/\\\0")


def inside(root: Path, path: str | Path) -> bool:
    """Whether ``root / path`` lies below ``root`` with all links followed. ``root`` itself may be a link."""
    try:
        return (root / path).resolve().is_relative_to(root.resolve())
    except (OSError, ValueError):  # a loop of links, a name that no file can have
        return False


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A temporary neighbor of ``path`` to write to; it replaces ``path`` on success and vanishes on failure.

    A reader, or a run killed in the middle, sees either the old file or the whole new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
