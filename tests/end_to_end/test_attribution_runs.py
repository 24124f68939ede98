"""Attribution from a made protocol to a tested checkpoint; what is hidden stays hidden; two processes work together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.end_to_end.conftest import TINY
from tests.end_to_end.test_training import torchrun
from training import make_protocol, train
from training import test as checkpoint
from training.core.registry import DETECTORS
from training.engine.results import Scores

METHODS = sorted(name for name in DETECTORS.names() if DETECTORS.get(name).recipe == "open_world")
SMALL = "backbone.options={layers: [1, 1, 1, 1], channels: [4, 8, 8, 16], stem_width: 8, output_stride: 8}"
FEW = [*TINY, "--set", SMALL, "--set", "data.resolution=64", "--set", "data.batch_size=8", "--set", "log.every=1"]
FEW += ["--set", "epochs=2", "--set", "max_steps=3", "--set", "evaluate.resamples=20", "--set", "data.workers=0"]


@pytest.fixture(scope="module")
def protocol(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A protocol on the toy data, with Deepfakes and real known and FaceSwap novel."""
    path = tmp_path_factory.mktemp("protocol") / "mine.yaml"
    words = ["--dataset", "Toy", "--known", "real", "Deepfakes", "--manifests", str(toy / "manifests")]
    make_protocol.main([*words, "--output", str(path)])
    return str(path)


def test_a_made_protocol_is_trained_and_its_checkpoint_tested(
    data_flags: list[str], protocol: str, tmp_path: Path
) -> None:
    folder, again = tmp_path / "run", tmp_path / "again"
    train.main(["--detector_path", "cal", "--protocol", protocol, *FEW, *data_flags, "--output", str(folder)])
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in log if "loss" in row] == [1, 2, 3]
    words = ["--weights_path", str(folder / "best.safetensors"), "--test_dataset", "Toy", "--output", str(again)]
    checkpoint.main([*words, *data_flags, "--set", "data.workers=0"])
    scores = Scores.load(again / "scores/Toy.csv")
    assert scores.classes == ("real", "Deepfakes", "cluster 1")
    assert set(scores.method) == {"real", "Deepfakes", "FaceSwap"}
    assert (folder / "scores/Toy.csv").read_bytes() == (again / "scores/Toy.csv").read_bytes()
    figures = json.loads((again / "metrics.json").read_text())["sets"]["Toy"]
    assert figures["metrics"]["frame/novel_acc"]["value"] is not None and figures["counts"]["known_methods"] == 2


def test_pictures_outside_a_protocol_are_not_tested(data_flags: list[str], protocol: str, tmp_path: Path) -> None:
    words = [
        "--detector_path",
        "supervised",
        "--protocol",
        protocol,
        *FEW,
        *data_flags,
        "--output",
        str(tmp_path / "run"),
    ]
    train.main([*words, "--set", "data.recipe.fakes_only=true", "--set", "data.recipe.known=[Deepfakes]"])
    scores = Scores.load(tmp_path / "run/scores/Toy.csv")
    assert scores.classes == ("Deepfakes", "cluster 1") and set(scores.method) == {"Deepfakes", "FaceSwap"}
    notes = json.loads((tmp_path / "run/metrics.json").read_text())["notes"]
    assert "Toy: 8 of 24 test faces take no part in this protocol (data.recipe)" in notes


@pytest.mark.parametrize("name", METHODS)
def test_the_truth_of_unlabelled_pictures_never_reaches_a_weight(name: str, toy: Path, tmp_path: Path) -> None:
    tree = json.loads((toy / "manifests/Toy.json").read_text())
    for number, video in enumerate(tree["videos"]):
        if video["split"] == "train":
            video["labelled"] = video["method"] == "Deepfakes" and number % 3 > 0
    hidden = [video for video in tree["videos"] if video.get("labelled") is False]
    truth = [{key: video[key] for key in ("label", "method", "person")} for video in hidden]
    assert {told["method"] for told in truth} == {"real", "Deepfakes", "FaceSwap"}
    weights = []
    for shift in (0, 5):
        for video, told in zip(hidden, truth[shift:] + truth[:shift], strict=True):
            video |= told
        folder = tmp_path / str(shift)
        folder.mkdir()
        (folder / "Toy.json").write_text(json.dumps(tree))
        words = ["--detector_path", name, "--train_dataset", "Toy", *FEW, "--set", f"data.root={toy / 'datasets'}"]
        words += ["--set", f"data.manifests={folder}", "--set", "data.recipe.known=[Deepfakes]"]
        train.main([*words, "--set", "evaluate.select=last", "--output", str(folder / "run")])
        weights.append(load_file(folder / "run/last.safetensors"))
    one, two = weights
    moved = [key for key in one if not torch.equal(one[key], two[key])]
    assert not moved and len(one) > 2
    assert [video["method"] for video in hidden] != [told["method"] for told in truth]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cpl", "cal"])
def test_two_processes_train_and_test_together(
    command: Callable[..., list[str]], protocol: str, tmp_path: Path, name: str
) -> None:
    words = ["--detector_path", name, "--protocol", protocol, *FEW, "--set", "max_steps=12", "--set", "epochs=4"]
    words += ["--set", "detector.prune=true", "--set", "detector.patience=1"] if name == "cal" else []
    done = torchrun(2, command("train", *words, "--output", str(tmp_path / "run")), tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run: ") == 1
    assert len(Scores.load(tmp_path / "run/scores/Toy.csv")) == 24
    assert (tmp_path / "run/best.safetensors").is_file()
