"""Puts the parts of a run together from its configuration; what train.py, test.py and predict.py share."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from preprocessing.manifest import REAL, Record
from training.core.classes import is_cluster, method_of
from training.core.config import Layers, Spec, instantiate
from training.core.errors import ConfigError, did_you_mean
from training.core.paths import CONFIG, processors
from training.core.registry import DETECTORS, RECIPES
from training.core.schema import AugmentConfig, Config
from training.data.recipe import Batches, Corpus, Recipe
from training.data.select import Faces, FaceSource
from training.data.transforms import Transform, Unchanged
from training.detectors.base import Detector
from training.engine import distributed
from training.engine.features import CachedFaces
from training.engine.prepare import Prepare
from training.networks import zoo

MOST_WORKERS = 8
"""Loader processes that ``data.workers: null`` starts at most."""


def find_yaml(given: str, folder: str) -> Path:
    """A configuration file as given, below ``training/``, or by bare name in ``training/config/<folder>``.

    Where there is none and it is called as a method is elsewhere, the method's name here counts.

    Raises:
        ConfigError: none of these exists; the nearest name is offered.
    """
    path, home = Path(given), CONFIG / folder
    for name in (path, path.parent / f"{DETECTORS.resolve(path.stem)}{path.suffix}"):
        for candidate in (name, CONFIG.parent / name, home / f"{name}.yaml"):
            if candidate.is_file():
                return candidate
    names = [p.stem for p in home.glob("*.yaml")]
    raise ConfigError(f"no such file: {given}; {did_you_mean(path.stem, names)}")


def add_method(layers: Layers, given: str) -> Layers:
    """Lay the YAML of the method called ``given`` over ``layers``; that it has another name here becomes a note."""
    path, asked = find_yaml(given, "detector"), Path(given).stem
    layers.add_file(path)
    return layers if path.stem == asked else layers.add_tree({"notes": [_called(asked, path.stem)]}, given)


@dataclass(frozen=True)
class Asked:
    """What a command line says about the configuration, on top of the files."""

    protocol: str | None = None
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Per flag the values it stands for: ``{"--seed": {"seed": 7}}``."""
    overrides: list[str] = field(default_factory=list)
    """``--set`` items."""

    def over(self, layers: Layers) -> Config:
        """The configuration of ``layers``, then the protocol, then flags, then ``--set``."""
        cfg = self.onto(layers).read(Config)
        if (name := DETECTORS.resolve(cfg.detector.name)) != cfg.detector.name:
            cfg.notes.append(_called(cfg.detector.name, name))
            cfg.detector.name = name
        return cfg

    def onto(self, layers: Layers) -> Layers:
        """``layers`` with all that on top."""
        if self.protocol:
            layers.add_file(find_yaml(self.protocol, "protocol"))
        for flag, tree in self.flags.items():
            layers.add_tree(tree, flag)
        return layers.add_overrides(self.overrides)


def network_input(cfg: Config) -> zoo.Input:
    """What the network wants to see: ``data.resolution/mean/std`` where given, else the backbone's own.

    Raises:
        ConfigError: the backbone takes another resolution only.
    """
    wanted = zoo.wanted_input(cfg.backbone) if cfg.backbone else zoo.Input()
    if wanted.fixed and cfg.data.resolution not in (None, wanted.resolution):
        raise ConfigError(
            f"'data.resolution' is {cfg.data.resolution}; backbone {cfg.backbone.name} takes {wanted.resolution} only"
        )
    given = {k: v for k in ("resolution", "mean", "std") if (v := getattr(cfg.data, k)) is not None}
    return replace(wanted, **given)


def build(cfg: Config, classes: list[str], persons: list[str]) -> Detector:
    """The detector with fresh (or pretrained) weights, on the CPU.

    Raises:
        ConfigError, RegistryError, WeightsError: the YAML names something that is not there.
    """
    method = DETECTORS.get(cfg.detector.name)
    wanted = network_input(cfg)
    provided = {
        "num_methods": len(classes),
        "num_known": sum(not is_cluster(name) for name in classes),
        "num_persons": len(persons),
        "real_class": next((at for at, name in enumerate(classes) if method_of(name) == REAL), None),
        "resolution": wanted.resolution,
        "mean": wanted.mean,
        "std": wanted.std,
        "backbone": zoo.maker(cfg.backbone) if cfg.backbone else partial(_no_backbone, cfg.detector.name),
    }
    return instantiate(method, cfg.detector.params, provided, cfg.detector.at)


