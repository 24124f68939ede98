"""A trained detector from its checkpoint alone, or from a checkpoint that a method's authors published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from preprocessing.manifest import REAL
from training.assembly import Asked, add_method, build, find_yaml
from training.core.config import Layers, read_yaml, to_tree
from training.core.errors import ConfigError, WeightsError
from training.core.paths import CONFIG, shown
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.detectors.base import Detector
from training.engine.checkpoint import Card, read_card
from training.networks import zoo
from training.networks.weights import load_strict, read_state

DATA_KEYS = ("train", "recipe", "resolution", "mean", "std", "compression", "sampling", "allow_sparse")
"""What of a checkpoint's ``data`` block still holds when testing: how the method sees faces."""

PUBLISHED = [REAL, "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"]
"""What published checkpoints tell apart: all were trained on FaceForensics++."""


@dataclass(frozen=True)
class Trained:
    """A detector with its weights, on the CPU; the configuration to test it with; what its checkpoint says."""

    detector: Detector
    cfg: Config
    card: Card


def load_trained(weights: Path, detector_path: str | None, asked: Asked) -> Trained:
    """The detector in ``weights``. Published checkpoints need ``detector_path``; for Assay's own it must agree.

    Raises:
        ConfigError: ``detector_path`` is missing or wrong.
        WeightsError: the checkpoint is damaged or belongs to another network or method.
    """
    layers = Layers().add_file(CONFIG / "train_config.yaml").add_file(CONFIG / "test_config.yaml")
    card = read_card(weights)
    if card is None:
        return _published(weights, detector_path, asked, layers)
    _check_agrees(card, detector_path, weights)
    kept = _kept(card.config)
    # The checkpoint holds all weights.
    layers.add_tree(kept, shown(weights)).add_tree(zoo.overlay(kept, weights="random"), shown(weights))
    cfg = asked.over(layers)
    detector = build(cfg, card.classes, card.persons)
    load_strict(detector, read_state(weights), shown(weights))
    return Trained(detector, cfg, card)


def _published(weights: Path, detector_path: str | None, asked: Asked, layers: Layers) -> Trained:
    if detector_path is None:
        raise ConfigError(f"{shown(weights)} does not say which method it belongs to; give --detector_path")
    add_method(layers, detector_path)
    layers.add_tree(zoo.overlay(layers.tree, weights="random"), shown(weights))
    cfg = asked.over(layers)
    detector = build(cfg, PUBLISHED, [])
    load_strict(detector, type(detector).from_released(read_state(weights)), shown(weights))
    notes = [f"published weights from {weights.name}: what they were trained on is not recorded"]
    return Trained(detector, cfg, Card(config=to_tree(cfg), classes=PUBLISHED, notes=notes))


def _kept(tree: dict[str, Any]) -> dict[str, Any]:
    kept = {k: tree[k] for k in ("detector", "evaluate", "seed", "precision")}
    kept["data"] = {k: tree["data"][k] for k in DATA_KEYS}
    if tree.get("backbone"):
        kept["backbone"] = tree["backbone"]
    return kept


def _check_agrees(card: Card, detector_path: str | None, weights: Path) -> None:
    if detector_path is None:
        return
    block = read_yaml(find_yaml(detector_path, "detector")).get("detector")
    asked = DETECTORS.resolve(block.get("name") if isinstance(block, dict) else block)
    saved = card.config["detector"]["name"]
    if asked != saved:
        raise WeightsError(f"{shown(weights)} holds '{saved}', but --detector_path asks for '{asked}'")
