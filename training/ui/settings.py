"""What the page is told when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from training.core.paths import RUNS, WEIGHTS

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Settings:
    """Where things lie and what is allowed."""

    runs: Path = RUNS
    weights: Path = WEIGHTS
    kept: Path = Path("predictions")
    """Where uploads and answers go that somebody wants to keep."""
    max_bytes: int = 512 << 20
    """Of one upload."""
    max_waiting: int = 20
    """Uploads that may wait or be judged at a time."""
    names: tuple[str, ...] = LOOPBACK
    """Names of this machine that requests may use; others come from pages that had a foreign name point here."""
    device: str = "auto"
