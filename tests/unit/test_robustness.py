"""Robustness: drops under the same resamples, a whole run on toy data, what is kept, and raw files before the crop."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from analysis import robustness as shown
from preprocessing.manifest import read
from tests.unit.fabricated import scores
from training import test as test_entry
from training import train
from training.core.errors import BenchError, ConfigError, DataError, ManifestError
from training.core.schema import DataConfig
from training.data.corrupted import CorruptedFaces
from training.data.select import Faces
from training.engine.evaluators.settings import Settings
from training.engine.results import Scores
from training.raw_faces import RawFaces, RawFiles
from training.robustness import COLUMNS, corrupted_path, drops

TINY = ["--set", "backbone.size=tiny", "--set", "backbone.weights=random", "--set", "data.workers=0"]


def worse(clean: Scores, by: float) -> Scores:
    """The same rows, each score drawn towards 0.5 and disturbed alike whatever ``by``."""
    noise = np.random.default_rng(0).normal(0, 1, len(clean))
    return replace(clean, fake_prob=1 / (1 + np.exp(-np.log(clean.fake_prob / (1 - clean.fake_prob)) - by * noise)))


def test_the_drop_is_the_difference_and_its_interval_is_that_of_pairs() -> None:
    clean = scores(videos=30)
    found = drops(clean, worse(clean, 3.0), Settings(resamples=300))
    auc = {
        level: roc_auc_score(rows.label, rows.fake_prob)
        for level, rows in (("frame", clean), ("video", clean.by_video()))
    }
    for level, of_clean in auc.items():
        drop, figure = found[f"{level}/drop"], found[f"{level}/auc"]
        assert drop["value"] == pytest.approx(of_clean - figure["value"])
        assert drop["low"] <= drop["value"] <= drop["high"] and figure["low"] <= figure["value"] <= figure["high"]
    none = drops(clean, clean, Settings(resamples=50))["video/drop"]
    assert none == {"value": 0.0, "low": 0.0, "high": 0.0}  # paired: nothing is left of the sampling
    slight = drops(clean, worse(clean, 0.3), Settings(resamples=300))
    widths = [slight[name]["high"] - slight[name]["low"] for name in ("frame/drop", "frame/auc")]
    assert widths[0] < widths[1] / 2


def test_what_has_no_auc_says_why() -> None:
    clean = scores(videos=3)
    fakes = clean.select(clean.label == 1)
    assert drops(fakes, fakes, Settings())["video/drop"] == {"value": None, "undefined": "only fake videos"}
    one = clean.select(np.isin(clean.source, ["000"]))
    assert drops(one, one, Settings())["video/drop"] == {"value": 0.0, "no_interval": "fewer than 2 real videos"}


@pytest.fixture(scope="module")
def trained(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny network's weights."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    words = ["--detector_path", "xception", "--train_dataset", "Toy", *TINY, *data(toy), "--set", "max_steps=4"]
    train.main([*words, "--output", str(folder)])
    return folder / "best.safetensors"


def data(root: Path) -> list[str]:
    words = [f"data.root={root / 'datasets'}", f"data.manifests={root / 'manifests'}"]
    return [word for item in words for word in ("--set", item)]


def run_test(trained: Path, toy: Path, out: Path, *words: str) -> dict:
    flags = ["--weights_path", str(trained), "--test_dataset", "Toy", "--output", str(out), *data(toy), *TINY[-2:]]
    test_entry.main([*flags, "--set", "evaluate.resamples=60", *words])
    return json.loads((out / "robustness.json").read_text())["sets"]["Toy"]


def test_a_run_leaves_scores_tables_and_a_figure_and_goes_on_where_it_was(
    trained: Path, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    found = run_test(trained, toy, out, "--robustness", "noise:1,5", "h264:3")
    assert found["applied"] == "after the crop"
    assert {name: list(levels) for name, levels in found["corruptions"].items()} == {"noise": ["1", "5"], "h264": ["3"]}
    printed = capsys.readouterr().out
    assert "AUC and its drop under corruption after the crop" in printed and "| h264" in printed
    clean = Scores.load(out / "scores/Toy.csv")
    for name, level in (("noise", 1), ("noise", 5), ("h264", 3)):
        rows = Scores.load(corrupted_path(out, "Toy", name, level))
        figure = found["corruptions"][name][str(level)]["frame/auc"]
        assert figure["value"] == pytest.approx(roc_auc_score(rows.label, rows.fake_prob))
        assert not np.array_equal(rows.fake_prob, clean.fake_prob)
    lines = list(csv.DictReader((out / "robustness.csv").open()))
    assert list(lines[0]) == list(COLUMNS) and len(lines) == 2 * (1 + 3)
    assert {line["value"] for line in lines} == {"", "0.001", "0.05", "35"}
    assert (out / "robustness_curves.png").is_file()

    # Only what is missing is scored again; it comes out the same.
    kept = corrupted_path(out, "Toy", "noise", 1)
    lost = corrupted_path(out, "Toy", "noise", 5)
    before, stamp = lost.read_bytes(), kept.stat().st_mtime_ns
    lost.unlink()
    again = run_test(trained, toy, out, "--robustness", "noise:1,5", "h264:3")
    assert again == found and lost.read_bytes() == before and kept.stat().st_mtime_ns == stamp
    with pytest.raises(DataError, match="other weights, data or settings"):
        run_test(trained, toy, out, "--robustness", "noise:1", "--set", "data.frames_test=2")


def test_the_figure_shows_several_runs(trained: Path, toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    for name in ("a", "b"):
        run_test(trained, toy, tmp_path / name, "--robustness", "jpeg:5")
    shown.main([str(tmp_path), "--output", str(tmp_path / "both.png")])
    rows = list(csv.DictReader((tmp_path / "both.csv").open()))
    assert len(rows) == 2 * 2 and {row["run"] for row in rows} == {"Xception (a)", "Xception (b)"}
    assert [row["level"] for row in rows] == ["0.0", "5.0"] * 2
    assert capsys.readouterr().out.rstrip().endswith("both.png")


@pytest.mark.parametrize(
    "words, kind, says",
    [
        (["--robustness", "jpg"], ConfigError, "did you mean 'jpeg'"),
        (["--raw", "x"], ConfigError, "give both"),
        (["--robustness", "jpeg:1", "--raw", "nowhere"], ManifestError, "no matrix"),
    ],
)
def test_mistakes_are_named(
    trained: Path, toy: Path, tmp_path: Path, words: list[str], kind: type[BenchError], says: str
) -> None:
    with pytest.raises(kind, match=says):
        run_test(trained, toy, tmp_path / "out", *words)


def test_raw_frames_are_corrupted_before_they_are_cut(done: Path, raw: Path, tmp_path: Path) -> None:
    config = DataConfig(root=done)
    [record, *others] = [r for r in read(done / "json/mine.json").records("test") if r.video == "test/real/b"]
    files, plain = RawFiles(raw, config, [record, *others]), Faces(config)

    def face(faces: CorruptedFaces) -> np.ndarray:
        return faces.of(record).image(record)

    # Without a change, what is cut now is what was stored then.
    [shot] = files.open(record).read([record.frame])
    stored = plain.of(record).image(record)
    assert np.abs(files.cut(shot.rgb, record).astype(int) - stored).max() <= 1
    blurred = files.cut(cv2.GaussianBlur(shot.rgb, (21, 21), 21 / 6), record)
    assert np.array_equal(face(RawFaces(files, plain, "blur", 5, 0, [record, *others])), blurred)
    assert not np.array_equal(face(CorruptedFaces(plain, "blur", 5, 0)), blurred)
    errors = [
        np.abs(face(RawFaces(files, plain, "h264", n, 0, [record])).astype(float) - stored).mean() for n in (1, 5)
    ]
    assert 0 < errors[0] < errors[1]
    with pytest.raises(ManifestError, match="check --raw"):
        RawFiles(tmp_path, config, [record])
