"""Puts the parts of a run together from its configuration; what train.py, test.py and predict.py share."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preprocessing import manifest
from preprocessing.layouts.names import subset
from preprocessing.manifest import Record
from training.core.config import Layers, Spec, instantiate, read_section, to_tree
from training.core.errors import ConfigError, WeightsError, did_you_mean
from training.core.paths import CONFIG, shown
from training.core.registry import DETECTORS, RECIPES
from training.core.schema import Config
from training.data.recipe import Batches, Corpus, Recipe
from training.data.select import Faces, located, records_of
from training.data.transforms import Transform
from training.detectors.base import Detector
from training.engine import checkpoint, distributed
from training.engine.prepare import Prepare
from training.networks import zoo
from training.networks.weights import load_strict, read_state


def find_yaml(given: str, folder: str) -> Path:
    """A configuration file as given, below ``training/``, or by bare name in ``training/config/<folder>``.

    Raises:
        ConfigError: none of these exists; the nearest name is offered.
    """
    path, home = Path(given), CONFIG / folder
    for candidate in (path, CONFIG.parent / path, home / f"{given}.yaml"):
        if candidate.is_file():
            return candidate
    names = [p.stem for p in home.glob("*.yaml")]
    raise ConfigError(f"no such file: {given}; {did_you_mean(path.stem, names)}")


def layered(files: Iterable[Path], flags: dict[str, Any], overrides: list[str]) -> Config:
    """The configuration of files in order, then command-line flags (``{"--flag": {key: value}}``), then ``--set``."""
    layers = Layers()
    for path in files:
        layers.add_file(path)
    for flag, tree in flags.items():
        layers.add_tree(tree, flag)
    return layers.add_overrides(overrides).read(Config)


@dataclass(frozen=True)
class Selected:
    """The records of one named dataset and split."""

    name: str
    records: list[Record]
    without_face: int
    facts: dict[str, Any]


def select(names: list[str], split: str, frames: int, cfg: Config) -> list[Selected]:
    """The records of each dataset, with what its manifest says of frames without a face and of preprocessing."""
    chosen = []
    for name in names:
        dataset, methods, compression = subset(name)
        listed = manifest.read(located(cfg.data.manifests) / f"{dataset}.json")
        records = records_of(name, split, frames, cfg.data)
        level = compression or cfg.data.compression
        missing = sum(
            not frame.face_found
            for video, found in listed.entries
            if video.split == split and video.compression in (None, level) and (methods is None or video.method in methods)
            for frame in found
        )
        chosen.append(Selected(name, records, missing, listed.facts))
    return chosen


def network_input(cfg: Config) -> zoo.Input:
    """What the network wants to see: ``data.resolution/mean/std`` where given, else the backbone's own."""
    wanted = zoo.wanted_input(cfg.backbone) if cfg.backbone else zoo.Input()
    given = {k: v for k in ("resolution", "mean", "std") if (v := getattr(cfg.data, k)) is not None}
    return replace(wanted, **given)


def build(cfg: Config, classes: list[str], persons: list[str]) -> Detector:
    """The detector with fresh (or pretrained) weights, on the CPU.

    Raises:
        ConfigError, RegistryError, WeightsError: the YAML names something that is not there.
    """
    method = DETECTORS.get(cfg.detector.name)
    provided = {
        "num_methods": len(classes),
        "num_persons": len(persons),
        "resolution": network_input(cfg).resolution,
        "backbone": zoo.maker(cfg.backbone) if cfg.backbone else partial(_no_backbone, cfg.detector.name),
    }
    return instantiate(method, cfg.detector.params, provided, cfg.detector.at)


def batches_of(
    cfg: Config, records: list[Record], classes: list[str], persons: list[str], device: torch.device, train: bool
) -> Batches:
    """Batches of training draws (the configured recipe, augmented) or of test draws (each frame or clip once)."""
    size = network_input(cfg).resolution
    augment = cfg.data.augment if train and cfg.data.augment.enabled else None
    corpus = Corpus(records, Faces(cfg.data), Transform(size, augment), cfg.seed, classes, persons)
    recipe = _recipe(cfg, corpus, train)
    return Batches(
        recipe,
        cfg.data.batch_size if train else cfg.data.batch_size_test,
        cfg.data.workers,
        train,
        distributed.rank(),
        distributed.world(),
        pin=device.type == "cuda",
    )