def classes_of(cfg: Config, records: list[Record]) -> list[str]:
    """The class list of a run that trains on ``records``: what ``batch.method`` counts."""
    return RECIPES.get(cfg.data.recipe.name).classes(records, cfg.data.recipe.params)


def batches_of(
    cfg: Config,
    records: list[Record],
    classes: list[str],
    persons: list[str],
    device: torch.device,
    train: bool,
    faces: FaceSource | None = None,
) -> Batches:
    """Batches of training draws (the configured recipe, augmented) or of test draws (each frame or clip once)."""
    return Batches(
        recipe_of(cfg, records, classes, persons, train, faces, device),
        cfg.data.batch_size if train else cfg.data.batch_size_test,
        0 if isinstance(faces, CachedFaces) else workers_of(cfg),  # features need no decoding
        train,
        distributed.rank(),
        distributed.world(),
        pin=device.type == "cuda",
    )


def workers_of(cfg: Config) -> int:
    """How many loader processes to start."""
    return min(MOST_WORKERS, processors()) if cfg.data.workers is None else cfg.data.workers


def recipe_of(
    cfg: Config,
    records: list[Record],
    classes: list[str],
    persons: list[str],
    train: bool,
    faces: FaceSource | None = None,
    device: torch.device | None = None,
) -> Recipe:
    """The configured recipe over ``records``, augmented; or the one that draws its test samples.

    ``faces`` holds the pictures; by default the stores of ``data.root``. Where a ``device`` is given, augmentation may
    be left to it (``data.augment.where``).

    Raises:
        ConfigError: the detector learns from another one.
    """
    wanted, asked = DETECTORS.get(cfg.detector.name).recipe, cfg.data.recipe
    if wanted is not None and asked.name != wanted:
        raise asked.at.error(f"is '{asked.name}'; {cfg.detector.name} learns from '{wanted}'")
    kind = RECIPES.get(asked.name)
    if not train and kind.at_test != asked.name:
        asked = Spec(name=kind.at_test)
    augment = cfg.data.augment if train and cfg.data.augment.enabled else None
    cached = isinstance(faces, CachedFaces)
    transform = Unchanged() if cached else Transform(network_input(cfg).resolution, augment)
    corpus = Corpus(
        records,
        faces or Faces(cfg.data),
        transform,
        cfg.seed,
        classes,
        persons,
        training=train,
        frames=cfg.data.frames_train if train else cfg.data.frames_test,
        allow_sparse=cfg.data.allow_sparse,
    )
    recipe = instantiate(RECIPES.get(asked.name), asked.params, {"corpus": corpus}, asked.at)
    if cached and not recipe.pictures_only:
        raise asked.at.error("draws more than stored faces, for which cached features cannot stand (cache_features)")
    corpus.put_off = augment is not None and device is not None and _put_off(augment, recipe, asked.name, device)
    return recipe


def _put_off(augment: AugmentConfig, recipe: Recipe, name: str, device: torch.device) -> bool:
    """Whether ``device`` augments.

    Raises:
        ConfigError: it is told to, but cannot.
    """
    able = recipe.may_put_off and not augment.erase
    if augment.where == "device" and not able:
        reason = f"recipe '{name}' draws more than pictures" if augment.erase == 0 else "augment.erase needs workers"
        raise ConfigError(f"data.augment.where is 'device', but {reason}; use auto or workers")
    return able and (augment.where == "device" or (augment.where == "auto" and device.type == "cuda"))


def prepare_of(cfg: Config, device: torch.device) -> Prepare:
    """The step from a drawn batch to the network's input."""
    wanted = network_input(cfg)
    return Prepare(wanted.mean, wanted.std, device)


def make_repeatable(seed: int, device: torch.device) -> None:
    """Seed the generators that libraries may draw from (our own draws carry theirs with them).

    On a CPU the same seed then gives the same weights bit for bit, with several threads too; on a GPU the deterministic
    algorithms would cost too much, or are missing.
    """
    torch.use_deterministic_algorithms(device.type == "cpu", warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a search for bugs, which takes a tenth of a step
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries still draw from it
    torch.manual_seed(seed)


def _called(elsewhere: str, here: str) -> str:
    return f"DeepfakeBench's {elsewhere} is {here} here"


def _no_backbone(name: str) -> None:
    known = did_you_mean("", zoo.BACKBONES)
    raise ConfigError(f"{name} needs a backbone: add `backbone: {{name: ...}}` to its YAML; {known}")
