"""Several processes: methods of all kinds train, scores are those of one, a lost process ends the run in one line."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.end_to_end.conftest import SMALL, TINY, environment
from tests.end_to_end.test_training import torchrun
from training.engine.results import Scores

Run = Callable[..., subprocess.CompletedProcess[str]]
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
# No batch statistics, no dropout and a mean loss: parts of a batch give its gradient. SGD, because Adam turns the
# rounding of a vanishing gradient into a step.
CLIP = ["--detector_path", "clip", "--train_dataset", "Toy", "--test_dataset", "Other", *TINY, *SMALL]
CLIP += ["--set", "data.frames_train=3", "--set", "optim.rule={name: sgd, lr: 0.01}"]

pytestmark = pytest.mark.slow


def assert_same_weights(one: Path, two: Path) -> None:
    a, b = (load_file(folder / "last.safetensors") for folder in (one, two))
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "more", [["optim.rule={name: sam, lr: 0.01}"], ["optim.accumulate=2"]], ids=lambda more: more[0].partition("=")[0]
)
def test_two_processes_equal_one_by_other_rules_too(
    more: list[str], command: Callable[..., list[str]], run: Run, tmp_path: Path
) -> None:
    words = [*CLIP, *(word for item in more for word in ("--set", item))]
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("train", *words, "--set", "data.batch_size=6", "--output", str(one)).returncode == 0
    done = torchrun(2, command("train", *words, "--set", "data.batch_size=3", "--output", str(two)), tmp_path)
    assert done.returncode == 0, done.stderr
    assert_same_weights(one, two)


def test_a_method_with_an_adversary_trains_in_two_processes(command: Callable[..., list[str]], tmp_path: Path) -> None:
    words = ["--detector_path", "sladd", "--train_dataset", "Toy", "--test_dataset", "Other", *TINY, *SMALL]
    # 5 x 2 x 3 pairs in batches of 4 x 2 leave 6, of which each process gets 3
    words += ["--set", "data.frames_train=3", "--output", str(tmp_path / "run")]
    done = torchrun(2, command("train", *words), tmp_path)
    assert done.returncode == 0, done.stderr
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "loss" in row] == list(range(1, 9))
    assert len(Scores.load(tmp_path / "run/scores/Other.csv")) == 24


def test_scores_of_two_processes_are_those_of_one_and_written_once(
    command: Callable[..., list[str]], run: Run, tmp_path: Path
) -> None:
    trained = tmp_path / "trained"
    assert run("train", *CLIP, "--set", "max_steps=2", "--output", str(trained)).returncode == 0
    words = ["--weights_path", str(trained / "best.safetensors"), "--test_dataset", "Toy", "Other"]
    words += ["--set", "data.batch_size_test=5"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("test", *words, "--output", str(one)).returncode == 0
    done = torchrun(2, command("test", *words, "--output", str(two)), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("results: ") == 1 and done.stdout.count("video AUC") == 1
    for name in ("Toy", "Other"):
        a, b = (Scores.load(folder / f"scores/{name}.csv") for folder in (one, two))
        for column in ("dataset", "video", "frame", "label", "method", "source"):
            assert getattr(a, column).tolist() == getattr(b, column).tolist()
        torch.testing.assert_close(torch.tensor(a.fake_prob), torch.tensor(b.fake_prob), rtol=0, atol=1e-6)
    figures = [json.loads((folder / "metrics.json").read_text())["sets"] for folder in (one, two)]
    assert figures[0]["Other"]["counts"] == figures[1]["Other"]["counts"]


@pytest.mark.parametrize("lost", [0, 1])
def test_a_killed_process_ends_the_run_and_another_number_goes_on(
    lost: int, command: Callable[..., list[str]], run: Run, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    words = [*CLIP, "--set", "log.save_every=1"]
    assert run("train", *words, "--set", "data.batch_size=6", "--output", str(whole)).returncode == 0
    words = command("train", *words, "--set", "data.batch_size=3", "--output", str(killed))
    process = subprocess.Popen(
        [*LAUNCH, *words[1:]],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
        stdout=subprocess.DEVNULL,
    )
    log = killed / "log.jsonl"
    while process.poll() is None and (not log.exists() or len(log.read_text().splitlines()) < 3):
        time.sleep(0.01)
    os.kill(worker(process.pid, lost), signal.SIGKILL)
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "error: another process of this run is gone" in said and "--resume" in said
    assert (killed / "state.pt").is_file()
    done = run("train", "--resume", str(killed), "--set", "data.batch_size=6")
    assert done.returncode == 0, done.stderr
    assert_same_weights(whole, killed)
    steps = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert steps == sorted(steps)


def worker(launcher: int, rank: int) -> int:
    """The process of ``rank`` below torchrun's."""
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        if re.search(rf"(^|\0)RANK={rank}(\0|$)", Path(f"/proc/{child}/environ").read_text()):
            return int(child)
    raise LookupError(f"no process of rank {rank}")
