"""Identity leakage: features that hold persons, recordings or neither; what is kept apart; the tool on toy data."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.preprocessing import StandardScaler

from analysis import leakage as shown
from preprocessing.manifest import Manifest, Record, read
from preprocessing.store import FrameStore
from tests.conftest import write_dataset
from training import test as test_entry
from training import train
from training.core.config import Spec
from training.core.errors import BenchError, ConfigError, DataError, ManifestError
from training.core.schema import Config
from training.leakage import COLUMNS, Leakage
from training.metrics.leakage import UNTOLD, names, recognizable, share_interval, told_by


def crowd(persons: int = 6, recordings: int = 4, frames: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Person and recording per row; every person has ``recordings`` of their own."""
    recording = np.arange(persons * recordings).repeat(frames)
    return recording // recordings, recording


def features_of(key: np.ndarray, strength: float, seed: int = 0, width: int = 16) -> np.ndarray:
    """Noise around a random place per ``key``."""
    rng = np.random.default_rng(seed)
    places = rng.standard_normal((key.max() + 1, width))
    return strength * places[key] + rng.standard_normal((len(key), width))


def test_features_of_persons_are_told_and_noise_is_not() -> None:
    person, recording = crowd()
    known = told_by(features_of(person, 5.0), person, recording, resamples=200)
    assert known.value > 0.95 and known.low > known.chance == pytest.approx(1 / 6)
    noise = told_by(features_of(person, 0.0), person, recording, resamples=200)
    assert noise.low <= 1 / 6 + 0.06 and noise.value < 0.35
    assert known.rows == noise.rows == len(person)


def test_features_of_recordings_do_not_give_the_person_away() -> None:
    # Each recording has a place of its own: a probe that saw it would name its person, one that did not cannot.
    person, recording = crowd(recordings=3)
    found = told_by(features_of(recording, 8.0), person, recording, resamples=100)
    assert found.value < 0.5
    seen = LogisticRegression(max_iter=1000).fit(features_of(recording, 8.0), person)
    assert seen.score(features_of(recording, 8.0), person) > 0.95


def test_names_are_those_of_a_regression_on_the_other_recordings() -> None:
    person, recording = crowd(persons=3, recordings=2)
    features = features_of(person, 0.7)
    named = names(features, person, recording)
    folds = StratifiedGroupKFold(2, shuffle=True, random_state=0).split(features, person, recording)
    for known, asked in folds:
        assert not set(recording[known]) & set(recording[asked])
        scaler = StandardScaler().fit(features[known])
        probe = LogisticRegression(max_iter=1000).fit(scaler.transform(features[known]), person[known])
        fair = asked[np.isin(person[asked], person[known])]
        assert named[fair].tolist() == probe.predict(scaler.transform(features[fair])).tolist()
        assert (named[np.setdiff1d(asked, fair)] == UNTOLD).all()


def test_who_is_seen_once_or_unknown_cannot_be_recognized() -> None:
    person = np.array([0, 0, 1, 1, 2, -1, -1])
    recording = np.array([0, 1, 2, 2, 3, 4, 5])
    assert recognizable(person, recording).tolist() == [True, True] + [False] * 5


def test_the_interval_is_that_of_copied_recordings() -> None:
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 9, 80)
    right = rng.random(80) < 0.6
    low, high = share_interval(right, cluster, resamples=4000, seed=1)
    picks = [rng.integers(0, 9, 9) for _ in range(4000)]
    means = [np.concatenate([right[cluster == c] for c in pick]).mean() for pick in picks]
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.02)
    assert low < right.mean() < high