def prepare_of(cfg: Config, device: torch.device) -> Prepare:
    """The step from a drawn batch to the network's input."""
    wanted = network_input(cfg)
    return Prepare(wanted.mean, wanted.std, device)


def seed_everything(seed: int) -> None:
    """Seed the generators that libraries may draw from; our own draws carry theirs with them."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries still draw from it
    torch.manual_seed(seed)


def load_trained(weights: Path, detector_path: str | None, layers: list[Path], flags: dict, overrides: list[str]) -> Any:
    """Detector, configuration and card of a checkpoint: Assay's own, or one that the reference published.

    Raises:
        ConfigError: a published checkpoint without ``detector_path``, or one that contradicts the checkpoint.
        WeightsError: the checkpoint is damaged or belongs to another network.
    """
    card = checkpoint.read_card(weights)
    files = list(layers)
    if card is None:
        if detector_path is None:
            raise ConfigError(f"{shown(weights)} does not say which method it belongs to; give --detector_path")
        files.append(find_yaml(detector_path, "detector"))
        stack = Layers()
        for path in files:
            stack.add_file(path)
        stack.add_tree({"backbone": {"weights": "random"}} if "backbone" in stack.tree else {}, shown(weights))
    else:
        _agree(card, detector_path, weights)
        stack = Layers()
        for path in files:
            stack.add_file(path)
        stack.add_tree(_kept(card.config), shown(weights))
    for flag, tree in flags.items():
        stack.add_tree(tree, flag)
    cfg = stack.add_overrides(overrides).read(Config)
    card = card or checkpoint.Card(config=to_tree(cfg), classes=["real", "fake"], notes=[f"weights of {shown(weights)}"])
    detector = build(cfg, card.classes, card.persons)
    state = read_state(weights)
    own = card.version and checkpoint.read_card(weights) is not None
    load_strict(detector, state if own else type(detector).from_released(state), shown(weights))
    return detector, cfg, card


def _kept(tree: dict[str, Any]) -> dict[str, Any]:
    """What of a checkpoint's configuration still holds when testing: the method and how it sees faces."""
    data = {k: v for k, v in tree["data"].items() if k in ("train", "recipe", "resolution", "mean", "std", "compression")}
    kept = {"detector": tree["detector"], "data": data, "evaluate": tree["evaluate"], "seed": tree["seed"]}
    if tree.get("backbone"):
        kept["backbone"] = {**tree["backbone"], "weights": "random"}  # the checkpoint holds all weights
    return kept


def _agree(card: checkpoint.Card, detector_path: str | None, weights: Path) -> None:
    if detector_path is None:
        return
    asked = read_section(
        Layers().add_file(CONFIG / "train_config.yaml").add_file(find_yaml(detector_path, "detector")).tree, Config
    ).detector.name
    saved = card.config["detector"]["name"]
    if asked != saved:
        raise WeightsError(f"{shown(weights)} holds a '{saved}', but --detector_path asks for '{asked}'")


def _recipe(cfg: Config, corpus: Corpus, train: bool) -> Recipe:
    wanted, asked = DETECTORS.get(cfg.detector.name).recipe, cfg.data.recipe
    if wanted is not None and asked.name != wanted:
        raise asked.at.error(f"is '{asked.name}'; {cfg.detector.name} learns from '{wanted}'")
    kind = RECIPES.get(asked.name)
    if not train and kind.at_test != asked.name:
        asked = Spec(name=kind.at_test)
    return instantiate(RECIPES.get(asked.name), asked.params, {"corpus": corpus}, asked.at)


def _no_backbone(name: str) -> None:
    raise ConfigError(f"{name} needs a backbone: add `backbone: {{name: ...}}` to its YAML; {did_you_mean('', zoo.BACKBONES)}")
