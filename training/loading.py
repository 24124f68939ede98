"""A trained detector from its checkpoint alone, or from a checkpoint that a method's authors published."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from preprocessing.manifest import REAL
from training.assembly import Asked, add_method, build, find_yaml
from training.core.classes import cluster_names
from training.core.config import Layers, read_yaml, to_tree
from training.core.errors import ConfigError, WeightsError, did_you_mean
from training.core.paths import CONFIG, shown
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.core.types import Task
from training.data.protocol import Protocol
from training.detectors.base import Detector
from training.engine.checkpoint import Card, read_card
from training.engine.evaluators.calibration import per_level
from training.metrics.calibration import Calibration
from training.networks import zoo
from training.networks.weights import load_strict, read_state

DATA_KEYS = ("train", "recipe", "resolution", "mean", "std", "compression", "sampling", "allow_sparse")
"""What of a checkpoint's ``data`` block still holds when testing: how the method sees faces."""

PUBLISHED = [REAL, "Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures"]
"""What published checkpoints of detection tell apart: all were trained on FaceForensics++."""
CLASSIFIER = "classifier.weight"
"""Parameter of attribution methods that has a row per output."""


@dataclass(frozen=True)
class Trained:
    """A detector with its weights, on the CPU; the configuration to test it with; what its checkpoint says."""

    detector: Detector
    cfg: Config
    card: Card

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """Per level the temperature and threshold of the checkpoint's validation data; empty where it kept none."""
        return per_level(self.card.calibration)


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
    kept = _kept(card.config, shown(weights))
    _check_agrees(card, detector_path, weights)
    # The checkpoint holds all weights.
    layers.add_tree(kept, shown(weights)).add_tree(zoo.overlay(kept, weights="random"), shown(weights))
    cfg = asked.over(layers)
    detector = build(cfg, card.classes, card.persons)
    load_strict(detector, read_state(weights), shown(weights))
    return Trained(detector, cfg, card)


def _published(weights: Path, detector_path: str | None, asked: Asked, layers: Layers) -> Trained:
    if detector_path is None:
        raise ConfigError(f"{shown(weights)} does not say which method it belongs to; give --detector_path")
    asked.onto(add_method(layers, detector_path))
    # Last, since another backbone may be asked for: its weights, too, are in the checkpoint.
    layers.add_tree(zoo.overlay(layers.tree, weights="random"), shown(weights))
    cfg = Asked().over(layers)
    method = DETECTORS.get(cfg.detector.name)
    state = method.from_released(read_state(weights))
    classes = _open_classes(cfg, state, shown(weights)) if Task.ATTRIBUTION in method.tasks else PUBLISHED
    detector = build(cfg, classes, [])
    load_strict(detector, state, shown(weights))
    notes = [f"published weights from {weights.name}: what they were trained on is not recorded"]
    return Trained(detector, cfg, Card(config=to_tree(cfg), classes=classes, notes=notes))


def _open_classes(cfg: Config, state: Mapping[str, Tensor], where: str) -> list[str]:
    """The protocol's known methods, then a cluster for each further output of the published weights ``state``."""
    if not cfg.data.recipe.params.get("known"):
        protocols = [path.stem for path in (CONFIG / "protocol").glob("*.yaml")]
        raise ConfigError(
            f"{where} does not say which methods its outputs stand for; give --protocol, the one it was trained on; "
            f"{did_you_mean('', protocols)}"
        )
    if CLASSIFIER not in state:
        raise WeightsError(f"{where}: holds no classifier; expected a checkpoint of {cfg.detector.name}")
    protocol, outputs = Protocol.of(cfg.data.recipe.params), len(state[CLASSIFIER])
    known, clusters = len(protocol.known), protocol.clusters
    if clusters is None:
        clusters = outputs - known if protocol.novel is None or protocol.tagged else len(protocol.novel)
    if outputs < known or outputs != known + clusters:
        more = f", or with other clusters: --set data.recipe.clusters={outputs - known}" if outputs >= known else ""
        raise WeightsError(
            f"{where} tells {outputs} classes apart, but the protocol has {known} known methods and "
            f"{max(clusters, 0)} clusters; it was trained on another one{more}"
        )
    return [*protocol.known, *cluster_names(clusters)]


def _kept(tree: dict[str, Any], where: str) -> dict[str, Any]:
    if lacking := [k for k in ("detector", "evaluate", "seed", "precision", "data") if k not in tree]:
        raise WeightsError(f"{where}: its card's configuration lacks {', '.join(lacking)}")
    if not all(isinstance(tree[k], dict) for k in ("detector", "data")) or "name" not in tree["detector"]:
        raise WeightsError(f"{where}: its card's configuration names no detector or no data")
    kept = {k: tree[k] for k in ("detector", "evaluate", "seed", "precision")}
    kept["data"] = {k: tree["data"][k] for k in DATA_KEYS if k in tree["data"]}  # an older Assay knew fewer
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
