"""Video detectors from files to tables: frames that lie apart, marks that stay, and every one of them trained."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from analysis.collect import collect
from analysis.report import write_report
from tests.conftest import write_dataset
from tests.end_to_end.conftest import SMALL, TINY
from training import test as test_entry
from training import train
from training.core.errors import ManifestError
from training.core.registry import DETECTORS
from training.engine.results import Scores

Run = Callable[..., subprocess.CompletedProcess[str]]
FEW = [*TINY, *SMALL, "--set", "epochs=1", "--set", "max_steps=2", "--set", "data.batch_size_test=4"]
VIDEO = [name for name in DETECTORS.names() if DETECTORS.get(name).recipe == "clips"]


def test_frames_that_lie_apart_stop_a_run_before_it_starts_or_mark_all_it_leaves(
    toy: Path, data_flags: list[str], tmp_path: Path
) -> None:
    write_dataset(toy, "Sparse", sources=5, frames=8, step=5)
    data = [*data_flags, "--set", "data.workers=0"]
    words = ["--detector_path", "i3d", "--train_dataset", "Long", "--test_dataset", "Sparse", *FEW, *data]
    words += ["--set", "data.recipe.length=4", "--set", "data.frames_train=4"]
    with pytest.raises(ManifestError, match=r"Sparse: its faces lie 5 frames apart.* data\.allow_sparse: true"):
        train.main([*words, "--output", str(tmp_path / "no")])
    assert not (tmp_path / "no").exists()

    train.main([*words, "--output", str(tmp_path / "run"), "--set", "data.allow_sparse=true"])
    weights = ["--weights_path", str(tmp_path / "run/best.safetensors"), "--test_dataset", "Long"]
    test_entry.main([*weights, *data, "--output", str(tmp_path / "later")])
    for folder, name in ((tmp_path / "run", "Sparse"), (tmp_path / "later", "Long")):
        assert json.loads((folder / "metrics.json").read_text())["compat"] == {"allow_sparse": "true"}
        with (folder / f"scores/{name}.csv").open() as file:
            assert {row["compat"] for row in csv.DictReader(file)} == {"allow_sparse=true"}
        table = (folder / "table.md").read_text()
        assert "[allow_sparse=true]" in table.splitlines()[0] and "switch allow_sparse=true: the frames of" in table
        write_report(collect([folder]), tmp_path / "report.html")
        assert "allow_sparse=true" in (tmp_path / "report.html").read_text()
    assert "Sparse: the frames of a clip lie 5 frames apart" in (tmp_path / "run/table.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", VIDEO)
def test_every_video_detector_trains_and_is_tested(name: str, run: Run, tmp_path: Path) -> None:
    words = ["--detector_path", name, "--train_dataset", "Long", "--test_dataset", "Long", *FEW]
    done = run("train", *words, "--output", str(tmp_path / "run"))
    assert done.returncode == 0, done.stderr
    weights = ["--weights_path", str(tmp_path / "run/best.safetensors"), "--test_dataset", "Long"]
    assert run("test", *weights, "--output", str(tmp_path / "again")).returncode == 0
    first, again = ((tmp_path / folder / "scores/Long.csv").read_bytes() for folder in ("run", "again"))
    assert first == again
    log = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "loss" in row] == [1, 2]

    clips = Scores.load(tmp_path / "run/scores/Long.csv")
    counts = json.loads((tmp_path / "run/metrics.json").read_text())["sets"]["Long"]
    assert counts["counts"]["videos"] == 2 * 3 and counts["counts"]["padded_clips"] == 0
    assert len(clips) == counts["counts"]["frames"] and len(clips) % 6 == 0
    videos = sorted(set(clips.video))
    means = [clips.fake_prob[clips.video == video].mean() for video in videos]
    auc = roc_auc_score([not video.startswith("real") for video in videos], means)
    assert counts["metrics"]["video/auc"]["value"] == pytest.approx(auc)