def test_nobody_to_judge_is_said() -> None:
    person, recording = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    assert told_by(features_of(person, 1.0), person, recording, resamples=10).rows == 4
    with pytest.raises(DataError, match="no recordings can be set apart"):
        told_by(np.zeros((4, 2)), np.array([0, 0, 0, 0]), np.array([0, 0, 1, 1]), resamples=10)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy set with two persons, each in two of its four test sources."""
    root = tmp_path_factory.mktemp("people")
    write_dataset(root, "Toy", sources=12, frames=2)
    path = root / "manifests" / "Toy.json"
    found = read(path)
    entries = []
    for video, frames in found.entries:
        number = int(video.source)
        split = "test" if number >= 8 else "train"
        entries.append((replace(video, split=split, person=f"p{number % 2}"), frames))
    Manifest("Toy", entries, found.facts).write(path)
    return root


class Recognized:
    """Stands where dlib's network would need its file: knows everybody."""

    def of(self, record: Record, store: FrameStore) -> torch.Tensor:
        store.image(record)
        return torch.nn.functional.one_hot(torch.tensor(int(record.person[1])), 4).float()


@pytest.fixture(scope="module")
def results(people: Path) -> Path:
    """A tiny network after two steps, tested and probed through the command line."""
    places = ["--set", f"data.root={people / 'datasets'}", "--set", f"data.manifests={people / 'manifests'}"]
    tiny = ["backbone.size=tiny", "backbone.weights=random", "data.workers=0", "max_steps=2", "evaluate.resamples=20"]
    sets = [word for item in tiny for word in ("--set", item)]
    run = people / "run"
    train.main(["--detector_path", "xception", "--train_dataset", "Toy", "--output", str(run), *places, *sets])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.leakage.Recognition", Recognized)
        words = ["--weights_path", str(run / "last.safetensors"), "--test_dataset", "Toy", "--leakage"]
        test_entry.main([*words, "--output", str(people / "results"), *places, "--set", "data.workers=0"])
    return people / "results"


def test_the_entry_writes_json_table_and_figure(results: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tree = json.loads((results / "leakage.json").read_text())
    found = tree["sets"]["Toy"]
    assert tree["detector"] == "xception" and found["reference"]["value"] == 1
    assert (found["persons"], found["recordings"], found["frames"]) == (2, 4, 24)
    assert found["auc"] == json.loads((results / "metrics.json").read_text())["sets"]["Toy"]["metrics"]["video/auc"]
    with (results / "leakage.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(COLUMNS) and [row["features"] for row in rows] == ["xception", "dlib"]
    shown.main([str(results), "--output", str(tmp_path / "leakage.png")])
    printed = capsys.readouterr().out
    assert "2 persons, 4 recordings, 24 frames" in printed and "face recognition (dlib)" in printed
    assert (tmp_path / "leakage.png").is_file() and "Xception" in (tmp_path / "leakage.csv").read_text()


def test_runs_of_one_detector_are_told_apart(results: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "leakage.json").write_text((results / "leakage.json").read_text())
    assert list(shown.find([tmp_path])) == ["Xception (a)", "Xception (b)"]
    with pytest.raises(BenchError, match="no leakage.json there or below"):
        shown.find([results / "scores"])


def config(root: Path) -> Config:
    cfg = Config(detector=Spec(name="xception"))
    cfg.data.root, cfg.data.manifests, cfg.data.test = root / "datasets", root / "manifests", ["Toy"]
    return cfg


def test_what_cannot_be_measured_is_said_first(toy: Path, people: Path) -> None:
    with pytest.raises(ManifestError, match="two recordings .* names 2 persons, of whom 0 are"):
        Leakage(config(toy), Recognized())
    cfg = config(people)
    cfg.log.save_feat = False
    with pytest.raises(ConfigError, match="leave --no-save_feat"):
        Leakage(cfg, Recognized())


def test_a_detector_without_features_is_named(people: Path, results: Path, tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    for name in ("metrics.json", "scores/Toy.csv"):
        (tmp_path / name).write_text((results / name).read_text())
    with pytest.raises(DataError, match="the detector gives no features"):
        Leakage(config(people), Recognized()).measure(tmp_path)
