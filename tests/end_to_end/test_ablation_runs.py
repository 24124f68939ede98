"""An ablation from a command to its table: stopped, gone on, not done twice, never mixed with other settings."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.conftest import TINY, environment
from training import ablation
from training.core.errors import ConfigError

FEW = [*TINY, "--set", "data.batch_size=4", "--set", "epochs=1", "--set", "max_steps=6", "--set", "log.every=1"]
FEW += ["--set", "evaluate.resamples=20", "--set", "data.workers=0", "--set", "data.batch_size_test=8"]
WORDS = ["--detector_path", "clip_freq", "--train_dataset", "Toy", "--test_dataset", "Other", "Toy", *FEW]
RUNS = ["--variants", "Xception", "linear CLIP", "--seeds", "1"]


def stopped_within(words: list[str], log: Path, cwd: Path) -> str:
    """Start, ask it to stop once ``log`` has lines, wait; what it said last."""
    process = subprocess.Popen(
        words, cwd=cwd, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") >= 2):
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 0, said
    return said.splitlines()[-1]


def values(home: Path) -> list[tuple]:
    with (home / "table.csv").open() as file:
        return [tuple(row[k] for k in ("variant", "test_set", "metric", "level", "value", "spread", "seeds"))
                for row in csv.DictReader(file)]  # fmt: skip


def test_stopped_and_started_again_it_ends_where_it_would_have(
    command: Callable[..., list[str]],
    data_flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    ablation.main([*WORDS, *data_flags, *RUNS, "--output", str(whole)])
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["1/2 Xception, seed 1: done", "2/2 linear CLIP, seed 1: done"]
    assert said[-1] == f"ablation: {whole}"

    words = command("ablation", *WORDS, *RUNS, "--output", str(broken))
    told = stopped_within(words, broken / "linear_clip/seed_1/log.jsonl", tmp_path)
    assert told == "stopped in 'linear CLIP', seed 1; the same command goes on there"
    assert not (broken / "linear_clip/seed_1/metrics.json").exists()
    ablation.main([*WORDS, *data_flags, *RUNS, "--output", str(broken)])
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["1/2 Xception, seed 1: was done before", "2/2 linear CLIP, seed 1: done"]
    assert values(broken) == values(whole) and len({row[0] for row in values(whole)}) == 2
    log = [json.loads(line) for line in (broken / "linear_clip/seed_1/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "loss" in row] == [1, 2, 3, 4, 5, 6]

    tree = json.loads((whole / "table.json").read_text())
    assert [row["cost"]["learning"] for row in tree][1] == 2 * 128 + 2
    assert all(row["cost"]["frames_per_second"] > 0 and len(row["runs"]) == 1 for row in tree)

    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*.safetensors")}
    with pytest.raises(ConfigError, match=r"xception/seed_1: was run with 'max_steps' 6, not 5; name another --output"):
        ablation.main([*WORDS, *data_flags, *RUNS, "--set", "max_steps=5", "--output", str(whole)])
    ablation.main([*WORDS, *data_flags, *RUNS, "--output", str(whole)])
    assert before == {path: path.stat().st_mtime_ns for path in whole.rglob("*.safetensors")}
