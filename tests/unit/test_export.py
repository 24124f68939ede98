"""ONNX files say what torch says, and themselves what they are; what cannot be exported is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from training import export as entry
from training.assembly import Asked, build, prepare_of
from training.core.config import Layers, to_tree
from training.core.errors import ConfigError
from training.core.paths import CONFIG
from training.core.schema import Config
from training.core.types import Batch
from training.engine.checkpoint import Card, save_weights
from training.loading import load_trained

TINY = ["backbone.size=tiny", "backbone.weights=random"]


def checkpoint(folder: Path, name: str) -> Path:
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / f"detector/{name}.yaml")
    cfg = layers.add_overrides(TINY).read(Config)
    torch.manual_seed(0)
    detector = build(cfg, ["real", "fake"], [])
    save_weights(folder / f"{name}.safetensors", detector, Card(to_tree(cfg), ["real", "fake"], notes=["drawn"]))
    return folder / f"{name}.safetensors"


@pytest.mark.parametrize("name", ["xception", "clip"])
def test_a_cnn_and_a_vit_say_the_same_in_onnx_runtime(tmp_path: Path, name: str, capsys: pytest.CaptureFixture) -> None:
    weights, file = checkpoint(tmp_path, name), tmp_path / "model.onnx"
    entry.main([str(weights), "--output", str(file)])
    assert "model.onnx: differs from torch by" in capsys.readouterr().out
    about = json.loads({p.key: p.value for p in onnx.load(str(file)).metadata_props}["assay"])
    assert about["detector"] == name and about["known"]["notes"] == ["drawn"]

    trained = load_trained(weights, None, Asked())
    images = np.random.default_rng(1).integers(0, 256, (5, *about["image"]["shape"][1:]), dtype=np.uint8)
    none = torch.zeros(5, dtype=torch.int64)
    batch = Batch(torch.from_numpy(images), none, none, none.bool(), none, [])
    with torch.inference_mode():
        wanted = trained.detector.eval().predict(prepare_of(trained.cfg, torch.device("cpu"))(batch)).fake_prob.numpy()
    session = onnxruntime.InferenceSession(str(file))
    (found,) = session.run(["fake_prob"], {"image": images.astype(np.float32)})
    assert np.abs(found - wanted).max() < 1e-4 and wanted.std() > 0


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = checkpoint(tmp_path, "xception")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ConfigError, match=r"exporting needs the package onnxruntime: pip install 'assay\[export\]'"):
        entry.main([str(weights)])
