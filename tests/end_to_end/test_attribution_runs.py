"""An attribution method from training to its report, and weights that its authors published, by their protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from analysis import report
from tests.end_to_end.conftest import SMALL, TINY
from tests.unit.test_report import Page
from training import test as test_entry
from training import train
from training.assembly import Asked
from training.core.errors import ConfigError, WeightsError
from training.engine.results import Scores
from training.loading import load_trained

SUPERVISED = ["--detector_path", "supervised", "--train_dataset", "Toy", "--test_dataset", "Toy", *TINY, *SMALL]
KNOWN = "data.recipe.known=[real,Deepfakes]"


@pytest.fixture(scope="module")
def trained(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("attribution") / "run"
    data = [f"data.root={toy / 'datasets'}", f"data.manifests={toy / 'manifests'}", "data.workers=0", KNOWN]
    more = [word for item in (*data, "max_steps=4") for word in ("--set", item)]
    train.main([*SUPERVISED, *more, "--output", str(run)])
    return run


def test_training_ends_in_a_table_of_makers(trained: Path) -> None:
    text = (trained / "table.md").read_text()
    for line in ("frame ACC all", "frame strict ACC novel", "video open-set AUROC", "true K", "outputs used"):
        assert f"| {line}" in text, line
    scores = Scores.load(trained / "scores/Toy.csv")
    assert scores.classes == ("real", "Deepfakes", "cluster 1")


def test_the_report_shows_who_was_taken_for_whom(trained: Path) -> None:
    report.main([str(trained)])
    text = Page((trained / "report.html").read_text()).text
    for needed in (
        "Attribution per frame",
        "Supervised on Toy",
        "3 methods one by one",
        "known methods real, Deepfakes",
    ):
        assert needed in text, needed
    drawn = {path.name for path in (trained / "report_figures").iterdir()}
    assert {"confusion_0_0.png", "tsne_0_0.png", "usage_0_0.png", "confidence_0_0.png", "training_0.png"} <= drawn


def test_published_weights_are_read_by_their_protocol(
    trained: Path, tmp_path: Path, data_flags: list[str], capsys: pytest.CaptureFixture
) -> None:
    weights = published(trained, tmp_path / "published.pth")
    small = [word for word in (*TINY, *data_flags) if word != "--set"]

    def load(*more: str) -> list[str]:
        return load_trained(weights, "supervised", Asked(None, {}, [*small, *more])).card.classes

    assert load(KNOWN) == ["real", "Deepfakes", "cluster 1"]
    assert load("data.recipe.known=[Deepfakes]")[1:] == ["cluster 1", "cluster 2"]
    with pytest.raises(ConfigError, match="does not say which methods its outputs stand for; give --protocol"):
        load()
    with pytest.raises(WeightsError, match=r"tells 3 classes apart, .* 2 known methods and 4 clusters"):
        load(KNOWN, "data.recipe.clusters=4")
    with pytest.raises(WeightsError, match=r"1 known methods and 1 clusters; .* data\.recipe\.clusters=2"):
        load("data.recipe.known=[Deepfakes]", "data.recipe.novel=[FaceSwap]")
    with pytest.raises(WeightsError, match=r"4 known methods and 0 clusters; it was trained on another one$"):
        load("data.recipe.known=[real,Deepfakes,FaceSwap,Face2Face]")

    protocol = tmp_path / "toy_protocol.yaml"
    protocol.write_text("data: {recipe: {name: open_world, known: [real, Deepfakes]}}\n")
    words = ["--detector_path", "supervised", "--protocol", str(protocol), "--test_dataset", "Toy"]
    test_entry.main([*words, *TINY, *data_flags, "--weights_path", str(weights), "--output", str(tmp_path / "test")])
    theirs, ours = (Scores.load(folder / "scores/Toy.csv") for folder in (tmp_path / "test", trained))
    torch.testing.assert_close(torch.tensor(theirs.logits), torch.tensor(ours.logits), rtol=0, atol=1e-6)
    assert "published weights from published.pth" in capsys.readouterr().out


def published(run: Path, path: Path) -> Path:
    """The run's weights under the names of the authors' code."""
    names = {"backbone.net.": "encoder.", "neck.": "bottleneck.", "classifier.": "fc2."}
    state = {}
    for key, value in load_file(run / "best.safetensors").items():
        ours = next(name for name in names if key.startswith(name))
        state[key.replace(ours, names[ours], 1)] = value
    torch.save(state, path)
    return path
