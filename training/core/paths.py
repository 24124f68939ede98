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
