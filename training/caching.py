"""Cached features for a run: what a frozen backbone says of every face, in place of the faces (data.cache_features)."""

from __future__ import annotations

import torch

from training.assembly import network_input, prepare_of, workers_of
from training.core.config import to_tree
from training.core.errors import ConfigError, did_you_mean
from training.core.registry import DETECTORS
from training.core.schema import Config
from training.data.recipe import Corpus
from training.data.select import Faces, Selected, located
from training.data.transforms import Transform
from training.detectors.base import Detector
from training.engine.features import CachedFaces, cached_features
from training.engine.prepare import pick_precision


def check_cacheable(cfg: Config, detector: Detector, training: bool) -> None:
    """Refuse what would make cached features wrong, before anything is computed.

    Raises:
        ConfigError: the detector needs pictures, its backbone learns, or pictures change from pass to pass.
    """
    if not cfg.data.cache_features:
        return
    name = cfg.detector.name
    if not detector.takes_features:
        able = [known for known in DETECTORS.names() if DETECTORS.get(known).takes_features]
        raise ConfigError(f"data.cache_features: {name} learns from pictures; {did_you_mean(name, able)}")
    if any(p.requires_grad for p in detector.backbone.parameters()):
        raise ConfigError(f"data.cache_features: the backbone of {name} learns; set backbone.tune to frozen")
    if training and cfg.data.augment.enabled:
        raise ConfigError(
            "data.cache_features: augmentation changes faces in every pass; set data.augment.enabled=false"
        )


def faces_of(cfg: Config, detector: Detector, chosen: list[Selected], device: torch.device) -> CachedFaces | None:
    """The features of several data sets, computed where they are not yet on disk; None where pictures are wanted."""
    if not cfg.data.cache_features:
        return None
    faces = CachedFaces()
    # Where the weights came from and which of them learn is in the weights themselves.
    apart = ("weights", "tune", "rank", "recompute")
    network = {key: value for key, value in to_tree(cfg.backbone).items() if key not in apart}
    for one in chosen:
        corpus = Corpus(one.records, Faces(cfg.data), Transform(network_input(cfg).resolution))
        about = {"backbone": network, "manifest": one.facts}
        found = cached_features(
            detector.backbone,
            corpus,
            prepare_of(cfg, device),
            about,
            pick_precision(cfg.precision, device),
            cfg.data.cache_kind,
            cfg.data.batch_size_test,
            workers_of(cfg),
            located(cfg.data.root) / "cache",
        )
        faces.add(one.records, found)
    return faces
