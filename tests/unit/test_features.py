"""Cached features: never stale, never damaged, and learning from them is learning from the pictures."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from preprocessing.store import CUT, rgb_root
from tests.conftest import write_dataset
from training import train
from training.core.config import Spec
from training.core.errors import ConfigError, ContractError, DataError
from training.core.schema import DataConfig
from training.data.recipe import Corpus
from training.data.select import Faces, select
from training.data.transforms import Transform
from training.engine import features
from training.engine.features import CachedFaces, cached_features
from training.engine.prepare import Prepare
from training.networks.zoo import CLIP_MEAN, CLIP_STD, maker

CPU = torch.device("cpu")
CLIP = ["--detector_path", "clip", "--train_dataset", "Toy", "--test_dataset", "Other"]
CLIP += ["--set", "backbone={size: tiny, weights: random, tune: frozen}", "--set", "data.augment.enabled=false"]
CLIP += ["--set", "epochs=2", "--set", "data.batch_size=8", "--set", "data.workers=0", "--set", "evaluate.resamples=0"]


@pytest.fixture
def trunk() -> torch.nn.Module:
    torch.manual_seed(0)
    return maker(Spec(name="clip_vit_b16", params={"size": "tiny", "weights": "random", "tune": "frozen"}))()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_dataset(tmp_path, "Mine", sources=5, frames=2)
    return tmp_path


def corpus_of(home: Path, size: int = 112) -> Corpus:
    data = DataConfig(root=home / "datasets", manifests=home / "manifests")
    [chosen] = select(["Mine"], "train", 0, data)
    return Corpus(chosen.records, Faces(data), Transform(size))


def ask(home: Path, trunk: torch.nn.Module, corpus: Corpus | None = None, **changes):
    prepare = Prepare(changes.pop("mean", CLIP_MEAN), CLIP_STD, CPU)
    given = {"about": {"backbone": "tiny"}, "batch_size": 4, "folder": home / "cache"} | changes
    return cached_features(trunk, corpus or corpus_of(home), prepare, **given)


def keys(home: Path) -> set[str]:
    return {path.name for path in (home / "cache").iterdir()}


def test_rows_are_what_the_network_says_of_each_face_in_the_order_of_the_records(home, trunk):
    corpus = corpus_of(home)
    found = ask(home, trunk.train())
    assert found.array.shape == (6, 128) and found.array.dtype == np.float32 and not found.unreadable
    assert trunk.training, "it is left as it was"
    with torch.inference_mode():
        for row, record in enumerate(corpus.records):
            image = corpus.transform(corpus.faces.of(record).image(record), None)[None]
            expected = trunk.eval()(Prepare(CLIP_MEAN, CLIP_STD, CPU).normalize(image))[0].numpy()
            np.testing.assert_allclose(found.array[row], expected, rtol=1e-4, atol=1e-5)
    half = ask(home, trunk, kind="float16")
    np.testing.assert_allclose(half.array, found.array, rtol=2e-3, atol=1e-3)
    assert half.array.dtype == np.float16


def test_what_was_computed_once_is_read_and_the_network_not_asked(home, trunk, monkeypatch):
    first = np.array(ask(home, trunk).array)
    monkeypatch.setattr(trunk, "forward", None)
    np.testing.assert_array_equal(ask(home, trunk).array, first)
    assert len(keys(home)) == 1


def test_whatever_changes_features_changes_the_key(home, trunk):
    ask(home, trunk)
    corpus, known = corpus_of(home), 1

    def is_new(why: str, corpus: Corpus = corpus, **changes) -> None:
        nonlocal known
        ask(home, trunk, corpus, **changes)
        known += 1
        assert len(keys(home)) == known, why

    is_new("normalization", mean=(0.5, 0.5, 0.5))
    is_new("fewer records", replace(corpus, records=corpus.records[:-1]))
    is_new("other order", replace(corpus, records=corpus.records[::-1]))
    is_new("manifest", about={"backbone": "tiny", "manifest": {"scale": 1.5}})
    is_new("backbone", about={"backbone": "other"})
    is_new("precision", precision=torch.bfloat16)
    with torch.no_grad():
        trunk.ln_post.bias[0] += 1e-6
    is_new("weights")
    (rgb_root(home / "datasets", "Mine") / CUT).touch()
    is_new("cut again")
    path = rgb_root(home / "datasets", "Mine") / corpus.records[0].image
    cv2.imwrite(str(path), cv2.imread(str(path)) // 2)
    is_new("pictures")


def test_another_resolution_is_another_key(home):
    class Mean(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean((2, 3))

    for size in (64, 32):
        ask(home, Mean(), corpus_of(home, size))
    assert len(keys(home)) == 2


@pytest.mark.parametrize("harm", ["cut", "bit", "about", "gone"])
def test_a_damaged_file_is_computed_anew_with_a_line(home, trunk, harm, capsys):
    whole = np.array(ask(home, trunk).array)
    [folder] = (home / "cache").iterdir()
    path, data = folder / features.ARRAY, (folder / features.ARRAY).read_bytes()
    damage = {"cut": data[:-40], "bit": data[:-1] + bytes([data[-1] ^ 1])}
    if harm in damage:
        path.write_bytes(damage[harm])
    elif harm == "about":
        (folder / features.ABOUT).write_text("{")
    else:
        path.unlink()
    capsys.readouterr()
    np.testing.assert_array_equal(ask(home, trunk).array, whole)
    assert f"{folder.name}: damaged, computed anew" in capsys.readouterr().err
    ask(home, trunk)
    assert "damaged" not in capsys.readouterr().err


def test_a_picture_that_cannot_be_read_is_missing_and_says_why(home, trunk):
    corpus = corpus_of(home)
    gone = corpus.records[3]
    (rgb_root(home / "datasets", "Mine") / gone.image).unlink()
    for found in (ask(home, trunk), ask(home, trunk)):
        assert list(found.unreadable) == [3] and np.isnan(found.array[3]).all()
        assert not np.isnan(np.delete(found.array, 3, 0)).any()
    faces = CachedFaces()
    faces.add(corpus.records, found)
    np.testing.assert_array_equal(faces.of(gone).image(corpus.records[2]), found.array[2])
    with pytest.raises(DataError, match=rf"{gone.key}: .* has no image"):
        faces.image(gone)


def test_features_that_are_not_finite_stop_and_leave_nothing(home, trunk):
    with torch.no_grad():
        trunk.ln_post.bias[0] = float("inf")
    with pytest.raises(ContractError, match="features are not finite near Mine/"):
        ask(home, trunk)
    assert not keys(home)


def run(toy: Path, folder: Path, *words: str) -> Path:
    data = ["--set", f"data.root={toy / 'datasets'}", "--set", f"data.manifests={toy / 'manifests'}"]
    train.main([*CLIP, *data, "--output", str(folder), *words])
    return folder


@pytest.mark.parametrize("recipe", ["frames", "pairs"])
def test_learning_from_the_cache_gives_the_weights_of_learning_from_pictures(toy, tmp_path, recipe):
    how = ["--set", f"data.recipe={recipe}", "--set", "optim.rule.lr=0.05"]
    plain = run(toy, tmp_path / "plain", *how)
    cached = run(toy, tmp_path / "cached", *how, "--set", "data.cache_features=true")
    ours, theirs = (load_file(folder / "last.safetensors") for folder in (cached, plain))
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        torch.testing.assert_close(ours[name], value, rtol=1e-4, atol=1e-6)
    scores = [json.loads((folder / "metrics.json").read_text())["sets"]["Other"] for folder in (cached, plain)]
    assert scores[0]["counts"] == scores[1]["counts"]
    assert len(keys(toy / "datasets")) == 3, "training, validation and test faces; the same for both recipes"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--set", "data.augment.enabled=true"], r"augment\.enabled=false"),
        (["--set", "backbone.tune=layernorm"], "set backbone.tune to frozen"),
        (["--set", "data.recipe={name: frames, mask: true}"], "cached features cannot stand"),
        (
            ["--detector_path", "xception", "--set", "backbone.tune=full"],
            "xception learns from pictures; known: clip, gend",
        ),
    ],
)
def test_what_cannot_be_cached_is_refused_with_the_way_out(toy, tmp_path, words, says):
    with pytest.raises(ConfigError, match=says):
        run(toy, tmp_path / "run", "--set", "data.cache_features=true", *words)
    assert not (tmp_path / "run").exists()
