"""Heat maps: against closed forms, of real detectors, and what test.py and predict.py write of them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from preprocessing.faces.detect import Face
from preprocessing.faces.tracks import Cut, Track
from tests.conftest import draw_face
from tests.contract.test_detectors import test_batch_of as batch_of
from tests.unit.fabricated import KNOWN, made_by, scores
from training import test as test_entry
from training import train
from training.assembly import Asked
from training.core.errors import ConfigError
from training.core.registry import DETECTORS
from training.core.types import Batch
from training.detectors._classifier import Classifier
from training.engine.heat import GRAD_CAM, ROLLOUT, _Caught, heat_of, rollout
from training.engine.results import Scores
from training.explain import OPACITY, RIGHT, explain_file, of_fakes, of_makers, overlay, picked
from training.loading import load_trained
from training.verdicts import FaceVerdict, FileVerdict

batch_of.__test__ = False
TINY = ["--set", "backbone.size=tiny", "--set", "backbone.weights=random", "--set", "data.workers=0"]


class Known(nn.Module):
    """A backbone whose map is the picture."""

    dim = 3

    def feature_map(self, image: Tensor) -> Tensor:
        return 2 * image


def pictures(image: Tensor) -> Batch:
    zeros = torch.zeros(len(image), dtype=torch.int64)
    return Batch(image, zeros, zeros, zeros.bool(), zeros, [])


@pytest.mark.parametrize("scale", [0.1, 300.0])  # with 300 all probabilities are exactly 0 or 1
def test_grad_cam_of_a_linear_head_is_the_map_weighted_by_it(scale: float) -> None:
    rng = np.random.default_rng(0)
    image = torch.from_numpy(rng.normal(size=(6, 3, 8, 8)).astype(np.float32))
    detector = Classifier(Known)
    with torch.no_grad():
        detector.head.weight.copy_(scale * torch.from_numpy(rng.normal(size=(2, 3))))
        detector.head.bias.zero_()
    heat = heat_of(detector, pictures(image))
    said = detector.predict(pictures(image)).fake_prob.detach().numpy() > 0.5
    assert heat.how == GRAD_CAM and 0 < said.sum() < 6
    weight = np.diff(detector.head.weight.detach().numpy(), axis=0)[0]
    expected = np.einsum("c,nchw->nhw", weight, image.numpy()) * np.where(said, 1, -1)[:, None, None]
    expected = expected.clip(0) / expected.max((1, 2), keepdims=True)
    np.testing.assert_allclose(heat.maps.numpy(), expected, atol=1e-5)
    assert "feature_map" not in vars(detector.backbone)  # left as it was


def test_rollout_of_one_and_two_layers() -> None:
    attention = torch.rand(2, 5, 5).softmax(-1)
    found = rollout([attention], 2)
    expected = attention[:, 0, 1:].view(2, 2, 2)
    low, high = expected.amin((1, 2), keepdim=True), expected.amax((1, 2), keepdim=True)
    torch.testing.assert_close(found, (expected - low) / (high - low))
    second = torch.rand(2, 5, 5).softmax(-1)
    both = ((second + torch.eye(5)) / 2 @ (attention + torch.eye(5)) / 2)[:, 0, 1:].view(2, 2, 2)
    low, high = both.amin((1, 2), keepdim=True), both.amax((1, 2), keepdim=True)
    torch.testing.assert_close(rollout([attention, second], 2), (both - low) / (high - low))
    assert rollout([attention], 3) is None and rollout([], 2) is None


def test_attention_is_caught_as_it_is_computed() -> None:
    query, key, value = torch.randn(3, 2, 1, 5, 4)
    with _Caught() as caught:
        # Of values that are unit vectors the result is the attention itself.
        shown = F.scaled_dot_product_attention(query, key, torch.eye(5).expand(2, 1, 5, 5))
        layer = nn.MultiheadAttention(4, 2, batch_first=True).eval()
        layer(value[:, 0].requires_grad_(), key[:, 0], key[:, 0], need_weights=False)
    torch.testing.assert_close(caught.attention[0], shown[:, 0])
    torch.testing.assert_close(caught.attention[1], layer(value[:, 0], key[:, 0], key[:, 0])[1])


QUICK = {"xception": GRAD_CAM, "meso4": GRAD_CAM, "srm": GRAD_CAM, "effort": ROLLOUT, "gend": ROLLOUT}


@pytest.mark.parametrize("name, how", QUICK.items())
def test_detectors_show_where_they_look(toy: Path, name: str, how: str) -> None:
    detector, batch = batch_of(name, toy)
    with torch.inference_mode():
        before = detector.eval().predict(batch).fake_prob.clone()
    heat = heat_of(detector, batch)
    assert heat.how == how and heat.maps.shape == (len(batch), *batch.image.shape[-2:])
    assert heat.maps.min() >= 0 and heat.maps.max() <= 1 and torch.isfinite(heat.maps).all()
    torch.testing.assert_close(detector.predict(batch).fake_prob.detach(), before)
    assert not batch.image.requires_grad
    assert all(p.grad is None for p in detector.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", DETECTORS.names())
def test_every_detector_of_pictures_can_be_explained(toy: Path, name: str) -> None:
    detector, batch = batch_of(name, toy)
    if batch.image.ndim != 4:
        with pytest.raises(ConfigError, match="judges clips"):
            heat_of(detector, batch)
        return
    with torch.inference_mode():
        detector.eval().predict(batch)
    heat = heat_of(detector, batch)
    assert heat.maps.shape == (len(batch), *batch.image.shape[-2:]) and torch.isfinite(heat.maps).all()


def test_errors_come_first_and_no_video_twice() -> None:
    table = scores(videos=8, separation=0.5)
    rows = picked(table, of_fakes(table), 3)
    off = np.abs(table.fake_prob - table.label)
    errors, right = rows[:3], rows[3:]
    worst = sorted((off[(table.video == v)].max() for v in set(table.video)), reverse=True)
    assert [off[r] for r in errors] == worst[:3] and min(off[errors]) > 0.5
    assert table.label[right].tolist() == [1] * RIGHT + [0] * RIGHT and max(off[right]) <= 0.5
    assert len({table.video[r] for r in errors}) == 3 and len({table.video[r] for r in right}) == 4


def test_of_makers_an_error_is_a_wrong_name() -> None:
    table = made_by(noise=2.5)
    said, best = of_makers(table), table.logits.argmax(1)
    for row, method in enumerate(table.method):
        name = table.classes[best[row]]
        right = name == method if method in KNOWN else name.startswith("cluster")
        assert (said.what[row], said.right[row], said.first[row]) == (name, right, method in KNOWN)
        assert said.prob[row] == pytest.approx(1 / np.exp(table.logits[row] - table.logits[row].max()).sum())
    rows = picked(table, said, 2)
    assert [said.right[r] for r in rows] == [False] * 2 + [True] * 4
    assert {table.method[r] in KNOWN for r in rows[2:4]} == {True} and not {*table.method[rows[4:]]} & {*KNOWN}
    assert said.prob[rows[0]] == said.prob[~said.right].max()


def test_heat_lies_over_the_picture() -> None:
    picture = draw_face(1, 0)
    heat = np.zeros(picture.shape[:2], np.float32)
    heat[:8] = 1
    found = overlay(picture, heat)
    assert np.array_equal(found[:, :64], picture) and np.array_equal(found[8:, 64:], picture[8:])
    hottest = cv2.applyColorMap(np.full((1, 1), 255, np.uint8), cv2.COLORMAP_INFERNO)[0, 0, ::-1]
    np.testing.assert_allclose(found[:8, 64:], (1 - OPACITY) * picture[:8] + OPACITY * hottest, atol=0.51)


@pytest.fixture(scope="module")
def weights(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "run"
    words = ["--detector_path", "meso4", "--train_dataset", "Toy", *data(toy), "--set", "max_steps=2"]
    train.main([*words, *TINY[-2:], "--output", str(folder)])
    return folder / "best.safetensors"


def data(root: Path) -> list[str]:
    words = [f"data.root={root / 'datasets'}", f"data.manifests={root / 'manifests'}"]
    return [word for item in words for word in ("--set", item)]


def test_testing_writes_pictures_and_an_index(weights: Path, toy: Path, tmp_path: Path) -> None:
    words = ["--weights_path", str(weights), "--test_dataset", "Toy", *data(toy), *TINY[-2:]]
    test_entry.main([*words, "--output", str(tmp_path), "--explain", "2", "--set", "evaluate.resamples=0"])
    index = json.loads((tmp_path / "explain/Toy/index.json").read_text())
    shown = index["pictures"]
    assert index["detector"] == "meso4" and shown
    for each in shown:
        picture = cv2.imread(str(tmp_path / "explain/Toy" / each["file"]))
        assert picture.shape[1] == 2 * picture.shape[0]
        truth = "real" if each["method"] == "real" else "fake"
        assert each["right"] == (each["said"] == truth) == each["file"].startswith("right")
        assert each["prob"] >= 0.5 and each["how"] == GRAD_CAM
    assert 0 < sum(not each["right"] for each in shown) <= 2


def test_testing_explains_who_made_a_picture(toy: Path, tmp_path: Path) -> None:
    run, known = tmp_path / "run", "data.recipe.known=[real,Deepfakes]"
    words = ["--detector_path", "supervised", "--train_dataset", "Toy", *data(toy), *TINY, "--set", known]
    train.main([*words, "--set", "max_steps=1", "--set", "data.batch_size=4", "--output", str(run)])
    words = ["--weights_path", str(run / "best.safetensors"), "--test_dataset", "Toy", *data(toy), *TINY[-2:]]
    test_entry.main([*words, "--output", str(tmp_path / "test"), "--explain", "3"])
    shown = json.loads((tmp_path / "test/explain/Toy/index.json").read_text())["pictures"]
    outputs = Scores.load(tmp_path / "test/scores/Toy.csv").classes
    assert shown and all(each["said"] in outputs and 1 / len(outputs) <= each["prob"] <= 1 for each in shown)
    assert all((tmp_path / "test/explain/Toy" / each["file"]).is_file() for each in shown)


def test_a_file_gets_one_row_per_face(weights: Path, tmp_path: Path) -> None:
    trained = load_trained(weights, None, Asked())
    tracks = [
        Track([Cut(frame, Face(0, 0, 9, 9, 1.0), draw_face(number, frame), None) for frame in (0, 5)])
        for number in (0, 1)
    ]
    faces = [FaceVerdict(0.5, [0, 5], [0.2, 0.8], track) for track in tracks]
    explain_file(FileVerdict(Path("x.mp4"), faces=faces), trained, torch.device("cpu"), tmp_path / "heat.png")
    picture = cv2.imread(str(tmp_path / "heat.png"))
    side = picture.shape[0] // 2
    assert picture.shape == (2 * side, 2 * side, 3)
    for number in (0, 1):
        expected = cv2.resize(draw_face(number, 5), (side, side), interpolation=cv2.INTER_CUBIC)[..., ::-1]
        assert np.array_equal(picture[number * side : (number + 1) * side, :side], expected)


@pytest.mark.parametrize("words, says", [(["--explain", "0"], "1 or more")])
def test_mistakes_are_named(weights: Path, toy: Path, words: list[str], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        test_entry.main(["--weights_path", str(weights), "--test_dataset", "Toy", *data(toy), *words])
