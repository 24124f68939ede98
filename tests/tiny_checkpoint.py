"""Checkpoints that are there in no time: tiny networks with random weights."""

from __future__ import annotations

from pathlib import Path

import torch

from training.assembly import Asked, add_method, build
from training.core.config import Layers, to_tree
from training.core.paths import CONFIG
from training.engine.checkpoint import Card, save_weights

CALIBRATION = {"temperature": 2.0, "threshold": 0.4, "real": 5, "fake": 5}


def write_checkpoint(path: Path, detector: str = "xception", *words: str) -> Path:
    """A detector, calibrated as if on validation data; ``words`` are more --set items."""
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / "test_config.yaml")
    add_method(layers, detector)
    words = ("backbone.size=tiny", "backbone.weights=random", "data.train=[demo]", *words)
    cfg = Asked(overrides=list(words)).over(layers)
    torch.manual_seed(0)
    classes = ["real", "fake"]
    calibration = {"fitted_on": ["demo"], "video": CALIBRATION, "frame": CALIBRATION}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_weights(path, build(cfg, classes, []), Card(to_tree(cfg), classes, calibration=calibration))
    return path
