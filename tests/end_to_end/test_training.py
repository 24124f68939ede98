"""Train, stop, kill, resume, share among processes, test: what comes out must not depend on any of it."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from sklearn.metrics import average_precision_score, roc_auc_score

from tests.end_to_end.conftest import SMALL, TINY, environment
from training.engine.checkpoint import read_card
from training.engine.results import Scores

Run = Callable[..., subprocess.CompletedProcess[str]]
XCEPTION = ["--detector_path", "config/detector/xception.yaml", "--train_dataset", "Toy", *TINY, *SMALL]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "last.safetensors")


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, toy: Path) -> Path:
    """An uninterrupted run with both test sets; the other tests compare with it."""
    folder = tmp_path_factory.mktemp("reference") / "run"
    data = ["--set", f"data.root={toy / 'datasets'}", "--set", f"data.manifests={toy / 'manifests'}"]
    words = [*XCEPTION, "--test_dataset", "Toy", "Other", *data, "--set", "data.workers=0", "--output", str(folder)]
    done = subprocess.run(
        [sys.executable, "training/train.py", *words], capture_output=True, text=True, env=environment(),
        cwd=Path(__file__).parents[2], timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "| video AUC" in done.stdout.replace("Video", "video")
    assert done.stdout.rstrip().endswith(f"run: {folder}")
    return folder


def test_run_folder_holds_everything_needed_to_understand_it(reference: Path) -> None:
    environment_json = json.loads((reference / "environment.json").read_text())
    assert environment_json["seed"] == 1024 and torch.__version__.startswith(environment_json["versions"]["torch"])
    log = [json.loads(line) for line in (reference / "log.jsonl").read_text().splitlines()]
    assert sum("val" in row for row in log) == 2
    assert [row["step"] for row in log if "loss" in row] == list(range(1, 31))  # 2 x ceil(5 x 3 x 4 / 4)
    assert list((reference / "tensorboard").glob("events*"))
    for name in ("config.yaml", "best.safetensors", "table.md", "table.csv", "table.json", "scores/Other.npz"):
        assert (reference / name).is_file(), name


def test_metrics_follow_from_the_score_files(reference: Path) -> None:
    figures = json.loads((reference / "metrics.json").read_text())["sets"]
    for name in ("Toy", "Other"):
        frames = Scores.load(reference / "scores" / f"{name}.csv")
        videos = frames.by_video()
        assert len(frames) == 2 * 3 * 4 and len(videos) == 2 * 3
        got = figures[name]["metrics"]
        assert got["frame/auc"]["value"] == pytest.approx(roc_auc_score(frames.label, frames.fake_prob))
        assert got["frame/ap"]["value"] == pytest.approx(average_precision_score(frames.label, frames.fake_prob))
        assert got["video/auc"]["value"] == pytest.approx(roc_auc_score(videos.label, videos.fake_prob))


def test_the_kept_checkpoint_brings_temperature_and_threshold_of_its_validation_data(reference: Path) -> None:
    tree = json.loads((reference / "metrics.json").read_text())
    assert tree["calibration"] == read_card(reference / "best.safetensors").calibration
    assert tree["calibration"]["fitted_on"] == ["Toy"]
    threshold = tree["calibration"]["video"]["threshold"]
    videos = Scores.load(reference / "scores/Other.csv").by_video()
    spared = (videos.fake_prob[videos.label == 0] <= threshold).mean()
    assert tree["sets"]["Other"]["metrics"]["video/tnr@source"]["value"] == pytest.approx(spared)


def test_a_checkpoint_alone_can_be_tested_and_scores_the_same(reference: Path, run: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(
        "test", "--weights_path", str(reference / "best.safetensors"), "--test_dataset", "Other", "--output", str(out)
    )
    assert done.returncode == 0, done.stderr
    assert (out / "scores/Other.csv").read_bytes() == (reference / "scores/Other.csv").read_bytes()
    assert "Other" in (out / "table.md").read_text()
    figures = [json.loads((folder / "metrics.json").read_text()) for folder in (reference, out)]
    assert figures[1]["calibration"] == figures[0]["calibration"]
    assert figures[1]["sets"]["Other"] == figures[0]["sets"]["Other"]


def test_same_seed_same_weights_whatever_the_number_of_workers(reference: Path, run: Run, tmp_path: Path) -> None:
    done = run("train", *XCEPTION, "--output", str(tmp_path / "w2"), "--set", "data.workers=2")
    assert done.returncode == 0, done.stderr
    assert same(weights(tmp_path / "w2"), weights(reference))


def test_same_seed_same_weights_with_several_threads(command: Callable[..., list[str]], tmp_path: Path) -> None:
    # clip_freq gathers rows of features, whose gradients threads would add up in any order.
    words = ["--detector_path", "clip_freq", "--train_dataset", "Toy", *TINY, *SMALL, "--set", "max_steps=4"]
    for name in ("a", "b"):
        call = command("train", *words, "--output", str(tmp_path / name))
        env = {**environment(), "OMP_NUM_THREADS": "2"}
        subprocess.run(call, cwd=tmp_path, env=env, check=True, capture_output=True, timeout=120)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_and_resumed_equals_uninterrupted(
    reference: Path, command: Callable[..., list[str]], run: Run, tmp_path: Path, kills: int
) -> None:
    folder, rng = tmp_path / "killed", random.Random(kills)
    words = command(
        "train", *XCEPTION, "--output", str(folder), "--set", "log.save_every=1", "--test_dataset", "Toy", "Other"
    )
    steps, seconds = ((1, 4), 0.0) if kills == 2 else ((0, 2), 0.5)  # many come at any moment, while it starts too
    for _ in range(kills):
        kill_after_steps(words, folder, rng.randint(*steps), tmp_path, rng.uniform(0, seconds))
        words = command("train", "--resume", str(folder))
    done = run("train", "--resume", str(folder))
    assert done.returncode == 0, done.stderr
    assert same(weights(folder), weights(reference))
    for name in ("Toy", "Other"):
        assert (folder / f"scores/{name}.csv").read_bytes() == (reference / f"scores/{name}.csv").read_bytes()
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "loss" in row] == list(range(1, 31))
    assert [row["step"] for row in log if "val" in row] == [15, 30]


def kill_after_steps(words: list[str], folder: Path, steps: int, cwd: Path, seconds: float = 0.0) -> None:
    """Start, let it write ``steps`` log lines more than there are, wait ``seconds``, SIGKILL."""
    log = folder / "log.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    process = subprocess.Popen(words, cwd=cwd, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and (not log.exists() or len(log.read_text().splitlines()) < before + steps):
        time.sleep(0.005)
    time.sleep(seconds)
    process.kill()
    process.wait()


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 0), (signal.SIGINT, 0)])
def test_signals_save_and_say_how_to_go_on(
    command: Callable[..., list[str]], run: Run, reference: Path, tmp_path: Path, number: int, code: int
) -> None:
    folder = tmp_path / "stopped"
    words = command("train", *XCEPTION, "--output", str(folder))
    process = subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    log = folder / "log.jsonl"
    while not log.exists() or len(log.read_text().splitlines()) < 2:
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code
    assert "continue with --resume" in said.splitlines()[-1]
    assert run("train", "--resume", str(folder)).returncode == 0
    assert same(weights(folder), weights(reference))


def torchrun(processes: int, words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    return subprocess.run(
        [*launch, *words[1:]], capture_output=True, text=True, cwd=cwd, env=environment(), timeout=300
    )


@pytest.mark.parametrize("two_more", [[], pytest.param(["data.cache_features=true"], marks=pytest.mark.slow)])
def test_two_processes_equal_one(
    command: Callable[..., list[str]], run: Run, tmp_path: Path, two_more: list[str]
) -> None:
    # Without batch statistics and with a mean loss, parts of a batch give its gradient. 45 draws in sixes leave a tail
    # of three: two for one process, one for the other.
    clip = ["--detector_path", "clip", "--train_dataset", "Toy", "--test_dataset", "Other", *TINY, *SMALL]
    # SGD, because Adam turns the rounding of a vanishing gradient into a step.
    clip += ["--set", "data.frames_train=3", "--set", "optim.rule={name: sgd, lr: 0.01}"]
    if two_more:  # two processes share the computing of features, one sees pictures
        clip += ["--set", "backbone.tune=frozen", "--set", "data.augment.enabled=false"]
    one, two = tmp_path / "one", tmp_path / "two"
    assert run("train", *clip, "--set", "data.batch_size=6", "--output", str(one)).returncode == 0
    words = ["--set", "data.batch_size=3", *(word for item in two_more for word in ("--set", item))]
    done = torchrun(2, command("train", *clip, *words, "--output", str(two)), tmp_path)
    assert done.returncode == 0, done.stderr
    a, b = weights(one), weights(two)
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-4, atol=1e-5)
    assert done.stdout.count("run: ") == 1
    first, second = (Scores.load(folder / "scores/Other.csv") for folder in (one, two))
    assert first.video.tolist() == second.video.tolist()
    torch.testing.assert_close(torch.tensor(first.fake_prob), torch.tensor(second.fake_prob), rtol=1e-3, atol=1e-4)
