"""Running entries as a user would: in a process of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TINY = ["--set", "backbone.size=tiny", "--set", "backbone.weights=random"]
SMALL = ["--set", "data.batch_size=4", "--set", "epochs=2", "--set", "log.every=1", "--set", "evaluate.resamples=50"]


@pytest.fixture
def command(toy: Path, data_flags: list[str]) -> Callable[..., list[str]]:
    """``command("train", ...)``: the words that start an entry on the toy data with one loader-free process."""

    def words(entry: str, *args: str) -> list[str]:
        workers = [] if any("data.workers" in a for a in args) else ["--set", "data.workers=0"]
        return [sys.executable, str(ROOT / "training" / f"{entry}.py"), *args, *data_flags, *workers]

    return words


@pytest.fixture
def run(command: Callable[..., list[str]], tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Start an entry in a folder that is not the checkout, and wait for it."""

    def start(entry: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(entry, *args), capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment()
        )

    return start


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
